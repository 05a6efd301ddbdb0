// Page objects: what a person does on a page, found by role and label. What must be true is said in the tests.
import type { Page } from 'playwright-core';
import { assertAccessible, assertValidHtml } from '../support/page-quality.ts';

/** Holds a page to the bar that every page must reach: no barriers, valid HTML, nothing that scrolls sideways. */
export async function assertGoodPage(page: Page): Promise<void> {
  await assertAccessible(page);
  await assertValidHtml(await (await page.request.get(page.url())).text(), page.url());
  const overflow = await page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  if (overflow > 0) throw new Error(`${page.url()} scrolls sideways by ${overflow} px`);
}

export const signInPage = {
  async signIn(page: Page, person: { email: string; password: string }): Promise<void> {
    await page.getByLabel('E-mail address').fill(person.email);
    await page.getByLabel('Password', { exact: true }).fill(person.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  },
};

export const setUpPage = {
  async create(page: Page, admin: { name: string; email: string; password: string }): Promise<void> {
    await page.getByLabel('Your name').fill(admin.name);
    await page.getByLabel('E-mail address').fill(admin.email);
    await page.getByLabel('Password', { exact: true }).fill(admin.password);
    await page.getByRole('button', { name: 'Create the account' }).click();
  },
};

export const choosePage = {
  /** Of several factors, the app. */
  async app(page: Page): Promise<void> {
    await page.getByRole('button', { name: /Authenticator app/ }).click();
  },
};

export const appPage = {
  /** The key that the page shows for typing it into an app. */
  async key(page: Page): Promise<string> {
    const href = await page.locator('a[href^="otpauth:"]').first().getAttribute('href');
    return new URL(href ?? '').searchParams.get('secret') ?? '';
  },
  async confirm(page: Page, code: string): Promise<void> {
    await page.getByLabel('Code from the app').fill(code);
    await page.getByRole('button', { name: 'Turn on' }).click();
  },
};

export const challengePage = {
  async answer(page: Page, code: string): Promise<void> {
    await page.getByLabel('Code from the app').fill(code);
    await page.getByRole('button', { name: 'Confirm' }).click();
  },
};

export const accountMenu = {
  async signOut(page: Page): Promise<void> {
    await page.locator('summary').click();
    await page.getByRole('button', { name: 'Sign out' }).click();
  },
};
