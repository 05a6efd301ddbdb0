import { Binary, BSONRegExp, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from 'bson';
import { MongoError, unsupported } from './errors.ts';
import { binaryBytes, Rare, typeCode, type Doc, type Value } from './bson-types.ts';

// One reader and one writer, module-wide and never re-entered: a scan decodes a million documents,
// and a fresh object for each of them would cost more than the fields.
let input: Buffer = Buffer.alloc(0);
let at = 0;
let end = 0;

const MAX_DEPTH = 200;
const LARGEST_DATE = 8_640_000_000_000_000;

/** Decodes one document exactly: types apart, fields in order, rare values as their bytes. */
export function decode(bytes: Uint8Array): Doc {
  input = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  at = 0;
  end = input.length;
  const doc = readDoc(0);
  if (at !== end) throw invalid('bytes after the end of the document');
  return doc;
}

function invalid(what: string): MongoError {
  return new MongoError(22, `Invalid BSON: ${what}`);
}

/** Claims the next `length` bytes and answers where they begin. */
function take(length: number): number {
  const start = at;
  if (length < 0 || length > end - start) throw invalid('a value runs past the end');
  at = start + length;
  return start;
}

function readDoc(depth: number): Doc {
  const close = openDoc(depth);
  const doc: Doc = new Map();
  let fields = 0;
  for (let type = nextType(close); type !== 0; type = nextType(close)) {
    const name = readName();
    doc.set(name, readValue(type, depth));
    fields++;
  }
  if (doc.size !== fields) throw unsupported('A document with the same field name twice');
  return doc;
}

function readArray(depth: number): Value[] {
  const close = openDoc(depth);
  const items: Value[] = [];
  for (let type = nextType(close); type !== 0; type = nextType(close)) {
    take(input.indexOf(0, at) - at + 1);
    items.push(readValue(type, depth));
  }
  return items;
}

function openDoc(depth: number): number {
  if (depth > MAX_DEPTH) throw new MongoError(15, `Documents are nested deeper than ${MAX_DEPTH} levels`);
  const start = take(4);
  const length = input.readInt32LE(start);
  if (length < 5 || length > end - start || input[start + length - 1] !== 0) throw invalid('wrong document length');
  return start + length;
}

function nextType(close: number): number {
  const type = at < close ? (input[at++] ?? 0) : -1;
  if (type === -1 || (type === 0) !== (at === close)) throw invalid('a document does not end where it says');
  return type;
}

const NAME_SLOTS = 4096;
const names = new Array<string>(NAME_SLOTS).fill('');

/** Field names repeat from document to document: short ASCII ones are made once. */
function readName(): string {
  const start = at;
  let hash = 0;
  let seen = 0;
  let i = start;
  for (let byte = input[i]; byte !== 0; byte = input[++i]) {
    if (byte === undefined) throw invalid('a field name does not end');
    hash = (hash * 31 + byte) & (NAME_SLOTS - 1);
    seen |= byte;
  }
  at = i + 1;
  if (seen > 127) return readText(start, i) ?? invalidName();
  const known = names[hash];
  if (known !== undefined && isAt(known, start, i)) return known;
  const name = input.toString('latin1', start, i);
  names[hash] = name;
  return name;
}

function invalidName(): never {
  throw invalid('a field name is not UTF-8');
}

function isAt(name: string, start: number, stop: number): boolean {
  if (name.length !== stop - start) return false;
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) !== input[start + i]) return false;
  return true;
}

/** The text, or undefined when the bytes are not UTF-8. */
function readText(start: number, stop: number): string | undefined {
  const text = input.toString('utf8', start, stop);
  if (!text.includes('\ufffd')) return text;
  return Buffer.from(text).equals(input.subarray(start, stop)) ? text : undefined;
}

function readCString(): string {
  const start = take(input.indexOf(0, at) - at + 1);
  return readText(start, at - 1) ?? invalidName();
}

function readValue(type: number, depth: number): Value {
  switch (type) {
    case 1:
      return new Double(input.readDoubleLE(take(8)));
    case 2:
      return readString();
    case 3:
      return readDoc(depth + 1);
    case 4:
      return readArray(depth + 1);
    case 5:
      return readBinary();
    case 7:
      return new ObjectId(input.subarray(take(12), at));
    case 8:
      return readBoolean();
    case 9:
      return readDate();
    case 10:
      return null;
    case 16:
      return new Int32(input.readInt32LE(take(4)));
    case 18:
      return readLong();
    default:
      return readSeldom(type, depth);
  }
}

function readSeldom(type: number, depth: number): Value {
  switch (type) {
    case 11:
      return readRegExp();
    case 17:
      return new Timestamp(readLong().toUnsigned());
    case 19:
      return new Decimal128(copy(take(16)));
    case 127:
      return new MaxKey();
    case 255:
      return new MinKey();
    default:
      return new Rare(type, copy(takeRare(type, depth)));
  }
}

function copy(start: number): Buffer {
  return Buffer.from(input.subarray(start, at));
}

function readString(): Value {
  const start = takeString();
  return readText(start + 4, at - 1) ?? new Rare(2, copy(start));
}

function takeString(): number {
  const start = take(4);
  const length = input.readInt32LE(start);
  take(length);
  if (length < 1 || input[at - 1] !== 0) throw invalid('a string does not end where it says');
  return start;
}

function readBinary(): Binary {
  const start = take(5);
  take(input.readInt32LE(start));
  return new Binary(copy(start + 5), input[start + 4]);
}

function readBoolean(): boolean {
  const byte = input[take(1)];
  if (byte !== 0 && byte !== 1) throw invalid('a boolean that is neither true nor false');
  return byte === 1;
}

function readDate(): Value {
  const start = take(8);
  const time = input.readInt32LE(start + 4) * 2 ** 32 + input.readUInt32LE(start);
  return Math.abs(time) <= LARGEST_DATE ? new Date(time) : new Rare(9, copy(start));
}

function readLong(): Long {
  const start = take(8);
  return new Long(input.readInt32LE(start), input.readInt32LE(start + 4));
}

function readRegExp(): Value {
  const start = at;
  const pattern = readCString();
  const options = readCString();
  return /^i?l?m?s?u?x?$/.test(options) ? new BSONRegExp(pattern, options) : new Rare(11, copy(start));
}

/** Claims a value of a deprecated type and answers where it begins. */
function takeRare(type: number, depth: number): number {
  const start = at;
  if (type === 12) {
    takeString();
    take(12);
  } else if (type === 13 || type === 14) {
    takeString();
  } else if (type === 15) {
    take(4);
    takeString();
    readDoc(depth + 1);
    if (input.readInt32LE(start) !== at - start) throw invalid('code with scope of a wrong length');
  } else if (type !== 6) {
    throw invalid(`unknown type ${type}`);
  }
  return start;
}

let output = Buffer.allocUnsafe(1 << 16);
let used = 0;

let level = 0;
let deepest = Infinity;

/** Encodes a document; what `decode` read comes out byte for byte. Deeper than `maxDepth` levels is code 15: nobody could read it again. */
export function encode(doc: Doc, maxDepth = Infinity): Buffer {
  used = 0;
  level = 0;
  deepest = maxDepth;
  writeDoc(doc);
  return Buffer.from(output.subarray(0, used));
}

function reserve(length: number): number {
  if (used + length > output.length) {
    const larger = Buffer.allocUnsafe(Math.max(output.length * 2, used + length));
    output.copy(larger, 0, 0, used);
    output = larger;
  }
  const start = used;
  used += length;
  return start;
}

function writeDoc(doc: Doc): void {
  const start = openLevel();
  for (const [name, value] of doc) writeField(name, value);
  closeDoc(start);
}

function writeArray(items: Value[]): void {
  const start = openLevel();
  for (const [i, item] of items.entries()) writeField(String(i), item);
  closeDoc(start);
}

function openLevel(): number {
  level++;
  if (level > deepest) throw new MongoError(15, `Documents are nested deeper than ${deepest} levels`);
  return reserve(4);
}

function closeDoc(start: number): void {
  level--;
  output[reserve(1)] = 0;
  output.writeInt32LE(used - start, start);
}

function writeField(name: string, value: Value): void {
  const type = typeCode(value);
  output[reserve(1)] = type;
  writeCString(name);
  writeValue(value);
}

function writeCString(text: string): void {
  if (text.includes('\0')) throw invalid('a null byte in a field name or a regular expression');
  const start = reserve(text.length * 3 + 1);
  used = start + output.write(text, start);
  output[reserve(1)] = 0;
}

function writeString(text: string): void {
  const start = reserve(text.length * 3 + 5);
  const length = output.write(text, start + 4);
  output.writeInt32LE(length + 1, start);
  output[start + 4 + length] = 0;
  used = start + length + 5;
}

function writeBytes(bytes: Uint8Array): void {
  output.set(bytes, reserve(bytes.length));
}

function writeLong(low: number, high: number): void {
  const start = reserve(8);
  output.writeInt32LE(low | 0, start);
  output.writeInt32LE(high | 0, start + 4);
}

function writeValue(value: Value): void {
  if (typeof value === 'string') writeString(value);
  else if (value === null || value instanceof MinKey || value instanceof MaxKey) return;
  else if (typeof value === 'boolean') output[reserve(1)] = Number(value);
  else if (value instanceof Map) writeDoc(value);
  else if (Array.isArray(value)) writeArray(value);
  else if (value instanceof Int32) output.writeInt32LE(value.value, reserve(4));
  else if (value instanceof Double) output.writeDoubleLE(value.value, reserve(8));
  else if (value instanceof Timestamp) writeLong(value.i, value.t);
  else if (value instanceof Long) writeLong(value.low, value.high);
  else if (value instanceof ObjectId) writeBytes(value.id);
  else if (value instanceof Date) writeDate(value);
  else if (value instanceof Binary) writeBinary(value);
  else if (value instanceof BSONRegExp) {
    writeCString(value.pattern);
    writeCString(value.options);
  } else writeBytes(value.bytes);
}

function writeDate(value: Date): void {
  const time = value.getTime();
  const high = Math.floor(time / 2 ** 32);
  writeLong(time - high * 2 ** 32, high);
}

function writeBinary(value: Binary): void {
  const bytes = binaryBytes(value);
  const start = reserve(5);
  output.writeInt32LE(bytes.length, start);
  output[start + 4] = value.sub_type;
  writeBytes(bytes);
}
