import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const threats = readFileSync(`${root}docs/threats.md`, 'utf8');
const named = new Set([...threats.matchAll(/`((?:test|modules)\/[\w./-]+\.test\.ts)`/g)].map(([, file = '']) => file));

/** A tree without a factor is whole too: that factor's tests went with its folder. */
function wentWithItsFactor(file: string): boolean {
  const folder = /^modules\/factors\/[^/]+\//.exec(file)?.[0];
  return folder !== undefined && !existsSync(root + folder);
}

describe('docs/threats.md', () => {
  it('names every attack that is tested', () => {
    const attacks = readdirSync(`${root}test/attacks`).filter((file) => file.endsWith('.test.ts'));
    const unnamed = attacks.map((file) => `test/attacks/${file}`).filter((file) => !named.has(file));
    assert.deepEqual(unnamed, [], 'Give each of these a row in docs/threats.md.');
  });

  it('names no test that is not there', () => {
    const gone = [...named].filter((file) => !existsSync(root + file) && !wentWithItsFactor(file));
    assert.deepEqual(gone, [], 'Take these out of docs/threats.md, or write them.');
  });
});
