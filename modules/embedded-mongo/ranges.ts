import type { Bounds } from './bounds.ts';
import { idPrefix, idRange, type Collection, type Index } from './catalog.ts';
import { documentKey, keyPart, rangeUnder } from './entries.ts';
import type { KeyRange } from './storage.ts';
import { indexKey, typePrefix, typeRank, upperBound, type Value } from './values.ts';

/** How many ranges a plan may have at most. */
export const MAX_RANGES = 1000;

/** Where an index holds what a filter demands. */
export interface Ranges {
  ranges: KeyRange[];
  /** How many of the first paths are fixed to points, and how many are used at all. */
  points: number;
  used: number;
}

/** The ranges of the documents themselves. */
export function idRanges(collection: Collection, bounds: Map<string, Bounds>): Ranges {
  const found = bounds.get('_id') ?? {};
  if (found.points) {
    const keys = sortedUnique(found.points.map((point) => documentKey(collection, point).key));
    return { ranges: keys.map((low) => ({ low, high: low, isPoint: true })), points: 1, used: 1 };
  }
  const part = partRange(found, (value) => indexKey(value));
  if (!part) return { ranges: [idRange(collection.id)], points: 0, used: 0 };
  return { ranges: [rangeBetween(idPrefix(collection.id), part)], points: 0, used: 1 };
}

/** The ranges of an index's entries. */
export function entryRanges(index: Index, bounds: Map<string, Bounds>): Ranges {
  let prefixes = [idPrefix(index.id)];
  const constrained: string[] = [];
  for (const [position, { path, direction }] of index.key.entries()) {
    const found = usableBounds(index, path, bounds, constrained);
    const points = found.points;
    if (points && prefixes.length * points.length <= MAX_RANGES) {
      prefixes = prefixes.flatMap((prefix) =>
        points.map((point) => Buffer.concat([prefix, keyPart(index, position, point)])),
      );
      constrained.push(path);
      continue;
    }
    const part = partRange(found, (value) => indexKey(value));
    const points_ = constrained.length;
    if (!part) return { ranges: sortedUnique(prefixes).map(rangeUnder), points: points_, used: points_ };
    const turned = direction === 1 ? part : { low: invert(part.high), high: invert(part.low) };
    return {
      ranges: sortedUnique(prefixes).map((prefix) => rangeBetween(prefix, turned)),
      points: points_,
      used: points_ + 1,
    };
  }
  return { ranges: sortedUnique(prefixes).map(rangeUnder), points: constrained.length, used: constrained.length };
}

/** The bounds of a path that hold for one entry of a multikey index, and not just for the document as a whole. */
function usableBounds(index: Index, path: string, bounds: Map<string, Bounds>, constrained: string[]): Bounds {
  const { points, ...found } = bounds.get(path) ?? {};
  if (!index.multikey) return points ? { points } : found;
  const root = path.split('.', 1)[0];
  // Two demands on one array may be met by two of its elements.
  if (constrained.some((other) => other.split('.', 1)[0] === root)) return {};
  // null also matches what is not there at all, for which an array may have any other entry.
  if (points) return points.includes(null) ? {} : { points };
  return found.low === undefined ? found : { low: found.low };
}

/** The lowest and the highest beginning of a key part, both within the range. */
function partRange(
  { low, high, prefix }: Bounds,
  key: (value: Value) => Buffer,
): { low: Buffer; high: Buffer } | undefined {
  const end = low ?? high;
  if (end !== undefined) {
    const both = low !== undefined && high !== undefined && typeRank(low) === typeRank(high);
    const highest = both || low === undefined ? high : undefined;
    return {
      low: low === undefined ? typePrefix(end) : key(low),
      high: highest === undefined ? typePrefix(end) : key(highest),
    };
  }
  if (prefix === undefined) return undefined;
  const start = Buffer.concat([typePrefix(prefix), Buffer.from(prefix)]).subarray(0, 300);
  return { low: start, high: start };
}

function rangeBetween(prefix: Buffer, { low, high }: { low: Buffer; high: Buffer }): KeyRange {
  const end = Buffer.concat([prefix, high]);
  return { low: rangeUnder(Buffer.concat([prefix, low])).low, high: upperBound(rangeUnder(end).low) ?? end };
}

function invert(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => byte ^ 0xff));
}

function sortedUnique(keys: Buffer[]): Buffer[] {
  const unique = new Map(keys.map((key) => [key.toString('latin1'), key]));
  return [...unique.values()].sort((a, b) => Buffer.compare(a, b));
}
