import assert from 'node:assert/strict';
import { anyDriver } from '../support/driver.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../support/portal.ts';

describe('Signing in', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('takes a password alone from a contact who has set up nothing and need not', async () => {
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    const home = await visitor.follow(await signInWith(visitor, ada.email));
    assert.equal(home.status, 200, home.text);
    assert.match(home.text, /Hello, Ada Lovelace/);
  });

  it('leads a required contact to the set-up and nowhere else, then asks for a code at each sign-in', async function () {
    const driver = await anyDriver(this);
    const ada = await portal.addPerson({ staffWord: 'required' });
    const visitor = portal.visitor();
    const first = await visitor.follow(await signInWith(visitor, ada.email));
    assert.equal(first.url.pathname, '/sign-in/enrol', 'there is a choice of factors');
    const chosen = await visitor.submit('/sign-in/enrol', { factor: driver.id });
    assert.equal(chosen.location, `/account/factors/${driver.id}`);
    assert.notEqual((await visitor.get('/home')).status, 200);
    const enrolled = await driver.enrol(visitor, portal.clock.now());
    const home = await visitor.get('/home');
    assert.equal(home.status, 200, home.text);
    await visitor.submit('/sign-out', {}, { from: '/home' });
    assert.notEqual((await visitor.get('/home')).status, 200);

    portal.clock.advance({ seconds: 60 });
    const challenge = await visitor.follow(await signInWith(visitor, ada.email));
    assert.equal(challenge.url.pathname, '/sign-in/challenge', challenge.text);
    assert.notEqual((await visitor.get('/home')).status, 200);
    const wrong = await visitor.submit('/sign-in/challenge', { code: driver.wrongCode(enrolled, portal.clock.now()) });
    assert.equal(wrong.status, 422);
    const right = await visitor.submit('/sign-in/challenge', { code: driver.code(enrolled, portal.clock.now()) });
    const inside = await visitor.follow(right);
    assert.equal(inside.url.pathname, '/home', inside.text);
  });

  it('says the same to a wrong password and an unknown address', async () => {
    const ada = await portal.addPerson();
    const one = await signInWith(portal.visitor(), ada.email, `${password}!`);
    const two = await signInWith(portal.visitor(), 'nobody@example.com', password);
    assert.equal(one.status, 422);
    assert.equal(one.text.replaceAll(ada.email, ''), two.text.replaceAll('nobody@example.com', ''));
  });

  it('asks for a longer password once the policy no longer makes up for a short one', async () => {
    const short = 'glowing7kettles';
    const ada = await portal.addPerson({ password: await portal.hasher.hash(short), passwordShort: true });
    const visitor = portal.visitor();
    const page = await visitor.follow(await signInWith(visitor, ada.email, short));
    assert.equal(page.url.pathname, '/sign-in/new-password');
    assert.equal((await visitor.get('/home')).location, '/sign-in/new-password');
    const refused = await visitor.submit('/sign-in/new-password', { newPassword: 'still too short'.slice(0, 14) });
    assert.equal(refused.status, 422);
    assert.match(refused.text, /at least 15 characters/);
    const home = await visitor.follow(
      await visitor.submit('/sign-in/new-password', { newPassword: 'a much longer set of words' }),
    );
    assert.equal(home.url.pathname, '/home', home.text);
    assert.equal((await signInWith(portal.visitor(), ada.email, short)).status, 422, 'the old password is dead');
  });

  it('asks for the password before a factor is set up, once the sign-in is older than five minutes', async function () {
    const driver = await anyDriver(this);
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    await visitor.follow(await signInWith(visitor, ada.email));
    portal.clock.advance({ minutes: 6 });
    const confirm = await visitor.follow(await visitor.get(`/account/factors/${driver.id}`));
    assert.equal(confirm.url.pathname, '/account/confirm');
    const wrong = await visitor.submit('/account/confirm', { password: 'not my password at all' });
    assert.equal(wrong.status, 422);
    const back = await visitor.submit('/account/confirm', { password });
    assert.equal(back.location, `/account/factors/${driver.id}`);
    await driver.enrol(visitor, portal.clock.now());
    const security = await visitor.get('/account/security');
    assert.match(security.text, /On/);
  });

  it('removes a factor of one’s own after one more code, and asks for the password alone from then on', async function () {
    const driver = await anyDriver(this);
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    await visitor.follow(await signInWith(visitor, ada.email));
    const enrolled = await driver.enrol(visitor, portal.clock.now());
    const other = portal.visitor();
    portal.clock.advance({ seconds: 30 });
    await other.follow(await signInWith(other, ada.email));
    await other.submit('/sign-in/challenge', { code: driver.code(enrolled, portal.clock.now()) });
    assert.equal((await other.get('/home')).status, 200);

    portal.clock.advance({ seconds: 30 });
    const security = await visitor.get('/account/security');
    const [, remove = ''] = /href="(\/account\/enrolments\/[0-9a-f]{24}\/remove)"/.exec(security.html) ?? [];
    const refused = await visitor.submit(remove, { code: driver.wrongCode(enrolled, portal.clock.now()) });
    assert.equal(refused.status, 422, refused.text);
    const done = await visitor.follow(
      await visitor.submit(remove, { code: driver.code(enrolled, portal.clock.now()) }),
    );
    assert.match(done.text, /is removed/);
    assert.notEqual((await other.get('/home')).status, 200, 'other sign-ins have ended');
    const again = portal.visitor();
    assert.equal((await again.follow(await signInWith(again, ada.email))).url.pathname, '/home');
  });
});
