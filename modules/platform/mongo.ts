import { statSync } from 'node:fs';
import { join } from 'node:path';
import mongoose, { type Connection } from 'mongoose';
import type { Log } from './log.ts';

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

export interface RunningStore {
  uri: string;
  failed: Promise<Error>;
  close(): Promise<void>;
}

/** Runs the embedded store of a data folder, on a loopback port as well where one is named. */
export async function runEmbeddedStore(dataDir: string, listen?: { host: string; port: number }): Promise<RunningStore> {
  const { openStore } = await import('../embedded-mongo/index.ts');
  return openStore({ folder: join(dataDir, 'store'), ...(listen ? { listen } : {}) });
}

/** Copies the embedded store's file as it is at one moment, whoever runs it. Refuses to overwrite. */
export async function backupEmbeddedStore(dataDir: string, file: string): Promise<{ bytes: number }> {
  const { backupStore } = await import('../embedded-mongo/index.ts');
  await backupStore(join(dataDir, 'store'), file);
  return { bytes: statSync(file).size };
}

function databaseName(uri: string): string {
  return /^[a-z+]+:\/\/[^/]+\/([^?/]+)/i.exec(uri)?.[1] ?? 'gatehouse';
}

/** Creates collections and indexes that are missing; a portal without its unique indexes must not serve (AV-10). */
export async function ensureIndexes(connection: Connection): Promise<void> {
  for (const model of Object.values(connection.models)) {
    if (model.baseModelName) continue;
    await model.createIndexes();
  }
}

const awayNames = /^(MongoServerSelectionError|MongoNetwork\w*Error|MongoNotConnectedError|MongoPool\w*Error|MongoTopologyClosedError|MongoExpiredSessionError|MongooseServerSelectionError|DisconnectedError|MongoWriteConcernError|MongoWaitQueueTimeoutError|MongoTimeoutError)$/;

/** True for errors that mean "the database can't be reached now": people see 503 and may come back. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return awayNames.test(error.name) || /before initial connection is complete|buffering timed out/.test(error.message);
}

/** True for a clash on a unique index. */
export function isDuplicateKey(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === 11000;
}
