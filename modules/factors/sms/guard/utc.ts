export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/** `2026-11-22`: the day that a moment lies in, in UTC. */
export function utcDay(at: Date): string {
  return at.toISOString().slice(0, 10);
}

/** The beginning of the span of that length that a moment lies in. */
export function startOf(at: Date, spanMs: number): Date {
  return new Date(Math.floor(at.getTime() / spanMs) * spanMs);
}

/** The beginning of the next one. */
export function nextStart(at: Date, spanMs: number): Date {
  return new Date(startOf(at, spanMs).getTime() + spanMs);
}
