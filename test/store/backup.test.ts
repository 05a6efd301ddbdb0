import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MongoClient, type Collection } from 'mongodb';
import { runEmbeddedStore, type RunningStore } from '../../modules/platform/embedded-store.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { gatehouse } from './command-line.ts';

const writers = 8;

interface Step {
  _id: string;
  writer: number;
  step: number;
}

describe('A backup of the data folder', () => {
  let folder: string;
  let store: RunningStore;
  let client: MongoClient;
  let restored: RunningStore | undefined;
  const backUp = (file: string) => gatehouse(['store', 'backup', file], { DATA_DIR: join(folder, 'data') });

  beforeEach(async () => {
    folder = makeTemporaryFolder('backup');
    store = await runEmbeddedStore(join(folder, 'data'));
    client = await MongoClient.connect(store.uri);
    await client.db().collection('steps').createIndex({ writer: 1, step: 1 }, { unique: true });
  });
  afterEach(async () => {
    await client.close();
    await Promise.all([store.close(), restored?.close()]);
    removeTemporaryFolder(folder);
  });

  /** As docs/operations.md says: the file becomes store/store.mdb in a new data folder. */
  async function restore(file: string): Promise<MongoClient> {
    mkdirSync(join(folder, 'new/store'), { recursive: true, mode: 0o700 });
    copyFileSync(file, join(folder, 'new/store/store.mdb'));
    restored = await runEmbeddedStore(join(folder, 'new'));
    return MongoClient.connect(restored.uri);
  }

  it('is one moment of the store, taken while eight clients write', async () => {
    const stop = new AbortController();
    const steps = client.db().collection<Step>('steps');
    const counters = client.db().collection<{ _id: number; step: number }>('counters');
    const acknowledged = Array.from({ length: writers }, () => 0);
    const writing = acknowledged.map(async (_, writer) => {
      for (let step = 1; !stop.signal.aborted; step++) {
        await steps.insertOne({ _id: `${String(writer)}.${String(step)}`, writer, step });
        await counters.updateOne({ _id: writer }, { $set: { step } }, { upsert: true });
        acknowledged[writer] = step;
      }
    });
    while (acknowledged.some((step) => step < 5)) await client.db().command({ ping: 1 });
    const before = [...acknowledged];
    const file = join(folder, 'gatehouse.backup');
    const { code, output, errors } = await backUp(file);
    stop.abort();
    await Promise.all(writing);
    assert.deepEqual([code, errors], [0, '']);
    assert.equal(output.split(' (')[0], `Wrote ${file}`);
    assert.equal(statSync(file).mode & 0o777, 0o600);

    const copy = await restore(file);
    try {
      for (const [writer, least] of before.entries()) await assertOneMoment(copy, { writer, least });
      await assert.rejects(copy.db().collection<Step>('steps').insertOne({ _id: 'new', writer: 0, step: 1 }), {
        code: 11000,
      });
      await copy.db().collection<Step>('steps').insertOne({ _id: 'new', writer: 0, step: 0 });
    } finally {
      await copy.close();
    }
  });

  it('is made of a folder that nobody has open, too', async () => {
    await client.db().collection('notes').insertOne({ text: 'hello' });
    await store.close();
    const { code, errors } = await backUp(join(folder, 'gatehouse.backup'));
    assert.deepEqual([code, errors], [0, '']);
    const copy = await restore(join(folder, 'gatehouse.backup'));
    assert.equal(await copy.db().collection('notes').countDocuments(), 1);
    await copy.close();
  });

  it('never takes the place of another file', async () => {
    const file = join(folder, 'gatehouse.backup');
    writeFileSync(file, 'the backup of yesterday');
    const { code, output, errors } = await backUp(file);
    assert.deepEqual(
      [code, output, errors],
      [1, '', `${file} exists already. Name a new file: nothing was written.\n`],
    );
    assert.equal(readFileSync(file, 'utf8'), 'the backup of yesterday');
  });

  it('says so when there is no folder for the file, and leaves nothing behind', async () => {
    const { code, output, errors } = await backUp(join(folder, 'no such folder/gatehouse.backup'));
    assert.deepEqual([code, output], [1, '']);
    assert.equal(errors, `There is no folder ${join(folder, 'no such folder')}: nothing was written.\n`);
    assert.deepEqual(readdirSync(folder), ['data']);
  });

  it('is refused where the portal keeps its data in a MongoDB of its own', async () => {
    const { code, errors } = await gatehouse(['store', 'backup', join(folder, 'file')], {
      MONGODB_URI: 'mongodb://127.0.0.1:1/gatehouse',
    });
    assert.deepEqual([code, errors], [1, 'MONGODB_URI is set: back that database up with its own tools.\n']);
  });
});

/** All that had been answered is there, no step is missing, index and documents agree, and no counter is ahead of its steps. */
async function assertOneMoment(copy: MongoClient, { writer, least }: { writer: number; least: number }): Promise<void> {
  const steps: Collection<Step> = copy.db().collection('steps');
  const found = await steps.find({ writer }).hint({ writer: 1, step: 1 }).sort({ step: 1 }).toArray();
  const counter = await copy.db().collection<{ _id: number; step: number }>('counters').findOne({ _id: writer });
  assert.ok(found.length >= least);
  assert.deepEqual(
    found.map(({ step }) => step),
    found.map((_, i) => i + 1),
  );
  assert.equal(await steps.countDocuments({ _id: { $regex: `^${String(writer)}\\.` } }), found.length);
  assert.ok(counter && (counter.step === found.length || counter.step === found.length - 1));
}
