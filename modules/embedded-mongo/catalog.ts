import { MongoError } from './errors.ts';
import { compileFilter, type Filter } from './match.ts';
import type { KeyRange, Storage } from './storage.ts';
import { decode, encode, toDoc, toNumber, type Doc } from './values.ts';

/** An index as the planner and the writers see it; `spec` is what listIndexes shows. Id 0 is `_id`, the documents themselves. */
export interface Index {
  id: number;
  name: string;
  key: { path: string; direction: 1 | -1 }[];
  spec: Doc;
  unique: boolean;
  sparse: boolean;
  partial: Filter | undefined;
  expireAfterSeconds: number | undefined;
  /** Some document has an array on a path: one document, several entries. */
  multikey: boolean;
  /** Some entry was cut short, so the order of entries is not the order of values. */
  cut: boolean;
  /** Writers keep it, the planner does not use it yet. */
  building: boolean;
}

/** A collection, its indexes (the first is `_id`) and its kept count. */
export interface Collection {
  id: number;
  namespace: string;
  indexes: Index[];
  count: number;
}

/** The four bytes that begin every key of a collection or an index. */
export function idPrefix(id: number): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(id);
  return prefix;
}

/** Every key that begins with this id. */
export function idRange(id: number): KeyRange {
  return { low: idPrefix(id), high: idPrefix(id + 1) };
}

/** Builds an index from the spec that createIndexes has checked. */
export function makeIndex(id: number, spec: Doc): Index {
  const key = spec.get('key');
  const filter = spec.get('partialFilterExpression');
  const seconds = spec.get('expireAfterSeconds');
  const name = spec.get('name');
  return {
    id,
    name: typeof name === 'string' ? name : '',
    key: key instanceof Map ? [...key].map(([path, way]) => ({ path, direction: toNumber(way) < 0 ? -1 : 1 })) : [],
    spec,
    unique: id === 0 || spec.get('unique') === true,
    sparse: spec.get('sparse') === true,
    partial: filter instanceof Map ? compileFilter(filter) : undefined,
    expireAfterSeconds: seconds === undefined ? undefined : toNumber(seconds),
    multikey: false,
    cut: false,
    building: false,
  };
}

const NEXT_ID = Buffer.from('i');
const collectionKey = (namespace: string): Buffer => Buffer.from(`c${namespace}`);
const countKey = (id: number): Buffer => Buffer.concat([Buffer.from('n'), idPrefix(id)]);
const trashKey = (id: number): Buffer => Buffer.concat([Buffer.from('t'), idPrefix(id)]);
const everythingUnder = (letter: string): KeyRange => ({
  low: Buffer.from(letter),
  high: Buffer.from(String.fromCharCode(letter.charCodeAt(0) + 1)),
});

/** What exists in the file. Memory holds a copy, written with each transaction and read again when one fails. */
export class Catalog {
  private readonly storage: Storage;
  private collections = new Map<string, Collection>();
  private nextId = 1;
  private readonly changed = new Set<Collection>();
  private readonly counted = new Set<Collection>();

  constructor(storage: Storage) {
    this.storage = storage;
    this.load();
  }

  /** One durable transaction over documents and catalog; if it fails, memory is what the file is. */
  transact<R>(work: () => R): R {
    try {
      return this.storage.transact(() => {
        const result = work();
        this.flush();
        return result;
      });
    } catch (error) {
      this.load();
      throw error;
    }
  }

  /** Throws 175 when the collection, or the index, is no longer there: its rows may be half swept away. */
  assertCurrent(collection: Collection, index?: Index): void {
    const isThere = this.collections.get(collection.namespace) === collection;
    if (isThere && (!index || collection.indexes.includes(index))) return;
    throw new MongoError(175, `the collection or index was dropped while it was read: ${collection.namespace}`);
  }

  get(namespace: string): Collection | undefined {
    return this.collections.get(namespace);
  }

  /** All collections by name, of one database or of all. */
  list(database?: string): Collection[] {
    const all = [...this.collections.values()].sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
    return database === undefined ? all : all.filter(({ namespace }) => namespace.startsWith(`${database}.`));
  }

  ensure(namespace: string): Collection {
    const found = this.collections.get(namespace);
    if (found) return found;
    const idIndex = makeIndex(0, toDoc({ v: 2, key: { _id: 1 }, name: '_id_' }));
    const collection = { id: this.newId(), namespace, indexes: [idIndex], count: 0 };
    this.collections.set(namespace, collection);
    this.save(collection);
    return collection;
  }

  /** Forgets a collection at once; its rows are swept away later, a slice at a time. */
  drop(collection: Collection): void {
    this.discard(collection.id);
    for (const index of collection.indexes) if (index.id !== 0) this.discard(index.id);
    this.storage.remove('meta', collectionKey(collection.namespace));
    this.storage.remove('meta', countKey(collection.id));
    this.collections.delete(collection.namespace);
    this.changed.delete(collection);
    this.counted.delete(collection);
  }

  dropIndex(collection: Collection, index: Index): void {
    collection.indexes = collection.indexes.filter((other) => other !== index);
    this.discard(index.id);
    this.save(collection);
  }

  /** Drops indexes whose building a crash has ended. */
  dropUnfinished(): void {
    for (const collection of this.collections.values()) {
      for (const index of collection.indexes) if (index.building) this.dropIndex(collection, index);
    }
  }

  save(collection: Collection): void {
    this.changed.add(collection);
  }

  addToCount(collection: Collection, difference: number): void {
    collection.count += difference;
    this.counted.add(collection);
  }

  newId(): number {
    const id = this.nextId++;
    this.storage.put('meta', NEXT_ID, encode(toDoc({ next: this.nextId })));
    return id;
  }

  /** Removes up to `limit` rows of what was dropped; true when there may be more. */
  sweep(limit: number): boolean {
    const [dropped] = this.storage.rows('meta', everythingUnder('t'), 1);
    if (!dropped) return false;
    const id = dropped.key.readUInt32BE(1);
    let left = limit;
    for (const table of ['docs', 'entries'] as const) {
      const rows = this.storage.rows(table, idRange(id), left);
      for (const { key } of rows) this.storage.remove(table, key);
      left -= rows.length;
    }
    if (left > 0) this.storage.remove('meta', dropped.key);
    return true;
  }

  // Ids are never given twice, so rows that wait to be swept belong to nobody.
  private discard(id: number): void {
    this.storage.put('meta', trashKey(id), Buffer.alloc(1));
  }

  private load(): void {
    this.changed.clear();
    this.counted.clear();
    const next = this.storage.get('meta', NEXT_ID);
    this.nextId = next ? toNumber(decode(next).get('next') ?? 1) : 1;
    const rows = this.storage.rows('meta', everythingUnder('c'), 0xffff_ffff);
    const known = this.collections;
    this.collections = new Map(
      rows.map(({ key, value }) => {
        const namespace = key.toString('utf8', 1);
        return [namespace, keepIdentity(known.get(namespace), this.readCollection(namespace, decode(value)))];
      }),
    );
  }

  private readCollection(namespace: string, stored: Doc): Collection {
    const id = toNumber(stored.get('id') ?? 0);
    const count = this.storage.get('meta', countKey(id))?.readDoubleBE() ?? 0;
    const indexes = stored.get('indexes');
    const read = (Array.isArray(indexes) ? indexes : []).flatMap((entry) =>
      entry instanceof Map ? [readIndex(entry)] : [],
    );
    return { id, namespace, indexes: read, count };
  }

  private flush(): void {
    for (const collection of this.changed) {
      const indexes = collection.indexes.map(({ id, spec, multikey, cut, building }) =>
        toDoc({ id, spec, multikey, cut, building }),
      );
      this.storage.put('meta', collectionKey(collection.namespace), encode(toDoc({ id: collection.id, indexes })));
    }
    for (const { id, count } of this.counted) {
      const value = Buffer.alloc(8);
      value.writeDoubleBE(count);
      this.storage.put('meta', countKey(id), value);
    }
    this.changed.clear();
    this.counted.clear();
  }
}

function readIndex(stored: Doc): Index {
  const spec = stored.get('spec');
  if (!(spec instanceof Map)) throw new Error('the catalog holds an index without a spec');
  const is = (flag: string): boolean => stored.get(flag) === true;
  const index = makeIndex(toNumber(stored.get('id') ?? 0), spec);
  return { ...index, multikey: is('multikey'), cut: is('cut'), building: is('building') };
}

// Tasks that pause hold on to their collection: after a failed commit it must still be the one that others see.
function keepIdentity(known: Collection | undefined, read: Collection): Collection {
  if (known?.id !== read.id) return read;
  const indexes = read.indexes.map((index) => {
    const same = known.indexes.find(({ id }) => id === index.id);
    return same ? Object.assign(same, index) : index;
  });
  return Object.assign(known, { ...read, indexes });
}
