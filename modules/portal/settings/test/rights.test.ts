// Who may weaken what on staff's Settings tab, and what a change ends with it.
import assert from 'node:assert/strict';
import { describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { addMember, challengePath, codeNow, halfway, signInFully } from '../../../../test/attacks/support/people.ts';
import type { Visitor } from '../../../../test/support/http.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { fixedForStaff, portalSettings } from '../../../mfa/policy/policy.ts';
import { choiceOf, portalFields, type PolicyChoice } from '../policy-choice.ts';

const home = '/staff/settings';

describeWithAuthenticator('Rights on the settings of the portal', () => {
  let portal: TestPortal;
  let master: Visitor;
  before(async () => {
    portal = await openTestPortal();
    master = await signInFully(portal, await addMember(portal, { kind: 'staff', profile: 'master-admin' }));
  });
  after(() => portal.close());

  /** Sends a choice to the save button's address, as a page would or as no page does. */
  async function save(by: Visitor, audience: 'contact' | 'staff', change: Partial<PolicyChoice>, more = {}) {
    const { version, policy } = await portal.engine.policies.current(audience);
    const choice = JSON.stringify({ ...choiceOf(policy), ...change });
    const page = await by.get(`${home}/policy`);
    const fields = {
      choice,
      seen: String(version),
      reason: 'settings',
      _csrf: page.forms[0]?.hidden.get('_csrf') ?? '',
    };
    return by.submit(`${home}/${audience}/save`, { ...fields, ...more }, { hidden: false });
  }

  /** Staff who may change the rules of signing in, and nothing else. */
  async function addClerk(name: string): Promise<Visitor> {
    const profile = await portal.profiles.create({ name, permissions: ['mfa.policy'], masterAdmin: false });
    assert.ok(profile !== 'taken');
    const member = await addMember(portal, {
      kind: 'staff',
      profile: profile.id,
      grants: { name: profile.name, permissions: profile.permissions, masterAdmin: false },
    });
    return signInFully(portal, member);
  }

  it('only a Master Admin lets staff in without a second factor', async () => {
    const clerk = await addClerk('Policy clerk');
    assert.equal((await save(clerk, 'staff', { mode: 'off', whenOff: 'suspend' }, { sure: 'yes' })).status, 403);
    assert.equal((await portal.engine.policies.of('staff')).mode, 'required');
    assert.equal(
      (await save(clerk, 'contact', { graceDays: 3 })).status,
      303,
      'customers’ policy is what they are for',
    );
    await setPolicy(portal, { graceDays: 0 });
  });

  it('a forged choice gives staff neither trusted browsers nor anything of an epoch', async () => {
    const forged = { trustedDeviceDays: 30, companyAdmins: 'manageAndRequire', enrolmentEpoch: 7, requiredSince: 1 };
    assert.equal((await save(master, 'staff', forged as Partial<PolicyChoice>)).status, 303);
    const policy = await portal.engine.policies.of('staff');
    assert.deepEqual([policy.trustedDeviceDays, policy.companyAdmins, policy.enrolmentEpoch], [0, 'off', 0]);
    assert.equal(policy.requiredSince, null);
  });

  it('no field of a forged policy lets staff in on the password alone', async () => {
    const clerk = await addClerk('Forger');
    const ada = await portal.addPerson({ kind: 'staff', profile: 'admin' });
    const member = await addMember(portal, { kind: 'staff', profile: 'admin' });
    const before = (await portal.engine.policies.current('staff')).policy;
    const outcomes = async () => [
      (await portal.engine.decide(ada)).outcome,
      (await portal.engine.decide(member.person)).outcome,
    ];
    assert.deepEqual(await outcomes(), ['enrol', 'verify']);
    const own = Object.keys(portalSettings.shape);
    const values = [...portalFields('contact'), ...portalFields('staff')].flatMap((field) =>
      (field.kind === 'number' ? [field.min, field.max] : field.options).map((value) => [field.name, value] as const),
    );
    assert.deepEqual([...new Set(values.map(([name]) => name))].sort(), own.sort(), 'every field is tried');
    // All at once too: one field may open what another one only unlocks.
    const worst = { mode: 'off', whenOff: 'suspend', graceDays: 90, trustedDeviceDays: 30, requiredSince: 1 };
    const changes = [...values.map(([name, value]) => ({ [name]: value })), worst, { ...worst, mode: 'required' }];
    for (const change of changes) {
      for (const by of [clerk, master]) {
        const answer = await save(by, 'staff', change as Partial<PolicyChoice>);
        assert.deepEqual(await outcomes(), ['enrol', 'verify'], JSON.stringify(change));
        const now = await portal.engine.policies.of('staff');
        assert.deepEqual({ ...now, ...fixedForStaff }, now, JSON.stringify(change));
        if ('mode' in change && change.mode !== 'required')
          assert.equal(answer.status, by === clerk ? 403 : 422, JSON.stringify(change));
      }
    }
    for (const id of portal.engine.factors.keys()) {
      await save(clerk, 'staff', { factors: { [id]: { enabled: false } } });
      assert.deepEqual(await outcomes(), ['enrol', 'verify'], id);
    }
    // The way that was open: staff who need one again, with days to go without.
    await setPolicy(portal, { ...before, mode: 'optional' }, 'staff');
    assert.equal((await save(clerk, 'staff', { mode: 'required', graceDays: 90 })).status, 303);
    assert.deepEqual(await outcomes(), ['enrol', 'verify']);
    await setPolicy(portal, before, 'staff');
  });

  it('days of grace that a stored policy of staff has anyhow are no days for them', async () => {
    const ada = await portal.addPerson({ kind: 'staff', profile: 'support' });
    await setPolicy(portal, { graceDays: 90, requiredSince: portal.clock.now() }, 'staff');
    assert.equal((await portal.engine.decide(ada)).outcome, 'enrol');
    await setPolicy(portal, { graceDays: 0, requiredSince: null }, 'staff');
  });

  it('a new round of enrolment ends every deadline of a person’s own', async () => {
    const member = await addMember(portal);
    await setPolicy(portal, { mode: 'off', whenOff: 'suspend', onReenable: 'reenrolAll' });
    const later = new Date(portal.clock.now().getTime() + 40 * 86_400_000);
    await portal.accounts.edit(member.person.id, { graceUntil: later });
    assert.equal((await save(master, 'contact', { mode: 'required', onReenable: 'reenrolAll' })).status, 303);
    assert.equal(
      (await portal.engine.decide((await portal.accounts.byId(member.person.id)) ?? member.person)).outcome,
      'enrol',
    );
  });

  it('a new round of enrolment leaves nobody in the lists as enrolled who has to set up anew', async () => {
    const { engine, directory, accounts } = portal;
    await setPolicy(portal, { mode: 'optional' });
    const member = await addMember(portal, { name: 'Wanda Vole' });
    await engine.noteState(member.person);
    await setPolicy(portal, { mode: 'off', whenOff: 'suspend', onReenable: 'reenrolAll' });
    const required = { all: true, groups: { required: [], notRequired: [] } };
    const listed = (state: 'enrolled' | 'waiting') =>
      directory.page({ kind: 'contact', query: 'Wanda', state, required }, { after: null, count: 9 });
    const badge = async () =>
      /badge badge-(\w+)/.exec((await master.get(`/staff/contacts/${member.person.id}`)).html)?.[1];
    assert.deepEqual([(await listed('enrolled')).length, (await listed('waiting')).length], [1, 0]);
    const before = await badge();
    assert.equal((await save(master, 'contact', { mode: 'required', onReenable: 'reenrolAll' })).status, 303);
    assert.deepEqual([(await listed('enrolled')).length, (await listed('waiting')).length], [0, 1]);
    assert.notEqual(await badge(), before);
    const quick = await addMember(portal);
    await engine.noteState(quick.person);
    await engine.beginEpoch('contact');
    assert.equal((await accounts.byId(quick.person.id))?.mfaState, 'enrolled', 'who has set up since, is');
    assert.equal((await accounts.byId(member.person.id))?.mfaState, 'none');
  });

  it('a company’s own word ends a running grace as staff’s does', async () => {
    await setPolicy(portal, { mode: 'required', graceDays: 30, requiredSince: portal.clock.now() });
    const ada = await portal.addPerson();
    assert.equal((await portal.engine.decide(ada)).outcome, 'satisfied');
    const now = await portal.accounts.edit(ada.id, { companyWord: 'required' });
    assert.equal((await portal.engine.decide(now ?? ada)).outcome, 'enrol');
  });

  it('browsers that were trusted are not trusted again when trust is switched off and on', async () => {
    await setPolicy(portal, { mode: 'required', graceDays: 0, requiredSince: null, trustedDeviceDays: 20 });
    const ada = await addMember(portal);
    const visitor = await halfway(portal, ada.person);
    await visitor.submit(challengePath, { code: codeNow(portal, ada), trust: 'yes' }, { from: challengePath });
    assert.equal((await save(master, 'contact', { trustedDeviceDays: 0 })).status, 303);
    assert.equal((await save(master, 'contact', { trustedDeviceDays: 20 })).status, 303);
    const again = portal.visitor();
    for (const [name, value] of visitor.cookies) if (name.endsWith('-trust')) again.cookies.set(name, value);
    assert.equal(again.cookies.size, 1);
    assert.equal((await signInWith(again, ada.person.email)).location, challengePath);
  });

  it('a company that is put into a group while its word changes has the group’s word', async () => {
    const { groups } = portal.engine;
    const group = await groups.create('Racing', 'off');
    assert.ok(group);
    const companies = await Promise.all(
      Array.from({ length: 12 }, (_, n) => portal.companies.create(`Racer ${String(n)}`)),
    );
    await Promise.all([
      ...companies.map(({ id }) => groups.put(id, group.id)),
      groups.change(group.id, { name: 'Racing', word: 'required' }),
    ]);
    const words = await groups.wordsOfMany(companies.map(({ id }) => id));
    assert.deepEqual(
      [...words.values()].flat(),
      companies.map(() => 'required'),
    );
    const gone = await portal.companies.create('Straggler');
    await Promise.all([groups.put(gone.id, group.id), groups.remove(group.id)]);
    assert.deepEqual(await groups.wordsOf(gone.id), [], 'no word of a group that is gone');
  });
});
