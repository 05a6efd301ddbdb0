import { BSON, type Db, type Document, type IndexDescription } from 'mongodb';
import { TransferError, type Source, type Target } from './transfer.ts';

// The exact types come and go: an int stays an int, a long a long, whatever it would be in JavaScript.
const exact = { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true } as const;
const batchLength = 500;
const batchBytes = 8 * 2 ** 20;
// The longest that MongoDB takes: an index of it deletes nothing until it gets its own time again.
const suspendedSeconds = 2 ** 31 - 1;

/** A database, by the driver alone: the embedded store and MongoDB are the same here. */
export function databaseEnd(db: Db): Source & Target {
  const expiring: { collection: string; name: string; expireAfterSeconds: number }[] = [];
  return {
    assertWhole: async () => {
      const other = (await list(db)).find(({ type }) => type !== 'collection');
      if (other)
        throw new TransferError(
          `${other.name} is a ${other.type ?? 'thing'} and no collection: drop it first, for it can't be copied.`,
        );
    },
    collections: async () => (await list(db)).map(({ name }) => name),
    async indexes(collection) {
      const all = await db.collection(collection).listIndexes(exact).toArray();
      return all.filter(({ name }) => name !== '_id_').map(({ v: _v, ns: _ns, ...rest }) => rest as IndexDescription);
    },
    async *documents(collection) {
      for await (const bytes of db.collection(collection).find({}, { raw: true }).sort({ _id: 1 })) {
        yield decode(collection, bytes as unknown as Uint8Array);
      }
    },
    async assertEmpty() {
      const [first] = await list(db);
      if (!first) return;
      throw new TransferError(
        `The target database "${db.databaseName}" is not empty (it has ${first.name}). Choose an empty one: nothing was written.`,
      );
    },
    async create(collection, indexes) {
      const target = await db.createCollection(collection);
      if (indexes.length === 0) return;
      await target.createIndexes(
        indexes.map((index) =>
          index.expireAfterSeconds === undefined ? index : { ...index, expireAfterSeconds: suspendedSeconds },
        ),
      );
      for (const { name, expireAfterSeconds } of indexes) {
        if (name !== undefined && expireAfterSeconds !== undefined)
          expiring.push({ collection, name, expireAfterSeconds });
      }
    },
    async fill(collection, documents) {
      for await (const batch of batches(documents)) {
        await db.collection(collection).insertMany(batch, { writeConcern: { w: 'majority', journal: true } });
      }
    },
    async finish() {
      for (const { collection, name, expireAfterSeconds } of expiring) {
        await db.command({ collMod: collection, index: { name, expireAfterSeconds } });
      }
    },
  };
}

async function list(db: Db): Promise<{ name: string; type?: string | undefined }[]> {
  const all = await db.listCollections({}, { nameOnly: true }).toArray();
  return all.filter(({ name }) => !name.startsWith('system.')).sort((a, b) => (a.name < b.name ? -1 : 1));
}

// JavaScript puts field names that are numbers before the others, and has no "undefined" of BSON: such a document would come
// out another one, unseen, so it is refused.
function decode(collection: string, bytes: Uint8Array): Document {
  const document = BSON.deserialize(bytes, exact);
  if (Buffer.compare(BSON.serialize(document), bytes) === 0) return document;
  throw new TransferError(
    `${collection} has a document that can't be copied exactly, with the _id ${BSON.EJSON.stringify(document['_id'])}.`,
  );
}

async function* batches(documents: AsyncIterable<Document>): AsyncGenerator<Document[]> {
  let batch: Document[] = [];
  let bytes = 0;
  for await (const document of documents) {
    batch.push(document);
    bytes += BSON.calculateObjectSize(document);
    if (batch.length < batchLength && bytes < batchBytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
