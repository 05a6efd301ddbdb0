import assert from 'node:assert/strict';
import { Command } from 'commander';
import { anyDriver } from '../../../test/support/driver.ts';
import { startProcess } from '../../../test/support/processes.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../test/support/portal.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../../test/support/temporary-folder.ts';
import { Visitor } from '../../../test/support/http.ts';
import { resetFactors } from '../../mfa/reset.ts';
import { addRescueCommands } from '../commands/rescue.ts';

/** Runs a command on the test's own portal, and gives what it prints. */
async function run(portal: TestPortal, words: string[]): Promise<string> {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addRescueCommands(program, () => Promise.resolve({ ...portal, close: () => Promise.resolve() }));
  const written: string[] = [];
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text: string | Uint8Array) => written.push(String(text)) > 0;
  try {
    await program.parseAsync(words, { from: 'user' });
  } finally {
    process.stdout.write = write;
  }
  return written.join('');
}

describe('When nobody can sign in', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = makeTemporaryFolder('rescue');
  });
  after(() => {
    removeTemporaryFolder(folder);
  });

  it('the command line resets a person’s factors and makes a link for one more Master Admin, beside the running portal', async function () {
    const driver = await anyDriver(this);
    const env = { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'info' };
    const portal = startProcess('gatehouse.ts', ['demo', '--json'], { env });
    const [json] = await portal.line(/^\{"url":.*\}$/);
    const { url, people } = JSON.parse(json) as {
      url: string;
      people: { email: string; password: string; profile: string; totpSecret: string }[];
    };
    const mara = people.find(({ profile }) => profile === 'master-admin');
    assert.ok(mara);
    const inside = new Visitor(url);
    await signInWith(inside, mara.email, mara.password);
    await inside.submit('/sign-in/challenge', { code: driver.code({ secret: mara.totpSecret }, new Date()) });
    assert.equal((await inside.get('/staff')).status, 200);

    const nobody = startProcess('gatehouse.ts', ['reset-mfa', 'nobody@staff.example', '--reason', 'test'], { env });
    assert.equal(await nobody.ended(), 1);
    assert.match(nobody.output(), /Nobody signs in as nobody@staff\.example/);
    const reset = startProcess('gatehouse.ts', ['reset-mfa', mara.email, '--reason', 'lost phone, seen in person'], {
      env,
    });
    assert.equal(await reset.ended(), 0, reset.output());
    assert.match(reset.output(), /"event":"enrolment\.reset".*"reason":"lost phone, seen in person"/);
    assert.notEqual((await inside.get('/staff')).status, 200, 'the sign-ins of the person have ended');
    const again = new Visitor(url);
    const page = await again.follow(await signInWith(again, mara.email, mara.password));
    assert.equal(page.url.pathname, `/account/factors/${driver.id}`, 'a new set-up is asked for');

    for (let tries = 0; tries < 10; tries += 1) await signInWith(new Visitor(url), mara.email, 'not the right one');
    assert.equal((await signInWith(new Visitor(url), mara.email, mara.password)).status, 429);
    const stranger = startProcess('gatehouse.ts', ['unlock', 'nobody@staff.example', '--reason', 'test'], { env });
    assert.equal(await stranger.ended(), 1);
    const unlock = startProcess('gatehouse.ts', ['unlock', mara.email, '--reason', 'called back'], { env });
    assert.equal(await unlock.ended(), 0, unlock.output());
    assert.match(unlock.output(), /can try again at once \(password\)/);
    assert.match(unlock.output(), /"event":"sign-in\.unlocked".*"reason":"called back"/);
    assert.equal((await signInWith(new Visitor(url), mara.email, mara.password)).status, 303);

    const admin = startProcess('gatehouse.ts', ['create-admin', '--reason', 'the only one has left'], { env });
    assert.equal(await admin.ended(), 0, admin.output());
    const [, token = ''] = /\/set-up\/([A-Za-z0-9_-]{43})/.exec(admin.output()) ?? [];
    const fresh = new Visitor(url);
    await fresh.follow(await fresh.get(`/set-up/${token}`));
    const made = await fresh.follow(
      await fresh.submit('/set-up', {
        name: 'Second Admin',
        email: 'second@staff.example',
        password: 'nine quiet harbours at noon',
      }),
    );
    assert.equal(made.url.pathname, `/account/factors/${driver.id}`);
    const late = new Visitor(url);
    assert.equal((await late.follow(await late.get(`/set-up/${token}`))).status, 403, 'the link works once');
    assert.equal(await portal.stop(), 0);
  });

  it('an unlock gives back the tries of password and factors, and says that a factor locked by a hundred wrong codes needs a reset', async function () {
    const driver = await anyDriver(this);
    const portal = await openTestPortal();
    try {
      const ada = await portal.addPerson({ staffWord: 'required' });
      const visitor = portal.visitor();
      await visitor.follow(await signInWith(visitor, ada.email));
      const device = await driver.enrol(visitor, portal.clock.now());
      const again = portal.visitor();
      await signInWith(again, ada.email);
      const wrong = { code: driver.wrongCode(device, portal.clock.now()) };
      for (let tries = 0; tries < 10; tries += 1) await again.submit('/sign-in/challenge', wrong);
      assert.equal((await again.submit('/sign-in/challenge', wrong)).status, 429);
      assert.match(
        await run(portal, ['unlock', ada.email, '--reason', 'called back']),
        new RegExp(`once \\(${driver.id}\\)`),
      );
      portal.clock.advance({ seconds: 60 });
      const right = { code: driver.code(device, portal.clock.now()) };
      assert.equal((await again.submit('/sign-in/challenge', right)).status, 303);
      const [row] = await portal.audit.latest({ personId: ada.id, event: 'sign-in.unlocked' }, 1);
      assert.equal(row?.reason, 'called back');
      assert.equal(row.actor.kind, 'command');

      assert.match(await run(portal, ['unlock', ada.email, '--reason', 'x']), /Nothing was locked for Ada Lovelace/);
      await portal.database.connection
        .collection('factorFailures')
        .updateOne({ _id: `${ada.id} ${driver.id}` as never }, { $set: { consecutive: 100 } }, { upsert: true });
      assert.match(await run(portal, ['unlock', ada.email, '--reason', 'x']), /stays locked .* only reset-mfa helps/);
    } finally {
      await portal.close();
    }
  });

  it('every change wants a reason with something in it: an empty variable of a script is none', async () => {
    const portal = await openTestPortal();
    try {
      const ada = await portal.addPerson();
      for (const words of [['create-admin'], ['reset-mfa', ada.email], ['unlock', ada.email]])
        for (const reason of ['', '  ', 'two\nlines'])
          await assert.rejects(run(portal, [...words, '--reason', reason]), /Say why/, words.join(' '));
      assert.deepEqual(await portal.audit.latest({ personId: ada.id }, 5), []);
    } finally {
      await portal.close();
    }
  });

  it('a reset opens a factor that a hundred wrong codes have locked, by a new set-up only', async function () {
    const driver = await anyDriver(this);
    const portal = await openTestPortal();
    try {
      const ada = await portal.addPerson({ staffWord: 'required' });
      const visitor = portal.visitor();
      await visitor.follow(await signInWith(visitor, ada.email));
      const old = await driver.enrol(visitor, portal.clock.now());
      await portal.database.connection
        .collection('factorFailures')
        .insertOne({ _id: `${ada.id} ${driver.id}` as never, consecutive: 100 });
      const blocked = portal.visitor();
      assert.equal((await blocked.follow(await signInWith(blocked, ada.email))).url.pathname, '/sign-in/blocked');
      await resetFactors(portal.engine, ada, { actor: { kind: 'command' }, reason: 'seen in person' });
      const again = portal.visitor();
      await again.follow(await signInWith(again, ada.email));
      const fresh = await driver.enrol(again, portal.clock.now());
      portal.clock.advance({ seconds: 60 });
      const later = portal.visitor();
      await later.follow(await signInWith(later, ada.email));
      assert.equal(
        (await later.submit('/sign-in/challenge', { code: driver.code(old, portal.clock.now()) })).status,
        422,
        'the old app is dead',
      );
      assert.equal(
        (await later.submit('/sign-in/challenge', { code: driver.code(fresh, portal.clock.now()) })).status,
        303,
      );
    } finally {
      await portal.close();
    }
  });
});
