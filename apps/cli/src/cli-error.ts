/** What the program ends with. A script can tell a finding from a failure. */
export const EXIT = {
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** `projections verify` worked and found a difference. */
  drift: 3,
} as const;

/** The command cannot do it; the message is a sentence for the person who typed it, and holds no secret. */
export class CliError extends Error {
  override readonly name = 'CliError';
}
