const INSTANT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z$/;
const MS_PER_DAY = 86_400_000;

/**
 * Milliseconds since 1970-01-01T00:00:00Z of a fact's time: RFC 3339, UTC, three decimals (`2026-01-31T23:59:59.999Z`).
 * Throws on any other text: a fact whose time cannot be read must stop the projection, not be guessed.
 */
export function epochMilliseconds(text: string): number {
  const match = INSTANT.exec(text);
  if (!match) throw new Error(`not an RFC 3339 UTC time with milliseconds: ${text}`);
  const [year, month, day, hour, minute, second, millisecond] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const withinDay = ((hour * 60 + minute) * 60 + second) * 1000 + millisecond;
  return daysSinceEpoch(year, month, day) * MS_PER_DAY + withinDay;
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar; "days_from_civil" of Hinnant's "chrono-Compatible Low-Level Date Algorithms". */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
