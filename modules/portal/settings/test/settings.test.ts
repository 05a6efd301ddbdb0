// Staff's Settings tab: what a Master Admin may change of the policy, and what it means before it is saved.
import assert from 'node:assert/strict';
import { describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { addMember, codeNow, signInFully } from '../../../../test/attacks/support/people.ts';
import type { Answer, Visitor } from '../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, type TestPortal } from '../../../../test/support/portal.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { permissions } from '../../../kernel/person.ts';

const home = '/staff/settings';

describeWithAuthenticator('The settings of the portal', () => {
  let portal: TestPortal;
  let admin: Visitor;
  before(async () => {
    portal = await openTestPortal();
    admin = await signInFully(
      portal,
      await addMember(portal, { kind: 'staff', profile: 'master-admin', name: 'Mara Hazel' }),
    );
  });
  after(() => portal.close());
  afterEach(() => setPolicy(portal, { ...choice, preset: null, mode: 'optional' }));

  const choice = {
    userMayDisable: 'unlessRequired',
    whenOff: 'keepAsking',
    onReenable: 'keep',
    multiple: 'many',
    companyAdmins: 'off',
    graceDays: 0,
    requiredSince: null,
    factors: {},
  } as const;
  const version = async () => (await portal.engine.policies.current('contact')).version;
  const policy = () => portal.engine.policies.of('contact');
  const previewPreset = async (preset: string): Promise<Answer> =>
    admin.submit(`${home}/policy/preview`, { ...(await hiddenOn('policy')), preset }, { hidden: false });
  /** What the form of single settings has hidden: the version it shows, and its token. */
  const hiddenOn = async (page: 'policy' | 'staff'): Promise<Record<string, string>> => {
    const forms = (await admin.get(`${home}/${page}`)).forms.filter(({ action }) => action.endsWith('/preview'));
    return Object.fromEntries(forms.find(({ hidden }) => !hidden.has('preset'))?.hidden ?? []);
  };

  it('show the presets side by side, and every page of them is whole', async () => {
    for (const path of [
      ...['', '/policy', '/staff', '/portal', '/history', '/staff/history', '/groups'],
      ...['/profiles', '/profiles/add'],
    ]) {
      const page = await admin.get(`${home}${path}`);
      assert.equal(page.status, 200, path);
      await assertValidHtml(page.html);
      assert.doesNotMatch(page.text, /settings\.[a-z]+\.|\.policy\./, `${path} shows a key`);
    }
    const page = await admin.get(`${home}/policy`);
    for (const name of ['One customer at a time, by app', 'Everybody, by text message', 'Everybody, by app'])
      assert.match(page.text, new RegExp(name));
  });

  it('say what a preset means before it is saved, and change nothing until then', async () => {
    for (let count = 0; count < 3; count += 1) await portal.addPerson();
    const before = await version();
    const page = await previewPreset('everyone-app');
    assert.equal(page.status, 200);
    await assertValidHtml(page.html);
    assert.match(page.text, /3 people will be asked to set up a factor at their next sign-in/);
    assert.equal(await version(), before, 'a preview saves nothing');
    const saved = await admin.follow(await admin.submit(`${home}/contact/save`));
    assert.match(saved.text, /The policy was saved/);
    const now = await policy();
    assert.equal(now.mode, 'required');
    assert.equal(now.preset, 'everyone-app');
    const [row] = await portal.audit.latest({ event: 'policy.changed' }, 1);
    assert.equal(row?.detail?.['mode'], 'optional -> required');
  });

  it('say who gets days to set up, and whose own deadline ends with a new round of enrolment', async () => {
    await portal.addPerson();
    const ada = await portal.addPerson();
    const fields = { mode: 'required', graceDays: '7', 'totp.enabled': 'yes' };
    const preview = async (change: Record<string, string>) => {
      const sent = { ...(await hiddenOn('policy')), ...fields, ...change };
      return admin.submit(`${home}/policy/preview`, sent, { hidden: false });
    };
    const graced = await preview({});
    assert.match(graced.text, /\d+ people have some days left, and must then set up a factor/);
    await setPolicy(portal, { mode: 'off', whenOff: 'suspend', onReenable: 'reenrolAll' });
    await portal.accounts.edit(ada.id, { graceUntil: new Date(portal.clock.now().getTime() + 86_400_000) });
    const anew = await preview({ onReenable: 'reenrolAll', graceDays: '0' });
    assert.match(anew.text, /1 person loses the deadline that was set for them alone/);
    await portal.accounts.edit(ada.id, { graceUntil: null });
  });

  it('refuse a change on top of one that was made meanwhile, and show what it would mean now', async () => {
    await previewPreset('everyone-app');
    await setPolicy(portal, { graceDays: 5 });
    const answer = await admin.submit(`${home}/contact/save`);
    assert.equal(answer.status, 422);
    assert.match(answer.text, /Somebody changed the policy meanwhile/);
    assert.equal((await policy()).mode, 'optional');
  });

  it('tell who filled in a form that somebody else changed the policy under it, before anything is saved', async () => {
    const fields = { ...(await hiddenOn('policy')), mode: 'required', 'totp.enabled': 'yes', graceDays: '0' };
    await setPolicy(portal, { graceDays: 5 });
    const told = /Somebody changed the policy meanwhile/;
    const preview = await admin.submit(`${home}/policy/preview`, fields, { hidden: false });
    assert.equal(preview.status, 422);
    assert.match(preview.text, told);
    assert.match(preview.text, /Days of grace 5 → becomes 0/, 'what it would undo is said');
    const late = await admin.submit(`${home}/policy/preview`, { ...fields, preset: 'everyone-app' }, { hidden: false });
    assert.match(late.text, told);
    const { seen: _none, ...without }: Record<string, string> = fields;
    assert.match((await admin.submit(`${home}/policy/preview`, without, { hidden: false })).text, told);
    const wrong = await admin.submit(`${home}/policy/preview`, { ...fields, graceDays: '91' }, { hidden: false });
    assert.doesNotMatch(wrong.text, told, 'one thing after the other');
    const shown = wrong.forms.find(({ action, hidden }) => action.endsWith('/preview') && !hidden.has('preset'));
    const right = { ...fields, seen: shown?.hidden.get('seen') ?? '' };
    assert.match((await admin.submit(`${home}/policy/preview`, right, { hidden: false })).text, told);
    await admin.get(`${home}/history`);
    const [, older] = await portal.engine.policies.history('contact', 2);
    await setPolicy(portal, { graceDays: 6 });
    const undone = await admin.submit(`${home}/history/${String(older?.version)}/preview`);
    assert.equal(undone.status, 422);
    assert.match(undone.text, told);
  });

  it('read from a form what that form has, and nothing else', async () => {
    await setPolicy(portal, { factors: { sms: { enabled: true } } }, 'staff');
    const fields = {
      ...(await hiddenOn('staff')),
      'totp.enabled': 'yes',
      disableProof: 'both',
      graceDays: '30',
      whenOff: 'suspend',
      trustedDeviceDays: 'rubbish',
      companyAdmins: 'manage',
    };
    const preview = await admin.submit(`${home}/staff/preview`, fields, { hidden: false });
    assert.equal(preview.status, 200, preview.text);
    assert.match(preview.text, /becomes/);
    assert.doesNotMatch(preview.text, /Days of grace|Trusted browsers|Text message: /);
    assert.equal((await admin.submit(`${home}/staff/save`)).status, 303);
    const now = await portal.engine.policies.of('staff');
    assert.deepEqual([now.disableProof, now.graceDays, now.factors['sms']], ['both', 0, { enabled: true }]);
    await setPolicy(portal, { disableProof: 'code', factors: {} }, 'staff');
  });

  it('keep the history of staff’s policy too, and the way back, with the same warning', async () => {
    const before = await portal.engine.policies.current('staff');
    await setPolicy(portal, { mode: 'optional' }, 'staff');
    const weak = await portal.engine.policies.current('staff');
    await setPolicy(portal, { mode: 'required', multiple: 'single' }, 'staff');
    const path = `${home}/staff/history`;
    const page = await admin.get(path);
    await assertValidHtml(page.html);
    assert.match(page.text, /History of staff’s policy.*In force/);
    const preview = await admin.submit(`${path}/${String(before.version)}/preview`);
    assert.equal(preview.status, 200, preview.text);
    assert.equal((await admin.submit(`${home}/staff/save`)).status, 303);
    const now = await portal.engine.policies.current('staff');
    assert.equal(now.policy.multiple, before.policy.multiple);
    assert.equal(now.reason, `version ${String(before.version)}`);
    const warned = await admin.submit(`${path}/${String(weak.version)}/preview`, {}, { from: path });
    assert.match(warned.text, /Staff would be guarded by their password alone/);
    assert.equal((await admin.submit(`${home}/staff/save`)).status, 422);
    assert.equal((await portal.engine.policies.of('staff')).mode, 'required');
  });

  it('go back to any earlier version, by a preview too', async () => {
    await setPolicy(portal, { graceDays: 0 });
    const wanted = await version();
    await setPolicy(portal, { graceDays: 9 });
    await admin.get(`${home}/history`);
    const page = await admin.submit(`${home}/history/${String(wanted)}/preview`);
    assert.equal(page.status, 200);
    await admin.submit(`${home}/contact/save`);
    assert.equal((await policy()).graceDays, 0);
  });

  it('take single settings, and refuse what is no option with its field named', async () => {
    const fields = { ...(await hiddenOn('policy')), mode: 'required', graceDays: '7', 'totp.enabled': 'yes' };
    const wrong = await admin.submit(`${home}/policy/preview`, { ...fields, graceDays: '91' }, { hidden: false });
    assert.equal(wrong.status, 422);
    assert.match(wrong.text, /Days of grace: choose one of the options, or a number in its range/);
    await admin.submit(`${home}/policy/preview`, fields, { hidden: false });
    await admin.submit(`${home}/contact/save`);
    const now = await policy();
    assert.deepEqual([now.mode, now.graceDays], ['required', 7]);
    assert.ok(now.requiredSince);
  });

  it('refuse a policy that leaves customers no factor to set up', async () => {
    const fields = { ...(await hiddenOn('policy')), mode: 'required' };
    const answer = await admin.submit(`${home}/policy/preview`, fields, { hidden: false });
    assert.equal(answer.status, 422);
    assert.match(answer.text, /No factor would be left to set up/);
    const save = await admin.submit(`${home}/contact/save`);
    assert.equal(save.status, 422);
    assert.equal((await policy()).mode, 'optional');
  });

  it('let a forged choice through no further than the form', async () => {
    await previewPreset('everyone-app');
    for (const forged of ['', '{', '{"mode":"off"}', '[]', 'null', '{"__proto__":{"mode":"off"}}']) {
      const answer = await admin.submit(`${home}/contact/save`, { choice: forged });
      assert.equal(answer.status, 400, forged);
      await previewPreset('everyone-app');
    }
    assert.equal((await policy()).mode, 'optional');
  });

  it('ask twice before staff need no second factor', async () => {
    const fields = {
      ...(await hiddenOn('staff')),
      mode: 'optional',
      userMayDisable: 'never',
      multiple: 'many',
      disableProof: 'code',
      'totp.enabled': 'yes',
    };
    const preview = await admin.submit(`${home}/staff/preview`, fields, { hidden: false });
    assert.match(preview.text, /Staff would be guarded by their password alone/);
    assert.equal((await admin.submit(`${home}/staff/save`)).status, 422);
    assert.equal((await portal.engine.policies.of('staff')).mode, 'required');
    assert.equal((await admin.submit(`${home}/staff/save`, { sure: 'yes' })).status, 303);
    assert.equal((await portal.engine.policies.of('staff')).mode, 'optional');
    await setPolicy(portal, { mode: 'required' }, 'staff');
  });

  it('have one switch for everybody, whose words follow the preset', async () => {
    const plain = await admin.get(`${home}/portal`);
    assert.match(plain.text, /Require a second factor of all customers/);
    await admin.submit(`${home}/portal`, { required: 'yes' });
    assert.equal((await policy()).mode, 'required');
    await admin.get(`${home}/portal`);
    await admin.submit(`${home}/portal`);
    assert.equal((await policy()).mode, 'off');
    await setPolicy(portal, { preset: 'everyone-sms' });
    assert.match((await admin.get(`${home}/portal`)).text, /Configurations.*Client Users.*Two Factor Authentication/);
    await setPolicy(portal, { preset: 'everyone-app' });
    assert.match((await admin.get(`${home}/portal`)).text, /Enable multi-factor authentication \(MFA\)/);
  });

  it('change nothing by the one switch when it is saved as it was shown', async () => {
    for (const mode of ['optional', 'off', 'required'] as const) {
      await setPolicy(portal, { mode });
      const before = await version();
      await admin.get(`${home}/portal`);
      const untouched = mode === 'required' ? { required: 'yes' } : {};
      assert.equal((await admin.submit(`${home}/portal`, untouched)).status, 303);
      assert.deepEqual([(await policy()).mode, await version()], [mode, before]);
    }
    for (const mode of ['optional', 'off'] as const) {
      await setPolicy(portal, { mode });
      await admin.get(`${home}/portal`);
      await admin.submit(`${home}/portal`, { required: 'yes' });
      assert.equal((await policy()).mode, 'required', mode);
    }
    await setPolicy(portal, { mode: 'optional' });
    await admin.get(`${home}/portal`);
    await setPolicy(portal, { mode: 'required' });
    assert.equal((await admin.submit(`${home}/portal`)).status, 422, 'not what the page showed');
    assert.equal((await policy()).mode, 'required');
  });

  it('put companies into groups, whose strongest word counts', async () => {
    const company = await portal.companies.create('Quarry Foods');
    const ada = await portal.addPerson({ company });
    await admin.submit(`${home}/groups`, { name: 'High value', word: 'required' }, { from: `${home}/groups` });
    const [group] = await portal.engine.groups.list();
    assert.ok(group);
    const path = `${home}/groups/${group.id}`;
    const unknown = await admin.submit(`${path}/companies`, { company: 'Nowhere' }, { from: path });
    assert.equal(unknown.status, 422);
    await admin.submit(`${path}/companies`, { company: 'quarry' }, { from: path });
    assert.match((await admin.get(path)).text, /Quarry Foods/);
    assert.equal((await portal.engine.decide(ada)).outcome, 'enrol');
    await admin.submit(path, { name: 'High value', word: 'off' }, { from: path });
    assert.deepEqual(await portal.engine.groups.wordsOf(company.id), ['off']);
    await admin.submit(`${path}/companies/${company.id}/remove`, {}, { from: path });
    assert.deepEqual(await portal.engine.groups.wordsOf(company.id), []);
    await admin.submit(`${path}/remove`, {}, { from: path });
    assert.deepEqual(await portal.engine.groups.list(), []);
  });

  it('find a company by its whole name before others that have it in theirs, and show a list where there are several', async () => {
    const [first, second] = [await portal.companies.create('Acme Beta'), await portal.companies.create('Alpha Beta')];
    const beta = await portal.companies.create('Beta');
    const { groups } = portal.engine;
    const group = await groups.create('Chosen', 'required');
    assert.ok(group);
    const path = `${home}/groups/${group.id}`;
    const put = (fields: Record<string, string>) => admin.submit(`${path}/companies`, fields, { from: path });
    const members = async () => (await groups.membersOf(group.id)).sort();
    assert.equal((await put({ company: ' bETA ' })).status, 303);
    assert.deepEqual(await members(), [beta.id]);

    const prefix = await put({ company: 'bet' });
    assert.equal(prefix.status, 422);
    await assertValidHtml(prefix.html);
    assert.match(prefix.text, /Acme Beta.*Alpha Beta/);
    assert.equal((await put({ company: 'bet', id: second.id })).status, 303);
    assert.deepEqual(await members(), [beta.id, second.id].sort());

    const twin = await portal.companies.create('Beta');
    const twins = await put({ company: 'Beta' });
    assert.equal(twins.status, 422);
    const offered = [...twins.html.matchAll(/name="id" type="radio" value="(\w+)"/g)].map(([, id]) => id);
    assert.deepEqual(offered.sort(), [beta.id, twin.id].sort(), 'of the same name, and no others');
    assert.equal((await admin.submit(`${path}/companies`, { company: 'Beta', id: twin.id })).status, 303);
    assert.deepEqual(await members(), [beta.id, second.id, twin.id].sort());

    for (const forged of ['f'.repeat(24), 'x', group.id]) assert.equal((await put({ id: forged })).status, 422, forged);
    assert.ok(!(await members()).includes(first.id));
    await Promise.all(Array.from({ length: 21 }, (_, n) => portal.companies.create(`Crowd ${String(n)}`)));
    const crowd = await put({ company: 'crowd' });
    assert.match(crowd.text, /Too many companies begin with that/);
    assert.doesNotMatch(crowd.html, /type="radio"/);
    await groups.remove(group.id);
  });

  it('refuse a word that a group can’t have at the word’s own field', async () => {
    const path = `${home}/groups`;
    const made = await portal.engine.groups.create('Wordy', null);
    assert.ok(made);
    for (const to of [path, `${path}/${made.id}`]) {
      const answer = await admin.submit(to, { name: 'Wordless', word: 'never' }, { from: to });
      assert.equal(answer.status, 422);
      await assertValidHtml(answer.html);
      assert.match(answer.html, /href="#word"/);
      assert.match(answer.html, /id="word-error"/);
      assert.doesNotMatch(answer.html, /id="name-error"/);
    }
    await portal.engine.groups.remove(made.id);
  });

  it('make profiles that hold at once, and keep the Master Admin option of one that is in use', async () => {
    const add = `${home}/profiles/add`;
    await admin.submit(add, { name: 'Auditor', 'may.audit.read': 'yes' }, { from: add });
    const own = (await portal.profiles.list()).find(({ name }) => name === 'Auditor');
    assert.ok(own);
    assert.deepEqual(own.permissions, ['audit.read']);
    const olga = await portal.addPerson({ kind: 'staff', profile: 'support' });
    await portal.standing.setProfile(olga.id, own);
    assert.deepEqual((await portal.accounts.byId(olga.id))?.permissions, ['audit.read']);
    const path = `${home}/profiles/${own.id}`;
    const both = { name: 'Auditor', 'may.audit.read': 'yes', 'may.customers.read': 'yes' };
    await admin.submit(path, both, { from: path });
    assert.deepEqual((await portal.accounts.byId(olga.id))?.permissions, ['customers.read', 'audit.read']);
    const option = await admin.submit(path, { ...both, masterAdmin: 'yes' }, { from: path });
    assert.equal(option.status, 422);
    assert.match(option.text, /People have this profile/);
    assert.equal((await portal.accounts.byId(olga.id))?.masterAdmin, false);
    assert.equal((await admin.submit(`${path}/remove`, {}, { from: path })).status, 422);
    const taken = await admin.submit(add, { name: 'support' }, { from: add });
    assert.equal(taken.status, 422);
  });

  it('take a profile’s name as every other line of text: whole, and without signs that nobody sees', async () => {
    const add = `${home}/profiles/add`;
    for (const [name, words] of [
      ['', /Fill this in/],
      ['   ', /Fill this in/],
      ['x'.repeat(61), /60/],
      ['Support\u202e', /character|sign/i],
      ['Sup\u0007port', /character|sign/i],
    ] as const) {
      const answer = await admin.submit(add, { name, 'may.audit.read': 'yes' }, { from: add });
      assert.equal(answer.status, 422, JSON.stringify(name));
      assert.match(answer.text, words);
      assert.match(answer.html, /id="name-error"/);
      assert.match(answer.html, /name="may\.audit\.read"[^>]* checked/, 'what was ticked is kept');
    }
    const twice = await admin.request({
      method: 'POST',
      path: add,
      body: new URLSearchParams([
        ...(await admin.get(add)).forms.flatMap(({ action, hidden }) => (action.endsWith('/add') ? [...hidden] : [])),
        ['name', 'One'],
        ['name', 'Two'],
      ]).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    assert.equal(twice.status, 400);
    assert.equal((await admin.submit(add, { name: 'y'.repeat(60) }, { from: add })).status, 303);
  });

  it('show the forms and links of profiles to Master Admins alone, as only they may send them', async () => {
    const own = await portal.profiles.create({ name: 'Rules', permissions: ['mfa.policy'], masterAdmin: false });
    assert.ok(own !== 'taken');
    const grants = { name: own.name, permissions: own.permissions, masterAdmin: false };
    const clerk = await signInFully(portal, await addMember(portal, { kind: 'staff', profile: own.id, grants }));
    const list = await clerk.get(`${home}/profiles`);
    assert.equal(list.status, 200);
    assert.doesNotMatch(list.html, /settings\/profiles\//);
    for (const path of ['add', own.id]) {
      assert.equal((await clerk.get(`${home}/profiles/${path}`)).status, 403, path);
      assert.match((await admin.get(`${home}/profiles`)).html, new RegExp(`settings/profiles/${path}"`));
    }
    const { location } = await admin.get(`${home}/profiles/${own.id}/remove`);
    assert.equal(location, `${home}/profiles/${own.id}`);
    portal.clock.advance({ minutes: 6 });
    for (const path of ['add', own.id])
      assert.match((await admin.get(`${home}/profiles/${path}`)).location ?? '', /^\/account\/confirm/, path);
    admin = await signInFully(portal, await addMember(portal, { kind: 'staff', profile: 'master-admin' }));
  });

  it('let nobody write their own profile, or put more into one than they have', async () => {
    const add = `${home}/profiles/add`;
    const helm = { name: 'Helm', 'may.mfa.policy': 'yes', masterAdmin: 'yes' };
    await admin.submit(add, helm, { from: add });
    const own = (await portal.profiles.list()).find(({ name }) => name === 'Helm');
    assert.ok(own);
    assert.deepEqual(own.permissions, permissions, 'who is kept as the last one can give every right to others');
    // As an earlier version of the portal made them: the option, and less than everything.
    const grants = { name: 'Helm', permissions: ['mfa.policy', 'users.manage'] as const, masterAdmin: true };
    const visitor = await signInFully(portal, await addMember(portal, { kind: 'staff', profile: own.id, grants }));
    const path = `${home}/profiles/${own.id}`;
    const wider = { ...helm, 'may.users.manage': 'yes', 'may.audit.read': 'yes' };
    assert.equal((await visitor.submit(path, wider, { from: path })).status, 403, 'their own');
    assert.equal((await visitor.submit(path, { name: 'Helm', masterAdmin: 'yes' }, { from: path })).status, 403);
    assert.equal(
      (await visitor.submit(add, { ...wider, name: 'Bridge' }, { from: add })).status,
      403,
      'more than theirs',
    );
    assert.deepEqual((await portal.profiles.byId(own.id))?.permissions, own.permissions);
    assert.ok(!(await portal.profiles.list()).some(({ name }) => name === 'Bridge'));
    assert.equal((await admin.submit(path, wider, { from: path })).status, 303, 'somebody else may');
  });

  it('ask for the proof that saving takes before anything is chosen, and lead back to a page that is there', async () => {
    const member = await addMember(portal, { kind: 'staff', profile: 'master-admin' });
    const visitor = await signInFully(portal, member);
    const group = await portal.engine.groups.create('Stepped', null);
    assert.ok(group);
    const back = (to: string) => `/account/confirm?returnTo=${encodeURIComponent(to)}`;
    const before = await version();
    const page = await visitor.get(`${home}/policy`);
    const preset = { preset: 'everyone-app', seen: String(before) };
    const preview = await visitor.submit(`${home}/policy/preview`, preset, { from: `${home}/policy` });
    assert.equal(page.status, 200);
    assert.equal(preview.status, 200);
    portal.clock.advance({ minutes: 6 });
    for (const path of [
      ...['/policy', '/staff', '/portal', '/history', '/staff/history', '/groups', `/groups/${group.id}`],
    ])
      assert.equal((await visitor.get(`${home}${path}`)).location, back(`${home}${path}`), path);
    const fields = Object.fromEntries(preview.forms.find(({ action }) => action.endsWith('/save'))?.hidden ?? []);
    const referer = new URL(`${home}/policy/preview`, page.url).href;
    const save = (visitor: Visitor) =>
      visitor.submit(`${home}/contact/save`, fields, { hidden: false, headers: { referer } });
    const asked = await save(visitor);
    assert.equal(asked.location, back(`${home}/policy/preview`));
    const confirm = '/account/confirm';
    const proven = await visitor.submit(confirm, { code: codeNow(portal, member) }, { from: asked.location });
    assert.equal(proven.location, `${home}/policy/preview`);
    const landed = await visitor.follow(proven);
    assert.deepEqual([landed.status, landed.url.pathname], [200, `${home}/policy`]);
    for (const [path, to] of [
      ['/staff/preview', '/staff'],
      ['/contact/save', '/policy'],
      ['/staff/save', '/staff'],
      [`/history/${String(before)}/preview`, '/history'],
      [`/groups/${group.id}/companies`, `/groups/${group.id}`],
    ] as const)
      assert.equal((await visitor.get(`${home}${path}`)).location, `${home}${to}`, path);
    await visitor.submit(`${home}/policy/preview`, preset, { from: `${home}/policy` });
    assert.equal((await visitor.submit(`${home}/contact/save`)).status, 303);
    assert.equal((await policy()).preset, 'everyone-app');
    await portal.engine.groups.remove(group.id);
    admin = await signInFully(portal, await addMember(portal, { kind: 'staff', profile: 'master-admin' }));
  });

  it('are a Master Admin’s alone', async () => {
    const other = await signInFully(portal, await addMember(portal, { kind: 'staff', profile: 'admin' }));
    assert.equal((await other.get(home)).status, 403);
    assert.doesNotMatch((await other.get('/staff')).html, /\/staff\/settings/);
  });
});
