// What a customer and a support desk do with each other, in a real browser without JavaScript: from the invitation to a lost phone.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { authenticatorId, describeWithAuthenticator } from '../attacks/support/authenticator.ts';
import { addMember, codeNow } from '../attacks/support/people.ts';
import { launchBrowser, type RealBrowser } from '../support/browser.ts';
import { driverIds } from '../support/driver.ts';
import { newestLink } from '../support/mail-links.ts';
import { openTestPortal, password, type TestPortal } from '../support/portal.ts';
import { authenticatorCode } from '../support/rfc-totp.ts';
import { accountMenu, appPage, assertGoodPage, challengePage, choosePage, signInPage } from './pages.ts';

const chosen = 'warm lighthouse ferry 58';
const old = { email: 'grace@quarry.example', password: chosen };

describeWithAuthenticator('A customer and the support desk', () => {
  let portal: TestPortal;
  let browser: RealBrowser;
  before(async function () {
    if (!driverIds().some((id) => id !== authenticatorId)) this.skip();
    portal = await openTestPortal();
    browser = await launchBrowser();
  });
  after(async () => {
    await browser.close();
    await portal.close();
  });

  const pathOf = (page: Page) => new URL(page.url()).pathname;
  const code = (secret: string) => authenticatorCode({ secret, at: portal.clock.now() });
  const mailKinds = async () =>
    (await portal.mails()).filter(({ to }) => to === old.email).map(({ subject }) => subject);

  it('go from the invitation to the required set-up, to a backup code, to a reset, and are told of each step by mail', async function () {
    this.timeout(120_000);
    const staff = await addMember(portal, { kind: 'staff', profile: 'sales-manager', name: 'Sara Larch' });
    const desk = await browser.newPage({ javaScript: false, width: 1280 });
    const phone = await browser.newPage({ javaScript: false, width: 375, dark: true });

    // Staff sign in and add a company and a contact.
    await desk.goto(`${portal.url}/staff`);
    await signInPage.signIn(desk, { email: staff.person.email, password });
    await challengePage.answer(desk, codeNow(portal, staff));
    await desk.getByRole('link', { name: 'Customers', exact: true }).first().click();
    await assertGoodPage(desk);
    await desk.getByRole('link', { name: 'Add a company' }).first().click();
    await desk.getByLabel('Name').fill('Quarry Foods');
    await desk.getByRole('button', { name: 'Add the company' }).click();
    await desk.getByRole('link', { name: 'Add the first contact' }).click();
    assert.equal(await desk.locator('input[type=password]').count(), 0, 'staff never set a password');
    await desk.getByLabel('Name').fill('Grace Hopper');
    await desk.getByLabel('E-mail').fill(old.email);
    await assertGoodPage(desk);
    await desk.getByRole('button', { name: 'Add and invite' }).click();
    await desk.getByRole('status').waitFor();

    // The contact takes the invitation up and signs in by the password alone.
    await phone.goto(portal.url + (await newestLink(portal, 'invitation', old.email)));
    assert.equal(pathOf(phone), '/invitation', 'the token has left the address');
    await assertGoodPage(phone);
    await phone.getByLabel('New password', { exact: true }).fill(chosen);
    await phone.getByRole('button', { name: 'Save password' }).click();
    assert.equal(pathOf(phone), '/sign-in');
    await signInPage.signIn(phone, old);
    assert.equal(pathOf(phone), '/home');
    await phone.locator('main').getByText('Quarry Foods').first().waitFor();
    await assertGoodPage(phone);

    // Staff find the contact in two clicks and tick the requirement; the open session goes on.
    await desk.goto(`${portal.url}/staff`);
    await desk.getByRole('link', { name: 'Customers', exact: true }).first().click();
    await desk.getByRole('link', { name: 'Grace Hopper' }).click();
    await assertGoodPage(desk);
    await desk.getByRole('link', { name: 'Edit Login Details' }).click();
    await desk.getByLabel('Require multi-factor authentication when logging in').check();
    await assertGoodPage(desk);
    await desk.getByRole('button', { name: 'OK' }).click();
    await desk.getByRole('status').waitFor();
    await phone.goto(`${portal.url}/home`);
    assert.equal(pathOf(phone), '/home');

    // The next sign-in asks to enrol; codes of an independent implementation sign in.
    await accountMenu.signOut(phone);
    await signInPage.signIn(phone, old);
    assert.equal(pathOf(phone), '/sign-in/enrol');
    await phone.goto(`${portal.url}/home`);
    assert.equal(pathOf(phone), '/sign-in/enrol', 'nothing else opens');
    await assertGoodPage(phone);
    await choosePage.app(phone);
    await assertGoodPage(phone);
    const secret = await appPage.key(phone);
    await appPage.confirm(phone, code(secret));
    assert.equal(pathOf(phone), '/home');

    // Backup codes are made, and one of them signs in, once.
    await phone.goto(`${portal.url}/account/security`);
    await assertGoodPage(phone);
    await phone.getByRole('link', { name: /\(Backup codes\)/ }).click();
    await phone.getByRole('button', { name: 'Generate Backup Codes' }).click();
    const codes = (await phone.locator('.codes li').allTextContents()).map((text) => text.trim());
    assert.equal(codes.length, 5);
    const signInByBackupCode = async () => {
      portal.clock.advance({ seconds: 30 });
      await phone.goto(`${portal.url}/home`);
      if (pathOf(phone) === '/home') await accountMenu.signOut(phone);
      await signInPage.signIn(phone, old);
      await phone.getByText('Use a backup code').click();
      await phone.getByLabel('Backup code').fill(codes[0] ?? '');
      await phone.getByRole('button', { name: 'Confirm' }).click();
    };
    await signInByBackupCode();
    assert.equal(pathOf(phone), '/home');
    await phone
      .getByText(/set up your app again|set it up/i)
      .first()
      .waitFor();
    await signInByBackupCode();
    assert.equal(pathOf(phone), '/sign-in/challenge', 'the second time it is refused');
    await phone.context().clearCookies();

    // Staff reset: after the step-up, with a reason.
    portal.clock.advance({ minutes: 6 });
    await desk.reload();
    await desk.getByRole('link', { name: 'Reset MFA' }).click();
    await assertGoodPage(desk);
    await desk.getByLabel('Code from the app').fill(codeNow(portal, staff));
    await desk.getByRole('button', { name: 'Go on' }).click();
    await assertGoodPage(desk);
    await desk.getByLabel('Reason').fill('Called back on the known number, lost phone');
    await desk.getByRole('button', { name: 'Reset MFA for Grace Hopper' }).click();
    await desk.getByRole('status').waitFor();

    // The old app and the old codes are nobody's any more: the set-up is asked for anew, with another key.
    await phone.goto(`${portal.url}/sign-in`);
    await signInPage.signIn(phone, old);
    await choosePage.app(phone);
    const next = await appPage.key(phone);
    assert.notEqual(next, secret);
    await appPage.confirm(phone, code(secret));
    assert.match(await phone.title(), /^Error:/, 'a code of the old app is refused');
    await appPage.confirm(phone, code(next));
    assert.equal(pathOf(phone), '/home');
    await accountMenu.signOut(phone);
    portal.clock.advance({ seconds: 30 });
    await signInPage.signIn(phone, old);
    assert.equal(
      await phone.getByRole('link', { name: 'Try another way' }).count(),
      0,
      'the old backup codes are gone',
    );
    await challengePage.answer(phone, code(next));
    assert.equal(pathOf(phone), '/home');

    const subjects = (await mailKinds()).join('\n');
    for (const words of [/invit/i, /was set up/, /backup was used/, /factors were reset/])
      assert.match(subjects, words);
  });
});
