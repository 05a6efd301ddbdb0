import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'mongoose';
import type { Config } from '../../../../config/index.ts';
import { ok, warning, wrong, type Finding } from './finding.ts';

/** A portal that was opened for a look at its database. */
export interface OpenedPortal {
  database: { connection: Connection };
  close(): Promise<void>;
}

interface Index {
  name: string;
  key: Record<string, unknown>;
  unique?: boolean;
  sparse?: boolean;
  expireAfterSeconds?: number;
  partialFilterExpression?: unknown;
}

export type Indexes = ReadonlyMap<string, readonly Index[]>;

/** The indexes that a portal with these settings and these factors makes: in a new store of its own, which is then thrown away. */
export async function declaredIndexes(
  config: Config,
  openPortal: (config: Config) => Promise<OpenedPortal>,
): Promise<Indexes> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-'));
  try {
    const own = { mongodbUri: null, dataDir: folder, keysDir: join(folder, 'keys'), mayMakeKeys: true };
    const portal = await openPortal({ ...config, ...own });
    try {
      return await indexesOf(portal.database.connection);
    } finally {
      await portal.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** The indexes that are there, by collection. */
export async function indexesOf(connection: Connection): Promise<Indexes> {
  const collections = (await connection.db?.listCollections({}, { nameOnly: true }).toArray()) ?? [];
  const names = collections.map(({ name }) => name).filter((name) => !name.startsWith('system.'));
  const found = names.map(
    async (name) => [name, (await connection.collection(name).indexes()) as unknown as Index[]] as const,
  );
  return new Map(await Promise.all(found));
}

/** Compares them. A missing unique index lets through what must be there once; a different one stops the next start. */
export function compareIndexes(declared: Indexes, present: Indexes): Finding[] {
  const wanted = [...declared].flatMap(([collection, indexes]) => indexes.map((index) => ({ collection, index })));
  const findings = wanted.flatMap(({ collection, index }) => {
    const name = `${collection}.${index.name}`;
    const there = present.get(collection)?.find((one) => one.name === index.name);
    if (there && sameText(there) !== sameText(index))
      return [wrong(`The index ${name} is another than the portal’s.`, 'Drop it, then restart the portal.')];
    if (there) return [];
    return index.unique === true
      ? [wrong(`The unique index ${name} is missing.`, 'Restart the portal: it makes it, or says what stands twice.')]
      : [warning(`The index ${name} is missing.`, 'Restart the portal: it makes it.')];
  });
  return findings.length > 0 ? findings : [ok(`all ${String(wanted.length)} are there`)];
}

function sameText({ key, unique, sparse, expireAfterSeconds, partialFilterExpression }: Index): string {
  const fields = Object.entries(key).map(([field, direction]) => [field, Number(direction)]);
  return JSON.stringify([
    fields,
    unique === true,
    sparse === true,
    expireAfterSeconds ?? null,
    partialFilterExpression ?? null,
  ]);
}
