// One database server for each process of tests: MONGODB_URI, or an embedded store in a temporary folder.
import { existsSync } from 'node:fs';
import { openStore } from '../../modules/embedded-mongo/index.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';

let running: Promise<{ uri: string; close(): Promise<void> }> | undefined;

/** The address of the server that this run uses; each test takes a database name of its own. */
export async function databaseUri(): Promise<string> {
  const given = process.env['MONGODB_URI'];
  if (given) return given;
  running ??= start();
  return (await running).uri;
}

async function start(): Promise<{ uri: string; close(): Promise<void> }> {
  // In memory where the machine has such a folder: what survives a crash is tested elsewhere, on disk.
  const folder = makeTemporaryFolder('store', existsSync('/dev/shm') ? '/dev/shm' : undefined);
  const store = await openStore({ folder });
  return {
    uri: store.uri,
    close: async () => {
      await store.close();
      removeTemporaryFolder(folder);
    },
  };
}

/** Ends the store after the last test. The workers of a parallel run skip this: there the store ends with its process. */
export async function mochaGlobalTeardown(): Promise<void> {
  await (await running)?.close();
}
