/** Wall-clock time as the domain takes it: RFC 3339 UTC with milliseconds. */
export function now(): string {
  return new Date().toISOString();
}
