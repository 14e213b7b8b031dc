/**
 * A command or request that is turned down, with a stable code for programs and a text for the caller.
 * The edge maps the code to an HTTP status (apps/server/src/api/http/problems.ts); `cause` is for the log alone.
 */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
    options: { cause?: unknown; field?: string } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Refusal';
    this.field = options.field;
  }

  /** JSON pointer of the body field at fault, such as `/expiresAt`. */
  readonly field: string | undefined;
}
