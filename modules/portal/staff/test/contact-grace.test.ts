import assert from 'node:assert/strict';
import { describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { isSignedIn, signInByPassword } from '../../../../test/attacks/support/people.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import type { Visitor } from '../../../../test/support/http.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';
import { boxOf, editDetails, pathOf, staffOf, tokenOf, valueOf } from './pages.ts';

describeWithAuthenticator('What staff say of one contact’s deadline, and of who looks after a company,', () => {
  let portal: TestPortal;
  let as: (profile: string) => Promise<Visitor>;
  before(async () => {
    portal = await openTestPortal();
    as = staffOf(portal);
  });
  after(() => portal.close());

  const details = (person: Person) => pathOf(person, '/login-details');
  const day = (days: number) => new Date(portal.clock.now().getTime() + days * 86_400_000).toISOString().slice(0, 10);
  /** Whether the password alone signs the person in. */
  async function isLetIn(person: Person): Promise<boolean> {
    const { status, location = '' } = await signInWith(portal.visitor(), person.email);
    assert.equal(status, 303);
    return !location.startsWith('/sign-in/');
  }
  const lastEdit = async ({ id }: Person) =>
    (await portal.audit.latest({ personId: id, event: 'person.edited' }, 1))[0]?.detail;

  describe('where a second step is required of everybody,', () => {
    before(() => setPolicy(portal, { mode: 'required', graceDays: 0 }));

    it('a deadline lets the person in with the password until its day is over, with a countdown on the first page', async () => {
      const ada = await portal.addPerson();
      assert.ok(!(await isLetIn(ada)));
      assert.equal((await editDetails(await as('sales-manager'), ada, { graceDay: day(3) })).status, 303);
      const visitor = await signInByPassword(portal, ada);
      const home = await visitor.get('/home');
      await assertValidHtml(home.html, '/home');
      assert.match(home.text, /You have 4 days left to set it up/);
      assert.ok(!home.forms.some(({ action }) => action === '/home/not-now'), 'a deadline is not put away');
      assert.equal(valueOf(await (await as('sales-manager')).get(details(ada)), 'graceDay'), day(3));
      assert.deepEqual((await lastEdit(ada))?.['graceUntilBefore'], null);
      portal.clock.advance({ hours: 24 * 3 });
      assert.match((await (await signInByPassword(portal, ada)).get('/home')).text, /You have 1 day left/);
      portal.clock.advance({ hours: 25 });
      assert.ok(!(await isLetIn(ada)));
    });

    it('a day that has passed ends it at once, and no day leaves it to the portal', async () => {
      const ada = await portal.addPerson();
      await editDetails(await as('sales-manager'), ada, { graceDay: day(30) });
      assert.ok(await isLetIn(ada));
      await editDetails(await as('sales-manager'), ada, { graceDay: day(-1) });
      assert.ok(!(await isLetIn(ada)));
      await editDetails(await as('sales-manager'), ada, { graceDay: day(30) });
      const cleared = await editDetails(await as('sales-manager'), ada, { graceDay: '' });
      assert.equal(cleared.status, 303);
      assert.equal((await portal.accounts.byId(ada.id))?.graceUntil, null);
    });

    it('the tick of the person’s own requirement ends a running one', async () => {
      const ada = await portal.addPerson();
      await editDetails(await as('sales-manager'), ada, { graceDay: day(30) });
      await editDetails(await as('sales-manager'), ada, { graceDay: day(30), requireMfa: 'yes' });
      assert.ok(!(await isLetIn(ada)));
    });

    it('no day, one far away, or no permission stores nothing', async () => {
      const ada = await portal.addPerson();
      for (const graceDay of ['2030-02-31', 'tomorrow', day(91), '<b>', '0'.repeat(100)]) {
        const refused = await editDetails(await as('sales-manager'), ada, { graceDay });
        assert.equal(refused.status, 422, graceDay);
        await assertValidHtml(refused.html, graceDay);
      }
      assert.equal((await portal.accounts.byId(ada.id))?.graceUntil, null);
      const support = await as('support');
      const fields = { name: ada.name, email: ada.email, graceDay: day(3), seen: '', _csrf: await tokenOf(support) };
      assert.equal((await support.submit(details(ada), fields, { hidden: false })).status, 403);
      assert.equal((await portal.accounts.byId(ada.id))?.graceUntil, null);
    });
  });

  describe('where companies look after their own people,', () => {
    before(() => setPolicy(portal, { mode: 'optional', companyAdmins: 'manage' }));

    it('a contact gets the Admin tab by a tick, and loses it with it; each change ends their sign-ins and is audited', async () => {
      const ada = await portal.addPerson();
      const before = await signInByPassword(portal, ada);
      assert.equal((await before.get('/company')).status, 404);
      await editDetails(await as('sales-manager'), ada, { companyAdmin: 'yes' });
      assert.deepEqual(await lastEdit(ada), { companyAdminBefore: false, companyAdminAfter: true });
      assert.ok(!(await isSignedIn(before)), 'what may be done changed: the sign-ins end');
      const page = await (await as('sales-manager')).get(details(ada));
      await assertValidHtml(page.html);
      assert.ok(boxOf(page, 'companyAdmin')?.attributes.has('checked'));
      const administrator = await signInByPassword(portal, ada);
      assert.equal((await administrator.get('/company')).status, 200);
      await editDetails(await as('sales-manager'), ada, {});
      assert.ok(!(await isSignedIn(administrator)));
      assert.equal((await portal.accounts.byId(ada.id))?.companyAdmin, false);
    });

    it('whoever may not edit login details gives it to nobody', async () => {
      const ada = await portal.addPerson();
      const support = await as('support');
      const fields = { name: ada.name, email: ada.email, companyAdmin: 'yes', seen: '', _csrf: await tokenOf(support) };
      assert.equal((await support.submit(details(ada), fields, { hidden: false })).status, 403);
      assert.equal((await portal.accounts.byId(ada.id))?.companyAdmin, false);
    });

    it('without them in the policy there is no box, and a forged tick is no tick', async () => {
      await setPolicy(portal, { companyAdmins: 'off' });
      const ada = await portal.addPerson();
      assert.equal(boxOf(await (await as('sales-manager')).get(details(ada)), 'companyAdmin'), undefined);
      await editDetails(await as('sales-manager'), ada, { companyAdmin: 'yes', name: 'Ada Other' });
      const stored = await portal.accounts.byId(ada.id);
      assert.deepEqual([stored?.name, stored?.companyAdmin], ['Ada Other', false]);
    });
  });
});
