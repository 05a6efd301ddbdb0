// A factor that is switched off under the people who have it: asked for as long as they have it, and never a trap.
import assert from 'node:assert/strict';
import { authenticatorId } from '../../../test/attacks/support/authenticator.ts';
import {
  addMember,
  challengePath,
  codeNow,
  giveAuthenticator,
  giveCode,
  halfway,
  signInByPassword,
  signInFully,
  type Member,
} from '../../../test/attacks/support/people.ts';
import {
  describeWithPhone,
  newestCode,
  newNumber,
  phone,
  register,
  save,
  signInByText,
} from '../../../test/behaviours/support/phone.ts';
import { linksOf, tokenOf } from '../../../test/behaviours/support/preset.ts';
import type { Visitor } from '../../../test/support/http.ts';
import { assertValidHtml } from '../../../test/support/page-quality.ts';
import { setPolicy } from '../../../test/support/policy.ts';
import { openTestPortal, type TestPortal } from '../../../test/support/portal.ts';

const disable = '/account/mfa/disable';
const security = '/account/security';
const phoneId = 'sms';

describeWithPhone('A factor that is switched off, or is one of several,', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  beforeEach(async () => {
    // All messages go to one address, for which only so many leave in an hour.
    portal.clock.advance({ minutes: 61 });
    await turn({}, 'optional');
  });

  const turn = (off: { app?: true; phone?: true }, mode: 'optional' | 'required') =>
    setPolicy(portal, {
      mode,
      factors: { [authenticatorId]: { enabled: !off.app }, [phoneId]: { enabled: !off.phone } },
    });
  const idOf = async (id: string) => {
    const [row] = await portal.engine.enrolments.activeOf(id);
    return row?._id.toHexString() ?? assert.fail();
  };
  const retireAppOf = async (mode: 'optional' | 'required'): Promise<Member> => {
    const member = await addMember(portal);
    await portal.engine.noteState(member.person);
    await turn({ app: true }, mode);
    return member;
  };
  const fresh = (member: Member) => {
    portal.clock.advance({ seconds: 30 });
    return codeNow(portal, member);
  };

  it('is asked for at each sign-in of who needs none, and can be turned off from the menu', async () => {
    const member = await retireAppOf('optional');
    await signInFully(portal, member);
    const visitor = await signInFully(portal, member);
    const page = await visitor.get(security);
    assert.ok(linksOf(page, disable).length > 0, 'the menu offers it');
    assert.equal((await visitor.get(disable)).status, 200);
    const done = await visitor.submit(disable, { code: fresh(member) }, { from: disable });
    assert.equal(done.location, security, done.text);
    await signInByPassword(portal, member.person);
  });

  it('can be removed by itself, with a proof of it', async () => {
    const ada = await portal.addPerson();
    const visitor = await signInByPassword(portal, ada);
    const { number } = await register(portal, visitor);
    await turn({ phone: true }, 'optional');
    const again = await signInByText(portal, ada, number);
    portal.clock.advance({ minutes: 2 });
    const path = `/account/enrolments/${await idOf(ada.id)}/remove`;
    assert.ok(linksOf(await again.get(security), path).length > 0);
    await again.submit(path, {}, { from: path });
    const done = await again.submit(path, { code: await newestCode(portal, number) }, { from: path });
    assert.equal(done.location, security, done.text);
    await signInByPassword(portal, ada);
  });

  it('proves nothing beside one that is on: no message is sent, no step-up passed, nothing turned off', async () => {
    const ada = await portal.addPerson();
    const first = await signInByPassword(portal, ada);
    const { number } = await register(portal, first);
    const member = {
      person: ada,
      device: await giveAuthenticator(portal, ada),
    };
    await turn({ phone: true }, 'optional');
    const visitor = await signInFully(portal, member);
    portal.clock.advance({ minutes: 6 });
    const _csrf = await tokenOf(visitor);
    const texts = async () => (await portal.outbox.kept(1000)).filter(({ channel }) => channel === 'text').length;
    const before = await texts();
    const send = (path: string, fields: Record<string, string>) =>
      visitor.submit(path, { factor: phoneId, _csrf, ...fields }, { hidden: false });
    assert.equal((await send('/account/confirm/methods', {})).status, 403);
    const code = await newestCode(portal, number);
    for (const [path, fields] of [
      ['/account/confirm', { code }],
      [disable, { begin: 'yes' }],
      [disable, { code }],
      [`/account/enrolments/${await idOf(ada.id)}/remove`, { begin: 'yes' }],
    ] as const)
      await send(path, fields);
    assert.equal(await texts(), before);
    assert.match((await visitor.get('/account/password')).location ?? '', /^\/account\/confirm/);
    assert.equal((await portal.engine.enrolments.activeOf(ada.id)).length, 2);
  });

  it('leads who needs one to another, and only after its proof', async () => {
    const member = await retireAppOf('required');
    portal.clock.advance({ seconds: 30 });
    const visitor = await halfway(portal, member.person);
    assert.equal((await visitor.get(phone)).location, challengePath, 'no set-up on the password alone');
    assert.equal((await giveCode(visitor, codeNow(portal, member))).location, '/sign-in/enrol');
    const { number, done } = await register(portal, visitor);
    assert.equal((await visitor.follow(done)).url.pathname, '/home');
    await signInByText(portal, member.person, number);
    const path = `/account/enrolments/${await idOf(member.person.id)}/remove`;
    assert.equal((await visitor.get(path)).status, 200, 'the old one may go');
  });

  it('counts again as it was when it is switched on again', async () => {
    const member = await retireAppOf('optional');
    await signInFully(portal, member);
    await turn({}, 'required');
    const visitor = await signInFully(portal, member);
    assert.doesNotMatch((await visitor.get(security)).text, /going away/);
    assert.equal((await visitor.get(disable)).status, 403, 'it is required now');
  });

  it('has no page to change it by, and no link to one', async () => {
    const ada = await portal.addPerson();
    const visitor = await signInByPassword(portal, ada);
    await register(portal, visitor);
    const change = `${phone}/change`;
    const isLinked = async () => linksOf(await visitor.get(security), change).length > 0;
    assert.ok(await isLinked());
    assert.equal((await visitor.get(change)).status, 200);
    const _csrf = await tokenOf(visitor);
    await turn({ phone: true }, 'optional');
    assert.ok(!(await isLinked()));
    assert.equal((await visitor.get(change)).status, 404);
    assert.equal((await visitor.submit(change, { _csrf }, { hidden: false })).status, 404);
    await turn({}, 'optional');
    assert.equal((await visitor.get(change)).status, 200);
  });

  it('leads from a forced set-up back to the choice, as long as there is one', async () => {
    await turn({}, 'required');
    const visitor = await halfway(portal, await portal.addPerson());
    const app = `/account/factors/${authenticatorId}`;
    await visitor.submit('/sign-in/enrol', { factor: authenticatorId }, { from: '/sign-in/enrol' });
    const page = await visitor.get(app);
    assert.match(page.html, /id="secret-key"/);
    assert.equal(linksOf(page, '/sign-in/enrol').length, 1);
    await assertValidHtml(page.html);
    assert.equal((await visitor.get('/sign-in/enrol')).status, 200);
    await visitor.submit('/sign-in/enrol', { factor: phoneId });
    assert.equal((await visitor.get(phone)).status, 200, 'and on to another one');
    await turn({ phone: true }, 'required');
    assert.equal(linksOf(await visitor.get(app), '/sign-in/enrol').length, 0);
    await turn({}, 'optional');
    const free = await signInByPassword(portal, await portal.addPerson());
    assert.equal(linksOf(await free.get(app), '/sign-in/enrol').length, 0, 'there is the security page for that');
  });

  it('sends who was setting it up, and must set one up, to what is there now', async () => {
    await turn({}, 'required');
    const ada = await portal.addPerson();
    const visitor: Visitor = await halfway(portal, ada);
    await save(visitor, newNumber());
    await turn({ phone: true }, 'required');
    const sent = await visitor.submit(`${phone}/send`);
    assert.equal(sent.status, 303, sent.text);
    assert.equal((await visitor.follow(sent)).url.pathname, `/account/factors/${authenticatorId}`);
  });
});
