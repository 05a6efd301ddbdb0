import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { refusals } from '../../modules/kernel/errors.ts';
import { renderDocs, storedPage } from '../../modules/portal/commands/docs.ts';

describe('The pages of docs/ that are made from the code', () => {
  it('say what the code says: run `npm run docs` after a change', async () => {
    for (const [name, text] of await renderDocs()) assert.equal(storedPage(name), text, `docs/${name} is out of date.`);
  });

  it('have a sentence for every refusal', () => {
    const catalogue = new URL('../../views/locales/en.json', import.meta.url);
    const texts = JSON.parse(readFileSync(catalogue, 'utf8')) as Record<string, string>;
    const missing = Object.entries(refusals).filter(([, { key }]) => !Object.hasOwn(texts, key));
    assert.deepEqual(
      missing.map(([code, { key }]) => `${code}: ${key}`),
      [],
    );
  });
});
