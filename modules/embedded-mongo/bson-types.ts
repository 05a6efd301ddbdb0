import { Binary, BSONRegExp, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from 'bson';
import { unsupported } from './errors.ts';

/** A document: field order counts, and a name such as `__proto__` or "0" is a name like any other. */
export type Doc = Map<string, Value>;

/** A BSON value. The number types stay apart; "missing" is `undefined`, which is never a value. */
export type Value =
  | null
  | boolean
  | string
  | Int32
  | Double
  | Long
  | ObjectId
  | Date
  | Binary
  | BSONRegExp
  | Timestamp
  | Decimal128
  | MinKey
  | MaxKey
  | Rare
  | Value[]
  | Doc;

/** The three number types that this store calculates with. */
export type Numeric = Int32 | Double | Long;

/** A value kept as the bytes it came in: deprecated types, strings that are not UTF-8, dates beyond JavaScript's. */
export class Rare {
  readonly type: number;
  readonly bytes: Buffer;

  constructor(type: number, bytes: Buffer) {
    this.type = type;
    this.bytes = bytes;
  }
}

/** BSON's undefined: what an index holds for an empty array. */
export const UNDEFINED = new Rare(6, Buffer.alloc(0));

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'double'],
  [2, 'string'],
  [3, 'object'],
  [4, 'array'],
  [5, 'binData'],
  [6, 'undefined'],
  [7, 'objectId'],
  [8, 'bool'],
  [9, 'date'],
  [10, 'null'],
  [11, 'regex'],
  [12, 'dbPointer'],
  [13, 'javascript'],
  [14, 'symbol'],
  [15, 'javascriptWithScope'],
  [16, 'int'],
  [17, 'timestamp'],
  [18, 'long'],
  [19, 'decimal'],
  [127, 'maxKey'],
  [255, 'minKey'],
]);

/** BSON type codes by the names that `$type` takes. */
export const TYPE_CODES: ReadonlyMap<string, number> = new Map([...TYPE_NAMES].map(([code, name]) => [name, code]));

/** The BSON type code of a value; MinKey is 255. */
export function typeCode(value: Value): number {
  if (typeof value === 'string') return 2;
  if (value === null) return 10;
  if (typeof value === 'boolean') return 8;
  if (value instanceof Int32) return 16;
  if (value instanceof Map) return 3;
  if (Array.isArray(value)) return 4;
  if (value instanceof Double) return 1;
  if (value instanceof ObjectId) return 7;
  if (value instanceof Date) return 9;
  if (value instanceof Timestamp) return 17;
  if (value instanceof Long) return 18;
  if (value instanceof Binary) return 5;
  if (value instanceof Rare) return value.type;
  if (value instanceof BSONRegExp) return 11;
  if (value instanceof Decimal128) return 19;
  return value instanceof MinKey ? 255 : 127;
}

/** The type's name as `$type` and error texts write it; "missing" for no value. */
export function typeName(value: Value | undefined): string {
  return value === undefined ? 'missing' : (TYPE_NAMES.get(typeCode(value)) ?? 'unknown');
}

export function isDoc(value: unknown): value is Doc {
  return value instanceof Map;
}

/** Claims an int32, an int64 or a double; a Decimal128 is no number this store calculates with. */
export function isNumeric(value: unknown): value is Numeric {
  return value instanceof Int32 || value instanceof Double || (value instanceof Long && !(value instanceof Timestamp));
}

/** Claims a number to calculate with; a Decimal128 is refused, for leaving it out would be silently wrong. */
export function isSummand(value: Value | undefined): value is Numeric {
  if (value instanceof Decimal128) throw unsupported('Calculating with Decimal128');
  return isNumeric(value);
}

/** The number as JavaScript's, an int64 rounded to the nearest double; NaN for what is no number. */
export function toNumber(value: Value | number | undefined): number {
  if (typeof value === 'number') return value;
  if (value instanceof Int32 || value instanceof Double) return value.value;
  return isNumeric(value) ? value.toNumber() : NaN;
}

/** The whole number that a value stands for, or undefined: 2, 2.0 and Long(2) are the same. */
export function toInteger(value: Value | undefined): number | undefined {
  const number = toNumber(value);
  return Number.isInteger(number) ? number : undefined;
}

/** What MongoDB takes for true where it asks for a boolean. */
export function isTruthy(value: Value): boolean {
  return value !== null && value !== false && !(isNumeric(value) && toNumber(value) === 0);
}

/** A document from plain JavaScript: whole numbers within 32 bits become int32, other numbers double. */
export function toDoc(fields: Readonly<Record<string, unknown>>): Doc {
  return new Map(Object.entries(fields).map(([name, value]) => [name, toValue(value)]));
}

/** A value from plain JavaScript, see `toDoc`; what is a value already stays as it is. */
export function toValue(value: unknown): Value {
  if (typeof value === 'number') {
    return Number.isInteger(value) && Math.abs(value) < 2 ** 31 && !Object.is(value, -0)
      ? new Int32(value)
      : new Double(value);
  }
  if (typeof value === 'bigint') return Long.fromBigInt(value);
  if (Array.isArray(value)) return value.map(toValue);
  if (value instanceof Uint8Array) return new Binary(value);
  if (value !== null && typeof value === 'object') {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return toDoc({ ...value });
  }
  return value as Value;
}

/** The payload of a binary value, without what the class has reserved beyond it. */
export function binaryBytes(value: Binary): Uint8Array {
  return value.buffer.subarray(0, value.position);
}

/** The UTF-8 bytes of a string or a symbol, also of one that is not valid. */
export function stringBytes(value: Value): Buffer {
  if (value instanceof Rare) return value.bytes.subarray(4, -1);
  return Buffer.from(typeof value === 'string' ? value : '');
}
