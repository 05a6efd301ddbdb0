// The benchmark from end to end, with both cores busy: part of `npm run check`. What it reckons is in modules/portal/test/bench-sign-in.test.ts.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SignInBench } from '../modules/portal/commands/bench/sign-in-report.ts';
import { anyDriver } from './support/driver.ts';
import { startProcess } from './support/processes.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './support/temporary-folder.ts';

describe('The sign-in benchmark', function () {
  this.timeout(240_000);

  it('signs contacts in at a portal of its own, tells what it measured, and leaves nothing behind', async function () {
    await anyDriver(this);
    const folder = makeTemporaryFolder('bench');
    try {
      const file = join(folder, 'figures.json');
      const bench = startProcess('gatehouse.ts', ['bench', 'sign-in', '--quick', '--contacts', '100', '--json', file], {
        env: { TMPDIR: folder },
      });
      assert.equal(await bench.ended(), 0, bench.output());
      assert.match(bench.output(), /\| goal .*\n.*\n.*sign-ins of 32 at a time/);
      const figures = JSON.parse(readFileSync(file, 'utf8')) as SignInBench & { goals: unknown[] };
      assert.deepEqual(
        figures.levels.map(({ clients }) => clients),
        [1, 8, 32],
      );
      assert.ok(figures.levels.every(({ stretches }) => stretches.some(({ signIns }) => signIns > 0)));
      assert.equal(figures.goals.length, 5);
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.startsWith('gatehouse-')),
        [],
      );
    } finally {
      removeTemporaryFolder(folder);
    }
  });
});
