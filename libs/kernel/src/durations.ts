/** W, D, H, M, S of ISO 8601; a day is 24 hours; years and months are refused, because their length varies. */
const DURATION = /^P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$/;
const SECONDS_PER_UNIT = [604_800, 86_400, 3_600, 60, 1];

/** Milliseconds of an ISO 8601 duration such as `P90D` or `PT24H`; undefined when it is not one, or is empty. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (!match || text.endsWith('T')) return undefined;
  const units = match.slice(1);
  if (units.every((unit) => unit === undefined)) return undefined;
  const seconds = units.reduce((sum, unit, index) => sum + Number(unit ?? 0) * SECONDS_PER_UNIT[index]!, 0);
  return Number.isSafeInteger(seconds * 1000) ? seconds * 1000 : undefined;
}
