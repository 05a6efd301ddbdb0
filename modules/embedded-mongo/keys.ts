import { Binary, BSONRegExp, Long, MaxKey, MinKey, ObjectId, Timestamp } from 'bson';
import { MongoError, unsupported } from './errors.ts';
import { binaryBytes, isNumeric, stringBytes, toNumber, typeCode, typeName, UNDEFINED } from './bson-types.ts';
import type { Doc, Numeric, Value } from './bson-types.ts';
import { typeRank } from './order.ts';

/** How an index key is written: descending turns its bytes round, `cut` is where it ends at the latest. */
interface KeyOptions {
  descending?: boolean;
  cut?: number;
}

/** The bytes after which an index key is cut: LMDB keys end at 1978, and a compound index has several parts. */
export const KEY_CUT = 400;

/**
 * A byte encoding that sorts as `compare` does, and no encoding is the beginning of another. Beyond `cut`
 * bytes it only never contradicts the order: the caller looks at the document again.
 */
export function indexKey(value: Value, options: KeyOptions = {}): Buffer {
  const cut = options.cut ?? KEY_CUT;
  const parts: Uint8Array[] = [];
  appendKey(parts, value, cut);
  const whole = Buffer.concat(parts);
  const key = whole.length > cut ? whole.subarray(0, cut) : whole;
  if (options.descending === true) for (const [i, byte] of key.entries()) key[i] = byte ^ 0xff;
  return key;
}

/** The first key after all keys that begin with this prefix; undefined when nothing comes after them. */
export function upperBound(prefix: Uint8Array): Buffer | undefined {
  const bound = Buffer.from(prefix);
  for (let i = bound.length - 1; i >= 0; i--) {
    const byte = bound[i] ?? 0xff;
    if (byte < 0xff) {
      bound[i] = byte + 1;
      return bound.subarray(0, i + 1);
    }
  }
  return undefined;
}

/** The first byte of every key of a type, so that a range can be kept within a type. */
export function typePrefix(value: Value): Buffer {
  return Buffer.from([typeRank(value) + 2]);
}

const END = Buffer.from([0]);

/** Appends the key's parts and answers how many bytes they are; stops soon after `room` is used up. */
function appendKey(parts: Uint8Array[], value: Value, room: number): number {
  const type = typePrefix(value);
  parts.push(type);
  if (value instanceof Map) return 1 + appendFields(parts, value, room - 1);
  if (Array.isArray(value)) return 1 + appendItems(parts, value, room - 1);
  const payload = isNumeric(value) ? numberKey(value) : scalarKey(value, room);
  parts.push(payload);
  return 1 + payload.length;
}

function appendFields(parts: Uint8Array[], doc: Doc, room: number): number {
  let length = 1;
  for (const [name, value] of doc) {
    const head = Buffer.concat([typePrefix(value), textKey(name, room)]);
    parts.push(head);
    length += head.length + appendKey(parts, value, room - length - head.length);
    if (length > room) break;
  }
  parts.push(END);
  return length;
}

function appendItems(parts: Uint8Array[], items: Value[], room: number): number {
  let length = 1;
  for (const item of items) {
    length += appendKey(parts, item, room - length);
    if (length > room) break;
  }
  parts.push(END);
  return length;
}

const NOTHING = Buffer.alloc(0);

function scalarKey(value: Value, room: number): Buffer {
  if (typeof value === 'string') return textKey(value, room);
  if (typeof value === 'boolean') return Buffer.from([Number(value)]);
  if (value instanceof ObjectId) return Buffer.from(value.id);
  if (value instanceof Date) return signedKey(BigInt(value.getTime()));
  if (value instanceof Binary) return binaryKey(value, room);
  if (value instanceof Timestamp) return unsignedKey(value.toBigInt());
  if (value instanceof BSONRegExp) return Buffer.concat([textKey(value.pattern, room), textKey(value.options, room)]);
  if (typeRank(value) === 15) return escape(stringBytes(value));
  if (value === null || value instanceof MinKey || value instanceof MaxKey || typeCode(value) === 6) return NOTHING;
  throw unsupported(`A value of type ${typeName(value)} in an index or a group`);
}

/** Text by its UTF-8 bytes; two characters beyond the cut make sure that no half of a pair is within it. */
function textKey(text: string, room: number): Buffer {
  return escape(Buffer.from(text.length > room + 2 ? text.slice(0, Math.max(room, 0) + 2) : text));
}

/** Ends with two nulls; a null within becomes null and 255, so that the end sorts before all that goes on. */
function escape(bytes: Buffer): Buffer {
  if (!bytes.includes(0)) return Buffer.concat([bytes, Buffer.alloc(2)]);
  const escaped: number[] = [];
  for (const byte of bytes) {
    escaped.push(byte);
    if (byte === 0) escaped.push(0xff);
  }
  return Buffer.from([...escaped, 0, 0]);
}

function binaryKey(value: Binary, room: number): Buffer {
  const bytes = binaryBytes(value);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length);
  head[4] = value.sub_type;
  return Buffer.concat([head, bytes.subarray(0, Math.max(room, 0))]);
}

function signedKey(number: bigint): Buffer {
  return unsignedKey(number + 2n ** 63n);
}

function unsignedKey(number: bigint): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(number);
  return key;
}

const REST_MIDDLE = 0x8000;

/** The nearest double, then what an int64 differs from it: numbers that compare equal have equal keys. */
function numberKey(value: Numeric): Buffer {
  const key = Buffer.alloc(10);
  const double = toNumber(value);
  if (Number.isNaN(double)) return key;
  key.writeDoubleBE(double === 0 ? 0 : double);
  if (double < 0) for (let i = 0; i < 8; i++) key[i] = (key[i] ?? 0) ^ 0xff;
  else key[0] = (key[0] ?? 0) | 0x80;
  const rest = value instanceof Long && Math.abs(double) >= 2 ** 53 ? Number(value.toBigInt() - BigInt(double)) : 0;
  key.writeUInt16BE(rest + REST_MIDDLE, 8);
  return key;
}

/** What an index, or a sort, sees of a document: one tuple of values for each entry, in the order of the paths. */
interface KeyTuples {
  tuples: Value[][];
  /** An array stood on the way. */
  multikey: boolean;
  /** At least one of the paths leads somewhere. */
  present: boolean;
}

/** The values on one path: elements of arrays, null for missing, `UNDEFINED` for an empty array. */
export function leafValues(doc: Doc, path: string): { values: Value[]; multikey: boolean; present: boolean } {
  const { tuples, ...rest } = keyTuples(doc, [path.split('.')]);
  return { values: tuples.flat(), ...rest };
}

/**
 * The tuples of a compound key, doubles among them. Paths through one and the same array go through it together;
 * two arrays are code 171. A sparse key has no tuple where every path is missing.
 */
export function keyTuples(doc: Doc, paths: readonly (readonly string[])[], sparse = false): KeyTuples {
  const walk: Walk = { tuples: [], multikey: false, present: false, sparse };
  const ends = paths.map((parts): PathEnd => ({ parts, value: null, done: false }));
  expand(walk, doc, ends, 0);
  return { tuples: walk.tuples, multikey: walk.multikey, present: walk.present };
}

interface Walk extends KeyTuples {
  readonly sparse: boolean;
}

/** How far a path has come: the parts left, and the value once it is done. */
interface PathEnd {
  parts: readonly string[];
  value: Value;
  done: boolean;
  /** The array of which a numeric part names an element: every element of that array then gives the same value. */
  indexed?: { array: Value[]; index: number } | undefined;
}

/** Follows all paths into a document up to the first array, and goes through that. */
function expand(walk: Walk, doc: Doc, ends: PathEnd[], missingBefore: number): void {
  let array: Value[] | undefined;
  let missing = missingBefore;
  let wholeArray = false;
  const throughArray = new Set<number>();
  const next = ends.map((end, i): PathEnd => {
    if (end.done) return end;
    const step = followIndexed(end, doc) ?? follow(doc, end.parts);
    if (step.value === undefined) {
      missing++;
      return { parts: [], value: null, done: true };
    }
    if (!Array.isArray(step.value)) return { parts: [], value: step.value, done: true };
    if (array !== undefined && array !== step.value) throw new MongoError(171, 'cannot index parallel arrays');
    array = step.value;
    wholeArray ||= step.nested;
    throughArray.add(i);
    return { parts: step.parts, value: step.value, done: step.parts.length === 0 };
  });
  if (array !== undefined) expandArray(walk, { array, ends: next, throughArray, wholeArray, missing });
  else {
    walk.present ||= missing < ends.length;
    if (!walk.sparse || missing < ends.length) walk.tuples.push(next.map((end) => end.value));
  }
}

interface ArrayStep {
  array: Value[];
  ends: PathEnd[];
  throughArray: ReadonlySet<number>;
  wholeArray: boolean;
  missing: number;
}

function expandArray(walk: Walk, step: ArrayStep): void {
  const { array, ends, throughArray, wholeArray } = step;
  walk.multikey = true;
  for (const element of array.length === 0 ? [UNDEFINED] : array) {
    const inner = ends.map((end, i): PathEnd => {
      if (!throughArray.has(i)) return end;
      if (end.done) return { ...end, value: wholeArray && array.length > 0 ? array : element };
      const index = arrayIndex(end.parts[0]);
      return { ...end, indexed: index !== undefined && index < array.length ? { array, index } : undefined };
    });
    expand(walk, element instanceof Map ? element : EMPTY, inner, step.missing);
  }
}

const EMPTY: Doc = new Map();

interface Step {
  value: Value | undefined;
  parts: readonly string[];
  /** An array that is itself an element named by its number: it counts as one value. */
  nested: boolean;
}

function followIndexed(end: PathEnd, doc: Doc): Step | undefined {
  if (end.indexed === undefined) return undefined;
  const { array, index } = end.indexed;
  if (doc.has(end.parts[0] ?? '')) {
    throw new MongoError(16746, `Ambiguous field name found in array: ${end.parts.join('.')}`);
  }
  const element = array[index];
  if (Array.isArray(element)) return { value: element, parts: end.parts.slice(1), nested: true };
  if (end.parts.length === 1) return { value: element, parts: [], nested: false };
  return element instanceof Map ? follow(element, end.parts.slice(1)) : { value: undefined, parts: [], nested: false };
}

/** Goes down through documents to the end of the path or to the first array. */
function follow(doc: Doc, parts: readonly string[]): Step {
  let value: Value | undefined = doc;
  for (const [i, part] of parts.entries()) {
    if (!(value instanceof Map)) return { value: undefined, parts: [], nested: false };
    value = value.get(part);
    if (Array.isArray(value)) return { value, parts: parts.slice(i + 1), nested: false };
  }
  return { value, parts: [], nested: false };
}

/** The array index that a part of a path stands for: digits without a leading zero. */
export function arrayIndex(part: string | undefined): number | undefined {
  return part !== undefined && /^(?:0|[1-9]\d{0,9})$/.test(part) ? Number(part) : undefined;
}
