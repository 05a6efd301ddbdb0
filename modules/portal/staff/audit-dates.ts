const day = 86_400_000;

/** A day of the calendar as forms write it, `2026-02-28`; null for anything else, also for days that no month has. */
export function readDay(text: string): { year: number; month: number; date: number } | null {
  const [, year = '', month = '', date = ''] = /^([12]\d{3})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  const utc = new Date(`${year}-${month}-${date}T00:00:00Z`);
  if (Number.isNaN(utc.getTime()) || utc.toISOString().slice(0, 10) !== text) return null;
  return { year: Number(year), month: Number(month), date: Number(date) };
}

/** The moment at which a day begins in a time zone; `plus` counts days on from it. */
export function startOfDay(of: { year: number; month: number; date: number }, timeZone: string, plus = 0): Date {
  const wall = Date.UTC(of.year, of.month - 1, of.date) + plus * day;
  // Twice: the offset holds at the moment it is asked for, and the clocks may have changed between the two.
  const guess = wall - offsetAt(wall, timeZone);
  return new Date(wall - offsetAt(guess, timeZone));
}

/** How far the zone's clocks are ahead of UTC at a moment, in milliseconds. */
function offsetAt(time: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(time);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const wall = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  return wall - Math.floor(time / 1000) * 1000;
}
