// The preset `per-customer-app`: staff require an authenticator app of one customer at a time.
import assert from 'node:assert/strict';
import { readTags } from '../support/html.ts';
import type { Answer } from '../support/http.ts';
import { describeWithAuthenticator } from '../attacks/support/authenticator.ts';
import {
  afterPassword,
  app,
  challenge,
  codes,
  editDetails,
  enrolForced,
  give,
  keyOn,
  linksOf,
  nextCode,
  openUnder,
  pathOf,
  portalPages,
  reset,
  signsInByPassword,
  stored,
  tokenOf,
  valueOf,
  type PresetPortal,
} from './support/preset.ts';

const label = 'Require multi-factor authentication when logging in';
const details = '/login-details';

describeWithAuthenticator('Preset per-customer-app', () => {
  let under: PresetPortal;
  let add: (
    person?: Parameters<PresetPortal['portal']['addPerson']>[0],
  ) => ReturnType<PresetPortal['portal']['addPerson']>;
  before(async () => {
    under = await openUnder('per-customer-app');
    const company = await under.portal.companies.create('Harbour');
    add = (person = {}) => under.portal.addPerson({ company, ...person });
  });
  after(() => under.portal.close());

  const isTicked = (page: Answer) =>
    readTags(page.html).some(({ attributes }) => attributes.get('id') === 'requireMfa' && attributes.has('checked'));

  it('D1 MFA is switched on for ONE individual customer account', async () => {
    const { portal, as } = under;
    const [ada, bob] = [await add(), await add()];
    await editDetails(await as('sales-manager'), ada, { requireMfa: 'yes' });
    assert.equal((await afterPassword(portal, ada)).page.url.pathname, app);
    assert.ok(await signsInByPassword(portal, bob), 'of the same company');
  });

  it('D2 Needs "administrator or sales manager" access', async () => {
    const { portal, as } = under;
    for (const profile of ['admin', 'sales-manager']) {
      const ada = await add();
      assert.equal((await editDetails(await as(profile), ada, { requireMfa: 'yes' })).status, 303);
      assert.equal((await portal.accounts.byId(ada.id))?.staffWord, 'required', profile);
    }
    const ada = await add();
    const support = await as('support');
    const page = await support.get(pathOf(ada));
    assert.equal(linksOf(page, pathOf(ada, details)).length, 0);
    assert.equal((await support.get(pathOf(ada, details))).status, 403);
    const before = await stored(portal, ada);
    const fields = { _csrf: await tokenOf(support), name: ada.name, email: ada.email, requireMfa: 'yes', seen: '' };
    assert.equal((await support.submit(pathOf(ada, details), fields, { hidden: false })).status, 403);
    assert.equal(await stored(portal, ada), before);
  });

  it('D3 Prerequisite: the customer already has a login e-mail AND a password', async () => {
    const { portal, as } = under;
    const ada = await add({ password: null });
    const manager = await as('sales-manager');
    const page = await manager.get(pathOf(ada, details));
    const box = readTags(page.html).find(({ attributes }) => attributes.get('id') === 'requireMfa');
    assert.ok(box?.attributes.has('disabled'));
    assert.match(page.text, /This person can’t sign in yet: they have not chosen a password\./);
    const before = await stored(portal, ada);
    const forged = await manager.submit(pathOf(ada, details), {
      name: ada.name,
      email: ada.email,
      requireMfa: 'yes',
    });
    assert.equal(forged.status, 422);
    assert.equal(await stored(portal, ada), before);
  });

  it('D4 Path: Customers tab, then the customer’s name', async () => {
    const ada = await add({ name: 'Ada of D4', company: await under.portal.companies.create('Dfour') });
    const manager = await under.as('sales-manager');
    const tab = linksOf(await manager.get('/staff'), '/staff/customers').find(({ text }) => text === 'Customers');
    const list = await manager.get(tab?.href ?? '');
    assert.match(list.text, /Dfour/);
    const name = linksOf(list, '/staff/contacts/').find(({ text }) => text === 'Ada of D4');
    assert.equal(name?.href, pathOf(ada));
    assert.equal((await manager.get(name.href)).status, 200);
  });

  it('D5 "Edit Login Details" opens the login details', async () => {
    const ada = await add();
    const manager = await under.as('sales-manager');
    const link = linksOf(await manager.get(pathOf(ada)), '/').find(({ text }) => text === 'Edit Login Details');
    const page = await manager.get(link?.href ?? '');
    assert.equal(valueOf(page, 'email'), ada.email);
  });

  it('D6 Checkbox label: "Require multi-factor authentication when logging in"', async () => {
    const page = await (await under.as('sales-manager')).get(pathOf(await add(), details));
    const box = readTags(page.html).find(({ attributes }) => attributes.get('type') === 'checkbox');
    const id = box?.attributes.get('id') ?? '';
    assert.match(page.html, new RegExp(`<label for="${id}">${label}</label>`));
  });

  it('D7 The change applies only on "OK"', async () => {
    const { portal, as } = under;
    const ada = await add();
    const manager = await as('sales-manager');
    const page = await manager.get(pathOf(ada, details));
    assert.match(page.html, />OK<\/button>/);
    assert.ok(!isTicked(await manager.get(pathOf(ada, details))), 'opened and left');
    const email = `new.${ada.email}`;
    await editDetails(manager, ada, { requireMfa: 'yes', email });
    assert.ok(isTicked(await manager.get(pathOf(ada, details))));
    assert.equal((await portal.accounts.byId(ada.id))?.email, email, 'staff’s change holds at once');
    const notice = (await portal.mails()).find(({ to }) => to === ada.email);
    assert.match(notice?.text ?? '', /\/email\/undo\//, 'with a way back for the old address');
  });

  it('D8 Must be ticked by hand for each customer, and affects only that one', async () => {
    const { portal, as } = under;
    const [ada, bob] = [await add(), await add()];
    const other = await portal.addPerson();
    const before = [await stored(portal, bob), await stored(portal, other)];
    await editDetails(await as('admin'), ada, { requireMfa: 'yes' });
    assert.deepEqual([await stored(portal, bob), await stored(portal, other)], before);
    assert.ok(await signsInByPassword(portal, bob));
    assert.ok(await signsInByPassword(portal, other));
  });

  it('D9 At the NEXT login the customer is asked to scan a QR code with an authenticator app', async () => {
    const { portal, as } = under;
    const ada = await add();
    const { visitor: before } = await afterPassword(portal, ada);
    await editDetails(await as('sales-manager'), ada, { requireMfa: 'yes' });
    assert.equal((await before.get('/home')).status, 200, 'the sign-in that runs goes on');
    const { visitor, page } = await afterPassword(portal, ada);
    assert.match(page.html, /<img class="qr/);
    for (const name of ['Google Authenticator', 'Microsoft Authenticator', 'Authy'])
      assert.ok(page.text.includes(name));
    assert.equal((await visitor.get(`${app}/qr.svg`)).status, 200);
  });

  it('D10 Entering a 6-digit code from the app completes the login', async () => {
    const ada = await add({ staffWord: 'required' });
    const { visitor, done } = await enrolForced(under.portal, ada);
    const home = await visitor.follow(done);
    assert.equal(home.url.pathname, '/home');
    assert.match(home.text, /Hello, Ada Lovelace/);
    assert.doesNotMatch(home.html, /type="password"/);
  });

  it('D11 The code is required at ALL later logins', async () => {
    const { portal } = under;
    const ada = await add({ staffWord: 'required' });
    const { secret } = await enrolForced(portal, ada);
    for (let time = 0; time < 3; time += 1) {
      const { visitor, page } = await afterPassword(portal, ada);
      assert.equal(page.url.pathname, challenge);
      for (const path of portalPages) {
        const shut = await visitor.get(path);
        assert.equal(shut.location, challenge, path);
      }
      await visitor.get(challenge);
      assert.equal((await visitor.follow(await give(visitor, nextCode(portal, secret)))).url.pathname, '/home');
      await visitor.submit('/sign-out', {}, { from: '/home' });
    }
  });

  it('D12 Customers cannot turn MFA off themselves', async () => {
    const { portal } = under;
    const ada = await add({ staffWord: 'required' });
    const { secret, visitor } = await enrolForced(portal, ada);
    const page = await visitor.get('/account/security');
    assert.doesNotMatch(page.html, /mfa\/disable|\/remove"/);
    const [row] = await portal.engine.enrolments.activeOf(ada.id);
    const code = nextCode(portal, secret);
    for (const path of ['/account/mfa/disable', `/account/enrolments/${row?._id.toHexString() ?? ''}/remove`]) {
      const forged = await visitor.submit(path, { code, _csrf: await tokenOf(visitor) }, { hidden: false });
      assert.equal(forged.status, 403, path);
    }
    assert.equal((await portal.engine.enrolments.activeOf(ada.id)).length, 1);
  });

  it('D13 No all-at-once switch in this flow ("per-customer basis")', async () => {
    const { portal } = under;
    assert.equal((await portal.engine.policies.of('contact')).mode, 'off');
    const [ada, bob] = [await add({ staffWord: 'required' }), await add()];
    assert.equal((await afterPassword(portal, ada)).page.url.pathname, app);
    const { visitor, page } = await afterPassword(portal, bob);
    assert.equal(page.url.pathname, '/home');
    assert.equal((await visitor.get(app)).status, 403, 'nobody else sets one up');
  });

  it('D14 Lost phone or app: staff "Reset MFA Setup for a Customer Account"', async () => {
    const { portal, as } = under;
    const ada = await add({ staffWord: 'required' });
    const { secret } = await enrolForced(portal, ada);
    const staff = await as('sales-manager');
    assert.ok(
      linksOf(await staff.get(pathOf(ada)), pathOf(ada, '/reset-mfa')).some(({ text }) => text === 'Reset MFA'),
    );
    await reset(staff, ada);
    const { visitor, page } = await afterPassword(portal, ada);
    const fresh = keyOn(page);
    assert.notEqual(fresh, secret);
    assert.equal(
      (await visitor.submit(`${app}/confirm`, { code: nextCode(portal, secret) })).status,
      422,
      'the old app',
    );
    assert.equal((await visitor.submit(`${app}/confirm`, { code: nextCode(portal, fresh) })).status, 303);
  });

  it('D15 Not prompted? The box and the e-mail can be checked side by side', async () => {
    const { portal, as } = under;
    const ada = await add();
    const staff = await as('support');
    const pattern = (required: string, enrolled: string) =>
      new RegExp(`required ${required} Login e-mail Not confirmed ${ada.email}.* Set up ${enrolled}`);
    assert.match((await staff.get(pathOf(ada))).text, pattern('No', 'No'));
    await editDetails(await as('sales-manager'), ada, { requireMfa: 'yes' });
    await enrolForced(portal, ada);
    assert.match((await (await as('support')).get(pathOf(ada))).text, pattern('Yes', 'Yes'));
  });

  it('D16 Advice: announce in advance, confirm the e-mail, start with high-value accounts', async () => {
    const { portal, as } = under;
    const company = await portal.companies.create('Dsixteen');
    const ada = await add({ company, name: 'Sixteen Ada', emailConfirmed: true });
    const bob = await add({ company, name: 'Sixteen Bob' });
    const manager = await as('sales-manager');
    assert.match((await manager.get(pathOf(ada))).text, /Login e-mail Confirmed/);
    assert.match((await manager.get(pathOf(bob))).text, /Login e-mail Not confirmed/);
    const found = await manager.get('/staff/customers?q=Dsixteen&state=notEnrolled');
    assert.deepEqual(
      linksOf(found, '/staff/contacts/').map(({ text }) => text),
      ['Sixteen Ada', 'Sixteen Bob'],
    );
    const announce = linksOf(found, '/staff/customers/announce')[0]?.href ?? '';
    const page = await manager.get(announce);
    const form = page.forms.find(({ action, method }) => method === 'post' && action === '/staff/customers/announce');
    await manager.submit('/staff/customers/announce', Object.fromEntries(form?.hidden ?? []), { hidden: false });
    const told = (await portal.mails()).filter(({ subject }) => subject.includes('second step will'));
    assert.deepEqual(told.map(({ to }) => to).sort(), [ada.email, bob.email].sort());
    assert.ok(await signsInByPassword(portal, ada), 'nothing is required by telling');
  });

  it('D17 Only the authenticator-app factor is offered', async () => {
    const { portal } = under;
    const ada = await add({ staffWord: 'required' });
    const { visitor } = await enrolForced(portal, ada);
    const page = await visitor.get('/account/security');
    assert.match(page.text, /Authenticator app/);
    assert.doesNotMatch(page.text, /Backup codes|Text message/);
    for (const path of [codes, '/account/factors/sms', '/account/factors/text'])
      assert.equal((await visitor.get(path)).status, 404, path);
    assert.equal((await visitor.submit(codes, { _csrf: await tokenOf(visitor) }, { hidden: false })).status, 404);
  });
});
