import { isDuplicateKey } from '../../../kernel/duplicate-key.ts';

/** Runs an upsert, and once more where two of them met: then the row is there, or the filter is the answer. False: the filter refused. */
export async function upserted(write: () => Promise<unknown>): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt += 1)
    try {
      await write();
      return true;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
  return false;
}
