/** RFC 3339 section 5.6, with upper-case `T` and `Z`, a fraction of up to 9 digits, and no leap second. */
const RFC_3339 =
  /^(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Milliseconds since 1970 of an RFC 3339 time, digits beyond the millisecond cut off; undefined when it is none. */
export function parseTimestamp(text: string): number | undefined {
  const day = RFC_3339.exec(text)?.[1];
  if (day === undefined || !isDayOfCalendar(day)) return undefined;
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** `Date` rolls the 30th of February over to March, so the day must survive the round trip. */
function isDayOfCalendar(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}
