import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { loadConfig } from '../../config/index.ts';
import { settingsSchema } from '../../config/settings.ts';
import { withTemporaryFolder } from '../support/temporary-folder.ts';

const folder = fileURLToPath(new URL('../../docs/ops/', import.meta.url));
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const page = readFileSync(join(folder, '../operations.md'), 'utf8');
const files = readdirSync(folder);
const units = files.filter((name) => /\.(?:service|timer)$/.test(name));

describe('The files of docs/ops', () => {
  it('are all told of in docs/operations.md', () => {
    assert.deepEqual(
      files.filter((name) => !page.includes(`\`${name.replace(/^(gatehouse-backup)\..*/, '$1.*')}\``)),
      [],
    );
  });

  it('name no path that docs/operations.md does not make, or the system', () => {
    const own = units.flatMap((name) =>
      read(name)
        .split('\n')
        .filter((line) => /^(?:ExecStart|EnvironmentFile|WorkingDirectory|\w+Paths)=/.test(line))
        .flatMap((line) => line.match(/(?<![\w/])\/[\w./-]+/g) ?? []),
    );
    assert.ok(own.length > 6);
    assert.deepEqual(
      own.filter((path) => !page.includes(path) && !page.includes(path.replace('/usr/local/sbin/', 'docs/ops/'))),
      [],
    );
  });

  it('hold example settings that the portal takes, read alike by systemd and Node: all of them, also those that are commented out', () => {
    const text = read('gatehouse.env');
    const lines = text.split('\n').filter((line) => /^#?[A-Z_0-9]+=/.test(line));
    for (const line of lines) assert.match(line, /^#?[A-Z_0-9]+='[^'\\$]*'$/);
    const known = Object.keys(settingsSchema.shape);
    assert.deepEqual(
      lines.map((line) => line.replace(/^#|=.*/g, '')).filter((name) => !known.includes(name)),
      [],
    );
    for (const environment of [text, text.replaceAll(/^#(?=[A-Z_0-9]+=)/gm, '')]) {
      const config = loadConfig(parseEnv(environment));
      assert.equal(config.production, true);
      assert.equal(config.mayMakeKeys, false);
      assert.equal(config.dataDir, '/var/lib/gatehouse');
      assert.equal(config.trustProxy, 1);
      assert.equal(config.siteName, 'Portal');
    }
  });

  it('are shell that parses, and units that systemd understands and finds well guarded, where it is installed', async function () {
    for (const name of ['gatehouse', 'gatehouse-backup'])
      assert.equal(spawnSync('sh', ['-n', join(folder, name)]).status, 0, name);
    if (spawnSync('systemd-analyze', ['--version']).error) this.skip();
    await withTemporaryFolder((copies) => {
      const paths = units.map((name) => join(copies, name));
      for (const [index, name] of units.entries())
        // What it starts is not installed here, and verify looks for it.
        writeFileSync(paths[index] ?? '', read(name).replaceAll(/^(Exec\w+)=\S+/gm, '$1=/bin/sh'));
      const verified = spawnSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8' });
      assert.deepEqual([verified.status, verified.stderr], [0, '']);
      const services = paths.filter((path) => path.endsWith('.service'));
      const guarded = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=15', ...services], {
        encoding: 'utf8',
      });
      if (!guarded.stderr.includes('unrecognized option')) assert.equal(guarded.status, 0, guarded.stdout.slice(-2000));
    });
  });
});
