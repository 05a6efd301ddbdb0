import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { assertGoodPage, signInPage } from '../../../../test/journeys/pages.ts';
import { launchBrowser, type RealBrowser } from '../../../../test/support/browser.ts';
import { newestLink } from '../../../../test/support/mail-links.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';

const next = 'copper kettles sing at dawn';

async function choosePassword(page: Page): Promise<void> {
  await page.getByLabel('New password', { exact: true }).fill(next);
  await page.getByRole('button', { name: 'Save password' }).click();
}

describe('In a browser', () => {
  let portal: TestPortal;
  let browser: RealBrowser;
  before(async () => {
    [portal, browser] = await Promise.all([openTestPortal(), launchBrowser()]);
  });
  after(async () => {
    await browser.close();
    await portal.close();
  });

  it('somebody without JavaScript, on a small screen, goes from a forgotten password to their account', async () => {
    const ada = await portal.addPerson();
    const page = await browser.newPage({ javaScript: false, width: 320 });
    await page.goto(`${portal.url}/sign-in`);
    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await assertGoodPage(page);
    await page.getByLabel('E-mail address').fill(ada.email);
    await page.getByRole('button', { name: 'Mail me a link' }).click();
    await page.getByRole('heading', { name: 'Look in your mailbox' }).waitFor();
    await assertGoodPage(page);
    await page.goto(portal.url + (await newestLink(portal, 'reset-password', ada.email)));
    assert.equal(page.url(), `${portal.url}/reset-password`);
    await assertGoodPage(page);
    await choosePassword(page);
    await page.getByText(`Your password is changed. Sign in as ${ada.email}.`).waitFor();
    await signInPage.signIn(page, { email: ada.email, password: next });
    await page.getByRole('heading', { name: 'Hello, Ada Lovelace' }).waitFor();
  });

  it('somebody invited chooses a password and signs in; then their link is over', async () => {
    const ada = await portal.addPerson({ password: null });
    await portal.invite(ada, { by: { kind: 'portal' }, inviter: 'Grace Hopper' });
    const link = await newestLink(portal, 'invitation', ada.email);
    const page = await browser.newPage({ width: 375, dark: true });
    await page.goto(portal.url + link);
    await assertGoodPage(page);
    await choosePassword(page);
    await page.getByText(`Your password is set. Sign in as ${ada.email}.`).waitFor();
    await signInPage.signIn(page, { email: ada.email, password: next });
    await page.getByRole('heading', { name: 'Hello, Ada Lovelace' }).waitFor();
    await page.goto(portal.url + link);
    await page.getByRole('button', { name: 'Send me a new link' }).waitFor();
    await assertGoodPage(page);
  });

  it('somebody who has to wait opens the mailed link and need not', async () => {
    const ada = await portal.addPerson();
    for (let count = 0; count < 11; count += 1)
      await signInWith(portal.visitor(), ada.email, 'wrong password number one');
    const page = await browser.newPage({ width: 375 });
    await page.goto(portal.url + (await newestLink(portal, 'unlock', ada.email)));
    await assertGoodPage(page);
    await page.getByRole('button', { name: 'Let me try again' }).click();
    await page.getByText('You can try again now.').waitFor();
    await page.goto(`${portal.url}/unlock`);
    await assertGoodPage(page);
  });
});
