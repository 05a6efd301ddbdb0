import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { MongoClient } from 'mongodb';

import { backupStore, openStore, type Store } from '../index.ts';
import { temporaryFolder } from './store-support.ts';

describe('A backup of the embedded store', () => {
  let folder: string;
  let store: Store;
  let client: MongoClient;

  beforeEach(async () => {
    folder = await temporaryFolder();
    store = await openStore({ folder: join(folder, 'data') });
    client = await MongoClient.connect(store.uri);
    await client.db().collection('notes').createIndex({ text: 1 }, { unique: true });
    await client
      .db()
      .collection('notes')
      .insertMany([{ text: 'one' }, { text: 'two' }]);
  });

  afterEach(async () => {
    await client.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is made while others work, by whichever process asks, and opens as a store of its own', async () => {
    const file = join(folder, 'copy.mdb');
    // A second member of the same folder: a guest that has the owner write the copy.
    await backupStore(join(folder, 'data'), file);
    await client.db().collection('notes').insertOne({ text: 'three' });
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    await mkdir(join(folder, 'restored'));
    await copyFile(file, join(folder, 'restored', 'store.mdb'));
    const restored = await openStore({ folder: join(folder, 'restored') });
    const other = await MongoClient.connect(restored.uri);
    assert.equal(await other.db().collection('notes').countDocuments(), 2);
    await assert.rejects(other.db().collection('notes').insertOne({ text: 'two' }), { code: 11000 });
    await other.close();
    await restored.close();
  });

  it('never takes the place of another file and leaves nothing behind', async () => {
    const file = join(folder, 'copy.mdb');
    await store.backup(file);
    await assert.rejects(store.backup(file), /EEXIST/);
    assert.deepEqual((await readdir(folder)).sort(), ['copy.mdb', 'data']);
  });
});
