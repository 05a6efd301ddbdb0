import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  openTestPortal,
  password,
  signInWith,
  testKeys,
  TestClock,
  type TestPortal,
} from '../../../../test/support/portal.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../../../test/support/temporary-folder.ts';
import { driver, home } from './driver.ts';
import { asked, challenge, give, security, withCodes, type Member } from './people.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** A factors' folder with this factor alone in it; what it imports is this checkout's. */
function folderOfItsOwn(): { root: string; factors: string } {
  const tree = makeTemporaryFolder('alone');
  const factors = join(tree, 'modules/factors');
  mkdirSync(factors, { recursive: true });
  cpSync(join(root, 'modules/factors', driver.id), join(factors, driver.id), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  symlinkSync(join(root, 'modules/kernel'), join(tree, 'modules/kernel'));
  writeFileSync(join(tree, 'package.json'), '{ "type": "module" }');
  assert.deepEqual(readdirSync(factors), [driver.id]);
  return { root: tree, factors };
}

describe('Somebody who signed in with a backup code', () => {
  let portal: TestPortal;
  let ada: Member;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  beforeEach(async function () {
    portal.clock.advance({ minutes: 16 });
    ada = await withCodes(portal, this);
    portal.clock.advance({ minutes: 16 });
  });

  async function recovered() {
    const visitor = await asked(portal, ada.person);
    const page = await visitor.follow(await give(visitor, driver.code(ada.paper)));
    return { visitor, page };
  }

  it('is led to setting the lost one up again, without being asked for it, and that is said once', async () => {
    const { visitor, page } = await recovered();
    assert.match(page.text, /You signed in without your usual second step/);
    assert.match(page.html, new RegExp(`href="${security}">Set it up again`));
    assert.doesNotMatch((await visitor.get('/home')).text, /usual second step/);
    const device = await ada.primary.enrol(visitor, portal.clock.now());
    portal.clock.advance({ seconds: 60 });
    const again = portal.visitor();
    await signInWith(again, ada.person.email);
    await again.submit('/sign-in/methods', { factor: ada.primary.id }, { from: '/sign-in/methods' });
    assert.equal((await give(again, ada.primary.code(device, portal.clock.now()))).status, 303);
  });

  it('confirms with another backup code when the proof is no longer fresh, or chooses another way', async () => {
    const { visitor } = await recovered();
    portal.clock.advance({ minutes: 6 });
    const page = await visitor.follow(await visitor.get(home));
    assert.equal(page.url.pathname, '/account/confirm');
    assert.match(page.text, /Backup code/);
    assert.equal((await visitor.submit('/account/confirm', { code: driver.wrongCode(ada.paper) })).status, 422);
    const confirmed = await visitor.submit('/account/confirm', { code: driver.code(ada.paper) });
    assert.equal(confirmed.location, home);
    assert.match((await visitor.get(home)).text, /3 of 5 codes are left/);
    portal.clock.advance({ minutes: 6 });
    const methods = await visitor.get('/account/confirm/methods?returnTo=%2Faccount%2Fsecurity');
    assert.equal(methods.status, 200);
    const chosen = await visitor.follow(
      await visitor.submit(
        '/account/confirm/methods',
        { factor: ada.primary.id, returnTo: security },
        { hidden: true },
      ),
    );
    assert.equal(chosen.url.searchParams.get('factor'), ada.primary.id);
    const right = await visitor.submit('/account/confirm', { code: ada.primary.code(ada.device, portal.clock.now()) });
    assert.equal(right.location, security);
  });

  it('who used another factor is asked for that one first, and may take a backup code instead', async () => {
    portal.clock.advance({ seconds: 60 });
    const visitor = portal.visitor();
    await signInWith(visitor, ada.person.email);
    await give(visitor, ada.primary.code(ada.device, portal.clock.now()));
    portal.clock.advance({ minutes: 6 });
    const page = await visitor.follow(await visitor.get(home));
    assert.doesNotMatch(page.text, /Backup code/);
    const chosen = await visitor.get(`/account/confirm?factor=${driver.id}&returnTo=${encodeURIComponent(home)}`);
    assert.match(chosen.text, /Backup code/);
    assert.equal((await visitor.submit('/account/confirm', { code: driver.code(ada.paper) })).location, home);
    for (const factor of ['nothing', '../x', 'x'.repeat(30)])
      assert.equal((await visitor.get(`/account/confirm?factor=${encodeURIComponent(factor)}`)).status, 200, factor);
    const forged = await visitor.submit(
      '/account/confirm/methods',
      { factor: 'nothing' },
      { from: '/account/confirm/methods' },
    );
    assert.equal(forged.status, 403);
  });

  const removalOf = async (factor: string) => {
    const rows = await portal.engine.enrolments.activeOf(ada.person.id);
    return `/account/enrolments/${rows.find((row) => row.factor === factor)?._id.toHexString() ?? ''}/remove`;
  };

  it('cannot remove a factor by a code: that takes a primary one', async () => {
    const { visitor } = await recovered();
    for (const factor of [driver.id, ada.primary.id]) {
      const path = await removalOf(factor);
      const refused = await visitor.submit(path, { code: driver.code(ada.paper) }, { from: path });
      assert.equal(refused.status, 422);
      assert.equal((await portal.engine.enrolments.activeOf(ada.person.id)).length, 2);
    }
  });

  it('loses the codes with the last primary factor, and then the password alone signs in', async () => {
    const { visitor } = await recovered();
    const path = await removalOf(ada.primary.id);
    const page = await visitor.get(path);
    assert.match(page.text, /ways back in/);
    portal.clock.advance({ seconds: 60 });
    const done = await visitor.submit(path, { code: ada.primary.code(ada.device, portal.clock.now()) }, { from: path });
    assert.equal(done.status, 303, done.text);
    assert.deepEqual(await portal.engine.enrolments.activeOf(ada.person.id), []);
    const later = portal.visitor();
    assert.equal((await later.follow(await signInWith(later, ada.person.email))).url.pathname, '/home');
    assert.equal((await later.get(home)).status, 404);
    const rows = await portal.database.connection
      .collection('auditEvents')
      .find({ event: 'enrolment.removed', 'actor.id': ada.person.id })
      .toArray();
    assert.deepEqual(rows.map((row) => String(row['factor'])).sort(), [driver.id, ada.primary.id].sort());
  });

  it('removes the codes alone, and the app goes on being asked for', async () => {
    portal.clock.advance({ seconds: 60 });
    const { visitor } = await recovered();
    const path = await removalOf(driver.id);
    assert.doesNotMatch((await visitor.get(path)).text, /only second step/);
    const done = await visitor.submit(path, { code: ada.primary.code(ada.device, portal.clock.now()) }, { from: path });
    assert.equal(done.status, 303, done.text);
    const later = portal.visitor();
    assert.equal((await signInWith(later, ada.person.email)).location, challenge);
    assert.doesNotMatch((await later.get('/sign-in/methods')).text, /Backup code/i);
  });
});

describe('Backup codes without any primary factor', () => {
  let tree: { root: string; factors: string };
  before(() => {
    tree = folderOfItsOwn();
  });
  after(() => {
    removeTemporaryFolder(tree.root);
  });

  it('let nobody in, enrol nobody, and are not offered', async function () {
    const shared = { keys: testKeys(), clock: new TestClock() };
    const portal = await openTestPortal(shared);
    try {
      const ada = await withCodes(portal, this);
      const without = await openTestPortal({
        ...shared,
        databaseName: portal.database.connection.name,
        factorsFolder: tree.factors,
      });
      try {
        const visitor = without.visitor();
        const page = await visitor.follow(await signInWith(visitor, ada.person.email, password));
        assert.equal(page.url.pathname, '/sign-in/blocked');
        for (const path of [challenge, '/sign-in/methods', '/sign-in/enrol', home, security, '/home']) {
          const answer = await visitor.follow(await visitor.get(path));
          assert.equal(answer.url.pathname, '/sign-in/blocked', path);
        }
        // Codes whose primary factor is no longer there at all: the person has, to the policy, set up nothing.
        await portal.database.connection
          .collection('enrolments')
          .deleteMany({ personId: ada.person.id, factor: ada.primary.id });
        const alone = without.visitor();
        assert.equal((await alone.follow(await signInWith(alone, ada.person.email))).url.pathname, '/home');
        assert.equal((await alone.get(home)).status, 404);
        assert.equal((await without.engine.decide(ada.person)).outcome, 'satisfied');
        const required = await without.addPerson({ staffWord: 'required' });
        const bob = without.visitor();
        assert.equal((await bob.follow(await signInWith(bob, required.email))).url.pathname, '/sign-in/blocked');
      } finally {
        await without.close();
      }
    } finally {
      await portal.close();
    }
  });
});
