import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { MongoNetworkError } from 'mongodb';

import { openStore, type Store, type StoreOptions } from '../index.ts';

/** A fresh folder for one test, under `preferred` (for one in memory, where nothing is to be durable) if that exists. */
export async function temporaryFolder(preferred?: string): Promise<string> {
  return mkdtemp(join(preferred !== undefined && existsSync(preferred) ? preferred : tmpdir(), 'store-'));
}

/** A store in a folder of its own; `remove` closes it and deletes the folder. */
export async function openTemporaryStore(
  options: Partial<StoreOptions> = {},
): Promise<Store & { folder: string; remove: () => Promise<void> }> {
  const folder = options.folder ?? (await temporaryFolder());
  const store = await openStore({ ...options, folder });
  const remove = async (): Promise<void> => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  };
  return Object.assign(store, { folder, remove });
}

/** Tries again until the address answers. */
export async function soon<R>(attempt: () => Promise<R>): Promise<R> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof MongoNetworkError) || Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}
