import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { refusals } from '../../modules/kernel/errors.ts';
import { catalogueFiles, readCatalogue } from '../../modules/platform/i18n.ts';
import { renderDocs, storedPage } from '../../modules/portal/commands/docs.ts';

/** A tree without a factor is whole too: what the page says of that factor doesn't count there. */
function withoutGoneFactors(text: string): string {
  const sections = text.split(/\n(?=## )/);
  const isGone = (id: string) => !existsSync(new URL(`../../modules/factors/${id}/index.ts`, import.meta.url));
  const kept = sections.filter((section) => {
    const id = /^## The factor `([^`]+)`/.exec(section)?.[1];
    return id === undefined || !isGone(id);
  });
  return kept.join('\n').trimEnd();
}

describe('The pages of docs/ that are made from the code', () => {
  it('say what the code says: run `npm run docs` after a change', async () => {
    for (const [name, text] of await renderDocs()) {
      assert.equal(withoutGoneFactors(storedPage(name) ?? ''), text.trimEnd(), `docs/${name} is out of date.`);
    }
  });

  it('have a sentence for every refusal', () => {
    const catalogue = fileURLToPath(new URL('../../views/locales', import.meta.url));
    const texts = Object.fromEntries(readCatalogue(catalogueFiles(catalogue, 'en')));
    const missing = Object.entries(refusals).filter(([, { key }]) => !Object.hasOwn(texts, key));
    assert.deepEqual(
      missing.map(([code, { key }]) => `${code}: ${key}`),
      [],
    );
  });
});
