// Profiles that are changed or removed in the moment in which somebody is given them.
import assert from 'node:assert/strict';
import { openTestPortal, type TestPortal } from '../../../test/support/portal.ts';
import { permissions } from '../../kernel/person.ts';
import { grantsOf, type Profile } from '../profiles.ts';

describe('A profile of the portal’s own', () => {
  let portal: TestPortal;
  let count = 0;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  async function make(masterAdmin: boolean): Promise<Profile> {
    count += 1;
    const made = await portal.profiles.create({
      name: `Helm ${String(count)}`,
      permissions: ['audit.read'],
      masterAdmin,
    });
    assert.ok(made !== 'taken');
    return made;
  }
  /** Gives it in one write, as an invitation of staff does. */
  const give = (profile: Profile) =>
    portal.accounts.create({
      kind: 'staff',
      name: 'Hal Helm',
      email: `hal.${profile.id}@example.com`,
      emailKey: `hal.${profile.id}@example.com`,
      profile: profile.id,
      grants: grantsOf(profile),
      password: null,
      passwordShort: false,
    });
  const rounds = Array.from({ length: 8 }, (_, round) => round);

  it('allows everything with the Master Admin option, whatever was ticked besides', async () => {
    const made = await make(true);
    assert.deepEqual((await portal.profiles.byId(made.id))?.permissions, permissions);
    const { id, name } = await make(false);
    const changed = await portal.profiles.change(id, { name, permissions: [], masterAdmin: true });
    assert.ok(typeof changed !== 'string');
    assert.deepEqual((await portal.profiles.byId(id))?.permissions, permissions);
  });

  it('is not removed from under somebody who is given it meanwhile', async () => {
    const outcomes = [];
    for (const round of rounds) {
      const profile = await make(false);
      const removing = portal.profiles.remove(profile.id);
      await give(profile);
      const outcome = await removing;
      const isThere = (await portal.profiles.byId(profile.id)) !== null;
      assert.equal(isThere, outcome === 'inUse', outcome);
      outcomes.push(outcome);
      // Whoever gave it too late is told so.
      assert.equal(await portal.profiles.spread(profile), isThere, String(round));
    }
    // Nobody had it when it was counted first: the second look finds them.
    assert.ok(outcomes.includes('inUse'), outcomes.join());
  });

  it('keeps its Master Admin option where somebody is given it meanwhile', async () => {
    const outcomes = [];
    for (const round of rounds) {
      const profile = await make(true);
      const { name } = profile;
      const changing = portal.profiles.change(profile.id, { name, permissions: [], masterAdmin: false });
      // As long as the change takes to read it: then come the first count, and the gift.
      await portal.profiles.byId(profile.id);
      const hal = await give(profile);
      const outcome = await changing;
      outcomes.push(outcome);
      const now = await portal.profiles.byId(profile.id);
      assert.equal(now?.masterAdmin, outcome === 'inUse', String(round));
      assert.equal(await portal.profiles.spread(profile), outcome === 'inUse');
      if (outcome === 'inUse') assert.deepEqual(now, profile, 'nothing else of it was changed');
      assert.equal((await portal.accounts.byId(hal.id))?.masterAdmin, true, 'as it was given');
    }
    assert.ok(outcomes.includes('inUse'));
  });

  it('is not kept by who was given it too late', async () => {
    const profile = await make(false);
    assert.equal(await portal.profiles.remove(profile.id), 'removed');
    await give(profile);
    assert.equal(await portal.profiles.spread(profile), false);
    assert.equal(
      await portal.profiles.spread({ id: 'support', masterAdmin: false }),
      true,
      'a built-in one never goes',
    );
  });
});
