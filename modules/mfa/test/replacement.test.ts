import assert from 'node:assert/strict';
import { authenticatorId, describeWithAuthenticator } from '../../../test/attacks/support/authenticator.ts';
import {
  addMember,
  challengePath,
  codeNow,
  giveCode,
  halfway,
  signInFully,
  type Member,
  giveAuthenticator,
} from '../../../test/attacks/support/people.ts';
import { setPolicy } from '../../../test/support/policy.ts';
import type { Visitor } from '../../../test/support/http.ts';
import { openTestPortal, password, type TestPortal } from '../../../test/support/portal.ts';
import { totpCode } from '../../../test/support/rfc-totp.ts';

const setUp = `/account/factors/${authenticatorId}`;

describeWithAuthenticator('A factor in the place of another', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  const idOf = async ({ person }: Member) => {
    const [row] = await portal.engine.enrolments.activeOf(person.id);
    return row?._id.toHexString() ?? assert.fail();
  };

  /** Presses "Replace", and starts the set-up of the new one; gives its key. */
  async function begin(visitor: Visitor, member: Member): Promise<string> {
    const path = `/account/enrolments/${await idOf(member)}/replace`;
    const answer = await visitor.submit(path, { factor: authenticatorId }, { from: path });
    assert.equal(answer.location, setUp, answer.text);
    await visitor.submit(setUp, {}, { from: setUp });
    const page = await visitor.get(setUp);
    return /secret=([A-Z2-7]+)/.exec(page.html)?.[1] ?? assert.fail(page.text);
  }

  async function confirm(visitor: Visitor, secret: string): Promise<number> {
    portal.clock.advance({ seconds: 30 });
    const code = totpCode({ secret, at: portal.clock.now() });
    return (await visitor.submit(`${setUp}/confirm`, { code }, { from: setUp })).status;
  }

  async function isRight(member: Member): Promise<boolean> {
    portal.clock.advance({ seconds: 30 });
    const visitor = await halfway(portal, member.person);
    return (await giveCode(visitor, codeNow(portal, member))).status === 303;
  }

  const allowed = [
    ['many', 'optional'],
    ['many', 'required'],
    ['single', 'required'],
  ] as const;
  for (const [multiple, mode] of allowed)
    it(`works until the new one is confirmed, and not a moment longer (${multiple}, ${mode})`, async () => {
      await setPolicy(portal, { multiple, mode });
      const member = await addMember(portal);
      const visitor = await signInFully(portal, member);
      const old = await idOf(member);
      const secret = await begin(visitor, member);
      assert.ok(await isRight(member), 'the old one still signs in');
      assert.equal(await idOf(member), old);
      assert.equal(await confirm(visitor, secret), 303);
      const rows = await portal.engine.enrolments.activeOf(member.person.id);
      assert.equal(rows.length, 1, 'one in the place of one');
      assert.notEqual(rows[0]?._id.toHexString(), old);
      assert.ok(!(await isRight(member)), 'the old one is dead');
      assert.ok(await isRight({ ...member, device: { secret } }));
      const [event] = await portal.audit.latest({ event: 'enrolment.removed' }, 1);
      assert.equal(event?.reason, 'replaced');
    });

  it('waits, under "single", for who may turn the old one off first (W3)', async () => {
    await setPolicy(portal, { multiple: 'single', mode: 'optional' });
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    const path = `/account/enrolments/${await idOf(member)}/replace`;
    const page = await visitor.get(path);
    assert.equal(page.status, 403);
    assert.match(page.text, /turn off the one you have/);
    assert.doesNotMatch((await visitor.get('/account/security')).html, /\/replace"/);
  });

  it('is the only way to a second one under "single": a set-up by itself is refused', async () => {
    await setPolicy(portal, { multiple: 'single', mode: 'required' });
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    assert.equal((await visitor.get(setUp)).status, 403);
    await begin(visitor, member);
    assert.equal((await visitor.get(setUp)).status, 200);
    const elsewhere = await signInFully(portal, member);
    assert.equal((await elsewhere.get(setUp)).status, 403, 'in the sign-in that asked for it alone');
  });

  it('can be left unfinished: after half an hour the old one stands as if nothing had been', async () => {
    await setPolicy(portal, { multiple: 'single', mode: 'required' });
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    const secret = await begin(visitor, member);
    portal.clock.advance({ minutes: 31 });
    assert.notEqual(await confirm(visitor, secret).catch(() => 0), 303);
    assert.ok(await isRight(member));
    assert.equal((await portal.engine.enrolments.activeOf(member.person.id)).length, 1);
  });

  it('is of one at a time: what was to be replaced before, and was left, stays', async () => {
    await setPolicy(portal, { multiple: 'many', mode: 'optional' });
    const member = await addMember(portal);
    await giveAuthenticator(portal, member.person);
    const [first, second] = (await portal.engine.enrolments.activeOf(member.person.id)).map((row) =>
      row._id.toHexString(),
    );
    const visitor = await signInFully(portal, member);
    for (const id of [first, second]) {
      const path = `/account/enrolments/${id ?? ''}/replace`;
      await visitor.submit(path, { factor: authenticatorId }, { from: path });
    }
    await visitor.submit(setUp, {}, { from: setUp });
    const page = await visitor.get(setUp);
    assert.match(page.text, /takes the place of/, 'and the page says so');
    assert.equal(await confirm(visitor, /secret=([A-Z2-7]+)/.exec(page.html)?.[1] ?? ''), 303);
    const left = (await portal.engine.enrolments.activeOf(member.person.id)).map((row) => row._id.toHexString());
    assert.ok(left.includes(first ?? '') && !left.includes(second ?? ''));
  });

  it('ends with Cancel, and with that the set-up is one of a further factor', async () => {
    await setPolicy(portal, { multiple: 'many', mode: 'optional' });
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    await begin(visitor, member);
    await visitor.submit(`${setUp}/cancel`, {}, { from: setUp });
    await visitor.submit(setUp, {}, { from: setUp });
    const page = await visitor.get(setUp);
    assert.doesNotMatch(page.text, /takes the place of/);
    assert.equal(await confirm(visitor, /secret=([A-Z2-7]+)/.exec(page.html)?.[1] ?? ''), 303);
    assert.equal((await portal.engine.enrolments.activeOf(member.person.id)).length, 2);
  });

  it('is nobody else’s: an enrolment of another person, or none, is not there', async () => {
    await setPolicy(portal, { multiple: 'many', mode: 'optional' });
    const [ada, bob] = [await addMember(portal), await addMember(portal)];
    const visitor = await signInFully(portal, ada);
    for (const id of [await idOf(bob), '0'.repeat(24), 'x'])
      assert.equal((await visitor.get(`/account/enrolments/${id}/replace`)).status, 404, id);
  });
});

describeWithAuthenticator('Turning the factor off', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  const path = '/account/mfa/disable';
  const wrong = 'not the password at all';

  /** What each field holds: right, wrong or nothing. */
  async function tryWith(
    proof: 'code' | 'password' | 'both',
    given: { code?: string; password?: string; begin?: string },
  ) {
    await setPolicy(portal, { disableProof: proof });
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    portal.clock.advance({ seconds: 30 });
    const code = given.code === 'right' ? codeNow(portal, member) : given.code;
    const fields = { ...given, ...(code === undefined ? {} : { code }) };
    const page = await visitor.get(path);
    const answer = await visitor.submit(path, fields);
    const left = await portal.engine.enrolments.activeOf(member.person.id);
    const names = [...(page.forms.find(({ action }) => action === path)?.fieldNames ?? [])].filter(
      (name) => name !== '_csrf',
    );
    return { status: answer.status, isOff: left.length === 0, names, member, visitor };
  }

  it('asks for a code where the policy says so, and the password does not help', async () => {
    const done = await tryWith('code', { code: 'right' });
    assert.deepEqual([done.status, done.isOff, done.names], [303, true, ['code']]);
    for (const given of [{}, { code: '' }, { password }, { code: 'abc', password }]) {
      const refused = await tryWith('code', given);
      assert.deepEqual([refused.status, refused.isOff], [422, false], JSON.stringify(given));
    }
  });

  it('asks for the password where the policy says so', async () => {
    const done = await tryWith('password', { password });
    assert.deepEqual([done.status, done.isOff, done.names], [303, true, ['password']]);
    for (const given of [{}, { password: wrong }, { code: 'right' }, { code: 'right', password: wrong }]) {
      const refused = await tryWith('password', given);
      assert.deepEqual([refused.status, refused.isOff], [422, false], JSON.stringify(given));
    }
  });

  it('asks for both where the policy says so, and one alone is not enough', async () => {
    const done = await tryWith('both', { code: 'right', password });
    assert.deepEqual([done.status, done.isOff, [...done.names].sort()], [303, true, ['code', 'password']]);
    for (const given of [
      { code: 'right' },
      { password },
      { code: 'right', password: wrong },
      { code: 'abc', password },
      // The word of factors that send something first is no way past the password.
      { code: 'right', begin: 'yes' },
    ]) {
      const refused = await tryWith('both', given);
      assert.deepEqual([refused.status, refused.isOff], [422, false], JSON.stringify(given));
    }
  });

  it('uses no code up where the password was wrong', async () => {
    const { member, visitor } = await tryWith('both', { code: 'right', password: wrong });
    const code = codeNow(portal, member);
    assert.equal((await visitor.submit(path, { code, password }, { from: path })).status, 303);
    assert.notEqual((await halfwayOrIn(member)).location, challengePath);
  });

  const halfwayOrIn = ({ person }: Member) =>
    portal.visitor().submit('/sign-in', { email: person.email, password }, { from: '/sign-in' });

  it('asks for the same where a single one is removed', async () => {
    await setPolicy(portal, { disableProof: 'both' });
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    const [row] = await portal.engine.enrolments.activeOf(member.person.id);
    const remove = `/account/enrolments/${row?._id.toHexString() ?? ''}/remove`;
    portal.clock.advance({ seconds: 30 });
    const code = codeNow(portal, member);
    for (const given of [{ code }, { password }, { code, password: wrong }])
      assert.equal((await visitor.submit(remove, given, { from: remove })).status, 422, JSON.stringify(given));
    assert.equal((await portal.engine.enrolments.activeOf(member.person.id)).length, 1);
    portal.clock.advance({ seconds: 30 });
    const fields = { code: codeNow(portal, member), password };
    assert.equal((await visitor.submit(remove, fields, { from: remove })).status, 303);
  });
});
