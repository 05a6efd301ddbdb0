// One whole way through the portal for each preset, in a real browser without JavaScript: chosen by a Master Admin, lived by a customer.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { Person } from '../../modules/kernel/person.ts';
import { describeWithAuthenticator } from '../attacks/support/authenticator.ts';
import { addMember, codeNow } from '../attacks/support/people.ts';
import { launchBrowser, type RealBrowser } from '../support/browser.ts';
import { openTestPortal, password, type TestPortal } from '../support/portal.ts';
import { authenticatorCode } from '../support/rfc-totp.ts';
import { accountMenu, appPage, assertGoodPage, challengePage, signInPage } from './pages.ts';

describeWithAuthenticator('Under the preset', () => {
  let portal: TestPortal;
  let browser: RealBrowser;
  let desk: Page;
  let phone: Page;
  before(async function () {
    this.timeout(60_000);
    portal = await openTestPortal();
    browser = await launchBrowser();
    const admin = await addMember(portal, { kind: 'staff', profile: 'master-admin', name: 'Mara Hazel' });
    desk = await browser.newPage({ javaScript: false, width: 1280 });
    await desk.goto(`${portal.url}/staff`);
    await signInPage.signIn(desk, { email: admin.person.email, password });
    await challengePage.answer(desk, codeNow(portal, admin));
  });
  after(async () => {
    await browser.close();
    await portal.close();
  });
  beforeEach(async () => {
    portal.clock.advance({ seconds: 30 });
    phone = await browser.newPage({ javaScript: false, width: 375 });
  });
  afterEach(() => phone.context().close());

  const pathOf = (page: Page) => new URL(page.url()).pathname;
  const code = (secret: string) => authenticatorCode({ secret, at: portal.clock.now() });

  /** Chooses a preset as a Master Admin does: it holds once its preview is saved. */
  async function choose(name: string): Promise<void> {
    await desk.goto(`${portal.url}/staff/settings/policy`);
    await desk.getByRole('region', { name }).getByRole('button', { name: 'Show what it means' }).click();
    await desk.getByRole('button', { name: 'Save' }).click();
    await desk.getByRole('status').waitFor();
  }

  async function signIn(person: Person): Promise<void> {
    await phone.goto(`${portal.url}/sign-in`);
    await signInPage.signIn(phone, { email: person.email, password });
  }

  it('“One customer at a time, by app”: who is ticked sets up an app at the next sign-in, and nobody else is asked', async function () {
    this.timeout(60_000);
    await choose('One customer at a time, by app');
    const [ada, ben] = [await portal.addPerson({ name: 'Ada Ticked' }), await portal.addPerson()];
    await desk.goto(`${portal.url}/staff/contacts/${ada.id}`);
    await desk.getByRole('link', { name: 'Edit Login Details' }).click();
    await desk.getByLabel('Require multi-factor authentication when logging in').check();
    await desk.getByRole('button', { name: 'OK' }).click();
    await signIn(ben);
    assert.equal(pathOf(phone), '/home');
    await accountMenu.signOut(phone);
    await signIn(ada);
    for (const app of ['Google Authenticator', 'Microsoft Authenticator', 'Authy'])
      await phone.getByText(app).first().waitFor();
    const secret = await appPage.key(phone);
    await appPage.confirm(phone, code(secret));
    assert.equal(pathOf(phone), '/home', 'a right code completes the sign-in');
    assert.equal(await phone.getByRole('link', { name: /Disable/ }).count(), 0);
    await accountMenu.signOut(phone);
    portal.clock.advance({ seconds: 30 });
    await signIn(ada);
    await challengePage.answer(phone, code(secret));
    assert.equal(pathOf(phone), '/home');
  });

  it('“Customers decide, by app”: a customer turns it on in the menu and off again with a code', async function () {
    this.timeout(60_000);
    await choose('Customers decide, by app');
    const ada = await portal.addPerson();
    await signIn(ada);
    await phone.locator('summary').first().click();
    await phone.getByRole('list').getByRole('link', { name: 'Enable 2FA' }).click();
    await assertGoodPage(phone);
    if ((await phone.locator('a[href^="otpauth:"]').count()) === 0)
      await phone.locator('main form button').first().click();
    const secret = await appPage.key(phone);
    await appPage.confirm(phone, code(secret));
    portal.clock.advance({ seconds: 30 });
    await phone.locator('summary').first().click();
    await phone.getByRole('list').getByRole('link', { name: 'Disable 2FA' }).click();
    await assertGoodPage(phone);
    await phone.getByLabel('Code from the app').fill(code(secret));
    await phone.locator('main form button').first().click();
    await accountMenu.signOut(phone);
    await signIn(ada);
    assert.equal(pathOf(phone), '/home', 'the password is enough again');
  });

  it('“Everybody, by app”: Configure, Next, Verify, Enable MFA, Generate Backup Codes, Continue to Sign In', async function () {
    this.timeout(60_000);
    await choose('Everybody, by app');
    const ada = await portal.addPerson();
    await signIn(ada);
    await phone.getByRole('heading', { name: 'Enable MFA for your account' }).waitFor();
    await assertGoodPage(phone);
    await phone.getByRole('button', { name: 'Configure' }).click();
    const secret = await appPage.key(phone);
    await phone.getByRole('button', { name: 'Next' }).click();
    await assertGoodPage(phone);
    await phone.getByLabel('Code from the app').fill('000000');
    await phone.getByRole('button', { name: 'Verify' }).click();
    assert.match(await phone.title(), /^Error:/);
    await phone.getByLabel('Code from the app').fill(code(secret));
    await phone.getByRole('button', { name: 'Verify' }).click();
    assert.equal((await portal.engine.enrolments.activeOf(ada.id)).length, 0, 'not yet on');
    await phone.getByRole('button', { name: 'Enable MFA' }).click();
    assert.equal(pathOf(phone), '/sign-in/done');
    await assertGoodPage(phone);
    await phone.getByRole('link', { name: 'Generate Backup Codes' }).click();
    await phone.getByRole('button', { name: 'Generate Backup Codes' }).click();
    assert.equal(await phone.locator('.codes li').count(), 5);
    await phone.goto(`${portal.url}/home`);
    assert.equal(pathOf(phone), '/sign-in/done', 'nothing else opens before the new sign-in');
    await phone.getByRole('button', { name: 'Continue to Sign In' }).click();
    assert.equal(pathOf(phone), '/sign-in');
    portal.clock.advance({ seconds: 30 });
    await signInPage.signIn(phone, { email: ada.email, password });
    await challengePage.answer(phone, code(secret));
    assert.equal(pathOf(phone), '/home');
  });

  it('“Customers choose one method”: Connect device, Display QR Code, Verify', async function () {
    this.timeout(60_000);
    await choose('Customers choose one method');
    const ada = await portal.addPerson();
    await signIn(ada);
    await phone.goto(`${portal.url}/account/security`);
    await assertGoodPage(phone);
    await phone.getByRole('link', { name: /Connect device/ }).click();
    await phone.getByRole('button', { name: 'Connect device' }).click();
    assert.equal(await phone.locator('img.qr').count(), 0, 'no QR code before it is asked for');
    await phone.getByRole('link', { name: 'Display QR Code' }).click();
    assert.equal(await phone.locator('img.qr').count(), 1);
    const secret = await appPage.key(phone);
    await phone.getByLabel('Code from the app').fill(code(secret));
    await phone.getByRole('button', { name: 'Verify' }).click();
    await accountMenu.signOut(phone);
    portal.clock.advance({ seconds: 30 });
    await signIn(ada);
    await challengePage.answer(phone, code(secret));
    assert.equal(pathOf(phone), '/home');
  });
});
