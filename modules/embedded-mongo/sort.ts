import { decode, encode } from './bson-bytes.ts';
import { isDoc, isNumeric, toNumber, type Doc, type Value } from './bson-types.ts';
import { MongoError, unsupported } from './errors.ts';
import { parseFieldPath } from './field-path.ts';
import { keyTuples } from './keys.ts';
import { compare } from './order.ts';

/** A document, or "nothing yet": every step is short, so that a caller can stop between any two. */
export type Step = Doc | undefined;

/** A compiled sort. */
export interface Sort {
  readonly keys: readonly { readonly path: string; readonly direction: 1 | -1 }[];
  /** The values that a document is sorted by; of an array the one that comes first. */
  keyOf(doc: Doc): Value[];
  compareKeys(a: Value[], b: Value[]): number;
}

/** Compiles a sort specification, of find or of `$sort`. */
export function compileSort(spec: Doc): Sort {
  const keys = [...spec].map(([path, way]) => sortKey(path, way));
  const paths = keys.map(({ parts }) => parts);
  const compareKeys = (a: Value[], b: Value[]): number => {
    for (const [i, { direction }] of keys.entries()) {
      const order = compare(a[i], b[i]);
      if (order !== 0) return order * direction;
    }
    return 0;
  };
  const keyOf = (doc: Doc): Value[] => plainKey(doc, paths) ?? firstKey(doc, paths, compareKeys);
  return { keys, keyOf, compareKeys };
}

function sortKey(path: string, way: Value): { path: string; parts: readonly string[]; direction: 1 | -1 } {
  if (path === '$natural') throw unsupported('A sort by $natural');
  if (isDoc(way) && way.has('$meta')) throw unsupported('$meta in a sort');
  const parts = parseFieldPath(path);
  if (!isNumeric(way)) throw new MongoError(15974, `Illegal key in $sort specification: ${path}`);
  const direction = toNumber(way);
  if (direction !== 1 && direction !== -1) {
    throw new MongoError(15975, '$sort key ordering must be 1 (for ascending) or -1 (for descending)');
  }
  return { path, parts, direction };
}

/** The key of a document with no array on any path: the common case, without the walk through tuples. */
function plainKey(doc: Doc, paths: readonly (readonly string[])[]): Value[] | undefined {
  const key: Value[] = [];
  for (const parts of paths) {
    let value: Value | undefined = doc;
    for (const part of parts) value = isDoc(value) ? value.get(part) : Array.isArray(value) ? value : undefined;
    if (Array.isArray(value)) return undefined;
    key.push(value ?? null);
  }
  return key;
}

function firstKey(doc: Doc, paths: readonly (readonly string[])[], compareKeys: Sort['compareKeys']): Value[] {
  const tuples = sortTuples(doc, paths);
  return tuples.reduce((first, tuple) => (compareKeys(tuple, first) < 0 ? tuple : first));
}

function sortTuples(doc: Doc, paths: readonly (readonly string[])[]): Value[][] {
  try {
    return keyTuples(doc, paths).tuples;
  } catch (error) {
    if (!(error instanceof MongoError) || error.code !== 171) throw error;
    throw new MongoError(2, 'cannot sort with keys that are parallel arrays');
  }
}

/** What waits to be sorted: bytes, because a decoded document is many times as large. */
interface Entry {
  key: Value[];
  bytes: Buffer;
}

const RUN_LENGTH = 512;
const LARGEST_TOP = 10_000;
const MEMORY_LIMIT = 100 * 1024 * 1024;
/** What an entry takes beside its bytes, roughly. */
const ENTRY_COST = 128;

/** Sorts in short steps; with `keep` only the first so many come out, and only so many are held. */
export function* sortSteps(source: Iterable<Step>, sort: Sort, keep = Infinity): Generator<Step> {
  const order = (a: Entry, b: Entry): number => sort.compareKeys(a.key, b.key);
  const sorter = keep <= LARGEST_TOP ? new Top(order, keep) : new Runs(order);
  for (const doc of source) {
    if (doc !== undefined) sorter.add(sort.keyOf(doc), doc);
    yield undefined;
  }
  let left = keep;
  for (const { bytes } of sorter.sorted()) {
    if (left-- <= 0) return;
    yield decode(bytes);
  }
}

type Order = (a: Entry, b: Entry) => number;

function entryCost({ bytes }: Entry): number {
  return bytes.length + ENTRY_COST;
}

function checkMemory(bytes: number): void {
  if (bytes <= MEMORY_LIMIT) return;
  throw new MongoError(292, `Sort exceeded memory limit of ${MEMORY_LIMIT} bytes`);
}

/** Short sorted runs that are merged while they are read: no step takes longer than one run. */
class Runs {
  private readonly order: Order;
  private readonly runs: Entry[][] = [];
  private run: Entry[] = [];
  private memory = 0;

  constructor(order: Order) {
    this.order = order;
  }

  add(key: Value[], doc: Doc): void {
    const entry = { key, bytes: encode(doc) };
    this.memory += entryCost(entry);
    checkMemory(this.memory);
    this.run.push(entry);
    if (this.run.length >= RUN_LENGTH) this.closeRun();
  }

  private closeRun(): void {
    if (this.run.length > 0) this.runs.push(this.run.sort(this.order));
    this.run = [];
  }

  sorted(): Iterable<Entry> {
    this.closeRun();
    return mergeAll(this.runs, this.order);
  }
}

function mergeAll(runs: Entry[][], order: Order): Iterable<Entry> {
  const [only = []] = runs;
  if (runs.length <= 1) return only;
  const half = runs.length >> 1;
  return merge(mergeAll(runs.slice(0, half), order), mergeAll(runs.slice(half), order), order);
}

function* merge(left: Iterable<Entry>, right: Iterable<Entry>, order: Order): Generator<Entry> {
  const others = right[Symbol.iterator]();
  let other = others.next();
  for (const entry of left) {
    for (; other.done !== true && order(other.value, entry) < 0; other = others.next()) yield other.value;
    yield entry;
  }
  for (; other.done !== true; other = others.next()) yield other.value;
}

/** The first few of many: what sorts after them is dropped at once. */
class Top {
  private readonly order: Order;
  private readonly keep: number;
  private best: Entry[] = [];
  private worst: Entry | undefined;
  private memory = 0;

  constructor(order: Order, keep: number) {
    this.order = order;
    this.keep = keep;
  }

  add(key: Value[], doc: Doc): void {
    if (this.worst !== undefined && this.order({ key, bytes: this.worst.bytes }, this.worst) >= 0) return;
    const entry = { key, bytes: encode(doc) };
    this.memory += entryCost(entry);
    this.best.push(entry);
    if (this.best.length >= this.keep + RUN_LENGTH || this.memory > MEMORY_LIMIT) this.trim();
  }

  private trim(): void {
    this.best = this.best.sort(this.order).slice(0, this.keep);
    this.worst = this.best.length === this.keep ? this.best.at(-1) : undefined;
    this.memory = this.best.reduce((sum, entry) => sum + entryCost(entry), 0);
    checkMemory(this.memory);
  }

  sorted(): readonly Entry[] {
    this.trim();
    return this.best;
  }
}
