import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { loadConfig, type Config } from '../../../config/index.ts';
import { openPortal } from '../../../server.ts';
import { anyDriver } from '../../../test/support/driver.ts';
import { openTestPortal, signInWith, testKeys, TestClock, type TestPortal } from '../../../test/support/portal.ts';
import { startProcess } from '../../../test/support/processes.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../../test/support/temporary-folder.ts';
import { keyPurposes, makeKeys, rotateKey } from '../../platform/keys.ts';
import { createLog } from '../../platform/log.ts';
import { judgeSync, lookAtClock } from '../commands/doctor/clock.ts';
import { askServer, judgeServer, lookAtAdministrators, lookAtSchema } from '../commands/doctor/database.ts';
import { examine } from '../commands/doctor/examine.ts';
import type { Finding } from '../commands/doctor/finding.ts';
import { compareIndexes, declaredIndexes, indexesOf, type Indexes } from '../commands/doctor/indexes.ts';
import { lookAtFit, lookAtKeys } from '../commands/doctor/keys.ts';
import { lookAtDisk, lookAtPortal } from '../commands/doctor/machine.ts';
import { lookAtMailServer, lookAtOutbox } from '../commands/doctor/mail.ts';
import { lookAtAddress, lookAtThreads } from '../commands/doctor/settings.ts';

interface Report {
  ok: boolean;
  checks: { check: string; state: string; found: string; todo: string | null }[];
}

const production = {
  NODE_ENV: 'production',
  STORE: 'embedded',
  BASE_URL: 'https://portal.example.com',
  TRUST_PROXY: '1',
};
const openQuietly = (config: Config) => openPortal(config, { log: createLog('silent') });

/** The one finding that is expected. */
function assertFound(found: Finding | readonly Finding[], state: Finding['state'], text: RegExp): void {
  const list = [found].flat();
  assert.ok(
    list.some((one) => one.state === state && text.test(one.found)),
    JSON.stringify(list),
  );
  for (const one of list) if (one.state !== 'ok') assert.notEqual(one.todo, '');
}

describe('`gatehouse doctor`', function () {
  this.timeout(60_000);
  let folder: string;
  let portal: TestPortal;
  before(async () => {
    folder = makeTemporaryFolder('doctor');
    portal = await openTestPortal();
  });
  after(async () => {
    await portal.close();
    removeTemporaryFolder(folder);
  });
  const configOf = (settings: Record<string, string>) => loadConfig({ ...production, KEYS_DIR: folder, ...settings });
  const collection = (name: string) => portal.database.connection.collection(name);

  it('finds nothing wrong beside a portal that runs, changes none of its data, and ends with 1 once something is', async () => {
    const keys = join(folder, 'own-keys');
    makeKeys(keys);
    const env = {
      ...production,
      KEYS_DIR: keys,
      DATA_DIR: join(folder, 'own'),
      PORT: '0',
      BASE_URL: 'http://127.0.0.1',
      TRUST_PROXY: '0',
    };
    const running = startProcess('server.ts', [], { env });
    // Printed last: from here on nothing but requests and its jobs change data.
    await running.line(/\/set-up\/\S+$/);
    const before = await everything(env.DATA_DIR);
    const healthy = startProcess('gatehouse.ts', ['doctor', '--json'], { env });
    const [json] = await healthy.line(/^\{.*\}$/);
    assert.equal(await healthy.ended(), 0, healthy.output());
    const report = JSON.parse(json) as Report;
    assert.equal(report.ok, true);
    const states = new Map(report.checks.map(({ check, state }) => [check, state]));
    for (const check of [
      'settings',
      'address',
      'keys',
      'data folder',
      'database',
      'schema',
      'indexes',
      'keys and data',
    ])
      assert.equal(states.get(check), 'ok', json);
    assert.equal(states.get('mail server'), 'warning');
    assert.equal(states.get('administrators'), 'warning');
    assert.deepEqual(await everything(env.DATA_DIR), before);

    chmodSync(join(keys, 'seal'), 0o644);
    const broken = startProcess('gatehouse.ts', ['doctor'], { env });
    assert.equal(await broken.ended(), 1, broken.output());
    assert.match(broken.output(), /^wrong +keys +The key file "seal" can be read by others.*\n +-> /m);
    for (const purpose of keyPurposes) {
      const secret = readFileSync(join(keys, purpose), 'utf8').trim().split(':')[1] ?? '-';
      assert.ok(!broken.output().includes(secret) && !healthy.output().includes(secret), 'and prints no key');
    }
    assert.equal(await running.stop(), 0);
  });

  it('says in one line what is wrong with settings that stop the start', async () => {
    const lines = await examine({
      readConfig: () => loadConfig({ NODE_ENV: 'production', STORE: 'embedded', KEYS_DIR: folder }),
      openPortal: openQuietly,
      clock: new TestClock(),
    });
    assert.deepEqual(
      lines.map(({ check, state }) => [check, state]),
      [['settings', 'wrong']],
    );
    assertFound(lines, 'wrong', /BASE_URL/);
  });

  it('doubts an address and proxies that can’t be true', () => {
    assertFound(lookAtAddress(configOf({})), 'ok', /behind one proxy/);
    assertFound(lookAtAddress(configOf({ HOST: '0.0.0.0' })), 'warning', /past the proxy/);
    assertFound(lookAtAddress(configOf({ TRUST_PROXY: '2' })), 'warning', /2 proxies/);
    assertFound(lookAtAddress(configOf({ BASE_URL: 'http://127.0.0.1:3000' })), 'warning', /is there a proxy/);
    assertFound(lookAtAddress(configOf({ BASE_URL: 'https://portal.example.com:3000' })), 'wrong', /without TLS/);
    assertFound(lookAtAddress(loadConfig({})), 'warning', /BASE_URL is not set/);
  });

  it('asks for a thread pool of two more than there are cores', () => {
    assertFound(lookAtThreads(configOf({}), 2), 'ok', /4 threads on 2 cores, 2 of them/);
    assertFound(lookAtThreads(configOf({}), 4), 'warning', /4 threads on 4 cores, 2 of them/);
    assertFound(lookAtThreads(configOf({ UV_THREADPOOL_SIZE: '6' }), 4), 'ok', /4 of them/);
  });

  it('looks at the folder of the keys, its files and what is in them', () => {
    const dir = join(folder, 'keys');
    const look = () => lookAtKeys(configOf({ KEYS_DIR: dir })).findings;
    assertFound(look(), 'wrong', /is missing/);
    makeKeys(dir);
    assertFound(look(), 'ok', /one for each purpose$/);
    rotateKey(dir, 'session');
    assertFound(look(), 'ok', /older ones, too: session/);
    chmodSync(dir, 0o755);
    assertFound(look(), 'wrong', /Others on this machine may enter/);
    chmodSync(dir, 0o700);
    chmodSync(join(dir, 'csrf'), 0o640);
    assertFound(look(), 'wrong', /"csrf" can be read by others/);
    cpSync(join(dir, 'seal'), join(dir, 'csrf'));
    chmodSync(join(dir, 'csrf'), 0o600);
    assertFound(look(), 'wrong', /hold the same key/);
    rmSync(join(dir, 'csrf'));
    assertFound(look(), 'wrong', /"csrf" is missing/);
    makeKeys(dir);
    assertFound(lookAtKeys(configOf({ KEYS_DIR: dir, DATA_DIR: folder })).findings, 'warning', /in the data folder/);
  });

  it('tells keys of another portal from those that made the data', async function () {
    const driver = await anyDriver(this);
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    await visitor.follow(await signInWith(visitor, ada.email));
    await driver.enrol(visitor, portal.clock.now());
    const { connection } = portal.database;
    assertFound(await lookAtFit(connection, portal.keys), 'ok', /fit/);
    const foreign = Object.fromEntries(
      Object.entries(testKeys()).map(([purpose, [key]]) => [purpose, [{ ...key, id: 'other' }]]),
    ) as unknown as typeof portal.keys;
    assertFound(await lookAtFit(connection, foreign), 'wrong', /\d+ passwords \(pepper\), \d+ factors \(seal\)/);
    const rotated = { ...portal.keys, pepper: [...foreign.pepper, ...portal.keys.pepper] as typeof foreign.pepper };
    assertFound(await lookAtFit(connection, rotated), 'ok', /fit/);
    assertFound(await lookAtFit(connection, { ...portal.keys, seal: foreign.seal }), 'wrong', /: \d+ factors \(seal\)/);
  });

  it('says when the database does not answer, and is not held up by it', async () => {
    const config = configOf({ MONGODB_URI: 'mongodb://127.0.0.1:9/gatehouse', PORT: '0' });
    const ports = { readConfig: () => config, openPortal: openQuietly, clock: new TestClock() };
    const begun = Date.now();
    assertFound(await examine(ports), 'wrong', /database of MONGODB_URI does not answer/);
    assert.ok(Date.now() - begun < 10_000);
  });

  it('opens no store of another user, and none that is not there', async function () {
    const empty = configOf({ DATA_DIR: join(folder, 'nowhere'), PORT: '0' });
    const ports = { readConfig: () => empty, openPortal: openQuietly, clock: new TestClock() };
    assertFound(await examine(ports), 'warning', /holds no data yet/);
    assert.throws(() => readFileSync(join(folder, 'nowhere')), { code: 'ENOENT' });
    if (process.getuid?.() !== 0) this.skip();
    const store = join(folder, 'foreign/store');
    mkdirSync(store, { recursive: true });
    writeFileSync(join(store, 'store.mdb'), '');
    execFileSync('chown', ['-R', '65534', store]);
    const foreign = { ...ports, readConfig: () => configOf({ DATA_DIR: join(folder, 'foreign'), PORT: '0' }) };
    assertFound(await examine(foreign), 'wrong', /belongs to user 65534/);
  });

  it('knows a MongoDB by what it says of itself', async () => {
    const facts = await askServer(portal.database);
    assert.equal(facts.writeConcern, 'majority');
    const good = {
      ...facts,
      embedded: false,
      knowsUs: true,
      set: 'rs0',
      isRouter: false,
      isPrimary: true,
      hosts: ['127.0.0.1'],
    };
    assert.equal(good.tls, false);
    assertFound(judgeServer(good), 'ok', /MongoDB \d+\.\S+, replica set rs0; writes are acknowledged by: majority/);
    assert.equal(judgeServer(good).length, 1);
    assertFound(judgeServer({ ...good, set: null }), 'warning', /stands alone/);
    assertFound(judgeServer({ ...good, version: '6.0.1' }), 'wrong', /too old/);
    assertFound(judgeServer({ ...good, isPrimary: false }), 'wrong', /no primary/);
    assertFound(judgeServer({ ...good, knowsUs: false }), 'warning', /asks nobody for a name/);
    assertFound(judgeServer({ ...good, hosts: ['db.example.com'] }), 'warning', /not encrypted/);
    assert.equal(judgeServer({ ...good, hosts: ['db.example.com'], tls: true }).length, 1);
  });

  it('refuses data of a newer version', async () => {
    const { connection } = portal.database;
    const rows = connection.collection<{ _id: string; version: number }>('schema');
    assertFound((await lookAtSchema(connection)).findings, 'ok', /version 1/);
    await rows.updateOne({ _id: 'portal' }, { $set: { version: 99 } });
    assertFound((await lookAtSchema(connection)).findings, 'wrong', /version 99/);
    await rows.updateOne({ _id: 'portal' }, { $set: { version: 1 } });
  });

  it('misses an index that is gone, and one that was made in another way', async () => {
    const declared = await declaredIndexes(configOf({}), openQuietly);
    assertFound(compareIndexes(declared, await indexesOf(portal.database.connection)), 'ok', /all \d+ are there/);
    assert.ok([...declared.keys()].includes('enrolments'));
    await collection('people').dropIndex('emailKey_1');
    await collection('outbox').dropIndex('forgetAt_1');
    await collection('outbox').createIndex({ forgetAt: 1 });
    await collection('auditEvents').dropIndexes();
    const found = compareIndexes(declared, await indexesOf(portal.database.connection));
    assertFound(found, 'wrong', /unique index people\.emailKey_1 is missing/);
    assertFound(found, 'wrong', /outbox\.forgetAt_1 is another/);
    assertFound(found, 'warning', /auditEvents\..* is missing/);
    const none: Indexes = new Map();
    assert.ok(compareIndexes(declared, none).length > 20);
  });

  it('compares the clock with the database’s', async () => {
    const { connection } = portal.database;
    const off = (seconds: number) => ({ now: () => new Date(Date.now() + seconds * 1000) });
    assertFound(await lookAtClock(connection, off(0)), 'ok', /^0\.0 seconds/);
    assertFound(await lookAtClock(connection, off(-5)), 'warning', /^[2-5]\.\d seconds/);
    assertFound(await lookAtClock(connection, off(60)), 'wrong', /codes fail/);
    assertFound(judgeSync('yes'), 'ok', /NTP/);
    assertFound(judgeSync('no'), 'warning', /not kept right/);
    assertFound(judgeSync(null), 'warning', /can’t be read/);
  });

  it('counts who can run the portal', async () => {
    const { connection } = portal.database;
    assertFound(await lookAtAdministrators(connection), 'warning', /Nobody runs/);
    await portal.addPerson({ kind: 'staff', profile: 'support' });
    await portal.addPerson({ kind: 'staff', profile: 'master-admin', disabled: true });
    await portal.addPerson({ kind: 'staff', profile: 'master-admin', password: null });
    assertFound(await lookAtAdministrators(connection), 'wrong', /No Master Admin can sign in/);
    await portal.addPerson({ kind: 'staff', profile: 'master-admin' });
    assertFound(await lookAtAdministrators(connection), 'warning', /one Master Admin/);
    await portal.addPerson({ kind: 'staff', profile: 'master-admin' });
    assertFound(await lookAtAdministrators(connection), 'ok', /2 Master Admins/);
  });

  it('counts messages that were given up, and those that wait too long', async () => {
    const { connection } = portal.database;
    assertFound(await lookAtOutbox(connection, portal.clock), 'ok', /none was given up/);
    const row = { schemaVersion: 1, messageId: 'm', channel: 'mail', kind: 'k', to: 'a@example.com', tries: 1 };
    const at = (minutes: number) => new Date(portal.clock.now().getTime() - minutes * 60_000);
    await collection('outbox').insertMany([
      { ...row, state: 'dead', createdAt: at(2000) },
      { ...row, state: 'queued', createdAt: at(16) },
      { ...row, state: 'queued', createdAt: at(1) },
    ]);
    const found = await lookAtOutbox(connection, portal.clock);
    assertFound(found, 'warning', /^1 messages were given up/);
    assertFound(found, 'warning', /^1 messages have waited/);
    await collection('tasks').insertOne({ kind: 'k', dueAt: at(16) });
    assertFound(await lookAtOutbox(connection, portal.clock), 'warning', /^1 pieces of work/);
  });

  it('asks the mail server, for five seconds at the most', async () => {
    const mailAt = (url: string) => configOf({ SMTP_URL: url, MAIL_FROM: 'portal@example.com' });
    assertFound(await lookAtMailServer(configOf({})), 'warning', /mails wait/);
    assertFound(await lookAtMailServer(mailAt('smtp://127.0.0.1:9')), 'wrong', /127\.0\.0\.1:9 can’t be used/);
    await withSmtp({ authOptional: true }, async (port) => {
      assertFound(await lookAtMailServer(mailAt(`smtp://127.0.0.1:${port}`)), 'ok', /takes mails/);
      assertFound(await lookAtMailServer(mailAt(`smtps://127.0.0.1:${port}`)), 'wrong', /ESOCKET/);
    });
    await withSmtp({ authOptional: true, disabledCommands: ['STARTTLS'] }, async (port) => {
      // This machine by a name that is not loopback's: as far as the portal can tell, another one. Nothing goes there in clear text.
      assertFound(await lookAtMailServer(mailAt(`smtp://0.0.0.0:${port}`)), 'wrong', /STARTTLS/);
    });
    const onAuth: SMTPServerOptions['onAuth'] = ({ password }, _session, done) => {
      if (password === 'right') done(null, { user: 'portal' });
      else done(Object.assign(new Error('wrong'), { responseCode: 535 }));
    };
    await withSmtp({ onAuth, allowInsecureAuth: true }, async (port) => {
      assertFound(await lookAtMailServer(mailAt(`smtp://portal:right@127.0.0.1:${port}`)), 'ok', /takes mails/);
      const refused = await lookAtMailServer(mailAt(`smtp://portal:hunter22@127.0.0.1:${port}`));
      assertFound(refused, 'wrong', /EAUTH 535.*refuses the name or the password/);
      assert.doesNotMatch(JSON.stringify(refused), /hunter22/);
    });
    await withSmtp({ secure: true, authOptional: true }, async (port) => {
      assertFound(await lookAtMailServer(mailAt(`smtps://127.0.0.1:${port}`)), 'wrong', /certificate/);
    });
    const silent = createServer().listen(0, '127.0.0.1');
    const found = await lookAtMailServer(mailAt(`smtp://127.0.0.1:${await portOf(silent)}`), 200);
    silent.close();
    assertFound(found, 'wrong', /does not answer in time/);
  });

  it('knows whether a portal answers, or something else', async () => {
    const port = Number(new URL(portal.url).port);
    assertFound(await lookAtPortal({ host: '127.0.0.1', port }), 'ok', /answers at/);
    assertFound(await lookAtPortal({ host: '0.0.0.0', port }), 'ok', /answers at http:\/\/127\.0\.0\.1:/);
    assertFound(await lookAtPortal({ host: '127.0.0.1', port: 9 }), 'warning', /No portal answers/);
    const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'));
    other.listen(0, '127.0.0.1');
    assertFound(
      await lookAtPortal({ host: '127.0.0.1', port: Number(await portOf(other)) }),
      'wrong',
      /something else/,
    );
    other.close();
  });

  it('finds a disk that is nearly full', async function () {
    assert.equal((await lookAtDisk('/proc')).state, 'wrong', 'a file system without any room');
    const disk = makeTemporaryFolder('full');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      // Mounting takes root.
      this.skip();
    }
    try {
      assertFound(await lookAtDisk(disk), 'warning', /^600 MiB are free/);
    } finally {
      execFileSync('umount', [disk]);
      removeTemporaryFolder(disk);
    }
  });
});

async function portOf(server: Server): Promise<string> {
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
  return String((server.address() as AddressInfo).port);
}

async function withSmtp(options: SMTPServerOptions, use: (port: string) => Promise<void>): Promise<void> {
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    ...options,
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  try {
    await use(await portOf(server.server));
  } finally {
    await new Promise<void>((resolve) => {
      server.close(resolve);
    });
  }
}

/** Every row and every index of a store that another process runs. */
async function everything(dataDir: string): Promise<unknown> {
  const socket = encodeURIComponent(join(dataDir, 'store/store.sock'));
  const client = await MongoClient.connect(`mongodb://${socket}/gatehouse?directConnection=true`);
  try {
    const collections = await client.db().listCollections().toArray();
    const names = collections.map(({ name }) => name).sort();
    return await Promise.all(
      names.map(async (name) => {
        const rows = client.db().collection(name);
        return [name, await rows.find().sort({ _id: 1 }).toArray(), await rows.indexes()];
      }),
    );
  } finally {
    await client.close();
  }
}
