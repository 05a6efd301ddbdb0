import assert from 'node:assert/strict';

import { Binary, Long } from 'bson';
import { MongoClient, type Collection, type Document } from 'mongodb';

import { openStore, type Store } from '../index.ts';
import { RawClient } from './raw-client.ts';
import { openTemporaryStore } from './store-support.ts';

describe('Clients of the embedded store at the same time', () => {
  let store: Store & { folder: string; remove: () => Promise<void> };
  let clients: MongoClient[];
  const notes = (client: MongoClient | undefined): Collection => {
    assert.ok(client);
    return client.db('test').collection('notes');
  };

  beforeEach(async () => {
    store = await openTemporaryStore();
    clients = await Promise.all(Array.from({ length: 16 }, () => MongoClient.connect(store.uri)));
  });

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await store.remove();
  });

  it('each get a number of their own from one counter', async () => {
    const numbers = await Promise.all(
      clients.map(async (client) => {
        const mine: unknown[] = [];
        for (let i = 0; i < 50; i++) {
          const counter = await notes(client).findOneAndUpdate(
            { name: 'counter' },
            { $inc: { n: 1 } },
            { upsert: i === 0, returnDocument: 'after' },
          );
          mine.push(counter?.n);
        }
        return mine;
      }),
    );
    // The first round may have made several counters: without a unique index nothing forbids it.
    const counters = await notes(clients[0]).find({ name: 'counter' }).toArray();
    assert.equal(counters.length, 1);
    assert.equal(new Set(numbers.flat()).size, 800);
  });

  it('claim each job exactly once', async () => {
    await notes(clients[0]).insertMany(Array.from({ length: 200 }, (_, job) => ({ job, state: 'free' })));
    const claimed = await Promise.all(
      clients.slice(0, 8).map(async (client) => {
        const mine: unknown[] = [];
        for (;;) {
          const job = await notes(client).findOneAndUpdate(
            { state: 'free' },
            { $set: { state: 'taken' } },
            { sort: { job: 1 } },
          );
          if (!job) return mine;
          mine.push(job.job);
        }
      }),
    );
    assert.deepEqual(
      claimed
        .flat()
        .map(Number)
        .sort((a, b) => a - b),
      Array.from({ length: 200 }, (_, job) => job),
    );
  });

  it('make one document when all upsert the same unique key', async () => {
    await notes(clients[0]).createIndex({ email: 1 }, { unique: true });
    const upserts = Array.from({ length: 30 }, (_, i) =>
      notes(clients[i % 16]).updateOne({ email: 'a@x' }, { $inc: { n: 1 } }, { upsert: true }),
    );
    await Promise.all(upserts);
    const [only, ...rest] = await notes(clients[0]).find().toArray();
    assert.deepEqual([only?.n, rest.length], [30, 0]);
  });

  describe('that send a numbered write again', () => {
    const lsid = { id: new Binary(Buffer.from('00112233445566778899aabbccddeeff', 'hex'), 4) };
    const numbered = (number: number): Document => ({ lsid, txnNumber: Long.fromNumber(number) });
    let first: RawClient;
    let second: RawClient;
    const command = (fields: Document): Promise<Document> => first.command(fields);

    beforeEach(async () => {
      [first, second] = await Promise.all([RawClient.connect(store.uri), RawClient.connect(store.uri)]);
    });

    afterEach(() => {
      first.close();
      second.close();
    });

    const increment = { q: { _id: 1 }, u: { $inc: { n: 1 } }, upsert: true };

    it('get the first answer again, and nothing happens twice', async () => {
      const update = { update: 'notes', updates: [increment, increment], ...numbered(1) };
      assert.deepEqual(await command(update), await command(update));
      assert.deepEqual(await notes(clients[0]).findOne(), { _id: 1, n: 2 });
      const modify = {
        findAndModify: 'notes',
        query: { _id: 1 },
        update: { $inc: { n: 1 } },
        new: true,
        ...numbered(2),
      };
      assert.deepEqual((await command(modify)).value, { _id: 1, n: 3 });
      assert.deepEqual((await command(modify)).value, { _id: 1, n: 3 });
      const insert = { insert: 'notes', documents: [{ _id: 7 }], ...numbered(3) };
      assert.deepEqual(await command(insert), await command(insert));
      const remove = { delete: 'notes', deletes: [{ q: { _id: 7 }, limit: 1 }], ...numbered(4) };
      assert.equal((await command(remove)).n, 1);
      assert.equal((await command(remove)).n, 1);
    });

    it('get it at the same moment too, and after the store was started again', async () => {
      const update = { update: 'notes', updates: [increment], ...numbered(1) };
      const both = await Promise.all([first.command(update), second.command(update)]);
      assert.deepEqual(both[0], both[1]);
      await store.close();
      const again = await openStore({ folder: store.folder });
      const later = await RawClient.connect(again.uri);
      assert.deepEqual(await later.command(update), both[0]);
      const { cursor } = await later.command({ find: 'notes' });
      assert.deepEqual(cursor.firstBatch, [{ _id: 1, n: 1 }]);
      later.close();
      await again.close();
    });

    it('are refused when a later one has begun', async () => {
      await command({ update: 'notes', updates: [increment], ...numbered(5) });
      assert.equal((await command({ update: 'notes', updates: [increment], ...numbered(4) })).code, 225);
    });
  });
});
