// SES-13: a browser that is trusted for some days. It is no second factor, and it dies with whatever changes who can sign in.
import assert from 'node:assert/strict';
import { describeWithAuthenticator } from '../../../test/attacks/support/authenticator.ts';
import { addMember, challengePath, codeNow, signInFully, type Member } from '../../../test/attacks/support/people.ts';
import { setPolicy } from '../../../test/support/policy.ts';
import type { Visitor } from '../../../test/support/http.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../test/support/portal.ts';

const cookie = 'gatehouse-trust';
const days = 10;

describeWithAuthenticator('A trusted browser', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
    await setPolicy(portal, { mode: 'required', trustedDeviceDays: days });
  });
  after(() => portal.close());

  /** Signs in with both steps and ticks the box. */
  async function trusted(member: Member): Promise<Visitor> {
    const visitor = portal.visitor();
    portal.clock.advance({ seconds: 30 });
    await signInWith(visitor, member.person.email);
    const fields = { code: codeNow(portal, member), trust: 'yes' };
    const answer = await visitor.submit(challengePath, fields, { from: challengePath });
    assert.equal(answer.status, 303, answer.text);
    await signOut(visitor);
    return visitor;
  }

  const signOut = (visitor: Visitor) => visitor.submit('/sign-out', {}, { from: '/home' });
  const rowsOf = ({ person }: Member) =>
    portal.database.connection.collection('trustedDevices').find({ personId: person.id }).toArray();

  /** Where the password alone leads from this browser. */
  async function next(visitor: Visitor, { person }: Member): Promise<string> {
    const answer = await signInWith(visitor, person.email);
    return answer.location ?? answer.text;
  }

  async function signInHalfway({ person }: Member): Promise<Visitor> {
    const visitor = portal.visitor();
    assert.equal((await signInWith(visitor, person.email)).location, challengePath);
    return visitor;
  }

  it('goes on with the password alone until its days are over, and not a moment longer', async () => {
    const member = await addMember(portal);
    const visitor = await trusted(member);
    portal.clock.advance({ hours: 24 * days - 1 });
    assert.equal(await next(visitor, member), '/home');
    await signOut(visitor);
    portal.clock.advance({ hours: 2 });
    assert.equal(await next(visitor, member), challengePath);
  });

  it('is trusted only where the box was ticked', async () => {
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    await signOut(visitor);
    assert.equal(visitor.cookies.has(cookie), false);
    assert.equal(await next(visitor, member), challengePath);
  });

  it('never skips the password', async () => {
    const member = await addMember(portal);
    const visitor = await trusted(member);
    assert.match((await visitor.get('/home')).location ?? '', /^\/sign-in/);
    assert.equal((await signInWith(visitor, member.person.email, 'not the password at all')).status, 422);
  });

  it('is no proof: a change asks for the factor', async () => {
    const member = await addMember(portal);
    const visitor = await trusted(member);
    assert.equal(await next(visitor, member), '/home');
    const [row] = await portal.engine.enrolments.activeOf(member.person.id);
    const replace = await visitor.get(`/account/enrolments/${row?._id.toHexString() ?? ''}/replace`);
    assert.match(replace.location ?? '', /^\/account\/confirm/);
  });

  it('is forgotten, with all others of the person, once a copy of it is used', async () => {
    const member = await addMember(portal);
    const [visitor, other] = [await trusted(member), await trusted(member)];
    const thief = visitor.clone();
    assert.equal(await next(visitor, member), '/home', 'the first of the two goes on');
    assert.equal((await rowsOf(member)).length, 2);
    assert.equal(await next(thief, member), challengePath, 'the second has a token that was used');
    assert.equal((await rowsOf(member)).length, 0);
    assert.equal(await next(visitor, member), challengePath, 'nobody knows which one is the owner’s');
    assert.equal(await next(other, member), challengePath);
    const [event] = await portal.audit.latest({ personId: member.person.id, event: 'trusted-device.reused' }, 1);
    assert.equal(event?.outcome, 'failure');
    const mails = (await portal.mails()).filter(({ to }) => to === member.person.email);
    assert.ok(
      mails.some(({ subject }) => subject.includes('copy of your browser’s trust')),
      'and the owner is told',
    );
  });

  it('is out, wherever a copy of it was used, once that is seen; who gave a code stays in', async () => {
    const member = await addMember(portal);
    const visitor = await trusted(member);
    const thief = visitor.clone();
    assert.equal(await next(thief, member), '/home', 'the thief is first');
    const withCode = await signInFully(portal, member);
    // A second copy that has given the password and waits for its answer: it is not to slip through afterwards.
    const halfway = await signInHalfway(member);
    assert.equal(await next(visitor, member), challengePath, 'then the owner comes with the used token');
    assert.match((await thief.get('/home')).location ?? '', /^\/sign-in/);
    assert.match((await halfway.get(challengePath)).location ?? '', /^\/sign-in/);
    assert.equal((await withCode.get('/home')).status, 200);
    assert.equal((await visitor.get(challengePath)).status, 200, 'the owner goes on with a code');
    const ended = await portal.audit.latest({ personId: member.person.id, event: 'sign-in.ended' }, 5);
    assert.equal(ended.filter(({ reason }) => reason === 'trust-reused').length, 2);
  });

  it('helps nobody with another person’s password', async () => {
    const [ada, bob] = [await addMember(portal), await addMember(portal)];
    const visitor = await trusted(ada);
    const token = visitor.cookies.get(cookie) ?? assert.fail();
    assert.equal(await next(visitor, bob), challengePath);
    assert.equal((await rowsOf(ada)).length, 1, 'and the owner is not made to pay for it');
    const back = portal.visitor();
    back.cookies.set(cookie, token);
    assert.equal(await next(back, ada), '/home');
  });

  it('is asked again after a password change, and after whatever ends all sign-ins', async () => {
    const member = await addMember(portal);
    const visitor = await trusted(member);
    await portal.accounts.endAllSignIns(member.person.id);
    assert.equal(await next(visitor, member), challengePath, 'all sign-ins ended');

    const changed = await addMember(portal);
    const browser = await trusted(changed);
    const seen = (await portal.accounts.passwordOf(changed.person.id)) ?? assert.fail();
    const password = await portal.hasher.hash('quiet harbour lantern 42');
    assert.notEqual(await portal.accounts.changePassword(changed.person.id, seen, { password, short: false }), null);
    assert.equal(await next(browser, changed), challengePath);
  });

  it('is trusted for as long as the policy has it now: fewer days, or none', async () => {
    const member = await addMember(portal);
    const visitor = await trusted(member);
    portal.clock.advance({ hours: 24 * 3 });
    try {
      await setPolicy(portal, { trustedDeviceDays: 2 });
      assert.equal(await next(visitor.clone(), member), challengePath);
      await setPolicy(portal, { trustedDeviceDays: 0 });
      const asked = visitor.clone();
      assert.equal(await next(asked, member), challengePath);
      assert.doesNotMatch((await asked.get(challengePath)).html, /name="trust"/);
    } finally {
      await setPolicy(portal, { trustedDeviceDays: days });
    }
  });

  it('is never one of staff', async () => {
    const member = await addMember(portal, { kind: 'staff', profile: 'support' });
    await setPolicy(portal, { trustedDeviceDays: days }, 'staff');
    const visitor = portal.visitor();
    portal.clock.advance({ seconds: 30 });
    await signInWith(visitor, member.person.email);
    assert.doesNotMatch((await visitor.get(challengePath)).html, /name="trust"/);
    const forged = { code: codeNow(portal, member), trust: 'yes' };
    assert.equal((await visitor.submit(challengePath, forged)).status, 303);
    assert.equal(visitor.cookies.has(cookie), false);
    assert.equal((await rowsOf(member)).length, 0);
  });

  it('is kept as a hash alone', async () => {
    const member = await addMember(portal);
    const visitor = await trusted(member);
    const [family = '', secret = ''] = (visitor.cookies.get(cookie) ?? '').split('.');
    assert.equal(secret.length, 43);
    const [row] = await rowsOf(member);
    assert.equal(String(row?._id), family);
    assert.ok(!JSON.stringify(row).includes(secret));
    assert.ok(!portal.logLines().some((line) => line.includes(secret)));
    for (const forged of [`${family}.${'A'.repeat(43)}`, family, `${family}.`, '.']) {
      const stranger = portal.visitor();
      stranger.cookies.set(cookie, forged);
      assert.equal(await next(stranger, member), challengePath, forged);
    }
  });
});
