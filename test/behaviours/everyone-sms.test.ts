// The preset `everyone-sms`, as far as it is the policy's and staff's pages'. Text messages are a factor that is not there yet: the
// preset's settings are put in force by themselves, with the authenticator app in the place of the phone.
import assert from 'node:assert/strict';
import { presets } from '../../modules/mfa/policy/presets.ts';
import { describeWithAuthenticator, authenticatorId } from '../attacks/support/authenticator.ts';
import { addMember, giveAuthenticator, signInFully } from '../attacks/support/people.ts';
import { openTestPortal } from '../support/portal.ts';
import { setPolicy } from '../support/policy.ts';
import { staffOf } from '../../modules/portal/staff/test/pages.ts';
import {
  afterPassword,
  app,
  challenge,
  keyOn,
  linksOf,
  nextCode,
  pathOf,
  reset,
  setSwitch,
  signInWithCode,
  signsInByPassword,
  stored,
  tokenOf,
  type PresetPortal,
} from './support/preset.ts';

const switchPath = '/staff/settings/portal';

describeWithAuthenticator('Preset everyone-sms', () => {
  let under: PresetPortal;
  before(async () => {
    const portal = await openTestPortal();
    under = { portal, as: staffOf(portal) };
    const factors = { [authenticatorId]: { enabled: true, afterEnrol: 'signInAgain' } };
    await setPolicy(portal, { ...presets['everyone-sms'], preset: 'everyone-sms', factors });
  });
  after(() => under.portal.close());

  it('S2 If enabled on the portal, ALL customer logins are at once forced to enrol', async () => {
    const { portal, as } = under;
    const people = [await portal.addPerson(), await portal.addPerson(), await portal.addPerson()];
    await setSwitch(await as('master-admin'), false);
    for (const person of people) assert.ok(await signsInByPassword(portal, person));
    await setSwitch(await as('master-admin'), true);
    for (const person of people) assert.equal((await afterPassword(portal, person)).page.url.pathname, app);
  });

  it('S3 Path: Settings, Configurations, Client Users, expand "Two Factor Authentication", tick, save', async () => {
    const { portal, as } = under;
    const master = await as('master-admin');
    const tab = linksOf(await master.get('/staff'), '/staff/settings').find(({ text }) => text === 'Settings');
    const link = linksOf(await master.get(tab?.href ?? ''), switchPath)[0];
    assert.equal(link?.text, 'Configurations');
    const page = await master.get(link.href);
    assert.match(page.html, /<h1>Configurations<\/h1>/);
    assert.match(page.html, /<h2[^>]*>Client Users<\/h2>\s*<details>\s*<summary>Two Factor Authentication<\/summary>/);
    assert.match(page.html, /<details>[\s\S]*type="checkbox"[\s\S]*<\/details>/);
    const { version } = await portal.engine.policies.current('contact');
    await master.get(switchPath);
    assert.equal((await portal.engine.policies.current('contact')).version, version, 'nothing changes before Save');
    await setSwitch(master, false);
    assert.equal((await portal.engine.policies.of('contact')).mode, 'off');
    await setSwitch(await as('master-admin'), true);
  });

  it('S4 The option is hidden unless the account’s profile has "Master Admin" on', async () => {
    const { portal, as } = under;
    const admin = await as('admin');
    assert.ok(!linksOf(await admin.get('/staff'), '/staff/settings').length);
    assert.equal((await admin.get(switchPath)).status, 403);
    const before = await portal.engine.policies.current('contact');
    const forged = await admin.submit(
      switchPath,
      { seen: String(before.version), _csrf: await tokenOf(admin) },
      { hidden: false },
    );
    assert.equal(forged.status, 403);
    assert.equal((await portal.engine.policies.current('contact')).version, before.version);
    assert.equal((await (await as('master-admin')).get(switchPath)).status, 200);
  });

  it('S5 Required of all customers, with no way to opt out', async () => {
    const { portal } = under;
    const { page } = await afterPassword(portal, await portal.addPerson());
    assert.equal(page.url.pathname, app);
    assert.doesNotMatch(page.text, /skip this|not now|(?:do|set) (?:it|this) (?:up )?later/i);
    const ways = linksOf(page, '/').filter(
      ({ href }) => !href.startsWith(app) && !href.startsWith('#') && href !== '/',
    );
    assert.deepEqual(ways, []);
    assert.deepEqual(
      page.forms.map(({ action }) => action).filter((action) => !action.startsWith(app)),
      ['/sign-out'],
    );
  });

  it('S6 Username and password first, THEN the enrolment', async () => {
    const { portal } = under;
    const stranger = portal.visitor();
    assert.match((await stranger.get(app)).location ?? '', /^\/sign-in\?/);
    const ada = await portal.addPerson();
    await afterPassword(portal, ada, stranger);
    assert.equal((await stranger.get(app)).status, 200);
    portal.clock.advance({ minutes: 11 });
    assert.match((await stranger.get(app)).location ?? '', /^\/sign-in/, 'a password of a while ago is none');
  });

  it('S10 Turned off and on again, ALL customers who had enrolled must enrol again', async () => {
    const { portal, as } = under;
    const ada = await portal.addPerson();
    const device = await giveAuthenticator(portal, ada);
    await signInWithCode(portal, ada, device.secret);
    await setSwitch(await as('master-admin'), false);
    assert.ok(await signsInByPassword(portal, ada), 'off: nobody is asked');
    await setSwitch(await as('master-admin'), true);
    const { visitor, page } = await afterPassword(portal, ada);
    assert.equal(page.url.pathname, app);
    const fresh = keyOn(page);
    assert.notEqual(fresh, device.secret);
    const old = nextCode(portal, device.secret);
    assert.equal((await visitor.submit(`${app}/confirm`, { code: old })).status, 422, 'the old one does not count');
    const done = await visitor.submit(`${app}/confirm`, { code: nextCode(portal, fresh) });
    assert.equal(done.location, '/sign-in', 'and then the password again');
    await signInWithCode(portal, ada, fresh);
  });

  it('S12 "Another Admin" can RESET one customer; that does NOT force others', async () => {
    const { portal, as } = under;
    const [ada, bob] = [await portal.addPerson(), await portal.addPerson()];
    await giveAuthenticator(portal, ada);
    const device = await giveAuthenticator(portal, bob);
    const before = await stored(portal, bob);
    await reset(await as('admin'), ada);
    assert.equal(await stored(portal, bob), before, 'byte for byte');
    assert.equal((await afterPassword(portal, ada)).page.url.pathname, app);
    assert.equal((await afterPassword(portal, bob)).page.url.pathname, challenge);
    await signInWithCode(portal, bob, device.secret);
    const own = await addMember(portal, { kind: 'staff', profile: 'admin' });
    const admin = await signInFully(portal, own);
    const path = `/staff/users/${own.person.id}/reset-mfa`;
    const fields = { reason: 'Mine', _csrf: await tokenOf(admin) };
    assert.equal((await admin.submit(path, fields, { hidden: false })).status, 403, '"another": not one’s own');
    assert.equal((await portal.engine.enrolments.activeOf(own.person.id)).length, 1);
  });

  it('S13 Path: company overview, "Customer Details", expand the contact, "RESET TWO FACTOR"', async () => {
    const { portal, as } = under;
    const company = await portal.companies.create('Sthirteen');
    const ada = await portal.addPerson({ company });
    await giveAuthenticator(portal, ada);
    const admin = await as('admin');
    const page = await admin.get(`/staff/customers/${company.id}`);
    assert.match(page.text, /Customer Details/);
    const expanded = /<details class="gear">[\s\S]*?<\/details>/.exec(page.html)?.[0] ?? '';
    assert.match(expanded, new RegExp(`<a href="${pathOf(ada, '/reset-mfa')}">RESET TWO FACTOR</a>`));
    const confirm = await admin.get(pathOf(ada, '/reset-mfa'));
    assert.match(confirm.text, /Reset Two Factor for Ada Lovelace\?/);
    const isEnrolled = async () => (await portal.engine.enrolments.activeOf(ada.id)).length > 0;
    const path = pathOf(ada, '/reset-mfa');
    assert.equal((await admin.submit(path, { reason: 'x' }, { hidden: false })).status, 403, 'no form token');
    assert.equal((await admin.submit(path, { reason: '' }, { from: path })).status, 422, 'no reason');
    assert.ok(await isEnrolled(), 'a look and half a form reset nothing');
    await reset(admin, ada);
    assert.ok(!(await isEnrolled()));
  });
});
