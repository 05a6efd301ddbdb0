import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import { HtmlValidate, type ConfigData } from 'html-validate';
import type { BrowserContext, Page } from 'playwright-core';

const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const rules = readFileSync(new URL('../../.htmlvalidate.json', import.meta.url), 'utf8');
const validator = new HtmlValidate(JSON.parse(rules) as ConfigData);

/** Fails with a readable list of what axe finds on the page as it stands, with JavaScript on or off. */
export async function assertAccessible(page: Page): Promise<void> {
  const { violations } = await withScripts(page, async () => {
    await page.evaluate(axe);
    return page.evaluate<AxeResults>('axe.run(document)');
  });
  const findings = violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html}`));
  assert.equal(findings.length, 0, `${page.url()} has barriers:\n${findings.join('\n')}`);
}

/** Fails with line and rule of every mistake in the page's HTML. */
export async function assertValidHtml(html: string, name = 'The page'): Promise<void> {
  const { results } = await validator.validateString(html);
  const findings = results
    .flatMap(({ messages }) => messages)
    .map(({ line, column, message, ruleId }) => `${line}:${column} ${message} (${ruleId})`);
  assert.equal(findings.length, 0, `${name} is not valid HTML:\n${findings.join('\n')}`);
}

// A context keeps what it was made with.
const runsTimers = new WeakMap<BrowserContext, boolean>();

async function asksForTimers(page: Page): Promise<boolean> {
  return Promise.race([
    page.evaluate<boolean>('new Promise((resolve) => setTimeout(() => resolve(true), 0))'),
    new Promise<boolean>((resolve) => setTimeout(resolve, 250, false)),
  ]);
}

/**
 * axe waits on timers, which do not run where JavaScript is off: they are let run for its sake alone.
 * The page was parsed without them, so what is judged is what the person without JavaScript has.
 */
async function withScripts<T>(page: Page, use: () => Promise<T>): Promise<T> {
  const known = runsTimers.get(page.context());
  const timersRun = known ?? (await asksForTimers(page));
  runsTimers.set(page.context(), timersRun);
  if (timersRun) return use();
  const devtools = await page.context().newCDPSession(page);
  // A session that never turned scripts off cannot turn them on: hence off first.
  await devtools.send('Emulation.setScriptExecutionDisabled', { value: true });
  await devtools.send('Emulation.setScriptExecutionDisabled', { value: false });
  try {
    return await use();
  } finally {
    await devtools.send('Emulation.setScriptExecutionDisabled', { value: true });
    await devtools.detach();
  }
}
