// What proves somebody who takes a factor away: never only the one that they may have lost.
import assert from 'node:assert/strict';
import { authenticatorId } from '../../../test/attacks/support/authenticator.ts';
import { addMember, codeNow, signInByPassword, signInFully } from '../../../test/attacks/support/people.ts';
import { challenge, linksOf } from '../../../test/behaviours/support/preset.ts';
import { describeWithPhone, messagesTo, newestCode, register } from '../../../test/behaviours/support/phone.ts';
import type { Visitor } from '../../../test/support/http.ts';
import { assertValidHtml } from '../../../test/support/page-quality.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../test/support/portal.ts';

const disable = '/account/mfa/disable';
const phoneId = 'sms';

describeWithPhone('Who has two factors and lost the app', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ minutes: 61 });
  });

  /** Somebody with an app and a phone, signed in by the phone. */
  async function signedInByPhone() {
    const member = await addMember(portal);
    const { number } = await register(portal, await signInFully(portal, member));
    portal.clock.advance({ minutes: 5 });
    const visitor = portal.visitor();
    await signInWith(visitor, member.person.email);
    await visitor.submit('/sign-in/methods', { factor: phoneId }, { from: challenge });
    const answer = await visitor.submit(challenge, { code: await newestCode(portal, number) }, { from: challenge });
    assert.equal(answer.location, '/home', answer.text);
    portal.clock.advance({ minutes: 2 });
    return { member, visitor, number };
  }
  const removalOf = async (id: string, factor: string) => {
    const row = (await portal.engine.enrolments.activeOf(id)).find((one) => one.factor === factor);
    return `/account/enrolments/${row?._id.toHexString() ?? assert.fail()}/remove`;
  };
  async function proveByPhone(visitor: Visitor, path: string, number: string) {
    const before = (await messagesTo(portal, number)).length;
    await assertValidHtml((await visitor.get(path)).html);
    assert.equal((await messagesTo(portal, number)).length, before, 'looking sends nothing');
    const begun = await visitor.submit(path, {}, { from: path });
    assert.equal(begun.status, 303, begun.text);
    await visitor.get(begun.location ?? '');
    return visitor.submit(path, { code: await newestCode(portal, number) });
  }

  it('removes it with the phone, which is asked for first', async () => {
    const { member, visitor, number } = await signedInByPhone();
    const path = await removalOf(member.person.id, authenticatorId);
    const done = await proveByPhone(visitor, path, number);
    assert.equal(done.location, '/account/security', done.text);
    const left = await portal.engine.enrolments.activeOf(member.person.id);
    assert.deepEqual(
      left.map(({ factor }) => factor),
      [phoneId],
    );
  });

  it('turns everything off with the phone, by which they signed in', async () => {
    const { member, visitor, number } = await signedInByPhone();
    const done = await proveByPhone(visitor, disable, number);
    assert.equal(done.location, '/account/security', done.text);
    await signInByPassword(portal, member.person);
  });

  it('may choose the other one all the same, and nothing that they do not have', async () => {
    const { member, visitor } = await signedInByPhone();
    const path = await removalOf(member.person.id, authenticatorId);
    const [other] = linksOf(await visitor.get(path), path);
    assert.ok(other);
    const page = await visitor.get(other.href);
    assert.match(page.html, /name="code"/);
    assert.equal(
      (await visitor.submit(path, { code: '000000', factor: 'key-fob' })).status,
      303,
      'the first is asked for',
    );
    assert.equal((await portal.engine.enrolments.activeOf(member.person.id)).length, 2);
    await visitor.get(other.href);
    portal.clock.advance({ seconds: 30 });
    const done = await visitor.submit(path, { code: codeNow(portal, member) });
    assert.equal(done.location, '/account/security', done.text);
  });
});
