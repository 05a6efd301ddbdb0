import assert from 'node:assert/strict';
import { MongoClient } from 'mongodb';
import { databaseUri } from '../../../test/support/store.ts';

describe('The embedded store, asked for trouble', () => {
  let client: MongoClient;
  before(async () => {
    client = await MongoClient.connect(await databaseUri());
  });
  after(async () => {
    await client.db('trouble').dropDatabase();
    await client.close();
  });
  const rows = (name: string) => client.db('trouble').collection<{ _id: number; [field: string]: unknown }>(name);

  it('stores nothing that is nested too deep to be read again, and goes on reading the rest', async () => {
    const deep = rows('deep');
    await deep.insertOne({ _id: 1 });
    const path = 'a.'.repeat(249) + 'a';
    const nested = (levels: number): object => (levels === 0 ? {} : { a: nested(levels - 1) });
    await assert.rejects(deep.updateOne({ _id: 1 }, { $set: { [path]: 1 } }), { code: 15 });
    await assert.rejects(deep.updateOne({ _id: 2 }, { $set: { [path]: 1 } }, { upsert: true }), { code: 15 });
    await assert.rejects(deep.updateOne({ _id: 1 }, { $set: { ['b.'.repeat(99) + 'b']: nested(150) } }), { code: 15 });
    assert.deepEqual(await deep.find({}).toArray(), [{ _id: 1 }]);
    await deep.updateOne({ _id: 1 }, { $set: { ['c.'.repeat(99) + 'c']: 1 } });
    assert.equal((await deep.find({}).toArray()).length, 1);
  });

  it('takes no life time of documents that is negative, no number, or beyond 31 bits', async () => {
    await rows('ttl').createIndexes([{ key: { at: 1 }, name: 'at', expireAfterSeconds: 60 }]);
    for (const expireAfterSeconds of [-100, NaN, 1e16]) {
      const change = client.db('trouble').command({ collMod: 'ttl', index: { name: 'at', expireAfterSeconds } });
      await assert.rejects(change, { code: 72 }, String(expireAfterSeconds));
    }
    const [, index] = await rows('ttl').listIndexes().toArray();
    assert.equal((index as { expireAfterSeconds: number }).expireAfterSeconds, 60);
  });

  it('refuses patterns that JavaScript could try for ever', async () => {
    await rows('patterns').insertOne({ _id: 1, p: 'x'.repeat(40) });
    for (const pattern of ['(x+x+)+y', '(x*)*y', '(?:x|xx)+y', '((x|y)z?)*$', '(x{1,})+y']) {
      await assert.rejects(rows('patterns').findOne({ p: { $regex: pattern } }), { code: 238 }, pattern);
    }
    for (const pattern of ['^x+$', '(?:x){40}', 'x*y?', '(a|x)x', '(xx)+$', '[(+|*]?x+']) {
      assert.ok(await rows('patterns').findOne({ p: { $regex: pattern } }), pattern);
    }
  });
});
