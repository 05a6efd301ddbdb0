import assert from 'node:assert/strict';

import { MongoClient, type Collection } from 'mongodb';

import { openTemporaryStore, temporaryFolder } from './store-support.ts';

interface Note {
  _id: number;
  text: string;
  size: number;
}

const NOTES = 60_000;

describe('A long command of the embedded store', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>;
  let client: MongoClient;
  let notes: Collection<Note>;

  before(async () => {
    store = await openTemporaryStore({ folder: await temporaryFolder('/dev/shm') });
    client = await MongoClient.connect(store.uri);
    notes = client.db().collection('notes');
    for (let from = 0; from < NOTES; from += 10_000) {
      await notes.insertMany(
        Array.from({ length: 10_000 }, (_, i) => ({
          _id: from + i,
          text: `note ${from + i}`,
          size: (from + i) % 1000,
        })),
      );
    }
  });

  after(async () => {
    await client.close();
    await store.remove();
  });

  /** How many point reads are answered, one after the other, while the long one runs. */
  async function readsBeside(long: Promise<unknown>): Promise<number> {
    const ended = new AbortController();
    void long.finally(() => {
      ended.abort();
    });
    let reads = 0;
    while (!ended.signal.aborted) {
      assert.ok(await notes.findOne({ _id: reads % NOTES }));
      reads++;
    }
    await long;
    return reads;
  }

  const longOnes: [string, () => Promise<unknown>][] = [
    ['counts without an index', () => notes.countDocuments({ text: /9$/, size: { $lt: 900 } })],
    [
      'sorts without an index',
      () =>
        notes
          .find()
          .sort({ text: -1 })
          .skip(NOTES - 2)
          .toArray(),
    ],
    ['groups', () => notes.aggregate([{ $group: { _id: '$size', n: { $sum: 1 } } }, { $sort: { _id: 1 } }]).toArray()],
    ['finds distinct values', () => notes.distinct('size')],
    ['updates many documents', () => notes.updateMany({ text: /1$/ }, { $inc: { size: 1 } })],
    [
      'looks for a document to update without an index',
      () => notes.findOneAndUpdate({ text: 'none' }, { $inc: { size: 1 } }, { sort: { text: 1 } }),
    ],
    ['builds an index', () => notes.createIndex({ size: 1, text: 1 })],
  ];
  for (const [what, run] of longOnes) {
    it(`${what} while others are answered`, async () => {
      const reads = await readsBeside(run());
      // Unsliced there would be one, or two: what came in before it and what came in after.
      assert.ok(reads >= 5, `${reads} reads in between`);
    });
  }

  it('ends when its time is over', async () => {
    await assert.rejects(notes.find({ text: /none$/ }).maxTimeMS(5).toArray(), { code: 50 });
  });

  it('that would sort more than 100 MB in memory is refused', async () => {
    const large = client.db().collection('large');
    const text = 'x'.repeat(1_000_000);
    for (let i = 0; i < 11; i++)
      await large.insertMany(Array.from({ length: 10 }, (_, n) => ({ n: (n * 7 + i) % 13, text })));
    await assert.rejects(large.find().sort({ n: 1 }).toArray(), { code: 292 });
    await large.drop();
  });

  it('that updates by an index changes each document once, though it moves forward in that index', async () => {
    const moving = client.db().collection<Note>('moving');
    await moving.createIndex({ size: 1 });
    await moving.insertMany(Array.from({ length: 3000 }, (_, i) => ({ _id: i, text: '', size: i })));
    const { modifiedCount } = await moving.updateMany({ size: { $gte: 0 } }, { $inc: { size: 10 } });
    assert.equal(modifiedCount, 3000);
    assert.equal(await moving.countDocuments({ size: { $lt: 10 } }), 0);
  });
});
