// The attack: somebody who knows no more than an e-mail address keeps its owner out, by failing for them again and again; or takes
// what is there to let the owner in (the mark of a known browser, the mailed link) for a way in of their own.
// RL-7, RL-1, RL-5, ENUM-3, SES-6.
import assert from 'node:assert/strict';
import type { Person } from '../../modules/kernel/person.ts';
import type { Ceiling } from '../../modules/kernel/ports.ts';
import { linkCeilings } from '../../modules/portal/recovery/link-limits.ts';
import { locksOf, unlock } from '../../modules/portal/staff/contact-locks.ts';
import { passwordCeilings } from '../../modules/sign-in/password-tries.ts';
import type { Visitor } from '../support/http.ts';
import { forgetPassword, linkMails, newestLink } from '../support/mail-links.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../support/portal.ts';
import { describeWithAuthenticator } from './support/authenticator.ts';
import { addMember, challengePath, isSignedIn, signInByPassword } from './support/people.ts';

const wrong = 'wrong password number one';
const deviceCookie = 'gatehouse-device';
const { tries, windowSeconds } = passwordCeilings.account;

describe('Keeping somebody out by failing for them', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  before(async () => {
    portal = await openTestPortal({ environment: { TRUST_PROXY: '1' } });
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ hours: 24 });
  });

  let addresses = 0;
  function elsewhere(where = portal): Visitor {
    addresses += 1;
    const visitor = where.visitor();
    visitor.headers['x-forwarded-for'] = `198.51.${String(addresses >> 8)}.${String(addresses & 255)}`;
    return visitor;
  }

  /** Fails from ever new addresses, in two processes, until a while after every try is refused; gives the last answer. */
  async function attack(email: string, beyond = 15): Promise<void> {
    const statuses: number[] = [];
    for (let count = 0; count < tries + beyond; count += 1)
      statuses.push((await signInWith(elsewhere(count % 2 === 0 ? portal : twin), email, wrong)).status);
    assert.ok(
      statuses.slice(-beyond).every((status) => status === 429),
      statuses.join(' '),
    );
  }

  /** A browser in which the person signed in and out some day. */
  async function knownBrowser(person: Person, visitor = elsewhere()): Promise<Visitor> {
    await signInByPassword(portal, person, visitor);
    await visitor.submit('/sign-out', {}, { from: '/home' });
    return visitor;
  }

  it('does not keep out the browser that they signed in with before, in either process, while everybody else waits', async () => {
    const ada = await portal.addPerson();
    const [one, other] = [await knownBrowser(ada), await knownBrowser(ada)];
    portal.clock.advance({ hours: 24 * 100 });
    await attack(ada.email, 40);
    assert.equal((await signInWith(elsewhere(), ada.email)).status, 429, 'a browser that nobody knows');
    await signInByPassword(portal, ada, one);
    assert.equal((await signInWith(other, ada.email)).status, 303);
    assert.equal((await signInWith(elsewhere(), ada.email)).status, 429, 'their sign-in frees nobody else');
  });

  it('of their own browser is seen by staff, who lift it; other people’s browsers are left alone', async () => {
    const [ada, ben] = [await portal.addPerson(), await portal.addPerson()];
    const [first, second] = [await knownBrowser(ada), await knownBrowser(ada)];
    const bens = await knownBrowser(ben);
    for (const [visitor, { email }] of [
      [first, ada],
      [second, ada],
      [bens, ben],
    ] as const)
      for (let count = 0; count <= tries; count += 1) await signInWith(visitor, email, wrong);
    assert.equal((await signInWith(first, ada.email)).status, 429);
    const locks = await locksOf(portal, ada);
    assert.equal(locks.password, null, 'a stranger’s tries are others');
    assert.equal(locks.device?.getTime(), portal.clock.now().getTime() + windowSeconds * 1000);
    assert.equal(await unlock(portal, ada), true);
    assert.equal((await locksOf(portal, ada)).device, null);
    for (const visitor of [first, second]) await signInByPassword(portal, ada, visitor);
    assert.equal((await signInWith(bens, ben.email)).status, 429);
    portal.clock.advance({ minutes: windowSeconds / 60 + 1 });
    assert.equal((await locksOf(portal, ben)).device, null, 'over by itself');
  });

  it('is not made easier by the mark: it has as many tries as a stranger, for its own account', async () => {
    const ada = await portal.addPerson();
    const visitor = await knownBrowser(ada);
    const statuses: number[] = [];
    // The mark with it, but from ever new addresses, and without the session that goes with it.
    for (let count = 0; count <= tries; count += 1) {
      const copy = elsewhere();
      copy.cookies.set(deviceCookie, visitor.cookies.get(deviceCookie) ?? '');
      statuses.push((await signInWith(copy, ada.email, wrong)).status);
    }
    assert.deepEqual(statuses, [...Array<number>(tries).fill(422), 429]);
    assert.equal((await signInWith(visitor, ada.email)).status, 429);
    assert.equal((await signInWith(elsewhere(), ada.email)).status, 303, 'a stolen mark locks nobody else out');
  });

  it('is not got around with a mark of one’s own account, a made-up one or a changed one', async () => {
    const [ada, eve] = [await portal.addPerson(), await portal.addPerson()];
    const owner = await knownBrowser(ada);
    const mark = owner.cookies.get(deviceCookie) ?? '';
    assert.match(mark, /^[A-Za-z0-9_-]{43}$/);
    const foreign = await knownBrowser(eve);
    await attack(ada.email);
    const marks: Record<string, string> = {
      foreign: foreign.cookies.get(deviceCookie) ?? '',
      'made up': 'x'.repeat(43),
      changed: (mark.startsWith('A') ? 'B' : 'A') + mark.slice(1),
      cut: mark.slice(0, -1),
      'with more': `${mark}A`,
      empty: '',
      'an operator': '{"$ne":null}',
      'its key in the database': String(
        (await portal.database.connection.collection('knownDevices').findOne())?._id ?? '',
      ),
    };
    for (const [name, value] of Object.entries(marks)) {
      const visitor = elsewhere();
      visitor.cookies.set(deviceCookie, value);
      assert.equal((await signInWith(visitor, ada.email)).status, 429, name);
    }
    assert.equal((await signInWith(owner, ada.email)).status, 303);
  });

  it('is not got around by somebody who knows the password but never got in: the mark counts from a whole sign-in on', async () => {
    const ada = await portal.addPerson({ staffWord: 'required' });
    const thief = elsewhere();
    assert.equal((await signInWith(thief, ada.email)).status, 303, 'the password alone is not enough here');
    assert.equal(await isSignedIn(thief), false);
    await attack(ada.email);
    assert.equal((await signInWith(thief, ada.email)).status, 429);
  });

  it('ends by itself: no lock outlasts its fifteen minutes, however long it was kept up, and none is longer than an hour', async () => {
    const ada = await portal.addPerson();
    for (let round = 0; round < 2; round += 1) {
      await attack(ada.email, 2);
      portal.clock.advance({ seconds: windowSeconds - 1 });
      assert.equal((await signInWith(elsewhere(), ada.email, wrong)).status, 429);
      portal.clock.advance({ seconds: 1 });
    }
    await signInByPassword(portal, ada, elsewhere());
    const ceilings: readonly Ceiling[] = Object.values(passwordCeilings);
    for (const ceiling of ceilings) assert.ok(ceiling.windowSeconds <= 3600);
  });

  it('leaves the mailed link, which opens the account for the browser that used it, also while the attack goes on', async () => {
    const ada = await portal.addPerson();
    await attack(ada.email);
    const visitor = elsewhere(twin);
    await visitor.get(await newestLink(portal, 'unlock', ada.email));
    assert.equal((await visitor.submit('/unlock', {}, { from: '/unlock' })).status, 303);
    await attack(ada.email);
    await signInByPassword(portal, ada, visitor);
    assert.equal((await signInWith(elsewhere(), ada.email)).status, 429);
  });

  it('is no flood of mails: one link a window, three a day, and one for each time somebody forgot the password', async () => {
    const ada = await portal.addPerson();
    for (let round = 0; round < linkCeilings.unlocks.tries + 1; round += 1) {
      await attack(ada.email, 3);
      await portal.mails();
      portal.clock.advance({ seconds: windowSeconds });
    }
    assert.equal((await linkMails(portal, 'unlock', ada.email)).length, linkCeilings.unlocks.tries);
    for (let count = 0; count < 6; count += 1) await forgetPassword(elsewhere(), ada.email);
    assert.equal((await linkMails(portal, 'reset-password', ada.email)).length, linkCeilings.mailsInALinksLife.tries);
  });

  it('cannot be done by asking for links: whoever forgot nothing signs in as ever', async () => {
    const ada = await portal.addPerson();
    for (let count = 0; count < 40; count += 1) await forgetPassword(elsewhere(), ada.email);
    await portal.mails();
    await signInByPassword(portal, ada, elsewhere());
  });

  it('tells nobody whether there is such an account: the refusals of both are the same, and so is what is written', async () => {
    const ada = await portal.addPerson();
    const tasks = portal.database.connection.collection('tasks');
    const seen: unknown[] = [];
    for (const email of [ada.email, 'nobody@example.com']) {
      await portal.tasks.work();
      for (let count = 0; count < tries; count += 1) await signInWith(elsewhere(), email, wrong);
      const events = (await portal.audit.latest({}, 500)).length;
      const answer = await signInWith(elsewhere(), email, wrong);
      const written = (await portal.audit.latest({}, 500)).length - events;
      seen.push([answer.status, answer.text.replaceAll(email, ''), answer.headers['retry-after'], written]);
      assert.ok((await tasks.countDocuments({ kind: 'unlock-link' })) <= 1);
    }
    assert.deepEqual(seen[1], seen[0]);
    assert.equal((await linkMails(portal, 'unlock', 'nobody@example.com')).length, 0);
  });
});

describeWithAuthenticator('The mark of a known browser, and the unlock link', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('stand in for no password and no factor', async () => {
    const member = await addMember(portal);
    const { email } = member.person;
    for (let count = 0; count <= tries; count += 1) await signInWith(portal.visitor(), email, wrong);
    const visitor = portal.visitor();
    await visitor.get(await newestLink(portal, 'unlock', email));
    const done = await visitor.follow(await visitor.submit('/unlock', {}, { from: '/unlock' }));
    assert.equal(done.url.pathname, '/sign-in');
    assert.equal(await isSignedIn(visitor), false);
    assert.equal((await signInWith(visitor, email, wrong)).status, 422);
    const right = await signInWith(visitor, email, password);
    assert.equal(right.location, challengePath);
    assert.equal(await isSignedIn(visitor), false);
  });

  it('are a cookie that scripts do not see and other sites do not send, and a row that names nobody', async () => {
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    const answer = await signInWith(visitor, ada.email);
    const [line = ''] = (answer.headers['set-cookie'] ?? []).filter((one) => one.startsWith(deviceCookie));
    assert.match(line, /HttpOnly/);
    assert.match(line, /SameSite=Lax/);
    assert.doesNotMatch(line, /Domain/i);
    const rows = JSON.stringify(await portal.database.connection.collection('knownDevices').find().toArray());
    for (const secret of [visitor.cookies.get(deviceCookie) ?? 'none', ada.email, ada.id])
      assert.ok(!rows.includes(secret), secret);
  });

  it('are forgotten after half a year', async () => {
    const ada = await portal.addPerson();
    const visitor = await signInByPassword(portal, ada);
    portal.clock.advance({ hours: 24 * 180 });
    for (let count = 0; count <= tries; count += 1) await signInWith(portal.visitor(), ada.email, wrong);
    assert.equal((await signInWith(visitor, ada.email)).status, 429);
  });
});
