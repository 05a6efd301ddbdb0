// Why the policy let somebody in stays in the audit: what it said that day can't be worked out later.
import assert from 'node:assert/strict';
import { authenticator, describeWithAuthenticator } from '../../../test/attacks/support/authenticator.ts';
import { addMember, codeNow, giveCode, signInFully } from '../../../test/attacks/support/people.ts';
import { setPolicy } from '../../../test/support/policy.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../test/support/portal.ts';
import { freshPolicies } from '../policy/policy.ts';

describeWithAuthenticator('A sign-in that is completed', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  afterEach(() => setPolicy(portal, freshPolicies.contact));

  const completed = async (personId: string) =>
    (await portal.audit.latest({ personId, event: 'sign-in.completed' }, 1))[0]?.reason;

  it('says why a person without a factor was let in: their own choice, off, not yet, exempt', async () => {
    const ada = await portal.addPerson();
    const reasonNow = async () => {
      portal.clock.advance({ minutes: 1 });
      assert.equal((await signInWith(portal.visitor(), ada.email)).location, '/home');
      return completed(ada.id);
    };
    assert.equal(await reasonNow(), 'optional');
    await setPolicy(portal, { mode: 'off' });
    assert.equal(await reasonNow(), 'off');
    await setPolicy(portal, { mode: 'required', graceDays: 3, requiredSince: portal.clock.now() });
    assert.equal(await reasonNow(), 'grace');
    await portal.accounts.edit(ada.id, { staffWord: 'exempt' });
    assert.equal(await reasonNow(), 'exempt');
  });

  it('says after a code whose word it was', async () => {
    const member = await addMember(portal);
    const { id } = member.person;
    await signInFully(portal, member);
    assert.equal(await completed(id), 'alreadySetUp');
    await portal.accounts.edit(id, { companyWord: 'required' });
    await signInFully(portal, member);
    assert.equal(await completed(id), 'requiredByCompany');
    await portal.accounts.edit(id, { staffWord: 'required' });
    await signInFully(portal, member);
    assert.equal(await completed(id), 'requiredByStaff');
  });

  it('says it where a set-up that was required ends it, and where a trusted browser does', async () => {
    await setPolicy(portal, { mode: 'required', trustedDeviceDays: 5 });
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    assert.equal((await signInWith(visitor, ada.email)).location, '/sign-in/enrol');
    await authenticator().enrol(visitor, portal.clock.now());
    assert.equal((await visitor.get('/home')).status, 200);
    assert.equal(await completed(ada.id), 'requiredByPortal');

    const member = await addMember(portal);
    const browser = portal.visitor();
    await signInWith(browser, member.person.email);
    const fields = { code: codeNow(portal, member), trust: 'yes' };
    await browser.submit('/sign-in/challenge', fields, { from: '/sign-in/challenge' });
    await browser.submit('/sign-out', {}, { from: '/home' });
    portal.clock.advance({ minutes: 1 });
    assert.equal((await signInWith(browser, member.person.email)).location, '/home');
    const [row] = await portal.audit.latest({ personId: member.person.id, event: 'sign-in.completed' }, 1);
    assert.equal(row?.reason, 'requiredByPortal');
    assert.equal(row.detail?.['methods'], 'password trusted-device');
  });

  it('says it where the way that was proven is switched off by now', async () => {
    const member = await addMember(portal);
    const { policy } = await portal.engine.policies.current('contact');
    const factors = Object.fromEntries([...portal.engine.factors.keys()].map((id) => [id, { enabled: false }]));
    await setPolicy(portal, { factors: { ...policy.factors, ...factors } });
    const visitor = portal.visitor();
    portal.clock.advance({ seconds: 30 });
    await signInWith(visitor, member.person.email);
    assert.equal((await giveCode(visitor, codeNow(portal, member))).location, '/home');
    assert.equal(await completed(member.person.id), 'optional');
  });

  it('is told with its reason, in words, by the Audit tab', async () => {
    const admin = await addMember(portal, { kind: 'staff', profile: 'admin' });
    const visitor = await signInFully(portal, admin);
    const page = await visitor.get(`/staff/audit?person=${admin.person.id}&event=sign-in.completed`);
    assert.match(page.text, /Signed in A second step is required of everybody/);
  });
});
