import { Binary, BSONRegExp, Double, Int32, Long, ObjectId, Timestamp } from 'bson';

import type { Collection, Index } from './catalog.ts';
import { MongoError } from './errors.ts';
import { binaryBytes, isDoc, typeName, type Value } from './values.ts';

/** The error of a unique index, in the words that mongoose and others parse; `values` are the clashing ones by path. */
export function duplicateKey(collection: Collection, index: Index, values: Value[]): MongoError {
  const keyPattern = index.spec.get('key');
  const keyValue = new Map(index.key.map(({ path }, i) => [path, values[i] ?? null]));
  const text = [...keyValue].map(([path, value]) => `${path}: ${show(value)}`).join(', ');
  return new MongoError(
    11000,
    `E11000 duplicate key error collection: ${collection.namespace} index: ${index.name} dup key: { ${text} }`,
    new Map<string, unknown>([
      ['keyPattern', keyPattern],
      ['keyValue', keyValue],
    ]),
  );
}

function show(value: Value): string {
  if (typeof value === 'string') return showText(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (value instanceof Int32) return String(value.value);
  if (value instanceof Double) return showDouble(value.value);
  if (value instanceof Timestamp) return `Timestamp(${value.t}, ${value.i})`;
  if (value instanceof Long) return value.toString();
  if (value instanceof ObjectId) return `ObjectId('${value.toHexString()}')`;
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  if (value instanceof Binary) return showBinary(value);
  if (value instanceof BSONRegExp) return `/${value.pattern}/${value.options}`;
  if (isDoc(value))
    return brace(
      '{}',
      [...value].map(([name, field]) => `${name}: ${show(field)}`),
    );
  if (Array.isArray(value)) return brace('[]', value.map(show));
  return typeName(value);
}

// How much MongoDB shows of what is long.
const SHOWN_TEXT_BYTES = 150;
const SHOWN_BINARY_BYTES = 70;

function showText(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length < 160 ? `"${text}"` : `"${bytes.toString('utf8', 0, SHOWN_TEXT_BYTES)}..."`;
}

function brace(pair: string, items: string[]): string {
  return items.length === 0 ? pair : `${pair[0] ?? ''} ${items.join(', ')} ${pair[1] ?? ''}`;
}

// C's "%.16g", with ".0" after what has neither point nor a capital E or N in it.
function showDouble(value: number): string {
  const text = formatDouble(value);
  return text.includes('.') ? text : `${text}.0`;
}

function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [digits = '', exponent = '0'] = value.toExponential(15).split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 16) return trimZeros(value.toFixed(15 - power));
  return `${trimZeros(digits)}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function showBinary(value: Binary): string {
  const bytes = Buffer.from(binaryBytes(value));
  if (bytes.length > 80)
    return `BinData(${value.sub_type}, ${bytes.toString('hex', 0, SHOWN_BINARY_BYTES).toUpperCase()}...)`;
  const hex = bytes.toString('hex');
  if (value.sub_type === 4 && hex.length === 32) {
    return `UUID("${hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}")`;
  }
  return `BinData(${value.sub_type}, ${hex.toUpperCase()})`;
}
