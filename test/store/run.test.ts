import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { gatehouse, RunningStore } from './command-line.ts';

describe('The embedded store alone', () => {
  let folder: string;
  const running: RunningStore[] = [];
  const startStore = async (...more: string[]): Promise<RunningStore> => {
    const store = await RunningStore.start(folder, ...more);
    running.push(store);
    return store;
  };
  beforeEach(() => {
    folder = makeTemporaryFolder('store-run');
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((store) => store.stop('SIGKILL')));
    removeTemporaryFolder(folder);
  });

  it('says in one line of JSON where drivers connect', async () => {
    const store = await startStore();
    assert.deepEqual(Object.keys(JSON.parse(store.firstLine) as object), ['uri']);
    await addNote(store.uri);
  });

  it('listens on a free loopback port where one is asked for', async () => {
    const store = await startStore('--listen', '127.0.0.1:0');
    assert.match(store.uri, /^mongodb:\/\/127\.0\.0\.1:[1-9]\d*\/gatehouse\?/);
    await addNote(store.uri);
  });

  it('never listens where other machines reach it', async () => {
    const places = ['0.0.0.0:27018', '[::]:27018', 'localhost.example.com:27018', '27018', '127.0.0.1:70000'];
    const outcomes = await Promise.all(
      places.map((place) => gatehouse(['store', 'run', '--data', folder, '--listen', place])),
    );
    for (const [i, { code, output, errors }] of outcomes.entries()) {
      const sentence = `--listen takes a loopback address such as 127.0.0.1:27018, not "${String(places[i])}".\n`;
      assert.deepEqual({ code, output, errors }, { code: 1, output: '', errors: sentence });
    }
    assert.deepEqual(readdirSync(folder), []);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`ends in order when it is told to by ${signal}, told twice or once`, async () => {
      for (const times of [1, 2]) {
        const store = await startStore();
        await addNote(store.uri);
        if (times === 2) store.child.kill(signal);
        assert.equal(await store.stop(signal), 0);
        const left = readdirSync(join(folder, 'store'));
        assert.deepEqual(
          left.filter((name) => /draft|live/.test(name)),
          [],
          'nothing of its own lies about',
        );
      }
    });
  }

  it('works through the process that has the folder, and takes over from it', async () => {
    const first = await startStore();
    const second = await startStore();
    assert.equal(second.uri, first.uri);
    await addNote(first.uri);
    assert.equal(await first.stop(), 0);
    assert.equal(await addNote(second.uri), 2);
  });

  it('says so when it cannot listen because another process has the folder', async () => {
    await startStore();
    const { code, errors } = await gatehouse(['store', 'run', '--data', folder, '--listen', '127.0.0.1:0']);
    assert.equal(code, 1);
    assert.match(
      errors,
      /^The data folder .* is in use by another process, so this one cannot listen on a port for it\.\n$/,
    );
  });
});

async function addNote(uri: string): Promise<number> {
  const client = await MongoClient.connect(uri);
  try {
    const notes = client.db().collection('notes');
    await notes.insertOne({ text: 'hello' });
    return await notes.countDocuments();
  } finally {
    await client.close();
  }
}
