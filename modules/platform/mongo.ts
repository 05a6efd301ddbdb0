import { join } from 'node:path';
import mongoose, { mongo, type Connection, type IndexOptions, type Model } from 'mongoose';
import type { Log } from './log.ts';
import './mongo-close.ts';

export interface Database {
  connection: Connection;
  /** True where the portal brought its own store. */
  embedded: boolean;
  /** Resolves when the database is gone for good and the process must end. */
  failed: Promise<Error>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Null: the embedded store in `dataDir`. */
  uri: string | null;
  dataDir: string;
  log: Log;
  /** Overrides the name in the URI; tests use a fresh one each. */
  name?: string;
}

/** Unknown fields throw, and nothing waits in a buffer for a database that is away. An instance of our own: these are nobody else's settings. */
const odm = new mongoose.Mongoose({ strictQuery: 'throw', bufferCommands: false, autoIndex: false, autoCreate: false });

/** Connects to the given MongoDB, or starts the embedded store (or joins the one that another process runs in this folder). */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const store = options.uri === null ? await openEmbedded(options.dataDir) : null;
  const uri = store?.uri ?? options.uri ?? '';
  const connection = odm.createConnection();
  connection.on('error', (error: unknown) => {
    options.log.error({ err: error }, 'database connection');
  });
  await connection.openUri(uri, {
    dbName: options.name ?? databaseName(uri),
    // Security state is read from the primary, and what is used up is used up on a majority (AV-3).
    readPreference: 'primary',
    w: 'majority',
    retryWrites: true,
    serverSelectionTimeoutMS: 2500,
    connectTimeoutMS: 2500,
    socketTimeoutMS: 10_000,
    maxPoolSize: 50,
    waitQueueTimeoutMS: 2500,
  });
  return {
    connection,
    embedded: store !== null,
    failed: store?.failed ?? new Promise<Error>(() => undefined),
    close: async () => {
      await connection.close();
      await store?.close();
    },
  };
}

// Loaded only where it is used: a portal on a MongoDB of its own needs no native store.
async function openEmbedded(dataDir: string) {
  const { openStore } = await import('../embedded-mongo/index.ts');
  return openStore({ folder: join(dataDir, 'store') });
}

function databaseName(uri: string): string {
  return /^[a-z+]+:\/\/[^/]+\/([^?/]+)/i.exec(uri)?.[1] ?? 'gatehouse';
}

// `background` is mongoose's own addition, and nothing to MongoDB any more.
function options({ background: _background, ...rest }: IndexOptions): object {
  return rest;
}

/**
 * A model's rows without mongoose before them, for what every request reads: casting conditions of our own making, and making a query of
 * them, takes longer than the database needs for the answer. A condition may hold only what is sure to be of its type.
 */
export function rowsOf<Row extends mongo.BSON.Document>(model: Model<Row>): mongo.Collection<Row> {
  const known = collections.get(model);
  if (known) return known as mongo.Collection<Row>;
  const { db } = model.db;
  if (!db) throw new mongo.MongoNotConnectedError('The database is not open.');
  const made = db.collection<Row>(model.collection.collectionName);
  collections.set(model, made);
  return made;
}

const collections = new WeakMap<object, unknown>();

/** Creates collections and indexes that are missing; a portal without its unique indexes must not serve (AV-10). */
export async function ensureIndexes(connection: Connection): Promise<void> {
  for (const model of Object.values(connection.models)) {
    if (model.baseModelName) continue;
    const wanted = model.schema
      .indexes()
      .map(([key, given]) => ({ key: key as Record<string, 1 | -1>, ...options(given) }));
    if (wanted.length > 0) await connection.collection(model.collection.collectionName).createIndexes(wanted);
  }
}
