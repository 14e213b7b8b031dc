/** What the program ends with. A script can tell a finding from a failure. */
export const EXIT = {
  /** Also: `verify-receipt` found that the receipt is not valid. */
  failed: 1,
  /** The command line is wrong, or what it names cannot be used: nothing was found out. */
  usage: 2,
  /** `projections verify` worked and found a difference. */
  drift: 3,
} as const;

/** The command cannot do it; the message is a sentence for the person who typed it, and holds no secret. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
}

/** What the command was given cannot be used, so that it says nothing about it: EXIT.usage. */
export class UnusableInput extends CliError {
  override readonly name = 'UnusableInput';
}
