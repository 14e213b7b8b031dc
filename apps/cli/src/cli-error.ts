/** What the program ends with. A script can tell a finding from a failure. */
export const EXIT = {
  /** Also: `verify-receipt` found that the receipt is not valid. */
  failed: 1,
  /** The command line is wrong, or what it names cannot be used: nothing was found out. */
  usage: 2,
  /** `projections verify` worked and found a difference. */
  drift: 3,
  /** Over the API: no access token, or one that is not accepted. */
  notAuthenticated: 4,
  /** Over the API: there is no such thing, or no right to it. */
  notFound: 5,
  /** Over the API: what is there now stands against it. */
  conflict: 6,
  /** Over the API: no answer, or not now. The same command may work later. */
  unavailable: 7,
} as const;

/** The command cannot do it; the message is a sentence for the person who typed it, and holds no secret. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
}

/** What the command was given cannot be used, so that it says nothing about it: EXIT.usage. */
export class UnusableInput extends CliError {
  override readonly name = 'UnusableInput';
}

/** A command over the API failed: with a code of its own, and maybe what to do next. */
export class CommandFailure extends CliError {
  override readonly name = 'CommandFailure';

  constructor(
    message: string,
    readonly exitCode: number,
    readonly next: readonly string[] = [],
  ) {
    super(message);
  }
}
