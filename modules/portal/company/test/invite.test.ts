// Invitations by a company's own administrators.
import assert from 'node:assert/strict';
import { signInByPassword } from '../../../../test/attacks/support/people.ts';
import { withPortal } from '../../../../test/support/portal.ts';
import { setPolicy } from '../../../../test/support/policy.ts';

describe('A company administrator', () => {
  it('invites so many people an hour and no more, whoever of the company it is', async () => {
    await withPortal(async (portal) => {
      await setPolicy(portal, { companyAdmins: 'manage' });
      const company = await portal.companies.create('Quarry Foods');
      const ada = await portal.addPerson({ company, companyAdmin: true });
      const visitor = await signInByPassword(portal, ada);
      const statuses: number[] = [];
      for (let count = 0; count < 21; count += 1) {
        const fields = { name: 'Somebody New', email: `new.${String(count)}@quarry.example` };
        statuses.push((await visitor.submit('/company/invite', fields, { from: '/company/invite' })).status);
      }
      assert.deepEqual(statuses, [...Array<number>(20).fill(303), 429]);
      assert.equal(await portal.directory.count({ kind: 'contact', companyId: company.id }), 21);
    });
  });

  it('is asked for a fresh proof before the form is filled in, not after', async () => {
    await withPortal(async (portal) => {
      await setPolicy(portal, { companyAdmins: 'manage' });
      const company = await portal.companies.create('Quarry Foods');
      const visitor = await signInByPassword(portal, await portal.addPerson({ company, companyAdmin: true }));
      assert.equal((await visitor.get('/company/invite')).status, 200);
      portal.clock.advance({ minutes: 6 });
      assert.equal((await visitor.get('/company/invite')).location, '/account/confirm?returnTo=%2Fcompany%2Finvite');
    });
  });

  it('learns that an address is taken, by anybody at all, as often as they may invite and no more', async () => {
    await withPortal(async (portal) => {
      await setPolicy(portal, { companyAdmins: 'manage' });
      const company = await portal.companies.create('Quarry Foods');
      const visitor = await signInByPassword(portal, await portal.addPerson({ company, companyAdmin: true }));
      const stranger = await portal.addPerson({ company: await portal.companies.create('Harbour') });
      const staff = await portal.addPerson({ kind: 'staff', profile: 'support' });
      const ask = (email: string) =>
        visitor.submit('/company/invite', { name: 'Somebody', email }, { from: '/company/invite' });
      for (let count = 0; count < 20; count += 1) {
        const answer = await ask((count % 2 === 0 ? stranger : staff).email);
        assert.equal(answer.status, 422);
        assert.match(answer.html, /id="email-error"/);
        assert.ok(!answer.text.includes('Harbour'), 'that it is taken, and nothing more');
      }
      const answers = [await ask(stranger.email), await ask('nobody@quarry.example')];
      for (const answer of answers)
        assert.deepEqual([answer.status, answer.html.includes('email-error')], [429, false]);
    });
  });
});
