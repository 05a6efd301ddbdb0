// The Admin tab passed on within a company.
import assert from 'node:assert/strict';
import { isSignedIn, signInByPassword } from '../../../../test/attacks/support/people.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import type { Visitor } from '../../../../test/support/http.ts';
import { openTestPortal, type TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';

const given = 'You look after your company’s users now';
const taken = 'You no longer look after your company’s users';

describe('A company’s administrator', () => {
  let portal: TestPortal;
  let company: { id: string; name: string };
  let bea: Person;
  let boss: Visitor;
  beforeEach(async () => {
    portal = await openTestPortal();
    await setPolicy(portal, { companyAdmins: 'manage' });
    company = await portal.companies.create('Harbour');
    bea = await portal.addPerson({ company, companyAdmin: true, name: 'Bea Boss' });
    boss = await signInByPassword(portal, bea);
  });
  afterEach(() => portal.close());

  const pathOf = ({ id }: Person, action: string) => `/company/users/${id}/${action}`;
  const act = (user: Person, action: string, by = boss) =>
    by.submit(pathOf(user, action), { reason: 'New in the job' }, { from: pathOf(user, action) });
  const forge = async (user: Person, action: string) => {
    const token = (await boss.get('/account/security')).forms[0]?.hidden.get('_csrf') ?? '';
    return boss.submit(pathOf(user, action), { reason: 'Forged', _csrf: token }, { hidden: false });
  };
  const hasTab = async ({ id }: Person) => (await portal.accounts.byId(id))?.companyAdmin;
  const mailsTo = async ({ email }: Person) =>
    (await portal.mails()).filter(({ to }) => to === email).map(({ subject }) => subject.replace(/^.*?: /, ''));

  it('gives a colleague the Admin tab, and takes it back: noted with the reason, told by mail, and out everywhere', async () => {
    const ada = await portal.addPerson({ company });
    const visitor = await signInByPassword(portal, ada);
    await assertValidHtml((await boss.get(pathOf(ada, 'give-admin'))).html);
    assert.equal((await act(ada, 'give-admin')).location, `/company/users/${ada.id}`);
    assert.equal(await hasTab(ada), true);
    assert.equal(await isSignedIn(visitor), false);
    const [row] = await portal.audit.latest({ personId: ada.id, event: 'person.edited' }, 1);
    assert.deepEqual(row?.actor, { kind: 'person', id: bea.id });
    assert.equal(row.reason, 'New in the job');
    assert.deepEqual(row.detail, { companyAdminBefore: false, companyAdminAfter: true });
    assert.deepEqual(await mailsTo(ada), [given]);
    const second = await signInByPassword(portal, ada);
    assert.equal((await second.get('/company')).status, 200);

    assert.equal((await act(ada, 'take-admin')).status, 303);
    assert.equal(await hasTab(ada), false);
    assert.deepEqual((await mailsTo(ada)).sort(), [given, taken]);
    assert.equal((await (await signInByPassword(portal, ada)).get('/company')).status, 404);
  });

  it('is told once, however often the button is pressed', async () => {
    const ada = await portal.addPerson({ company });
    await Promise.all([forge(ada, 'give-admin'), forge(ada, 'give-admin')]);
    assert.equal(await hasTab(ada), true);
    assert.deepEqual(await mailsTo(ada), [given]);
  });

  it('is told where there was nothing to change, and no row of the audit says otherwise', async () => {
    const ada = await portal.addPerson({ company, name: 'Ada Lovelace' });
    const said = async (action: string) => (await boss.follow(await forge(ada, action))).text;
    const rows = async () =>
      (await portal.audit.latest({ personId: ada.id }, 20)).filter(({ event }) => event.startsWith('person.')).length;
    const none = await rows();
    assert.match(await said('enable'), /Ada Lovelace’s account was not disabled\. Nothing was changed/);
    assert.match(await said('take-admin'), /Ada Lovelace did not have the Admin tab\. Nothing was changed/);
    assert.equal(await rows(), none);
    assert.match(await said('give-admin'), /Ada Lovelace has the Admin tab/);
    assert.match(await said('give-admin'), /Ada Lovelace had the Admin tab already\. Nothing was changed/);
    assert.equal(await rows(), none + 1);
    assert.match(await said('disable'), /Ada Lovelace’s account is disabled/);
    assert.match(await said('disable'), /Ada Lovelace’s account was disabled already\. Nothing was changed/);
    assert.equal(await rows(), none + 2);
    assert.match(await said('enable'), /Ada Lovelace’s account is enabled/);
    assert.equal(await rows(), none + 3);
  });

  it('never takes it from themselves; a colleague who has it may, and staff', async () => {
    assert.equal((await boss.get(pathOf(bea, 'take-admin'))).status, 403);
    assert.equal((await forge(bea, 'take-admin')).status, 403);
    assert.equal(await hasTab(bea), true);
    const ada = await portal.addPerson({ company, companyAdmin: true });
    const colleague = await signInByPassword(portal, ada);
    assert.equal((await act(bea, 'take-admin', colleague)).status, 303);
    assert.equal(await hasTab(bea), false);
  });

  it('sees on a user’s page which of the two can be done, and gives it to no closed account', async () => {
    const ada = await portal.addPerson({ company });
    const page = async () => (await boss.get(`/company/users/${ada.id}`)).html;
    assert.match(await page(), /\/give-admin"/);
    assert.doesNotMatch(await page(), /\/take-admin"/);
    await act(ada, 'give-admin');
    assert.doesNotMatch(await page(), /\/give-admin"/);
    assert.match(await page(), /\/take-admin"/);
    const ben = await portal.addPerson({ company });
    await portal.standing.disable(ben.id);
    assert.doesNotMatch((await boss.get(`/company/users/${ben.id}`)).html, /-admin"/);
    assert.equal((await forge(ben, 'give-admin')).status, 403);
    assert.equal(await hasTab(ben), false);
  });

  it('reads what staff said of a user, and finds nothing there to press', async () => {
    await setPolicy(portal, { companyAdmins: 'manageAndRequire' });
    for (const [staffWord, words] of [
      ['required', /require it\. Only they can take that away/],
      ['exempt', /made an exception/],
    ] as const) {
      const ada = await portal.addPerson({ company, staffWord });
      const page = await boss.get(`/company/users/${ada.id}`);
      await assertValidHtml(page.html, staffWord);
      assert.match(page.text, words);
      assert.doesNotMatch(page.html, /\/requirement"/);
    }
  });

  it('gives nothing while the policy has no company administrators', async () => {
    const ada = await portal.addPerson({ company });
    await setPolicy(portal, { companyAdmins: 'off' });
    for (const action of ['give-admin', 'take-admin']) {
      assert.equal((await boss.get(pathOf(ada, action))).status, 404);
      const token = (await boss.get('/account/security')).forms[0]?.hidden.get('_csrf') ?? '';
      const answer = await boss.submit(pathOf(ada, action), { reason: 'x', _csrf: token }, { hidden: false });
      assert.equal(answer.status, 404);
    }
    assert.equal(await hasTab(ada), false);
  });

  it('gives it only after a fresh proof', async () => {
    const ada = await portal.addPerson({ company });
    portal.clock.advance({ minutes: 6 });
    assert.match((await boss.get(pathOf(ada, 'give-admin'))).location ?? '', /^\/account\/confirm/);
    assert.match((await forge(ada, 'give-admin')).location ?? '', /^\/account\/confirm/);
    assert.equal(await hasTab(ada), false);
  });
});
