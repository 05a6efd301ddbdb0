import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadConfig, type Config } from '../../config/index.ts';
import { systemClock } from '../../modules/platform/clock.ts';
import { makeKeys } from '../../modules/platform/keys.ts';
import { createLog } from '../../modules/platform/log.ts';
import { examine } from '../../modules/portal/commands/doctor/examine.ts';
import { openPortal } from '../../server.ts';
import { freePort } from '../ops/free-port.ts';
import { driverIds, driverOf } from '../support/driver.ts';
import { Visitor, type Answer } from '../support/http.ts';
import { startProcess, type RunningProcess } from '../support/processes.ts';
import { authenticatorCode } from '../support/rfc-totp.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

interface DemoPerson {
  email: string;
  password: string;
  kind: 'staff' | 'contact';
  state: string;
  totpSecret: string | null;
  backupCodes: string[];
}

/** The commands that docs/operations.md gives for a restore. */
function documentedRestore(): string {
  const page = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  const [, commands = ''] = /^To restore[\s\S]*?```sh\n([\s\S]*?)```/m.exec(page) ?? [];
  assert.match(commands, /store\.mdb[\s\S]*keys\.tar[\s\S]*gatehouse doctor/);
  return commands;
}

describe('After the loss of the whole machine', function () {
  this.timeout(120_000);
  let folder: string;
  let people: DemoPerson[];
  let settings: Record<string, string>;
  let url: string;
  const processes: RunningProcess[] = [];
  const at = (name: string) => join(folder, name);
  const start = (entry: string, args: string[], env: Record<string, string>): RunningProcess => {
    const started = startProcess(entry, args, { env });
    processes.push(started);
    return started;
  };

  before(() => {
    folder = makeTemporaryFolder('restore');
    settings = { DATA_DIR: at('data'), KEYS_DIR: at('keys'), PORT: '0', ARGON2_MEMORY_KIB: '1024', LOG_LEVEL: 'warn' };
    // What stands for the machine: the command line as docs/ops installs it, without its user; the service is ours to start and stop.
    mkdirSync(at('bin'));
    const script = `#!/bin/sh\ncd '${root}' && exec '${process.execPath}' --import tsx gatehouse.ts "$@"\n`;
    for (const [name, text] of [['gatehouse', script], ...['systemctl', 'chown'].map((one) => [one, '#!/bin/sh\n'])])
      writeFileSync(at(`bin/${name ?? ''}`), text ?? '', { mode: 0o755 });
  });
  after(async () => {
    for (const child of processes) await child.stop('SIGKILL');
    removeTemporaryFolder(folder);
  });

  const shell = (text: string, env: Record<string, string> = {}) =>
    run('/bin/sh', ['-euc', text], {
      cwd: folder,
      env: { ...settings, PATH: `${at('bin')}:${process.env['PATH'] ?? ''}`, ...env },
    });

  /** Signs in as far as the password and the code lead. */
  async function signIn(person: DemoPerson, code?: string, factor?: string): Promise<Answer> {
    const visitor = new Visitor(url);
    const { email, password } = person;
    const first = await visitor.follow(await visitor.submit('/sign-in', { email, password }, { from: '/sign-in' }));
    if (code === undefined) return first;
    assert.equal(first.url.pathname, '/sign-in/challenge', person.email);
    if (factor !== undefined) await visitor.submit('/sign-in/methods', { factor }, { from: '/sign-in/methods' });
    return visitor.follow(await visitor.submit('/sign-in/challenge', { code }, { from: '/sign-in/challenge' }));
  }

  function one(state: string): DemoPerson {
    const found = people.find((person) => person.state === state);
    assert.ok(found, state);
    return found;
  }

  async function recoveryFactor(): Promise<string | undefined> {
    for (const id of driverIds()) if ((await driverOf(id)).role === 'recovery') return id;
    return undefined;
  }

  it('the backup of docs/ops holds the data and, apart from it, the keys, and keeps as many as it is told', async () => {
    makeKeys(settings['KEYS_DIR'] ?? '');
    const demo = start('gatehouse.ts', ['demo', '--json'], settings);
    const [json] = await demo.line(/^\{"url":.*\}$/);
    ({ people, url } = JSON.parse(json) as { people: DemoPerson[]; url: string });
    const otto = one('optional and enrolled');
    const recovery = await recoveryFactor();
    if (recovery !== undefined) {
      assert.equal((await signIn(otto, otto.backupCodes[0], recovery)).url.pathname, '/home');
    }

    const to = { BACKUP_DATA_TO: at('backup-data'), BACKUP_KEYS_TO: at('backup-keys'), BACKUP_KEEP: '2' };
    for (const dir of [to.BACKUP_DATA_TO, to.BACKUP_KEYS_TO]) mkdirSync(dir, { mode: 0o700 });
    for (const old of ['2026-01-01T000000Z', '2026-01-02T000000Z']) {
      writeFileSync(join(to.BACKUP_DATA_TO, `gatehouse-${old}.mdb`), '');
      writeFileSync(join(to.BACKUP_KEYS_TO, `gatehouse-${old}.keys.tar`), '');
    }
    writeFileSync(join(to.BACKUP_DATA_TO, 'notes.txt'), 'not a backup');
    await shell(`'${root}docs/ops/gatehouse-backup'`, to);
    const data = readdirSync(to.BACKUP_DATA_TO).sort();
    const keys = readdirSync(to.BACKUP_KEYS_TO).sort();
    assert.equal(data.length, 3, data.join());
    assert.deepEqual([data[0], data[2]], ['gatehouse-2026-01-02T000000Z.mdb', 'notes.txt']);
    assert.deepEqual(
      keys.map((name) => name.replace('.keys.tar', '.mdb')),
      data.slice(0, 2),
      'pairs of one time',
    );
    for (const [dir, name = ''] of [
      [to.BACKUP_DATA_TO, data[1]],
      [to.BACKUP_KEYS_TO, keys[1]],
    ] as const)
      assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(at('data')).sort(), ['demo.json', 'store'], 'nothing half-made stays behind');
  });

  it('everybody signs in again from that backup, restored as docs/operations.md says', async () => {
    await processes.at(-1)?.stop('SIGKILL');
    rmSync(at('data'), { recursive: true });
    rmSync(at('keys'), { recursive: true });
    const [, data = ''] = readdirSync(at('backup-data')).sort();
    const commands = documentedRestore()
      .replaceAll('/var/lib/gatehouse', at('data'))
      .replaceAll('/etc/gatehouse/keys', at('keys'))
      .replaceAll(/\S+\.mdb (?=\S*store\.mdb)/g, `${at('backup-data')}/${data} `)
      .replaceAll(/\S+\.keys\.tar/g, `${at('backup-keys')}/${data.replace('.mdb', '.keys.tar')}`);
    const { stdout } = await shell(commands);
    assert.match(stdout, /^ok +keys and data +they fit the data$/m);
    assert.match(stdout, / 0 wrong$/m);

    const production = { NODE_ENV: 'production', STORE: 'embedded', BASE_URL: 'http://127.0.0.1:3000' };
    const port = String(await freePort());
    const portal = start('server.ts', [], { ...settings, ...production, PORT: port });
    await portal.line(/^Gatehouse listens/);
    url = `http://127.0.0.1:${port}`;
    const recovery = await recoveryFactor();
    for (const person of people) {
      const home = person.kind === 'staff' ? '/staff' : '/home';
      if (person.totpSecret === null) {
        const { status, url: page } = await signIn(person);
        if (person.state === 'disabled') assert.equal(status, 422, 'a disabled person stays out');
        else assert.equal(page.pathname === home, person.state === 'optional and not enrolled', page.pathname);
        continue;
      }
      const code = authenticatorCode({ secret: person.totpSecret, at: Date.now() });
      assert.equal((await signIn(person, code)).url.pathname, home, person.email);
    }
    if (recovery !== undefined) {
      const [otto, mara] = [one('optional and enrolled'), people.find(({ kind }) => kind === 'staff')];
      assert.ok(mara);
      const used = await signIn(otto, otto.backupCodes[0], recovery);
      assert.equal(used.status, 422, 'a code that was used before the backup stays used');
      assert.equal((await signIn(otto, otto.backupCodes[1], recovery)).url.pathname, '/home');
      assert.equal((await signIn(mara, mara.backupCodes[0], recovery)).url.pathname, '/staff');
    }
    assert.equal(await portal.stop(), 0, portal.output());
  });

  it('wrong keys are refused with a sentence: missing ones by the start, those of another portal by the doctor', async () => {
    makeKeys(at('other-keys'));
    mkdirSync(at('no-keys'), { mode: 0o700 });
    const production = { NODE_ENV: 'production', STORE: 'embedded', BASE_URL: 'http://127.0.0.1:3000' };
    const configOf = (keys: string) => loadConfig({ ...settings, ...production, KEYS_DIR: at(keys) });
    await assert.rejects(openPortal(configOf('no-keys')), /^KeyError: The key file "session" is missing/);
    const readConfig = () => configOf('other-keys');
    const quietly = (config: Config) => openPortal(config, { log: createLog('silent') });
    const lines = await examine({ readConfig, openPortal: quietly, clock: systemClock });
    const found = lines.flatMap((line) => (line.state === 'wrong' ? [`${line.found} ${line.todo}`] : []));
    assert.equal(found.length, 1);
    assert.match(found[0] ?? '', /made with are not in KEYS_DIR: 10 passwords .* Put back the key files of the backup/);
  });
});
