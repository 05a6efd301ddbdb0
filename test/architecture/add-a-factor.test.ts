// The worked example of docs/add-a-factor.md, taken from the page and used: it can't go stale.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withPortal, signInWith } from '../support/portal.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs/add-a-factor.md'), 'utf8');

/** The files of the page: each section's heading names them, its code blocks are them. */
function filesOf(text: string): [string, string][] {
  return text.split(/^## /m).flatMap((section) => {
    const names = [...(section.split('\n', 1)[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    const blocks = [...section.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
    return names.map((name, index): [string, string] => [name, blocks[index] ?? '']);
  });
}

/** A tree with the installed factors and the example's beside them; what it imports is this checkout's. */
function treeWithExample(): { root: string; factors: string } {
  const tree = makeTemporaryFolder('example');
  const factors = join(tree, 'modules/factors');
  cpSync(join(root, 'modules/factors'), factors, { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  symlinkSync(join(root, 'modules/kernel'), join(tree, 'modules/kernel'));
  writeFileSync(join(tree, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of filesOf(page)) {
    const file = join(factors, 'fob', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return { root: tree, factors };
}

describe('The worked example of docs/add-a-factor.md', () => {
  let tree: { root: string; factors: string };
  before(() => {
    tree = treeWithExample();
  });
  after(() => {
    removeTemporaryFolder(tree.root);
  });

  it('is a factor that is set up, asked at sign-in, and takes each code once', async () => {
    const key = /The key `([A-Z2-7]+)`/.exec(page)?.[1] ?? '';
    const [first = '', second = ''] = page.match(/^ {4}\d{6}$/gm) ?? [];
    await withPortal(
      async (portal) => {
        const ada = await portal.addPerson({ staffWord: 'required' });
        const visitor = portal.visitor();
        await visitor.follow(await signInWith(visitor, ada.email));
        const refused = await visitor.submit('/account/factors/fob', { key: 'too short', code: first.trim() });
        assert.equal(refused.status, 422);
        await visitor.submit('/account/factors/fob', { key, code: first.trim() });
        assert.match((await visitor.get('/account/security')).text, /Set up: Key fob/);
        await visitor.submit('/sign-out', {}, { from: '/home' });

        const asked = await visitor.follow(await signInWith(visitor, ada.email));
        assert.match(asked.text, /Enter the code of your key fob/);
        const replayed = await visitor.submit('/sign-in/challenge', { code: first.trim() });
        assert.equal(replayed.status, 422);
        const home = await visitor.follow(await visitor.submit('/sign-in/challenge', { code: second.trim() }));
        assert.match(home.text, /Hello, Ada Lovelace/);
      },
      { factorsFolder: tree.factors },
    );
  });
});
