import type { Index } from './catalog.ts';
import type { Plan, Step } from './plan.ts';
import type { Slice } from './scheduler.ts';
import type { KeyRange, Storage } from './storage.ts';
import type { Stored } from './writer.ts';

/** What a scan reads from and how long it may go on at a stretch. */
export interface Reader {
  storage: Storage;
  slice: Slice;
  /** Throws when what is read has been dropped in the meantime. */
  assertCurrent: (index: Index | undefined) => void;
}

const FIRST_ROWS = 8;
const MOST_ROWS = 256;
const MOST_BYTES = 256 * 1024;
const AFTER = Buffer.alloc(1);

/**
 * The stored documents of a plan, and `undefined` where the task should pause. It holds nothing of the file over a pause: whatever
 * was read ahead is read again, from the key it had come to.
 */
export function* scan(reader: Reader, plan: Plan, noRepeats = plan.repeats): Generator<Stored | undefined, undefined> {
  const seen = noRepeats ? new Set<string>() : undefined;
  for (const step of plan.steps) {
    for (const range of plan.reverse ? step.ranges.toReversed() : step.ranges) {
      for (const stored of scanRange(reader, step, range, plan.reverse)) {
        if (stored && seen) {
          const key = stored.key.toString('latin1');
          if (seen.has(key)) continue;
          seen.add(key);
        }
        yield stored;
      }
    }
  }
}

function* scanRange(
  { storage, slice, assertCurrent }: Reader,
  { index }: Step,
  range: KeyRange,
  reverse: boolean,
): Generator<Stored | undefined, undefined> {
  const table = index && index.id !== 0 ? 'entries' : 'docs';
  if (range.isPoint) {
    if (slice.isOver) yield undefined;
    assertCurrent(index);
    const bytes = storage.get(table, range.low);
    if (bytes) yield { key: range.low, bytes };
    return;
  }
  let { low, high } = range;
  let limit = FIRST_ROWS;
  for (;;) {
    const { turn } = slice;
    assertCurrent(index);
    const { rows, isLast } = storage.page(table, { low, high }, { limit, maxBytes: MOST_BYTES, reverse });
    limit = Math.min(limit * 2, MOST_ROWS);
    let isStale = false;
    for (const [i, { key, value }] of rows.entries()) {
      // Reading alone may take a whole slice: the first row is always used, or there would be no end to it.
      if (i > 0 && slice.isOver) yield undefined;
      // Others have had their turn since the rows were read.
      isStale = turn !== slice.turn;
      if (isStale) break;
      const bytes = table === 'docs' ? value : storage.get('docs', value);
      if (reverse) high = key;
      else low = Buffer.concat([key, AFTER]);
      if (bytes) yield { key: table === 'docs' ? key : value, bytes };
    }
    if (isLast && !isStale) return;
  }
}
