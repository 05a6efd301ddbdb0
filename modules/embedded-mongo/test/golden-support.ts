import { readFileSync } from 'node:fs';
import { Binary, BSONRegExp, Double, Int32, Long, ObjectId } from 'bson';

/** One line of a golden file: every value typed, documents as plain objects. */
export type GoldenLine = Readonly<Record<string, unknown>>;

/** The lines of a golden file. */
export function readGolden(file: string): GoldenLine[] {
  const text = readFileSync(new URL(`golden/${file}`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => decodeGolden(JSON.parse(line)) as GoldenLine);
}

const VALUES: ReadonlyMap<string, (inner: never) => unknown> = new Map<string, (inner: never) => unknown>([
  ['$numberLong', (text: string) => Long.fromString(text)],
  ['$numberDouble', (text: string) => new Double(Number(text))],
  ['$date', (inner: { $numberLong: string }) => new Date(Number(inner.$numberLong))],
  ['$oid', (hex: string) => new ObjectId(hex)],
  [
    '$binary',
    (inner: { base64: string; subType: string }) =>
      new Binary(Buffer.from(inner.base64, 'base64'), parseInt(inner.subType, 16)),
  ],
  ['$regularExpression', (inner: { pattern: string; options: string }) => new BSONRegExp(inner.pattern, inner.options)],
]);

/** An object is a value only if its one key is one of the six; a plain integer is an int32. */
function decodeGolden(json: unknown): unknown {
  if (typeof json === 'number') return new Int32(json);
  if (Array.isArray(json)) return json.map(decodeGolden);
  if (json === null || typeof json !== 'object') return json;
  const entries = Object.entries(json);
  const [only] = entries;
  const decodeValue = entries.length === 1 && only ? VALUES.get(only[0]) : undefined;
  if (decodeValue && only) return decodeValue(only[1] as never);
  const doc = {};
  for (const [name, value] of entries) {
    Object.defineProperty(doc, name, {
      value: decodeGolden(value),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return doc;
}

/** How two sides are brought together before they are compared. */
export interface CanonicalOptions {
  /** The fields of documents sorted by name, at every level. */
  sortFields?: boolean;
  /** The clock: dates and ObjectIds within ten minutes of it become the stand-ins. */
  now?: Date;
}

const TEN_MINUTES_MS = 600_000;

/** One text for equal values: types told apart, integer-like names first. Takes plain objects and Maps. */
export function canonical(value: unknown, options: CanonicalOptions = {}): string {
  const isRecent = (time: number): boolean => Math.abs(time - (options.now?.getTime() ?? NaN)) < TEN_MINUTES_MS;
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, options)).join(',')}]`;
  if (value instanceof Date) return `date(${isRecent(value.getTime()) ? 4102444800000 : value.getTime()})`;
  if (value instanceof Int32) return String(value.value);
  if (value instanceof Double) return `double(${Object.is(value.value, -0) ? '-0' : value.value})`;
  if (value instanceof Long) return `long(${value.toString()})`;
  if (value instanceof ObjectId) {
    return `oid(${isRecent(value.getTimestamp().getTime()) ? 'f'.repeat(24) : value.toHexString()})`;
  }
  if (value instanceof Binary) return `binary(${value.sub_type},${value.toString('hex')})`;
  if (value instanceof BSONRegExp) return `regex(/${value.pattern}/${value.options})`;
  if (typeof value !== 'object') return JSON.stringify(value);
  return canonicalDocument(
    value instanceof Map ? [...(value as Map<string, unknown>)] : Object.entries(value as Record<string, unknown>),
    options,
  );
}

function canonicalDocument(fields: [string, unknown][], options: CanonicalOptions): string {
  const isIndex = ([name]: [string, unknown]): boolean => /^(?:0|[1-9]\d*)$/.test(name);
  const numbered = fields.filter(isIndex).sort(([a], [b]) => Number(a) - Number(b));
  const named = fields.filter((field) => !isIndex(field));
  if (options.sortFields === true) named.sort(([a], [b]) => (a < b ? -1 : 1));
  const texts = [...numbered, ...named].map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner, options)}`);
  return `{${texts.join(',')}}`;
}

/** The lines that fail, as a report of the first few; undefined when all pass. */
export function failingLines(
  lines: readonly GoldenLine[],
  check: (line: GoldenLine) => string | undefined,
): string | undefined {
  const failures = lines.flatMap((line, i) => {
    const failure = check(line);
    return failure === undefined ? [] : [`line ${i + 1}: ${failure}`];
  });
  if (failures.length === 0) return undefined;
  return `${failures.length} of ${lines.length} lines fail\n${failures.slice(0, 5).join('\n')}`;
}

/** Claims an upsert whose filter names two or more paths beside `_id`: the order of its seeds is nobody's promise. */
export function hasUnorderedSeeds(filter: unknown): boolean {
  return new Set(filterPaths(filter).filter((path) => path !== '_id')).size >= 2;
}

function filterPaths(filter: unknown): string[] {
  return Object.entries(filter as object).flatMap(([name, value]) =>
    name.startsWith('$') && Array.isArray(value) ? value.flatMap(filterPaths) : [name],
  );
}
