/** Recorded scenarios that the embedded store does not meet, with the reason. docs/event-store-conformance.md shows the same list. */
export const EXCEPTIONS: Readonly<Record<string, string>> = {};
