// Where the powers of a company's administrators end.
import assert from 'node:assert/strict';
import { signInByPassword } from '../../../../test/attacks/support/people.ts';
import type { Visitor } from '../../../../test/support/http.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { openTestPortal, type TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';
import { companyActions } from '../company-actions.ts';
import type { CompanyPorts } from '../company-ports.ts';

describe('A company’s administrator', () => {
  let portal: TestPortal;
  let boss: Visitor;
  let company: { id: string; name: string };
  before(async () => {
    portal = await openTestPortal();
    await setPolicy(portal, { companyAdmins: 'manage' });
    company = await portal.companies.create('Harbour');
    boss = await signInByPassword(portal, await portal.addPerson({ company, companyAdmin: true }));
  });
  after(() => portal.close());

  const act = async (user: Person, action: string) => {
    const path = `/company/users/${user.id}/${action}`;
    return boss.submit(path, { reason: 'As agreed' }, { from: path });
  };
  it('resets nobody who has gone to another company since the page was read', async () => {
    const ada = await portal.addPerson({ company });
    const reset = companyActions.find(({ path }) => path === 'reset-mfa') ?? assert.fail();
    const before = (await portal.accounts.byId(ada.id))?.sessionEpoch;
    const elsewhere = { ...ada, companyId: (await portal.companies.create('Elsewhere')).id };
    const by = { actor: { kind: 'portal' as const }, reason: 'As agreed' };
    await assert.rejects(reset.run(portal as unknown as CompanyPorts, elsewhere, by), { code: 'not-found' });
    assert.equal((await portal.accounts.byId(ada.id))?.sessionEpoch, before, 'nothing was done');
  });

  const isDisabled = async ({ id }: Person) => (await portal.accounts.byId(id))?.disabled;

  it('opens again what they closed themselves, and not what staff closed', async () => {
    const [ada, ben] = [await portal.addPerson({ company }), await portal.addPerson({ company })];
    assert.equal((await act(ada, 'disable')).status, 303);
    assert.equal(await isDisabled(ada), true);
    assert.match((await boss.get(`/company/users/${ada.id}`)).html, /\/company\/users\/[^"]*\/enable"/);
    assert.equal((await act(ada, 'enable')).status, 303);
    assert.equal(await isDisabled(ada), false);
    await portal.standing.disable(ben.id);
    assert.doesNotMatch(
      (await boss.get(`/company/users/${ben.id}`)).html,
      /\/company\/users\/[^"]*\/(?:enable|disable)"/,
    );
    assert.equal((await act(ben, 'enable')).status, 403);
    assert.equal(await isDisabled(ben), true);
  });

  it('requires nothing of anybody while the policy lets them manage alone', async () => {
    const ada = await portal.addPerson({ company });
    const page = await boss.get(`/company/invite`);
    const fields = { required: 'yes', _csrf: page.forms.at(-1)?.hidden.get('_csrf') ?? '' };
    const answer = await boss.submit(`/company/users/${ada.id}/requirement`, fields, { hidden: false });
    assert.equal(answer.status, 403);
    assert.equal((await portal.accounts.byId(ada.id))?.companyWord, 'inherit');
  });
});
