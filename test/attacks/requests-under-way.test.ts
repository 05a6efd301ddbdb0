/**
 * The attack: somebody in a session that is about to be ended has requests under way: they hold the last byte of a form back, or hit the
 * moment, and let it go once the owner has a new password or support has reset the factors.
 * SES-7, SES-10, TOTP-8, REC-9.
 */
import assert from 'node:assert/strict';
import { resetFactors } from '../../modules/mfa/reset.ts';
import type { Person } from '../../modules/kernel/person.ts';
import type { Answer, Visitor } from '../support/http.ts';
import { setPolicy } from '../support/policy.ts';
import { openTestPortal, type TestPortal } from '../support/portal.ts';
import { authenticator, authenticatorId, describeWithAuthenticator } from './support/authenticator.ts';
import {
  addMember,
  chooseApp,
  codeNow,
  giveCode,
  halfway,
  isSignedIn,
  signInFully,
  type Member,
} from './support/people.ts';

const setUpPage = `/account/factors/${authenticatorId}`;
const keyOn = ({ html }: Answer) => /secret=([A-Z2-7]+)/.exec(html)?.[1] ?? '';

describeWithAuthenticator('A request that is under way', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  async function newPassword({ id }: Person): Promise<void> {
    const seen = await portal.accounts.passwordOf(id);
    assert.ok(seen);
    const password = await portal.hasher.hash('another long password 77');
    assert.ok(await portal.accounts.changePassword(id, seen, { password, short: false }));
  }

  const endSignIns = ({ id }: Person) =>
    portal.signIns.endAllOf(id, { actor: { kind: 'portal' }, reason: 'ended-elsewhere' });
  const reset = (person: Person) =>
    resetFactors(portal.engine, person, { actor: { kind: 'portal' }, reason: 'lost phone' });
  const factorsOf = async ({ id }: Person) => (await portal.engine.enrolments.activeOf(id)).length;

  /** Does something at the moment when the portal is about to do this for a person: behind every check of the request. */
  function atTheMomentOf(name: 'endAllSignIns' | 'lock', meanwhile: () => Promise<unknown>): void {
    const people = portal.accounts as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;
    const original = people[name];
    assert.ok(original);
    people[name] = async (...given) => {
      people[name] = original;
      await meanwhile();
      return original.apply(portal.accounts, given);
    };
  }

  /** Signed in here and in one more browser, so that there are others to end. */
  async function signInTwice(member: Member): Promise<Visitor> {
    await signInFully(portal, member);
    portal.clock.advance({ seconds: 30 });
    return signInFully(portal, member);
  }

  async function keySetUpBy(visitor: Visitor): Promise<string> {
    await visitor.submit(setUpPage, {}, { from: setUpPage });
    return keyOn(await visitor.get(setUpPage));
  }

  it('gives no session back when its form is complete after the password was changed', async () => {
    const member = await addMember(portal);
    const thief = await signInTwice(member);
    const held = await thief.holdSubmit('/account/sessions/end-others', {}, { from: '/account/sessions' });
    await newPassword(member.person);
    assert.notEqual((await held.release()).location, '/account/sessions');
    assert.equal(await isSignedIn(thief), false);
  });

  for (const [what, meanwhile] of [
    ['the password is changed', newPassword],
    ['the sign-ins are ended', endSignIns],
    ['the factors are reset', reset],
  ] as const)
    it(`gives no session back where it ends the others at the moment when ${what}`, async () => {
      const member = await addMember(portal);
      const thief = await signInTwice(member);
      atTheMomentOf('endAllSignIns', () => meanwhile(member.person));
      const answer = await thief.submit('/account/sessions/end-others', {}, { from: '/account/sessions' });
      assert.notEqual(answer.location, '/account/sessions');
      assert.equal(await isSignedIn(thief), false);
    });

  it('sets nothing up when its form is complete after a reset, nor does one after the other', async () => {
    const member = await addMember(portal);
    const thief = await signInFully(portal, member);
    const begin = await thief.holdSubmit(setUpPage, {}, { from: setUpPage });
    const forms = { from: setUpPage };
    await thief.submit(setUpPage, {}, forms);
    const wrong = await thief.holdSubmit(`${setUpPage}/confirm`, { code: '000000' }, forms);
    await reset(member.person);
    await begin.release();
    assert.equal(keyOn(await wrong.release()), '', 'no key is shown');
    assert.equal(await factorsOf(member.person), 0);
  });

  for (const [what, meanwhile] of [
    ['the password is changed', newPassword],
    ['the sign-ins are ended', endSignIns],
    ['the factors are reset', reset],
  ] as const)
    it(`sets nothing up where it is confirmed at the moment when ${what}`, async () => {
      const member = await addMember(portal);
      const thief = await signInFully(portal, member);
      const secret = await keySetUpBy(thief);
      const before = await factorsOf(member.person);
      const code = authenticator().code({ secret }, portal.clock.now());
      atTheMomentOf('lock', () => meanwhile(member.person));
      const answer = await thief.submit(`${setUpPage}/confirm`, { code }, { from: setUpPage });
      assert.ok(answer.status < 500, String(answer.status));
      assert.equal(await factorsOf(member.person), meanwhile === reset ? 0 : before);
      assert.equal(await isSignedIn(thief), false);
    });

  it('lets nobody in who confirms a required set-up at the moment when the password is changed', async () => {
    const ada = await portal.addPerson({ staffWord: 'required' });
    const thief = await halfway(portal, ada);
    const secret = keyOn(await chooseApp(thief));
    const code = authenticator().code({ secret }, portal.clock.now());
    atTheMomentOf('lock', () => newPassword(ada));
    await thief.submit(`${setUpPage}/confirm`, { code }, { from: setUpPage });
    assert.equal(await isSignedIn(thief), false);
    assert.equal(await factorsOf(ada), 0);
  });

  it('does not keep a change of address alive that the ended session had asked for', async () => {
    const member = await addMember(portal);
    const thief = await signInFully(portal, member);
    await thief.submit('/account/email', { email: 'eve@example.org' }, { from: '/account/email' });
    assert.equal((await portal.links.wantedEmailOf(member.person.id))?.email, 'eve@example.org');
    await reset(member.person);
    assert.equal(await portal.links.wantedEmailOf(member.person.id), null);
  });

  it('is not fresher after the last steps than it was at the proof before them', async () => {
    const policy = await portal.engine.policies.current('contact');
    const codes = { 'backup-codes': { enabled: true, mandatory: true } };
    if (!portal.engine.factors.has('backup-codes')) return;
    await setPolicy(portal, { mode: 'required', factors: codes });
    const member = await addMember(portal);
    portal.clock.advance({ seconds: 30 });
    const visitor = await halfway(portal, member.person);
    assert.equal((await giveCode(visitor, codeNow(portal, member))).location, '/sign-in/done');
    const page = '/account/factors/backup-codes';
    assert.equal((await visitor.submit(page, {}, { from: page })).status, 200);
    portal.clock.advance({ minutes: 4 });
    assert.equal((await visitor.submit('/sign-in/done', {}, { from: '/sign-in/done' })).location, '/home');
    assert.equal((await visitor.get('/account/password')).status, 200, 'four minutes after the proof');
    portal.clock.advance({ minutes: 2 });
    assert.match(
      (await visitor.get('/account/password')).location ?? '',
      /^\/account\/confirm/,
      'six minutes after it',
    );
    await setPolicy(portal, policy.policy);
  });
});
