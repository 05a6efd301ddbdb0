import { Binary, BSONRegExp, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from 'bson';
import { unsupported } from './errors.ts';
import {
  binaryBytes,
  isNumeric,
  Rare,
  stringBytes,
  toNumber,
  typeCode,
  typeName,
  type Doc,
  type Numeric,
  type Value,
} from './bson-types.ts';

/** MongoDB's canonical order of types: null with missing, all numbers alike, string with symbol. */
export function typeRank(value: Value | undefined): number {
  return value === undefined ? 5 : (RANKS[typeCode(value)] ?? 0);
}

const RANKS = new Array<number>(256).fill(0);
const RANKED: readonly (readonly [number, readonly number[]])[] = [
  [-1, [255]],
  [0, [6]],
  [5, [10]],
  [10, [1, 16, 18, 19]],
  [15, [2, 14]],
  [20, [3]],
  [25, [4]],
  [30, [5]],
  [35, [7]],
  [40, [8]],
  [45, [9]],
  [47, [17]],
  [50, [11]],
  [55, [12]],
  [60, [13]],
  [65, [15]],
  [127, [127]],
];
for (const [rank, codes] of RANKED) for (const code of codes) RANKS[code] = rank;

/** BSON order over all types; missing sorts as null does. */
export function compare(a: Value | undefined, b: Value | undefined): number {
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  if (a instanceof Int32 && b instanceof Int32) return a.value - b.value;
  const rank = typeRank(a);
  const other = typeRank(b);
  if (rank !== other) return rank - other;
  if (a === undefined || b === undefined || a === null || b === null) return 0;
  return compareWithinType(a, b);
}

/** Equality of values: 1, 1.0 and Long(1) are equal, documents in another field order are not. */
export function equal(a: Value | undefined, b: Value | undefined): boolean {
  return compare(a, b) === 0;
}

function compareWithinType(a: Value, b: Value): number {
  if (a instanceof Map && b instanceof Map) return compareDocs(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return compareArrays(a, b);
  if (a instanceof ObjectId && b instanceof ObjectId) return Buffer.compare(a.id, b.id);
  if (a instanceof Date && b instanceof Date) return a.getTime() - b.getTime();
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (a instanceof Binary && b instanceof Binary) return compareBinaries(a, b);
  if (a instanceof Timestamp && b instanceof Timestamp) return a.compare(b);
  if (a instanceof BSONRegExp && b instanceof BSONRegExp) {
    return compareStrings(a.pattern, b.pattern) || compareStrings(a.options, b.options);
  }
  if (a instanceof MinKey || a instanceof MaxKey) return 0;
  return isNumeric(a) && isNumeric(b) ? compareNumbers(a, b) : compareRare(a, b);
}

function compareNumbers(a: Numeric, b: Numeric): number {
  if (a instanceof Long && b instanceof Long) return a.compare(b);
  const x = toNumber(a);
  const y = toNumber(b);
  if (x !== y || a instanceof Long === b instanceof Long || Math.abs(x) < 2 ** 53) {
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(y)) - Number(Number.isNaN(x));
    return x < y ? -1 : x > y ? 1 : 0;
  }
  // An int64 beside the double that it rounds to: only the exact integers tell.
  const [m, n] = [a, b].map((v) => (v instanceof Long ? v.toBigInt() : BigInt(toNumber(v))));
  return m === n ? 0 : (m ?? 0n) < (n ?? 0n) ? -1 : 1;
}

/** Order of strings by their UTF-8 bytes, which is the order of code points and not of UTF-16 units. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return byCodePoint(x) - byCodePoint(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for what lies beyond U+FFFF, so they go last. */
function byCodePoint(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

function compareDocs(a: Doc, b: Doc): number {
  const others = b.entries();
  for (const [name, value] of a) {
    const next = others.next();
    if (next.done) return 1;
    const [otherName, otherValue] = next.value;
    const order =
      typeRank(value) - typeRank(otherValue) || compareStrings(name, otherName) || compare(value, otherValue);
    if (order !== 0) return order;
  }
  return others.next().done ? 0 : -1;
}

function compareArrays(a: Value[], b: Value[]): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const order = compare(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareBinaries(a: Binary, b: Binary): number {
  const [x, y] = [binaryBytes(a), binaryBytes(b)];
  return x.length - y.length || a.sub_type - b.sub_type || Buffer.compare(x, y);
}

function compareRare(a: Value, b: Value): number {
  if (typeRank(a) === 15) return Buffer.compare(stringBytes(a), stringBytes(b));
  if (a instanceof Rare && b instanceof Rare && a.bytes.equals(b.bytes)) return 0;
  throw unsupported(`The order of values of type ${typeName(a)}${a instanceof Rare ? ' of this kind' : ''}`);
}
