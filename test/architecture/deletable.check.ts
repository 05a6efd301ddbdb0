// Copies of this source that each lack one factor. They take a compiler and runs of their own: part of `npm run check`, while what the
// portal says to people whose factor is gone is in deletable.test.ts.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess } from '../support/processes.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { copyWithout, factorFolders, runInCopy } from './copy-without.ts';

/** What must pass in a copy that lacks one factor: the others' contract, and what looks for traces of it. The engine's own tests use drivers. */
const remainingTests = [
  'modules/platform/test/config.test.ts',
  'test/contract',
  'test/architecture/no-leaks.test.ts',
  'test/architecture/templates.test.ts',
];

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

  for (const id of factorFolders()) {
    describe(`without "${id}"`, () => {
      let copy: string;
      before(() => {
        copy = copyWithout(id);
      });
      after(() => {
        removeTemporaryFolder(copy);
      });

      it('the types hold', async () => {
        const [before, now] = [join(known, 'types.tsbuildinfo'), join(copy, 'types.tsbuildinfo')];
        if (existsSync(before)) copyFileSync(before, now);
        await runInCopy(copy, 'typescript/bin/tsc', ['-p', '.', '--incremental', '--tsBuildInfoFile', now]);
        copyFileSync(now, before);
      });

      it('the portal starts and answers', async () => {
        const portal = startProcess('server.ts', [], { cwd: copy, env: { PORT: '0', DATA_DIR: join(copy, 'data') } });
        const [, url = ''] = await portal.line(/listens on (http:\S+)$/);
        assert.equal((await fetch(`${url}/sign-in`)).status, 200);
        assert.equal((await fetch(`${url}/healthz`)).status, 200);
        assert.equal(await portal.stop(), 0, portal.output());
      });

      it('the tests of the rest pass', async () => {
        const options = ['--extension', 'ts', '--recursive', '--reporter', 'dot'];
        const { stdout } = await runInCopy(copy, 'mocha/bin/mocha.js', [...options, ...remainingTests]);
        assert.match(stdout, /\d+ passing/);
      });
    });
  }
});
