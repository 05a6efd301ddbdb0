import { BSONRegExp, ObjectId, Timestamp } from 'bson';

import type { Catalog, Collection, Index } from './catalog.ts';
import { duplicateKey } from './duplicate-key.ts';
import { documentKey, entriesOf, entryKey, rangeUnder, type Entries, type Entry } from './entries.ts';
import { MongoError } from './errors.ts';
import type { Storage } from './storage.ts';
import { decode, encode, equal, isDoc, type Doc, type Value } from './values.ts';

/** A document as it is stored. */
export interface Stored {
  key: Buffer;
  bytes: Buffer;
}

const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

// Below what `decode` reads: a stored document also travels inside replies and the records of retryable writes.
const MAX_STORED_DEPTH = 190;

/** Writes documents and their index entries. All checks of one document come before its first put, so a refusal leaves nothing behind. */
export class Writer {
  private readonly storage: Storage;
  private readonly catalog: Catalog;

  constructor(storage: Storage, catalog: Catalog) {
    this.storage = storage;
    this.catalog = catalog;
  }

  /** Stores a new document, with its `_id` first and made if it has none; answers the `_id`. */
  insert(collection: Collection, given: Doc): Value {
    const doc = withId(given);
    const id = doc.get('_id') ?? null;
    const bytes = encode(doc, MAX_STORED_DEPTH);
    if (bytes.length > MAX_DOCUMENT_BYTES) {
      throw new MongoError(
        2,
        `object to insert too large. size in bytes: ${bytes.length}, max size: ${MAX_DOCUMENT_BYTES}`,
      );
    }
    const { key, cut } = documentKey(collection, id);
    const idIndex = collection.indexes[0];
    if (idIndex && this.storage.get('docs', key)) throw duplicateKey(collection, idIndex, [id]);
    this.change(collection, key, { after: doc });
    this.storage.put('docs', key, bytes);
    if (idIndex) this.flag(collection, idIndex, { multikey: false, cut });
    this.catalog.addToCount(collection, 1);
    return id;
  }

  /** Puts `doc` in the place of a stored document with the same `_id`. */
  replace(collection: Collection, stored: Stored, doc: Doc): void {
    const bytes = encode(doc, MAX_STORED_DEPTH);
    if (bytes.length > MAX_DOCUMENT_BYTES) {
      throw new MongoError(17419, `Resulting document after update is larger than ${MAX_DOCUMENT_BYTES}`);
    }
    if (bytes.equals(stored.bytes)) return;
    this.change(collection, stored.key, { before: decode(stored.bytes), after: doc });
    this.storage.put('docs', stored.key, bytes);
  }

  remove(collection: Collection, stored: Stored): void {
    this.change(collection, stored.key, { before: decode(stored.bytes) });
    this.storage.remove('docs', stored.key);
    this.catalog.addToCount(collection, -1);
  }

  /** Adds a stored document to an index that is being built; putting it there twice does no harm. */
  addToIndex(collection: Collection, index: Index, { key, bytes }: Stored): void {
    const held = entriesOf(index, decode(bytes));
    for (const entry of held.entries) if (index.unique) this.assertUnique(collection, index, entry, key);
    for (const { prefix } of held.entries) this.storage.put('entries', entryKey(prefix, key), key);
    this.flag(collection, index, held);
  }

  private change(collection: Collection, key: Buffer, { before, after }: { before?: Doc; after?: Doc }): void {
    const removals: Buffer[] = [];
    const additions: Buffer[] = [];
    const flags: [Index, Entries][] = [];
    for (const index of collection.indexes) {
      if (index.id === 0) continue;
      const old = before ? entriesOf(index, before).entries : [];
      const held = after ? entriesOf(index, after) : undefined;
      const fresh = without(held?.entries ?? [], old);
      for (const entry of held?.cut ? held.entries : fresh)
        if (index.unique) this.assertUnique(collection, index, entry, key);
      additions.push(...fresh.map(({ prefix }) => entryKey(prefix, key)));
      removals.push(...without(old, held?.entries ?? []).map(({ prefix }) => entryKey(prefix, key)));
      if (held) flags.push([index, held]);
    }
    for (const entry of removals) this.storage.remove('entries', entry);
    for (const entry of additions) this.storage.put('entries', entry, key);
    for (const [index, held] of flags) this.flag(collection, index, held);
  }

  // Keys may be cut short: only the values themselves say whether two documents clash.
  private assertUnique(collection: Collection, index: Index, { prefix, values }: Entry, key: Buffer): void {
    const range = rangeUnder(prefix);
    for (;;) {
      const rows = this.storage.rows('entries', range, 16);
      for (const row of rows) {
        if (row.value.equals(key)) continue;
        const other = this.storage.get('docs', row.value);
        const clashes =
          other && entriesOf(index, decode(other)).entries.some((entry) => sameValues(entry.values, values));
        if (clashes) throw duplicateKey(collection, index, values);
      }
      const last = rows[15];
      if (!last) return;
      range.low = Buffer.concat([last.key, Buffer.alloc(1)]);
    }
  }

  private flag(collection: Collection, index: Index, { multikey, cut }: Pick<Entries, 'multikey' | 'cut'>): void {
    if ((index.multikey || !multikey) && (index.cut || !cut)) return;
    index.multikey ||= multikey;
    index.cut ||= cut;
    this.catalog.save(collection);
  }
}

function without(entries: Entry[], others: Entry[]): Entry[] {
  if (others.length === 0) return entries;
  const prefixes = new Set(others.map(({ prefix }) => prefix.toString('latin1')));
  return entries.filter(({ prefix }) => !prefixes.has(prefix.toString('latin1')));
}

function sameValues(some: Value[], others: Value[]): boolean {
  return some.every((value, i) => equal(value, others[i]));
}

function withId(given: Doc): Doc {
  const id = given.get('_id');
  assertStorableId(id);
  const stamped = [...given].map(([name, value]): [string, Value] => [name, stamp(value)]);
  if (id !== undefined && stamped[0]?.[0] === '_id') return new Map(stamped);
  return new Map<string, Value>([['_id', id ?? new ObjectId()], ...stamped]);
}

// MongoDB replaces the empty timestamp on the top level of an inserted document.
function stamp(value: Value): Value {
  const isEmpty = value instanceof Timestamp && value.t === 0 && value.i === 0;
  return isEmpty ? new Timestamp({ t: Math.floor(Date.now() / 1000), i: 1 }) : value;
}

function assertStorableId(id: Value | undefined): void {
  if (Array.isArray(id)) throw new MongoError(53, "The '_id' value cannot be of type array");
  if (id instanceof BSONRegExp) throw new MongoError(53, "The '_id' value cannot be of type regex");
  if (!isDoc(id)) return;
  for (const name of id.keys()) {
    if (name.startsWith('$')) {
      throw new MongoError(52, `_id fields may not contain '$'-prefixed fields: ${name} is not valid for storage.`);
    }
  }
}
