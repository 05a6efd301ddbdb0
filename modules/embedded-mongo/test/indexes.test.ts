import assert from 'node:assert/strict';

import { MongoClient, MongoServerError, type Document } from 'mongodb';

import { canonical, readGolden } from './golden-support.ts';
import { openTemporaryStore, temporaryFolder } from './store-support.ts';

const RAW = { promoteValues: false, bsonRegExp: true, fieldsAsRaw: Object.create(null) as Document };
const EVERY = 5;

/** The same numbers in each run. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state % below;
  };
}

/** The paths that a filter names, as far as an index can be made on them. */
function pathsIn(filter: object, under = ''): string[] {
  return Object.entries(filter).flatMap(([name, value]: [string, unknown]) => {
    const parts = (Array.isArray(value) ? value : [value]).filter((part) => part !== null && typeof part === 'object');
    if (name.startsWith('$'))
      return Array.isArray(value) ? parts.flatMap((part) => pathsIn(part as object, under)) : [];
    const inner = parts.flatMap((part) =>
      '$elemMatch' in (part as object) ? [(part as Document).$elemMatch as object] : [],
    );
    return [under + name, ...inner.flatMap((element) => pathsIn(element, `${under + name}.`))];
  });
}

describe('An index of the embedded store', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>;
  let client: MongoClient;

  before(async () => {
    store = await openTemporaryStore({ folder: await temporaryFolder('/dev/shm') });
    client = await MongoClient.connect(store.uri);
  });

  after(async () => {
    await client.close();
    await store.remove();
  });

  it('never changes which documents match, nor their order', async () => {
    const random = makeRandom(7);
    // Two arrays in one sort or one index are an error, with and without other indexes.
    const ask = (command: Document): Promise<Document> =>
      client
        .db()
        .command(command, RAW)
        .catch((failure: unknown) => {
          assert.ok(failure instanceof MongoServerError);
          return { cursor: { firstBatch: [{ failed: Number(failure.code) }] } };
        });
    const find = async (query: Document): Promise<string[]> => {
      const { cursor } = await ask({ find: 'c', projection: { _id: 1 }, ...query });
      return (cursor.firstBatch as Document[]).map((doc) => canonical(doc));
    };
    let used = 0;
    for (const { docs, filter, error } of readGolden('filters.jsonl').filter((_, i) => i % EVERY === 0)) {
      if (error !== undefined || (docs as Document[]).length === 0) continue;
      const paths = ['a', '_id', ...pathsIn(filter as object).filter((path) => !/^$|^\.|\.\.|\.$|\$/.test(path))];
      const any = (): string => paths[random(paths.length)] ?? 'a';
      const way = (): number => (random(2) === 0 ? -1 : 1);
      const sort = { [any()]: way(), [any()]: way(), _id: way() };
      const natural = { $natural: 1 };
      await ask({ drop: 'c' });
      await ask({ insert: 'c', documents: docs });
      const matches = (await find({ filter, hint: natural })).sort();
      const inOrder = await find({ filter, sort, hint: natural });
      for (const options of [{}, { sparse: true }, { partialFilterExpression: { [any()]: { $exists: true } } }]) {
        await ask({
          createIndexes: 'c',
          indexes: [{ key: { [any()]: way(), [any()]: way(), zz: 1 }, name: 'first', ...options }],
        });
        await ask({ createIndexes: 'c', indexes: [{ key: { [any()]: way(), yy: 1 }, name: 'second', ...options }] });
        const { queryPlanner } = await ask({ explain: { find: 'c', filter }, verbosity: 'queryPlanner' });
        if (/"(first|second)"/.test(JSON.stringify(queryPlanner))) used++;
        const about = `${canonical(filter)} sorted by ${JSON.stringify(sort)}`;
        assert.deepEqual((await find({ filter })).sort(), matches, about);
        assert.deepEqual(await find({ filter, sort }), inOrder, about);
        await ask({ dropIndexes: 'c', index: '*' });
      }
    }
    assert.ok(used > 100, `only ${used} plans used one of the indexes`);
  });

  it('tells long values apart that begin alike', async () => {
    const notes = client.db().collection<{ _id: string; text: string | string[] }>('long');
    await notes.createIndex({ text: 1 }, { unique: true });
    const long = 'x'.repeat(3000);
    await notes.insertMany([`${long}c`, `${long}a`, long, `${long}b`].map((text) => ({ _id: text, text })));
    await notes.insertOne({ _id: 'list', text: [`${long}d`, `${long}e`] });
    for (const text of [`${long}a`, `${long}e`]) {
      await assert.rejects(notes.insertOne({ _id: 'other', text }), { code: 11000 });
      await assert.rejects(notes.updateOne({ _id: long }, { $set: { text } }), { code: 11000 });
    }
    await assert.rejects(notes.insertOne({ _id: long, text: 'short' }), { code: 11000 });
    const texts = await notes.find({ text: { $gt: `${long}a`, $lt: `${long}d` } }, { sort: { text: 1 } }).toArray();
    assert.deepEqual(
      texts.map(({ _id }) => _id.at(-1)),
      ['b', 'c'],
    );
    const ids = await notes.find({ _id: { $gte: long } }, { sort: { _id: 1 } }).toArray();
    assert.deepEqual(
      ids.map(({ _id }) => _id.slice(3000)),
      ['', 'a', 'b', 'c'],
    );
  });
});
