import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesBelow } from './source-files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ids = readdirSync(join(root, 'modules/factors'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

describe('Factors are folders', () => {
  for (const id of ids) {
    it(`nothing outside the folder of "${id}" names it`, () => {
      // A preset's code name may hold the word: it is one name of several, and none of the factor's.
      const word = new RegExp(`(?<![\\w-])${id.replaceAll('-', '\\-')}(?![\\w-])`, 'i');
      const files = [
        'server.ts',
        'gatehouse.ts',
        ...['config', 'views', 'public', 'modules'].flatMap((folder) => filesBelow(root, folder)),
      ];
      const leaks = files
        .filter((file) => !file.startsWith(`modules/factors/${id}/`) && !file.includes('/test/'))
        .filter((file) => word.test(readFileSync(join(root, file), 'utf8')));
      assert.deepEqual(leaks, []);
    });
  }
});
