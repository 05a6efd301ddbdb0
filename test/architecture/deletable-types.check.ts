// The other half of deletable.test.ts, which takes a compiler and no portal: part of `npm run check`.
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { copyWithout, factorFolders, runInCopy } from './copy-without.ts';

describe('Where a factor’s folder is deleted', function () {
  this.timeout(180_000);
  // What the compiler found out about one copy, for the next: it checks again what differs, and all that leans on it.
  let known: string;
  before(() => {
    known = makeTemporaryFolder('types');
  });
  after(() => {
    removeTemporaryFolder(known);
  });

  for (const id of factorFolders())
    it(`the types hold without "${id}"`, async () => {
      const copy = copyWithout(id);
      try {
        const [before, now] = [join(known, 'types.tsbuildinfo'), join(copy, 'types.tsbuildinfo')];
        if (existsSync(before)) copyFileSync(before, now);
        await runInCopy(copy, 'typescript/bin/tsc', ['-p', '.', '--incremental', '--tsBuildInfoFile', now]);
        copyFileSync(now, before);
      } finally {
        removeTemporaryFolder(copy);
      }
    });
});
