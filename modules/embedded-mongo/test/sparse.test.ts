import assert from 'node:assert/strict';
import { MongoClient } from 'mongodb';
import { databaseUri } from '../../../test/support/store.ts';

describe('A sparse unique index over arrays', () => {
  it('holds nothing of an element that lacks the path: two documents with such elements do not clash', async () => {
    const client = await MongoClient.connect(await databaseUri());
    try {
      const rows = client.db('sparse-arrays').collection<{ _id: number; a: object[] }>('rows');
      await rows.createIndexes([{ key: { 'a.b': 1 }, unique: true, sparse: true }]);
      await rows.insertMany([
        { _id: 1, a: [{}, { b: 1 }] },
        { _id: 2, a: [{}, { b: 2 }] },
      ]);
      await assert.rejects(rows.insertOne({ _id: 3, a: [{ b: 2 }] }), { code: 11000 });
      assert.equal((await rows.find({ 'a.b': 2 }).toArray()).length, 1);
      await client.db('sparse-arrays').dropDatabase();
    } finally {
      await client.close();
    }
  });
});
