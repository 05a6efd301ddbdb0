/** True for a clash on a unique index. */
export function isDuplicateKey(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === 11000;
}

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
