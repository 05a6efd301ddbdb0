// The worked example of docs/add-a-factor.md, taken from the page and used: it can't go stale.
import assert from 'node:assert/strict';
import { examplePage as page, treeWithExample } from '../support/example-factor.ts';
import { withPortal, signInWith } from '../support/portal.ts';
import { removeTemporaryFolder } from '../support/temporary-folder.ts';

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
