import { createHash } from 'node:crypto';
import { BSON, type Document, type IndexDescription } from 'mongodb';
import { systemClock } from './clock.ts';

/** What a collection held: how many documents, and a SHA-256 over their BSON in the order of `_id`. */
export interface CollectionSum {
  collection: string;
  count: number;
  checksum: string;
}

/** Where documents come from: a database or a folder of files. */
export interface Source {
  /** Throws a sentence when it can't be carried over whole; asked before anything is written. */
  assertWhole(): Promise<void>;
  collections(): Promise<string[]>;
  /** All but the one on `_id`, which comes by itself. */
  indexes(collection: string): Promise<IndexDescription[]>;
  /** In the order of `_id`, each value of the type that is stored. */
  documents(collection: string): AsyncIterable<Document>;
}

/** Where documents go to. */
export interface Target {
  /** Throws a sentence when there is anything already: nothing is mixed or overwritten. */
  assertEmpty(): Promise<void>;
  create(collection: string, indexes: IndexDescription[]): Promise<void>;
  fill(collection: string, documents: AsyncIterable<Document>): Promise<void>;
  /** Called last, when all is there and has been compared. */
  finish(sums: readonly CollectionSum[]): Promise<void>;
}

/** A sentence for the person who moves data; no stack is printed for it. */
export class TransferError extends Error {
  override name = 'TransferError';
}

/** Copies everything, then reads both ends again and compares each document. Throws when they differ. */
export async function transfer(source: Source, target: Source & Target): Promise<CollectionSum[]> {
  await source.assertWhole();
  await target.assertEmpty();
  try {
    return await copyAll(source, target);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TransferError(`${reason}\nThe target is incomplete: empty it before you start again.`, { cause: error });
  }
}

async function copyAll(source: Source, target: Source & Target): Promise<CollectionSum[]> {
  const collections = await source.collections();
  const sums: CollectionSum[] = [];
  for (const collection of collections) {
    const indexes = await source.indexes(collection);
    await target.create(collection, indexes);
    await target.fill(collection, source.documents(collection));
    sums.push(await compare(collection, { source, target, indexes }));
  }
  const [before, after] = [collections.join(), (await source.collections()).join()];
  if (before !== after) throw differs('The list of collections');
  await target.finish(sums);
  return sums;
}

// A source sheds what its TTL indexes let expire, also while it is copied: a document that is only in the target
// and has expired is no difference.
async function compare(
  collection: string,
  { source, target, indexes }: { source: Source; target: Source; indexes: readonly IndexDescription[] },
): Promise<CollectionSum> {
  const sum = new RunningSum(collection);
  const expected = source.documents(collection)[Symbol.asyncIterator]();
  try {
    let next = await bytesOfNext(expected);
    for await (const document of target.documents(collection)) {
      const bytes = sum.add(document);
      if (next !== null && bytes.equals(next)) next = await bytesOfNext(expected);
      else if (!hasExpired(document, indexes)) throw differs(collection);
    }
    if (next !== null) throw differs(collection);
  } finally {
    await expected.return?.();
  }
  return sum.result;
}

async function bytesOfNext(documents: AsyncIterator<Document>): Promise<Uint8Array | null> {
  const next = await documents.next();
  return next.done ? null : BSON.serialize(next.value);
}

function hasExpired(document: Document, indexes: readonly IndexDescription[]): boolean {
  return indexes.some(({ key, expireAfterSeconds }) => {
    const [field] = Object.keys(key);
    if (expireAfterSeconds === undefined || field === undefined) return false;
    // A BSON number, whatever the driver's type says: indexes are read with their exact types.
    const seconds: unknown = expireAfterSeconds;
    const date: unknown = field
      .split('.')
      .reduce<unknown>((value, name) => (isDocument(value) ? value[name] : undefined), document);
    return date instanceof Date && date.getTime() + 1000 * Number(seconds) <= systemClock.now().getTime();
  });
}

function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null;
}

function differs(what: string): TransferError {
  return new TransferError(
    `${what} differs between the two ends. Stop every portal on the source before copying, for it changed meanwhile.`,
  );
}

/** Reads one collection through and sums it. */
export async function sumOf(source: Pick<Source, 'documents'>, collection: string): Promise<CollectionSum> {
  const sum = new RunningSum(collection);
  for await (const document of source.documents(collection)) sum.add(document);
  return sum.result;
}

class RunningSum {
  private readonly collection: string;
  private readonly hash = createHash('sha256');
  private count = 0;

  constructor(collection: string) {
    this.collection = collection;
  }

  /** Adds a document and returns its bytes. */
  add(document: Document): Buffer {
    const bytes = Buffer.from(BSON.serialize(document));
    this.hash.update(bytes);
    this.count += 1;
    return bytes;
  }

  get result(): CollectionSum {
    return { collection: this.collection, count: this.count, checksum: this.hash.copy().digest('hex') };
  }
}
