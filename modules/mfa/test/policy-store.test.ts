import assert from 'node:assert/strict';
import { withPortal } from '../../../test/support/portal.ts';
import { freshPolicies, type Policy } from '../policy/policy.ts';

const change = (seen: number, policy: Policy) => ({ seen, policy, at: new Date(0), by: null, reason: 'test' });

describe('The stored policy', () => {
  it('is the fresh one until somebody saves another', async () => {
    await withPortal(async ({ engine }) => {
      assert.deepEqual(await engine.policies.of('contact'), freshPolicies.contact);
      assert.equal(
        await engine.policies.replace('contact', change(0, { ...freshPolicies.contact, mode: 'required' })),
        true,
      );
      assert.equal((await engine.policies.of('contact')).mode, 'required');
      assert.equal((await engine.policies.of('staff')).mode, 'required');
    });
  });

  it('is replaced by one of several who saw the same version, and the others are told', async () => {
    await withPortal(async ({ engine }) => {
      for (const version of [0, 1, 2]) {
        const saved = await Promise.all(
          Array.from({ length: 10 }, () => engine.policies.replace('contact', change(version, freshPolicies.contact))),
        );
        assert.equal(saved.filter(Boolean).length, 1, `version ${String(version)}`);
      }
      assert.equal(await engine.policies.replace('contact', change(0, freshPolicies.contact)), false);
    });
  });

  it('that cannot be read lets nobody in on a guess', async () => {
    await withPortal(async (portal) => {
      await portal.database.connection
        .collection<{ _id: string }>('policies')
        .insertOne({ _id: 'contact 1', audience: 'contact', version: 1, settings: { mode: 'whatever' } } as never);
      await assert.rejects(portal.engine.policies.of('contact'));
      const ada = await portal.addPerson();
      const visitor = portal.visitor();
      const answer = await visitor.submit(
        '/sign-in',
        { email: ada.email, password: 'quiet harbour lantern 42' },
        { from: '/sign-in' },
      );
      assert.equal(answer.status, 500);
      assert.notEqual((await visitor.get('/account/security')).status, 200);
    });
  });
});
