import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { BSON, type Db, type Document, type IndexDescription } from 'mongodb';

/** What a collection held when it was read: how many documents, and a SHA-256 over their BSON in the order of `_id`. */
export interface CollectionSum {
  collection: string;
  count: number;
  checksum: string;
}

// The exact types come and go: an int stays an int, a long a long, whatever it would be in JavaScript.
const exact = { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true };
const batchSize = 500;

/** Where documents come from and go to: a database or a folder of files. */
export interface Source {
  collections(): Promise<string[]>;
  indexes(collection: string): Promise<IndexDescription[]>;
  documents(collection: string): AsyncIterable<Document>;
}

export interface Target {
  /** Throws a sentence when there is anything already: nothing is mixed or overwritten. */
  assertEmpty(): Promise<void>;
  write(collection: string, indexes: IndexDescription[], documents: AsyncIterable<Document>): Promise<void>;
}

/** A database, by the driver alone: the embedded store and MongoDB are the same here. */
export function databaseEnd(db: Db): Source & Target {
  const collections = async () =>
    (await db.listCollections({}, { nameOnly: true }).toArray())
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('system.'))
      .sort();
  return {
    collections,
    async indexes(collection) {
      const all = await db.collection(collection).listIndexes().toArray();
      return all.filter(({ name }) => name !== '_id_').map(({ v: _v, ns: _ns, ...rest }) => rest as IndexDescription);
    },
    documents: (collection) => db.collection(collection).find({}, exact).sort({ _id: 1 }),
    async assertEmpty() {
      for (const name of await collections()) {
        if ((await db.collection(name).findOne({})) !== null) {
          throw new Error(`The target database "${db.databaseName}" is not empty (${name} has documents). Choose an empty one: nothing was written.`);
        }
      }
    },
    async write(collection, indexes, documents) {
      const target = db.collection(collection);
      // Indexes first: a document that breaks a unique one is then refused, not stored twice.
      if (indexes.length > 0) await target.createIndexes(indexes);
      let batch: Document[] = [];
      const flush = async () => {
        if (batch.length > 0) await target.insertMany(batch, { writeConcern: { w: 'majority', journal: true } });
        batch = [];
      };
      for await (const document of documents) {
        batch.push(document);
        if (batch.length >= batchSize) await flush();
      }
      await flush();
    },
  };
}

/** A folder with, for each collection, its documents as canonical Extended JSON, one a line, and its indexes. */
export function folderEnd(folder: string): Source & Target {
  const documentsFile = (collection: string) => join(folder, `${collection}.jsonl`);
  const indexesFile = (collection: string) => join(folder, `${collection}.indexes.json`);
  return {
    collections: async () =>
      (await readdir(folder))
        .filter((file) => file.endsWith('.jsonl'))
        .map((file) => file.slice(0, -'.jsonl'.length))
        .sort(),
    indexes: async (collection) => BSON.EJSON.parse(await readFile(indexesFile(collection), 'utf8')) as IndexDescription[],
    async *documents(collection) {
      const lines = createInterface({ input: createReadStream(documentsFile(collection), 'utf8'), crlfDelay: Infinity });
      for await (const line of lines) if (line !== '') yield BSON.EJSON.parse(line, { relaxed: false }) as Document;
    },
    async assertEmpty() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if ((await readdir(folder)).length > 0) throw new Error(`The folder ${folder} is not empty. Choose an empty one: nothing was written.`);
    },
    async write(collection, indexes, documents) {
      await writeFile(indexesFile(collection), BSON.EJSON.stringify(indexes), { mode: 0o600 });
      const file = createWriteStream(documentsFile(collection), { mode: 0o600, flush: true });
      for await (const document of documents) {
        if (!file.write(`${BSON.EJSON.stringify(document, { relaxed: false })}\n`)) await once(file, 'drain');
      }
      file.end();
      await once(file, 'close');
    },
  };
}

/** Reads one collection through and sums it. */
export async function sumOf(source: Source, collection: string): Promise<CollectionSum> {
  const hash = createHash('sha256');
  let count = 0;
  for await (const document of source.documents(collection)) {
    hash.update(BSON.serialize(document, { ignoreUndefined: false }));
    count += 1;
  }
  return { collection, count, checksum: hash.digest('hex') };
}

/** Copies everything, then reads both ends again and compares. Throws when they differ. */
export async function transfer(source: Source, target: Source & Target): Promise<CollectionSum[]> {
  await target.assertEmpty();
  const collections = await source.collections();
  const sums: CollectionSum[] = [];
  for (const collection of collections) {
    await target.write(collection, await source.indexes(collection), source.documents(collection));
    const [from, to] = [await sumOf(source, collection), await sumOf(target, collection)];
    if (from.count !== to.count || from.checksum !== to.checksum) {
      throw new Error(
        `${collection} differs: ${String(from.count)} documents there, ${String(to.count)} here. Stop every portal on the source before copying, then start again with an empty target.`,
      );
    }
    sums.push(to);
  }
  return sums;
}
