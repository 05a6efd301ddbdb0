import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storedPage } from '../../modules/portal/commands/docs.ts';

const folder = fileURLToPath(new URL('../behaviours', import.meta.url));
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
const perLetter = { D: 17, S: 14, P: 13, Z: 20, W: 16 };

describe('The behaviours that docs/behaviours.md lists', () => {
  const ids = Object.entries(perLetter).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, place) => `${letter}${String(place + 1)}`),
  );

  it('are eighty, and each has a test that runs', () => {
    assert.equal(ids.length, 80);
    // A title without a body is a test that mocha calls pending; one behind `//` is none.
    const running = /^ *it\(\s*'([A-Z]\d+) (?:[^'\\]|\\.)+',\s*(?:async )?(?:function)?\s*\(/gm;
    const found = sources.flatMap(({ text }) => [...text.matchAll(running)].map(([, id = '']) => id));
    assert.deepEqual(found.sort(), [...ids].sort());
  });

  it('are all on the page, with the test that holds them', () => {
    const page = storedPage('behaviours.md') ?? '';
    const rows = [...page.matchAll(/^\| ([A-Z]\d+) +\| (\S.*?) +\| \[(test\/behaviours\/[a-z-]+\.test\.ts)\]/gm)];
    assert.deepEqual(
      rows.map(([, id]) => id),
      ids,
    );
    assert.doesNotMatch(page, /not yet/);
  });

  it('are skipped nowhere but in a copy of the portal without their factor', () => {
    const withoutFactor = /if \(!driverIds\(\)\.includes\('[a-z-]+'\)\) (?:this|test)\.skip\(\);/g;
    // `this.skip()` and `test.skip()` say it from within; `.only` skips all the others.
    const skipping = /\b(?:it|describe|context|this|test|specify)\.(?:skip|only)\b|\bx(?:it|describe|context)\(/;
    assert.deepEqual(
      sources.filter(({ text }) => skipping.test(text.replaceAll(withoutFactor, ''))).map(({ name }) => name),
      [],
    );
  });
});
