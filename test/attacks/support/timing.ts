import assert from 'node:assert/strict';

/** What two kinds of requests took, in milliseconds. */
export interface Timings {
  one: number[];
  other: number[];
}

/** Runs both kinds in turns, in random order within each pair, so that whatever slows the machine slows both. */
export async function timeInTurns(
  pairs: number,
  make: (index: number) => { one: () => Promise<unknown>; other: () => Promise<unknown> },
): Promise<Timings> {
  const timings: Timings = { one: [], other: [] };
  for (let index = 0; index < pairs; index += 1) {
    const requests = make(index);
    const order = index % 4 < 2 ? (['one', 'other'] as const) : (['other', 'one'] as const);
    for (const which of order) {
      const start = performance.now();
      await requests[which]();
      timings[which].push(performance.now() - start);
    }
  }
  return timings;
}

/** The z of the Mann-Whitney test: how far the ranks of the two lie apart from those of equals, in standard deviations. */
export function mannWhitneyZ({ one, other }: Timings): number {
  const all = [...one.map((ms) => ({ ms, first: true })), ...other.map((ms) => ({ ms, first: false }))];
  all.sort((a, b) => a.ms - b.ms);
  // Times to the microsecond: ties do not happen often enough to matter.
  const rankSum = all.reduce((sum, { first }, index) => sum + (first ? index + 1 : 0), 0);
  const [n, m] = [one.length, other.length];
  const u = rankSum - (n * (n + 1)) / 2;
  return (u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Fails where the one can be told from the other by the time it takes: beyond chance, and by more than 2 ms (ENUM-2). */
export function assertSameTime(timings: Timings): void {
  const z = mannWhitneyZ(timings);
  const gap = Math.abs(median(timings.one) - median(timings.other));
  assert.ok(Math.abs(z) <= 3 || gap <= 2, `z ${z.toFixed(1)}, medians ${gap.toFixed(1)} ms apart`);
}
