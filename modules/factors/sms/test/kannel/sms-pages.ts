// What a person does on the pages of text messages, found by role and label.
import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import { assertAccessible, assertValidHtml } from '../../../../../test/support/page-quality.ts';

/** Presses a button, wherever in the page or a part of it. */
export function press(where: Page | Locator, name: string | RegExp): Promise<void> {
  return where.getByRole('button', { name }).click();
}

export const smsPages = {
  /** Types a number and saves it; the country is left as it is offered where none is given. */
  async save(page: Page, given: { number: string; country?: string }): Promise<void> {
    if (given.country !== undefined) await page.getByLabel('Country').selectOption({ label: given.country });
    await page.getByLabel('Mobile number').fill(given.number);
    await press(page, 'Save');
  },
  /** Types the code of a set-up. */
  async confirm(page: Page, code: string): Promise<void> {
    await page.getByLabel('Code', { exact: true }).fill(code);
    await press(page, /^Verify/);
  },
  /** Types the code of a sign-in. */
  async answer(page: Page, code: string): Promise<void> {
    await page.getByLabel('Code', { exact: true }).fill(code);
    await press(page, 'Continue');
  },
};

/** Holds the answer to a refused form to the bar of every page: what a GET of its address shows is another page. */
export async function assertGoodRefusal(page: Page, act: () => Promise<void>): Promise<void> {
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  await act();
  const answer = await answered;
  assert.equal(answer.status(), 422);
  await assertValidHtml(await answer.text(), page.url());
  await assertAccessible(page);
  assert.match(await page.title(), /^Error:/);
  const overflow = await page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  assert.ok(overflow <= 0, `${page.url()} scrolls sideways by ${String(overflow)} px`);
}
