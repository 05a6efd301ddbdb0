import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const made = new Set<string>();
process.once('exit', removeAll);
// By itself this signal ends a process without that: a run that is cut short would leave its databases in memory.
process.once('SIGTERM', () => process.exit(143));

/** Makes a folder of its own for one test; what nobody removes goes when the tests end. */
export function makeTemporaryFolder(name = 'test', parent = tmpdir()): string {
  const folder = mkdtempSync(path.join(parent, `gatehouse-${name}-`));
  made.add(folder);
  return folder;
}

/** Removes such a folder with all that is in it. */
export function removeTemporaryFolder(folder: string): void {
  // Retried, because a process that was told to end may still write its last file.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  made.delete(folder);
}

/** Gives a folder to `use` and removes it afterwards, whatever happens. */
export async function withTemporaryFolder<T>(use: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = makeTemporaryFolder();
  try {
    return await use(folder);
  } finally {
    removeTemporaryFolder(folder);
  }
}

function removeAll(): void {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
}
