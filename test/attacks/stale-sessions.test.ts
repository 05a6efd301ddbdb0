// The attack: somebody has an old session cookie: planted before the sign-in, copied during it, kept after sign-out, after a change,
// after the time limit; or has a slow request under way that would bring an ended session back.
// SES-1, SES-2, SES-4, SES-7, SES-8, SES-9, SES-10, SES-12, SES-14.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Types } from 'mongoose';
import { openTestPortal, password, signInWith, type TestPortal } from '../support/portal.ts';
import type { Visitor } from '../support/http.ts';
import { authenticator, describeWithAuthenticator } from './support/authenticator.ts';
import { dumpDatabase } from './support/database.ts';
import {
  addMember,
  challengePath,
  codeNow,
  giveAuthenticator,
  giveCode,
  halfway,
  isSignedIn,
  sessionCookie,
  signInByPassword,
  signInFully,
} from './support/people.ts';

function people(portal: TestPortal) {
  return portal.database.connection.collection('people');
}

/** A browser that holds nothing but this session cookie. */
function thief(portal: TestPortal, cookie: string | undefined): Visitor {
  const visitor = portal.visitor();
  if (cookie !== undefined) visitor.cookies.set('gatehouse', cookie);
  return visitor;
}

describeWithAuthenticator('A session id', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('is new after the password, after the code, after a step-up and after sign-out, and each old one is dead', async () => {
    const member = await addMember(portal);
    const visitor = portal.visitor();
    const seen: string[] = [];
    const note = () => {
      const cookie = sessionCookie(visitor);
      assert.ok(cookie !== undefined && !seen.includes(cookie), `step ${String(seen.length)} has a new id`);
      seen.push(cookie);
    };
    await visitor.get('/sign-in');
    assert.equal(sessionCookie(visitor), undefined, 'an anonymous page makes no session');
    await halfway(portal, member.person, visitor);
    note();
    await giveCode(visitor, codeNow(portal, member));
    note();
    portal.clock.advance({ seconds: 30 });
    await visitor.submit('/account/confirm', { code: codeNow(portal, member) }, { from: '/account/confirm' });
    note();
    assert.ok(await isSignedIn(visitor));
    for (const old of seen.slice(0, -1)) {
      const stolen = thief(portal, old);
      assert.equal(await isSignedIn(stolen), false);
      assert.match((await stolen.get(challengePath)).location ?? '', /^\/sign-in\?/, 'not even half signed in');
    }
    await visitor.submit('/sign-out', {}, { from: '/account/security' });
    assert.equal(sessionCookie(visitor), undefined);
    assert.equal(await isSignedIn(thief(portal, seen.at(-1))), false);
  });

  it('is never adopted from a client, signed by nobody, by somebody else, or made up', async () => {
    const ada = await portal.addPerson();
    const real = sessionCookie(await signInByPassword(portal, ada)) ?? '';
    const id = decodeURIComponent(real).slice(2, decodeURIComponent(real).lastIndexOf('.'));
    for (const planted of [
      'attacker',
      's%3Aattacker.AAAA',
      encodeURIComponent(`s:${id}.AAAA`),
      id,
      `s%3A${id}`,
      '',
      'j%3A%7B%7D',
    ]) {
      const visitor = thief(portal, planted);
      assert.equal(await isSignedIn(visitor), false, planted);
      await signInWith(visitor, ada.email);
      assert.notEqual(sessionCookie(visitor), planted);
      assert.equal(await isSignedIn(thief(portal, planted)), false, 'the planted one is still nobody');
    }
  });

  it('is long, random and not in the database', async () => {
    const ada = await portal.addPerson();
    const ids = new Set<string>();
    for (let count = 0; count < 20; count += 1) {
      const cookie = decodeURIComponent(sessionCookie(await signInByPassword(portal, ada)) ?? '');
      ids.add(cookie.slice(2, cookie.lastIndexOf('.')));
    }
    assert.equal(ids.size, 20);
    const dump = await dumpDatabase(portal, { all: true });
    for (const id of ids) {
      assert.ok(id.length >= 32, id);
      assert.ok(!dump.includes(id));
      assert.ok(dump.includes(createHash('sha256').update(id).digest('base64url')), 'its hash is');
    }
  });
});

describeWithAuthenticator('A sign-in under way', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('is over ten minutes after the password, however busy', async () => {
    const member = await addMember(portal);
    const visitor = await halfway(portal, member.person);
    const page = await visitor.get(challengePath);
    const token = page.forms[0]?.hidden.get('_csrf') ?? '';
    portal.clock.advance({ minutes: 9, seconds: 59 });
    assert.equal((await visitor.get(challengePath)).status, 200);
    portal.clock.advance({ seconds: 1 });
    const late = await visitor.submit(
      challengePath,
      { code: codeNow(portal, member), _csrf: token },
      { hidden: false },
    );
    assert.equal(late.status, 403);
    assert.equal(await isSignedIn(visitor), false);
  });

  it('belongs to one person: a second one in the same browser ends the first', async () => {
    const [ada, eve] = [await addMember(portal), await addMember(portal)];
    const visitor = await halfway(portal, ada.person);
    const first = visitor.clone();
    await halfway(portal, eve.person, visitor);
    assert.equal(
      (await giveCode(visitor, codeNow(portal, ada))).status,
      422,
      'the code of the first does not finish the second',
    );
    assert.match((await first.get(challengePath)).location ?? '', /^\/sign-in\?/, 'the first one is over');
    assert.equal((await giveCode(visitor, codeNow(portal, eve))).status, 303);
    assert.match((await visitor.get('/account/security')).html, new RegExp(eve.person.email));
  });

  it('ends when the same person gives the password again in that browser', async () => {
    const member = await addMember(portal);
    const visitor = await halfway(portal, member.person);
    const first = visitor.clone();
    await halfway(portal, member.person, visitor);
    const stale = await first.get(challengePath);
    assert.match(stale.location ?? '', /^\/sign-in\?/);
    assert.equal((await giveCode(visitor, codeNow(portal, member))).status, 303);
  });
});

describeWithAuthenticator('The time limits of a session', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  const limits = { contact: { idle: 30, overallHours: 12 }, staff: { idle: 15, overallHours: 8 } } as const;

  for (const kind of ['contact', 'staff'] as const) {
    const { idle, overallHours } = limits[kind];
    const person = kind === 'staff' ? { kind, profile: 'support' } : { kind };

    it(`end it after ${String(idle)} minutes without a request for ${kind}`, async () => {
      const visitor = await signInFully(portal, await addMember(portal, person));
      portal.clock.advance({ minutes: idle - 1 });
      assert.ok(await isSignedIn(visitor));
      portal.clock.advance({ minutes: idle - 1 });
      assert.ok(await isSignedIn(visitor), 'each request starts the time anew');
      portal.clock.advance({ minutes: idle });
      assert.equal(await isSignedIn(visitor), false);
      portal.clock.advance({ minutes: -idle });
      assert.equal(await isSignedIn(visitor), false, 'and it never comes back, not even when the clock does');
      portal.clock.advance({ minutes: idle });
    });

    it(`end it after ${String(overallHours)} hours for ${kind}, however busy`, async () => {
      const visitor = await signInFully(portal, await addMember(portal, person));
      for (let minutes = 10; minutes < overallHours * 60; minutes += 10) {
        portal.clock.advance({ minutes: 10 });
        assert.ok(await isSignedIn(visitor), `after ${String(minutes)} minutes`);
      }
      portal.clock.advance({ minutes: 10 });
      assert.equal(await isSignedIn(visitor), false);
    });
  }
});

describeWithAuthenticator('A session that was ended', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  before(async () => {
    portal = await openTestPortal();
    twin = await portal.twin();
  });
  after(() => portal.close());

  it('by sign-out stays out while a slow request is under way, in either process', async () => {
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    const cookie = sessionCookie(visitor);
    portal.clock.advance({ seconds: 30 });
    const forms: [string, Record<string, string>][] = [
      ['/account/confirm', { code: codeNow(portal, member) }],
      ['/account/factors/totp', {}],
    ];
    const slow = await Promise.all(
      forms.map(([path, fields]) => visitor.clone().holdSubmit(path, fields, { from: path })),
    );
    const leaving = await visitor.submit('/sign-out', {}, { from: '/account/security' });
    assert.equal(leaving.status, 303);
    assert.match(String(leaving.headers['clear-site-data']), /"cache", "storage"/);
    const answers = await Promise.all(slow.map(({ release }) => release()));
    for (const answer of answers) {
      const renewed = /gatehouse=([^;]+)/.exec(String(answer.headers['set-cookie'] ?? ''))?.[1];
      assert.equal(
        await isSignedIn(thief(portal, renewed ?? cookie)),
        false,
        `${String(answer.status)} gave a session back`,
      );
    }
    for (const where of [portal, twin]) assert.equal(await isSignedIn(thief(where, cookie)), false);
  });

  it('is not ended by a GET, so that no picture on another site can do it', async () => {
    const visitor = await signInByPassword(portal, await portal.addPerson());
    await visitor.get('/sign-out');
    assert.ok(await isSignedIn(visitor));
  });

  it('by another sign-in of the same browser is dead', async () => {
    const ada = await portal.addPerson();
    const visitor = await signInByPassword(portal, ada);
    const old = sessionCookie(visitor);
    await visitor.get('/account/security');
    const token = (await visitor.get('/account/security')).forms[0]?.hidden.get('_csrf') ?? '';
    const again = await visitor.submit('/sign-in', { email: ada.email, password, _csrf: token }, { hidden: false });
    assert.equal(again.status, 303);
    assert.equal(await isSignedIn(thief(portal, old)), false);
  });

  it('by the person’s session epoch is over at the next request, in every browser and process', async () => {
    const ada = await portal.addPerson();
    const browsers = [
      await signInByPassword(portal, ada),
      await signInByPassword(twin, ada),
      await signInByPassword(portal, ada),
    ];
    await portal.accounts.endAllSignIns(ada.id);
    for (const browser of browsers) assert.equal(await isSignedIn(browser), false);
  });

  it('by disabling the person is over at the next request', async () => {
    const ada = await portal.addPerson();
    const browsers = [await signInByPassword(portal, ada), await signInByPassword(twin, ada)];
    await people(portal).updateOne({ _id: new Types.ObjectId(ada.id) }, { $set: { disabledAt: portal.clock.now() } });
    for (const browser of browsers) assert.equal(await isSignedIn(browser), false);
    await people(portal).updateOne({ _id: new Types.ObjectId(ada.id) }, { $set: { disabledAt: null } });
    for (const browser of browsers) assert.equal(await isSignedIn(browser), false, 'and enabling brings none back');
  });

  it('by deleting the person is over at the next request', async () => {
    const ada = await portal.addPerson();
    const browser = await signInByPassword(portal, ada);
    await people(portal).deleteOne({ _id: new Types.ObjectId(ada.id) });
    assert.equal(await isSignedIn(browser), false);
  });

  for (const change of ['factor added', 'factor removed'] as const) {
    it(`elsewhere by a ${change} is over; the browser that did it goes on under a new id`, async () => {
      const member = await addMember(portal);
      const acting = await signInFully(portal, member);
      const others = [await signInFully(portal, member, twin.visitor()), await signInFully(portal, member)];
      const before = sessionCookie(acting);
      portal.clock.advance({ seconds: 30 });
      if (change === 'factor removed') {
        const [row] = await portal.engine.enrolments.activeOf(member.person.id);
        const path = `/account/enrolments/${row?._id.toHexString() ?? ''}/remove`;
        const answer = await acting.submit(path, { code: codeNow(portal, member) }, { from: path });
        assert.equal(answer.status, 303, answer.text);
      } else {
        await authenticator().enrol(acting, portal.clock.now(), 'Second phone');
      }
      assert.ok(await isSignedIn(acting));
      assert.notEqual(sessionCookie(acting), before);
      assert.equal(await isSignedIn(thief(portal, before)), false);
      for (const other of others) assert.equal(await isSignedIn(other), false);
    });
  }
});

describeWithAuthenticator('A signed-in person whose rights change', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('has the rights of the new profile at the next request', async () => {
    const member = await addMember(portal, { kind: 'staff', profile: 'master-admin' });
    const visitor = await signInFully(portal, member);
    assert.match((await visitor.get('/staff')).text, /Master Admin/);
    await people(portal).updateOne({ _id: new Types.ObjectId(member.person.id) }, { $set: { profile: 'support' } });
    const page = await visitor.get('/staff');
    assert.doesNotMatch(page.text, /Master Admin/);
    assert.match(page.text, /Support/);
  });

  it('is out at the next request when the staff member has no factor any more', async () => {
    const member = await addMember(portal, { kind: 'staff', profile: 'admin' });
    const visitor = await signInFully(portal, member);
    await portal.database.connection.collection('enrolments').deleteMany({ personId: member.person.id });
    assert.equal((await visitor.get('/staff')).location, '/sign-in');
    await giveAuthenticator(portal, member.person);
    assert.equal(await isSignedIn(visitor), false, 'and a factor that comes back brings no session back');
  });

  it('is out at the next request when a contact who gave a password alone becomes staff', async () => {
    const ada = await portal.addPerson();
    const visitor = await signInByPassword(portal, ada);
    await people(portal).updateOne({ _id: new Types.ObjectId(ada.id) }, { $set: { kind: 'staff', profile: 'admin' } });
    assert.notEqual((await visitor.get('/staff')).status, 200);
    assert.equal(await isSignedIn(visitor), false);
  });
});

describeWithAuthenticator('A stolen session that is older than five minutes', () => {
  it('changes nothing about the sign-in: every such form asks for a proof first, and a used code is none', async () => {
    const portal = await openTestPortal();
    try {
      const member = await addMember(portal);
      await signInFully(portal, member);
      const [other] = await portal.signIns.listOf(member.person);
      const visitor = await signInFully(portal, member);
      const used = codeNow(portal, member);
      const mine = { name: 'Mine now', email: 'eve@example.com', password, newPassword: 'seven kettles under glass' };
      const [row] = await portal.engine.enrolments.activeOf(member.person.id);
      const id = row?._id.toHexString() ?? '';
      const token = (await visitor.get('/account/security')).forms[0]?.hidden.get('_csrf') ?? '';
      portal.clock.advance({ minutes: 5 });
      const before = await dumpDatabase(portal);
      const forms = [
        `/account/enrolments/${id}/rename`,
        '/account/factors/totp',
        '/account/factors/totp/start-again',
        '/account/factors/totp/confirm',
        '/account/password',
        '/account/email',
        '/account/email/cancel',
        '/account/sessions/end-others',
        `/account/sessions/${other?.id ?? ''}/end`,
      ];
      for (const path of forms) {
        const answer = await visitor.submit(path, { ...mine, code: used, _csrf: token }, { hidden: false });
        assert.equal(answer.status, 303, path);
        assert.match(answer.location ?? '', /^\/account\/confirm\?returnTo=/, path);
      }
      assert.match((await visitor.get('/account/factors/totp')).location ?? '', /^\/account\/confirm\?returnTo=/);
      // Removal and turning off ask for the proof in their own forms.
      for (const path of [`/account/enrolments/${id}/remove`, '/account/mfa/disable']) {
        for (const fields of [{ code: used }, { code: '' }, { password }]) {
          const answer = await visitor.submit(path, { ...fields, _csrf: token }, { hidden: false });
          assert.equal(answer.status, 422, path);
        }
      }
      assert.equal(await dumpDatabase(portal), before);
      const again = await visitor.submit('/account/confirm', { password, code: used }, { from: '/account/confirm' });
      assert.equal(again.status, 422, 'the password is no proof where a factor is set up');
    } finally {
      await portal.close();
    }
  });
});
