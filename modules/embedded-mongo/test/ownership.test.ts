import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { MongoClient } from 'mongodb';

import { openStore, type Store, type StoreOptions } from '../index.ts';
import { erasingTypes } from '../../../test/support/processes.ts';
import { soon, temporaryFolder } from './store-support.ts';

/** Another process that opens the folder; it says where it stands and ends when its input does. */
class OtherProcess {
  readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(folder: string) {
    const script = new URL('store-process.ts', import.meta.url).pathname;
    this.child = spawn(process.execPath, [...erasingTypes, script, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.child;
    assert.ok(stdout);
    this.lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async said(): Promise<{ uri: string; owner: boolean }> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('the process ended without a word');
    return JSON.parse(value) as { uri: string; owner: boolean };
  }

  private get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async kill(): Promise<void> {
    if (this.hasExited) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }

  async end(): Promise<void> {
    if (this.hasExited) return;
    const exited = once(this.child, 'exit');
    this.child.stdin?.end();
    await exited;
  }
}

describe('The data folder of the embedded store', () => {
  let folder: string;
  const others: OtherProcess[] = [];
  const closing: (() => Promise<unknown>)[] = [];
  const open = async (options: Partial<StoreOptions> = {}): Promise<Store> => {
    const store = await openStore({ folder, ...options });
    closing.push(() => store.close());
    return store;
  };
  const connect = async (uri: string): Promise<MongoClient> => {
    const client = await MongoClient.connect(uri);
    closing.unshift(() => client.close());
    return client;
  };
  const start = (where = folder): OtherProcess => {
    const other = new OtherProcess(where);
    others.push(other);
    return other;
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
  });

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    await Promise.all(others.splice(0).map((other) => other.kill()));
    await rm(folder, { recursive: true, force: true });
  });

  it('is made for its owner alone', async () => {
    await open({ folder: join(folder, 'data') });
    assert.equal((await stat(join(folder, 'data'))).mode & 0o777, 0o700);
  });

  it('has one owner, and a second process works through the first', async () => {
    const first = start();
    const { uri, owner } = await first.said();
    const store = await open();
    assert.deepEqual([owner, store.owner, store.uri], [true, false, uri]);
    const client = await connect(store.uri);
    await client.db().collection('notes').insertOne({ text: 'hello' });
    assert.equal(await client.db().collection('notes').countDocuments(), 1);
  });

  for (const [how, end] of [
    ['ends', (owner: OtherProcess) => owner.end()],
    ['is killed', (owner: OtherProcess) => owner.kill()],
  ] as const) {
    it(`goes to another process when its owner ${how}, and drivers go on at the same address`, async () => {
      const first = start();
      const { uri } = await first.said();
      const store = await open();
      const third = start();
      await third.said();
      const client = await connect(uri);
      const notes = client.db().collection<{ _id: number }>('notes');
      await notes.insertOne({ _id: 1 });
      await end(first);
      // A driver repeats what it had begun, but not what finds nobody at the address in the moment between two owners.
      await soon(() => notes.updateOne({ _id: 2 }, { $set: { again: true } }, { upsert: true }));
      assert.deepEqual(
        (await notes.find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id),
        [1, 2],
      );
      assert.equal(store.uri, uri);
    });
  }

  it('goes to exactly one of many who start at once, killed ones before them or not', async () => {
    for (let round = 0; round < 3; round++) {
      const starters = Array.from({ length: 5 }, () => start());
      const said = await Promise.all(starters.map((starter) => starter.said()));
      assert.equal(said.filter(({ owner }) => owner).length, 1);
      await Promise.all(starters.map((starter) => starter.kill()));
    }
    assert.equal((await readdir(folder)).filter((name) => /^owner\.\d+$/.test(name)).length, 1);
  });

  it('is not taken from an owner that lives and does not answer', async () => {
    const first = start();
    const { uri } = await first.said();
    first.child.kill('SIGSTOP');
    const second = open();
    const outcome = await Promise.race([
      second.then(() => 'opened'),
      new Promise((resolve) => setTimeout(resolve, 500, 'waits')),
    ]);
    assert.equal(outcome, 'waits');
    first.child.kill('SIGCONT');
    const store = await second;
    assert.deepEqual([store.owner, store.uri], [false, uri]);
  });

  it('can be opened again at once by the process that closed it', async () => {
    for (let round = 0; round < 3; round++) {
      const store = await openStore({ folder });
      assert.equal(store.owner, true);
      await store.close();
    }
  });

  it('is refused with a sentence when a newer version wrote it', async () => {
    await writeFile(join(folder, 'format'), '2\n');
    await assert.rejects(
      openStore({ folder }),
      /newer version of the embedded store \(format 2; this version reads 1\)/,
    );
  });

  it('may have a path that is too long for a socket', async () => {
    const long = join(folder, 'a'.repeat(60), 'b'.repeat(60));
    await mkdir(long, { recursive: true });
    const store = await open({ folder: long });
    const other = start(long);
    assert.deepEqual(await other.said(), { uri: store.uri, owner: false });
    const client = await connect(store.uri);
    await client.db().command({ ping: 1 });
    const note = (await readdir(long)).find((name) => name.startsWith('sockets.'));
    assert.ok(note);
    const sockets = (await readFile(join(long, note), 'utf8')).trim();
    assert.equal((await stat(sockets)).mode & 0o777, 0o700);
    closing.push(() => rm(sockets, { recursive: true }));
  });

  it('refuses to listen on a port for the store of another process', async () => {
    const first = start();
    await first.said();
    await assert.rejects(openStore({ folder, listen: { host: '127.0.0.1', port: 0 } }), /in use by another process/);
  });

  it('answers on a loopback port where that is asked for', async () => {
    const store = await open({ listen: { host: '127.0.0.1', port: 0 } });
    assert.match(store.uri, /^mongodb:\/\/127\.0\.0\.1:\d+\//);
    const client = await connect(store.uri);
    await client.db().command({ ping: 1 });
  });
});
