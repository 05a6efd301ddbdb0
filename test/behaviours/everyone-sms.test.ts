// The preset `everyone-sms`: one switch, and every customer registers a phone.
import assert from 'node:assert/strict';
import { addMember, signInFully } from '../attacks/support/people.ts';
import {
  afterPassword,
  challenge,
  give,
  linksOf,
  openUnder,
  pathOf,
  portalPages,
  reset,
  setSwitch,
  signsInByPassword,
  stored,
  tokenOf,
  type PresetPortal,
} from './support/preset.ts';
import {
  anotherCode,
  describeWithPhone,
  messagesTo,
  newestCode,
  newNumber,
  phone,
  register,
  registerForced,
  save,
  send,
  signInByText,
} from './support/phone.ts';

const switchPath = '/staff/settings/portal';

describeWithPhone('Preset everyone-sms', () => {
  let under: PresetPortal;
  before(async () => {
    under = await openUnder('everyone-sms');
  });
  after(() => under.portal.close());
  beforeEach(() => {
    // All of them come from one address, for which only so many messages leave in an hour.
    under.portal.clock.advance({ minutes: 61 });
  });

  it('S1 One-time SMS codes secure the client login', async () => {
    const { portal } = under;
    const ada = await portal.addPerson();
    const { number } = await registerForced(portal, ada);
    portal.clock.advance({ minutes: 1 });
    const first = await afterPassword(portal, ada);
    const code = await newestCode(portal, number);
    assert.equal((await give(first.visitor, code)).status, 303);
    portal.clock.advance({ seconds: 1 });
    const second = await afterPassword(portal, ada);
    assert.notEqual(await newestCode(portal, number), code);
    assert.equal((await give(second.visitor, code)).status, 422, 'a code works once');
    assert.match((await second.visitor.get('/home')).location ?? '', /^\/sign-in/);
  });

  it('S2 If enabled on the portal, ALL customer logins are at once forced to enrol', async () => {
    const { portal, as } = under;
    const people = [await portal.addPerson(), await portal.addPerson(), await portal.addPerson()];
    await setSwitch(await as('master-admin'), false);
    for (const person of people) assert.ok(await signsInByPassword(portal, person));
    await setSwitch(await as('master-admin'), true);
    for (const person of people) assert.equal((await afterPassword(portal, person)).page.url.pathname, phone);
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
    assert.equal(page.url.pathname, phone);
    assert.doesNotMatch(page.text, /skip this|not now|(?:do|set) (?:it|this) (?:up )?later/i);
    const ways = linksOf(page, '/').filter(
      ({ href }) => !href.startsWith(phone) && !href.startsWith('#') && href !== '/',
    );
    assert.deepEqual(ways, []);
    assert.deepEqual(
      page.forms.map(({ action }) => action).filter((action) => !action.startsWith(phone)),
      ['/sign-out'],
    );
  });

  it('S6 Username and password first, THEN the prompt for a phone number', async () => {
    const { portal } = under;
    const stranger = portal.visitor();
    assert.match((await stranger.get(phone)).location ?? '', /^\/sign-in\?/);
    const ada = await portal.addPerson();
    await afterPassword(portal, ada, stranger);
    assert.equal((await stranger.get(phone)).status, 200);
    portal.clock.advance({ minutes: 11 });
    assert.match((await stranger.get(phone)).location ?? '', /^\/sign-in/, 'a password of a while ago is none');
  });

  it('S7 A code is texted to the phone; the customer must confirm the first one', async () => {
    const { portal } = under;
    const ada = await portal.addPerson();
    const { visitor } = await afterPassword(portal, ada);
    const number = newNumber();
    const rows = async () => (await portal.engine.enrolments.activeOf(ada.id)).length;
    await save(visitor, number);
    await send(visitor);
    const code = await newestCode(portal, number);
    const wrong = await visitor.submit(`${phone}/confirm`, { code: anotherCode(code) });
    assert.equal(wrong.status, 422);
    assert.equal(await rows(), 0, 'a wrong code leaves it pending');
    assert.equal((await afterPassword(portal, ada)).page.url.pathname, phone, 'and counts for nothing');
    assert.equal((await visitor.submit(`${phone}/confirm`, { code }, { from: phone })).status, 303);
    assert.equal(await rows(), 1);
  });

  it('S8 After that the customer must enter username and password again', async () => {
    const { portal } = under;
    const ada = await portal.addPerson();
    const { visitor, done } = await registerForced(portal, ada);
    assert.equal(done.location, '/sign-in');
    for (const path of portalPages) assert.match((await visitor.get(path)).location ?? '', /^\/sign-in\?/, path);
  });

  it('S9 Later logins: password and SMS code only', async () => {
    const { portal } = under;
    const ada = await portal.addPerson();
    const { number } = await registerForced(portal, ada);
    for (let time = 0; time < 2; time += 1) await signInByText(portal, ada, number);
  });

  it('S10 Turned off and on again, ALL customers who had enrolled must enrol again', async () => {
    const { portal, as } = under;
    const ada = await portal.addPerson();
    const { number } = await registerForced(portal, ada);
    await signInByText(portal, ada, number);
    await setSwitch(await as('master-admin'), false);
    assert.ok(await signsInByPassword(portal, ada), 'off: nobody is asked');
    await setSwitch(await as('master-admin'), true);
    const before = (await messagesTo(portal, number)).length;
    const { visitor, page } = await afterPassword(portal, ada);
    assert.equal(page.url.pathname, phone);
    assert.equal((await messagesTo(portal, number)).length, before, 'the old number is asked nothing');
    const { number: fresh, done } = await register(portal, visitor);
    assert.equal(done.location, '/sign-in', 'and then the password again');
    await signInByText(portal, ada, fresh);
  });

  it('S11 Lost or different mobile: the enrolment is repeated', async () => {
    const { portal, as } = under;
    const ada = await portal.addPerson();
    const { number } = await registerForced(portal, ada);
    await reset(await as('admin'), ada);
    const { visitor, page } = await afterPassword(portal, ada);
    assert.equal(page.url.pathname, phone);
    assert.match(page.html, /name="number"[^>]*value=""/, 'the form is empty');
    assert.ok(!page.html.includes(number));
    const { number: other } = await register(portal, visitor);
    await signInByText(portal, ada, other);
  });

  it('S12 "Another Admin" can RESET one customer; that does NOT force others', async () => {
    const { portal, as } = under;
    const [ada, bob] = [await portal.addPerson(), await portal.addPerson()];
    await registerForced(portal, ada);
    const { number } = await registerForced(portal, bob);
    const before = await stored(portal, bob);
    await reset(await as('admin'), ada);
    assert.equal(await stored(portal, bob), before, 'byte for byte');
    assert.equal((await afterPassword(portal, ada)).page.url.pathname, phone);
    assert.equal((await afterPassword(portal, bob)).page.url.pathname, challenge);
    await signInByText(portal, bob, number);
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
    await registerForced(portal, ada);
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

  it('S14 No self-service change of the phone', async () => {
    const { portal } = under;
    const ada = await portal.addPerson();
    const { number } = await registerForced(portal, ada);
    const visitor = await signInByText(portal, ada, number);
    const security = await visitor.get('/account/security');
    assert.match(security.text, /Codes go to \+49\*{6}/);
    assert.doesNotMatch(security.text, /change number|delete number|replace/i);
    assert.equal((await visitor.get(`${phone}/change`)).status, 404);
    const forged = await visitor.submit(`${phone}/change`, { _csrf: await tokenOf(visitor) }, { hidden: false });
    assert.equal(forged.status, 404);
    const other = await visitor.submit(
      phone,
      { number: newNumber(), _csrf: await tokenOf(visitor) },
      { hidden: false },
    );
    assert.equal(other.status, 403);
    await signInByText(portal, ada, number);
  });
});
