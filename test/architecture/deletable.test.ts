import assert from 'node:assert/strict';
import { anyDriver, driverOf } from '../support/driver.ts';
import { signInWith, testKeys, TestClock, openTestPortal, type TestPortal } from '../support/portal.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { factorFolders } from './copy-without.ts';

const ids = factorFolders();

describe('Where a factor’s folder was deleted', () => {
  for (const id of ids) {
    describe(`a person who had set up only "${id}"`, () => {
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
