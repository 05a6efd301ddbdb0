import { createHash } from 'node:crypto';

import { idPrefix, type Collection, type Index } from './catalog.ts';
import { encode, indexKey, KEY_CUT, keyTuples, upperBound, type Doc, type Value } from './values.ts';
import type { KeyRange } from './storage.ts';

// LMDB keys end at 1978 bytes: 4 for the index, its parts, and enough of the document's key to tell documents apart.
const MAX_ID_BYTES = 1500;
const MAX_PARTS_BYTES = 1200;
const MAX_SUFFIX_BYTES = 640;
const HASH_BYTES = 32;

/** What one index holds of one document: the beginning of a key (without the document's own) and the values behind it. */
export interface Entry {
  prefix: Buffer;
  values: Value[];
}

/** The entries of a document in an index, and what they tell about the index. */
export interface Entries {
  entries: Entry[];
  multikey: boolean;
  cut: boolean;
}

const NONE: Entries = { entries: [], multikey: false, cut: false };

/** The key of the document with this `_id`: equal ids give equal keys, and keys sort as ids do unless one is cut. */
export function documentKey(collection: Collection, id: Value): { key: Buffer; cut: boolean } {
  const exact = indexKey(id, { cut: MAX_ID_BYTES });
  const rest = exact.length >= MAX_ID_BYTES ? [hash(encode(new Map([['', id]])))] : [];
  const key = Buffer.concat([idPrefix(collection.id), exact, ...rest]);
  return { key, cut: exact.length > MAX_SUFFIX_BYTES };
}

/** What `index` holds of this document; throws 171 for two arrays in one compound key. */
export function entriesOf(index: Index, doc: Doc): Entries {
  if (index.partial && !index.partial.matches(doc)) return NONE;
  const { tuples, multikey, present } = keyTuples(doc, pathsOf(index), index.sparse);
  if (index.sparse && !present) return NONE;
  const entries = new Map<string, Entry>();
  let cut = false;
  for (const values of tuples) {
    const parts = values.map((value, i) => keyPart(index, i, value));
    const whole = Buffer.concat([idPrefix(index.id), ...parts]);
    cut ||= whole.length > MAX_PARTS_BYTES || parts.some((part) => part.length >= KEY_CUT);
    const prefix = whole.subarray(0, MAX_PARTS_BYTES);
    // Beyond a cut, values with the same beginning may differ: all of them are kept for the check of uniqueness.
    entries.set(cut ? `${entries.size}` : prefix.toString('latin1'), { prefix, values });
  }
  return { entries: [...entries.values()], multikey, cut };
}

/** One part of a compound key as this index writes it. */
export function keyPart(index: Index, position: number, value: Value): Buffer {
  return indexKey(value, { descending: index.key[position]?.direction === -1 });
}

/** The whole key of an entry for the document with key `document`. */
export function entryKey(prefix: Buffer, document: Buffer): Buffer {
  const id = document.subarray(4);
  if (id.length <= MAX_SUFFIX_BYTES) return Buffer.concat([prefix, id]);
  return Buffer.concat([prefix, id.subarray(0, MAX_SUFFIX_BYTES - HASH_BYTES), hash(id)]);
}

/** All keys that begin with `prefix`, which is never all ones: ids come first. */
export function rangeUnder(prefix: Buffer): KeyRange {
  return { low: prefix.subarray(0, MAX_PARTS_BYTES), high: upperBound(prefix.subarray(0, MAX_PARTS_BYTES)) ?? prefix };
}

const splitPaths = new WeakMap<Index, string[][]>();

function pathsOf(index: Index): string[][] {
  let paths = splitPaths.get(index);
  if (!paths) {
    paths = index.key.map(({ path }) => path.split('.'));
    splitPaths.set(index, paths);
  }
  return paths;
}

function hash(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
