import assert from 'node:assert/strict';
import { anyDriver } from '../../../test/support/driver.ts';
import { startProcess } from '../../../test/support/processes.ts';
import { openTestPortal, signInWith } from '../../../test/support/portal.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../../test/support/temporary-folder.ts';
import { Visitor } from '../../../test/support/http.ts';
import { resetFactors } from '../../mfa/reset.ts';

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
