import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { MongoClient, MongoServerError, type Document } from 'mongodb';

import { openStore } from '../index.ts';
import { serve, type Serving } from '../server.ts';
import type { Faults } from '../storage.ts';
import { erasingTypes } from '../../../test/support/processes.ts';
import { temporaryFolder } from './store-support.ts';

const ROUNDS = 10;
const WRITERS = 8;
const BATCH = 5;

type Note = { _id: string; group: string; size: number };

/** Checks that the index, the documents and the kept count tell the same; answers the ids by group. */
async function readConsistently(client: MongoClient): Promise<Map<string, Set<string>>> {
  const notes = client.db().collection<Note>('notes');
  const all = await notes.find().toArray();
  const indexed = await notes
    .find({ group: { $gte: '' } })
    .hint('group_1')
    .toArray();
  const ids = (found: Note[]): string[] => found.map(({ _id }) => _id).sort();
  assert.deepEqual(ids(indexed), ids(all));
  assert.equal(await notes.estimatedDocumentCount(), all.length);
  const groups = new Map<string, Set<string>>();
  for (const { _id, group } of all) groups.set(group, (groups.get(group) ?? new Set()).add(_id));
  return groups;
}

describe('What the embedded store has acknowledged', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it(`survives kill -9, ${ROUNDS} times with ${WRITERS} writers: all of it, and no half of a batch`, async () => {
    const acknowledged = new Set<string>();
    const script = new URL('store-process.ts', import.meta.url).pathname;
    for (let round = 0; round < ROUNDS; round++) {
      const child = spawn(process.execPath, [...erasingTypes, script, folder], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const { uri } = JSON.parse(line.toString()) as { uri: string };
      const client = await MongoClient.connect(uri, { retryWrites: false, serverSelectionTimeoutMS: 2000 });
      const notes = client.db().collection<Note>('notes');
      await notes.createIndex({ group: 1 });
      const write = async (writer: number): Promise<void> => {
        for (let i = 0; ; i++) {
          const group = `${round}-${writer}-${i}`;
          const batch = Array.from({ length: BATCH }, (_, n) => ({ _id: `${group}-${n}`, group, size: BATCH }));
          await notes.insertMany(batch);
          acknowledged.add(group);
        }
      };
      const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer).catch((error: unknown) => error));
      await sleep(60 + 30 * round);
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      for (const error of await Promise.all(writers))
        assert.match(String(error), /connection .* closed|ECONN|EPIPE|Server selection/);
      await client.close(true);
    }
    const store = await openStore({ folder });
    const client = await MongoClient.connect(store.uri);
    const groups = await readConsistently(client);
    await client.close();
    await store.close();
    for (const group of acknowledged) assert.ok(groups.has(group), `the acknowledged batch ${group} is lost`);
    for (const [group, ids] of groups) assert.equal(ids.size, BATCH, `only a part of the batch ${group} is there`);
    assert.ok(acknowledged.size > ROUNDS, 'hardly anything was written');
  });

  describe('when the disk fails', () => {
    let serving: Serving;
    let client: MongoClient;
    const start = async (faults: Faults): Promise<void> => {
      const socket = join(folder, 'store.sock');
      serving = await serve({ folder, socket, faults });
      client = await MongoClient.connect(`mongodb://${encodeURIComponent(socket)}/test?directConnection=true`);
    };
    const stop = async (): Promise<void> => {
      await client.close();
      await serving.close();
    };

    it('stays: the write fails with an error, reads go on, and memory says what the file says', async () => {
      let isBroken = false;
      await start({
        commit: () => {
          if (isBroken) throw new Error('EIO: i/o error, fdatasync');
        },
      });
      let notes = client.db().collection('notes');
      await notes.createIndex({ group: 1 });
      await notes.insertMany([{ _id: 1, group: 'a', size: 1 }] as Document[]);
      isBroken = true;
      const attempts = [
        () => notes.insertOne({ _id: 2, group: ['now', 'multikey'] } as Document),
        () => notes.updateOne({ _id: 1 } as Document, { $set: { group: 'b' } }),
        () => notes.deleteMany({}),
        () => notes.createIndex({ size: 1 }),
        () => notes.drop(),
        () => client.db().collection('others').insertOne({ text: 'x' }),
      ];
      for (const attempt of attempts) {
        await assert.rejects(attempt(), (error) => error instanceof MongoServerError && error.message.includes('EIO'));
        assert.deepEqual(await notes.find({ group: 'a' }).toArray(), [{ _id: 1, group: 'a', size: 1 }]);
      }
      const seen = async (): Promise<unknown[]> => [
        (await client.db().listCollections().toArray()).map(({ name }) => name),
        (await notes.indexes()).map(({ name }) => name),
        await notes.estimatedDocumentCount(),
        (await notes.find({ group: 'a' }).explain('queryPlanner')).queryPlanner.winningPlan,
      ];
      const before = await seen();
      assert.deepEqual(before.slice(0, 3), [['notes'], ['_id_', 'group_1'], 1]);
      await stop();
      isBroken = false;
      await start({});
      notes = client.db().collection('notes');
      assert.deepEqual(await seen(), before);
      await notes.insertOne({ _id: 2, group: 'a', size: 1 } as Document);
      await stop();
    });

    it('stays when the disk is full, and writing goes on once there is room', async function () {
      const disk = join(folder, 'disk');
      await mkdir(disk);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'ignore' });
      } catch {
        // Mounting takes root.
        this.skip();
      }
      const tooMuch = 'x'.repeat(100_000);
      try {
        serving = await serve({ folder: disk, socket: join(disk, 'store.sock') });
        client = await MongoClient.connect(
          `mongodb://${encodeURIComponent(join(disk, 'store.sock'))}/test?directConnection=true`,
        );
        const notes = client.db().collection<Note & { text?: string }>('notes');
        await notes.createIndex({ group: 1 });
        const written: string[] = [];
        const fill = async (): Promise<void> => {
          for (let i = 0; ; i++) {
            const _id = String(i);
            await notes.insertOne({ _id, group: 'a', size: 1, text: tooMuch });
            written.push(_id);
          }
        };
        await assert.rejects(fill(), (error) => error instanceof MongoServerError && error.code === 14031);
        const ids = async (): Promise<string[]> =>
          (await notes.find({}, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id).sort();
        assert.deepEqual(await ids(), written.sort());
        assert.equal(await notes.estimatedDocumentCount(), written.length);
        execFileSync('mount', ['-o', 'remount,size=8m', disk]);
        await notes.insertOne({ _id: 'more', group: 'a', size: 1, text: tooMuch });
        assert.deepEqual(await ids(), [...written, 'more'].sort());
        await stop();
      } finally {
        execFileSync('umount', ['-l', disk]);
      }
    });
  });
});
