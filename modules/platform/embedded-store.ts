import { statSync } from 'node:fs';
import { join } from 'node:path';

export interface RunningStore {
  uri: string;
  failed: Promise<Error>;
  close(): Promise<void>;
}

/** Runs the embedded store of a data folder, on a loopback port as well where one is named. */
export async function runEmbeddedStore(
  dataDir: string,
  listen?: { host: string; port: number },
): Promise<RunningStore> {
  const { openStore } = await import('../embedded-mongo/index.ts');
  return openStore({ folder: join(dataDir, 'store'), ...(listen ? { listen } : {}) });
}

/** Copies the embedded store's file as it is at one moment, whoever runs it. Refuses to overwrite. */
export async function backupEmbeddedStore(dataDir: string, file: string): Promise<{ bytes: number }> {
  const { backupStore } = await import('../embedded-mongo/index.ts');
  await backupStore(join(dataDir, 'store'), file);
  return { bytes: statSync(file).size };
}
