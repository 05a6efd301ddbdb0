import assert from 'node:assert/strict';
import { join } from 'node:path';
import { anyDriver, driverOf } from '../support/driver.ts';
import { signInWith, testKeys, TestClock, openTestPortal, type TestPortal } from '../support/portal.ts';
import { startProcess } from '../support/processes.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { copyWithout, factorFolders, runInCopy } from './copy-without.ts';

const ids = factorFolders();

/** What must pass in a copy that lacks one factor: the others' contract, and what looks for traces of it. The engine's own tests use drivers. */
const remainingTests = [
  'modules/platform/test/config.test.ts',
  'test/contract',
  'test/architecture/no-leaks.test.ts',
  'test/architecture/templates.test.ts',
];

describe('A factor’s folder can be deleted', function () {
  this.timeout(180_000);
  for (const id of ids) {
    describe(`without "${id}"`, () => {
      let copy: string;
      before(() => {
        copy = copyWithout(id);
      });
      after(() => {
        removeTemporaryFolder(copy);
      });

      it('the portal starts and answers', async () => {
        const portal = startProcess('server.ts', [], { cwd: copy, env: { PORT: '0', DATA_DIR: join(copy, 'data') } });
        const [, url = ''] = await portal.line(/listens on (http:\S+)$/);
        assert.equal((await fetch(`${url}/sign-in`)).status, 200);
        assert.equal((await fetch(`${url}/healthz`)).status, 200);
        assert.equal(await portal.stop(), 0, portal.output());
      });

      it('the tests of the rest pass', async () => {
        const { stdout } = await runInCopy(copy, 'mocha/bin/mocha.js', [
          '--extension',
          'ts',
          '--recursive',
          '--reporter',
          'dot',
          // Of the contract's tests the two that take longest, which tell nothing more here.
          '--invert',
          '--grep',
          'shows whole pages|when twenty',
          ...remainingTests,
        ]);
        assert.match(stdout, /\d+ passing/);
      });
    });

    describe(`a person who had set up only "${id}", after the folder is gone`, () => {
      let emptyFolder: string;
      let portal: TestPortal;
      before(() => {
        emptyFolder = makeTemporaryFolder('factors');
      });
      after(async () => {
        await portal.close();
        removeTemporaryFolder(emptyFolder);
      });

      it('is blocked with a sentence: not let in, and not asked to set up another', async function () {
        const driver = await driverOf(id);
        // A recovery factor is never alone: whoever has it had a primary one, which goes with it here.
        const primary = driver.role === 'recovery' ? await anyDriver(this) : null;
        const shared = { keys: testKeys(), clock: new TestClock() };
        portal = await openTestPortal(shared);
        const ada = await portal.addPerson();
        const visitor = portal.visitor();
        await visitor.follow(await signInWith(visitor, ada.email));
        await primary?.enrol(visitor, portal.clock.now());
        await driver.enrol(visitor, portal.clock.now());

        const without = await openTestPortal({
          ...shared,
          databaseName: portal.database.connection.name,
          factorsFolder: emptyFolder,
        });
        try {
          const later = without.visitor();
          const page = await later.follow(await signInWith(later, ada.email));
          assert.equal(page.url.pathname, '/sign-in/blocked');
          assert.equal(page.status, 403);
          assert.match(page.text, /cannot sign in at the moment/);
          for (const path of [
            '/home',
            '/account/security',
            `/account/factors/${id}`,
            '/sign-in/enrol',
            '/sign-in/challenge',
          ]) {
            const answer = await later.follow(await later.get(path));
            assert.equal(answer.url.pathname, '/sign-in/blocked', path);
          }
        } finally {
          await without.close();
        }
      });
    });
  }
});
