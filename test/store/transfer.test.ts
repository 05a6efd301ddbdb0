import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { BSON, MongoClient, type Db, type Document } from 'mongodb';
import { runEmbeddedStore, type RunningStore } from '../../modules/platform/embedded-store.ts';
import { folderEnd } from '../../modules/platform/transfer-folder.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { gatehouse, type Outcome } from './command-line.ts';

const { Binary, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp, UUID } = BSON;

// One of each, and the corners: what looks alike in JavaScript, what JSON or a reader of lines could trip over.
const everyType: Document[] = [
  { _id: new Int32(1), int: new Int32(5), long: new Long(5), double: new Double(5), most: Long.MAX_VALUE },
  { _id: new Long(2), zero: new Double(-0), nan: new Double(NaN), endless: new Double(-Infinity) },
  { _id: new Double(2.5), date: new Date(0), before: new Date(-1), decimal: Decimal128.fromString('1.10') },
  { _id: 'text', bytes: new Binary(Buffer.from([0, 255])), uuid: new UUID(), none: null, yes: true, no: false },
  {
    _id: new ObjectId(),
    nested: { list: [[], {}, [{ deep: [new Long(1), null] }]] },
    stamp: new Timestamp({ t: 1, i: 2 }),
  },
  {
    _id: { of: 'two', parts: new Int32(1) },
    least: new MinKey(),
    largest: new MaxKey(),
    pattern: new BSON.BSONRegExp('^a', 'i'),
  },
  { _id: 'Größe 🗝 \u2028\u2029\r\n\0', '': 'no name', ключ: 'ä', constructor: 'field', text: 'x'.repeat(70_000) },
];

const freePort = { host: '127.0.0.1', port: 0 };

describe('Moving the data of a portal', () => {
  let folder: string;
  let stores: RunningStore[];
  beforeEach(() => {
    folder = makeTemporaryFolder('transfer');
    stores = [];
  });
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    removeTemporaryFolder(folder);
  });
  const startStore = async (name: string, listen?: typeof freePort): Promise<RunningStore> => {
    const store = await runEmbeddedStore(join(folder, name), listen);
    stores.push(store);
    return store;
  };
  const run = (name: string, ...args: string[]): Promise<Outcome> =>
    gatehouse(['store', ...args], { DATA_DIR: join(folder, name) });

  it('brings every value, empty collection and index back from an export, with equal checksums', async () => {
    const first = await startStore('first');
    await withDb(first.uri, fill);
    const before = await withDb(first.uri, dump);
    const exported = await run('first', 'export', join(folder, 'out'));
    assert.deepEqual([exported.code, exported.errors], [0, '']);
    assert.match(exported.output, /^[0-9a-f]{64} {9}7 {2}everything$/m);
    assert.match(exported.output, /^3 collections, 1208 documents: both ends are equal\.$/m);
    assert.deepEqual(modesOf(join(folder, 'out')), ['600']);

    const imported = await run('second', 'import', join(folder, 'out'));
    assert.deepEqual(imported, exported);
    const second = await startStore('second');
    assert.deepEqual(await withDb(second.uri, dump), before);
    await withDb(second.uri, async (db) => {
      await assert.rejects(db.collection('people').insertOne({ email: '7@example.com' }), { code: 11000 });
    });
  });

  it('copies into another store, and back with the same checksums', async () => {
    const first = await startStore('first');
    await withDb(first.uri, fill);
    const second = await startStore('second', freePort);
    const there = await run('first', 'copy', '--to', second.uri);
    assert.deepEqual([there.code, there.errors], [0, '']);
    assert.deepEqual(await withDb(second.uri, dump), await withDb(first.uri, dump));
    const third = await startStore('third', freePort);
    const back = await gatehouse(['store', 'copy', '--to', third.uri], {
      MONGODB_URI: second.uri,
      DATA_DIR: join(folder, 'none'),
    });
    assert.deepEqual(back, there);
  });

  it('refuses a target that holds anything, and changes nothing there', async () => {
    const first = await startStore('first');
    await withDb(first.uri, fill);
    await run('first', 'export', join(folder, 'out'));
    const second = await startStore('second', freePort);
    await withDb(second.uri, (db) => db.createCollection('people'));
    const before = await withDb(second.uri, dump);
    for (const args of [
      ['copy', '--to', second.uri],
      ['export', join(folder, 'out')],
    ]) {
      const { code, output, errors } = await run('first', ...args);
      assert.deepEqual([code, output], [1, '']);
      assert.match(
        errors,
        /^The (target database "gatehouse"|folder .*\/out) is not empty.*Choose an empty one: nothing was written\.\n$/,
      );
    }
    const { code, errors } = await run('second', 'import', join(folder, 'out'));
    assert.equal(code, 1);
    assert.match(errors, /is not empty \(it has people\)/);
    assert.deepEqual(await withDb(second.uri, dump), before);
  });

  it('says that the ends differ when the source is written to meanwhile', async () => {
    const first = await startStore('first');
    const second = await startStore('second', freePort);
    await withDb(first.uri, async (db) => {
      await fill(db);
      const people = db.collection('people');
      const over = new AbortController();
      const busy = (async () => {
        while (!over.signal.aborted) await people.updateMany({}, { $inc: { turn: 1 } });
      })();
      const { code, output, errors } = await run('first', 'copy', '--to', second.uri);
      over.abort();
      await busy;
      assert.deepEqual([code, output], [1, '']);
      assert.match(
        errors,
        /^people differs between the two ends\. Stop every portal on the source before copying.*\nThe target is incomplete: empty it before you start again\.\n$/,
      );
    });
  });

  it('refuses a document that JavaScript would put into another order', async () => {
    const first = await startStore('first');
    await withDb(first.uri, (db) =>
      db.collection('odd').insertOne({
        _id: 1,
        field: new Map([
          ['b', 1],
          ['7', 2],
        ]),
      } as Document),
    );
    const { code, errors } = await run('first', 'export', join(folder, 'out'));
    assert.equal(code, 1);
    assert.match(errors, /^odd has a document that can't be copied exactly, with the _id 1\./);
  });

  it('tells in a sentence what is wrong with a damaged export, and imports nothing of it', async () => {
    const first = await startStore('first');
    await withDb(first.uri, fill);
    await run('first', 'export', join(folder, 'out'));
    const sound = join(folder, 'out');
    const damages: [string, (damaged: string) => void, RegExp][] = [
      [
        'a cut line',
        (at) => {
          truncateSync(join(at, 'people.jsonl'), statSync(join(at, 'people.jsonl')).size - 5);
        },
        /people\.jsonl ends in the middle of a line/,
      ],
      [
        'lost lines',
        (at) => {
          writeFileSync(join(at, 'people.jsonl'), '');
        },
        /people\.jsonl does not hold the 1201 documents that were exported/,
      ],
      [
        'a changed document',
        (at) => {
          replaceIn(join(at, 'people.jsonl'), '7@example', '8@example');
        },
        /people\.jsonl does not hold the 1201 documents/,
      ],
      [
        'no JSON',
        (at) => {
          appendFileSync(join(at, 'everything.jsonl'), '{"_id":\n');
        },
        /everything\.jsonl holds no document in line 8/,
      ],
      [
        'no document',
        (at) => {
          appendFileSync(join(at, 'everything.jsonl'), '[1]\n');
        },
        /everything\.jsonl holds no document in line 8/,
      ],
      [
        'a lost file',
        (at) => {
          rmSync(join(at, 'people.jsonl'));
        },
        /people\.jsonl is missing/,
      ],
      [
        'lost indexes',
        (at) => {
          rmSync(join(at, 'people.indexes.json'));
        },
        /people\.indexes\.json is missing/,
      ],
      [
        'bad indexes',
        (at) => {
          writeFileSync(join(at, 'people.indexes.json'), '[{"key":');
        },
        /people\.indexes\.json is no JSON/,
      ],
      [
        'no list',
        (at) => {
          rmSync(join(at, 'contents.json'));
        },
        /contents\.json is missing/,
      ],
      [
        'a newer list',
        (at) => {
          replaceIn(join(at, 'contents.json'), '"format": 1', '"format": 2');
        },
        /contents\.json is not the list of an export/,
      ],
    ];
    for (const [name, damage, sentence] of damages) {
      const damaged = join(folder, name);
      cpSync(sound, damaged, { recursive: true });
      damage(damaged);
      const whole = new RegExp(`^TransferError: The exported folder is damaged: ${sentence.source}.*\\.$`);
      await assert.rejects(folderEnd(damaged).assertWhole(), whole, name);
    }
    const { code, output, errors } = await run('second', 'import', join(folder, 'a cut line'));
    assert.deepEqual([code, output], [1, '']);
    assert.equal(errors, 'The exported folder is damaged: people.jsonl ends in the middle of a line.\n');
    assert.equal((await run('second', 'import', sound)).code, 0, 'the database is still empty');
  });

  it('says so when the other database cannot be reached', async () => {
    const { code, errors } = await run('first', 'copy', '--to', 'mongodb://somebody:secret@127.0.0.1:1/gatehouse');
    assert.equal(code, 1);
    assert.match(errors, /^The database can't be reached: .*\n$/);
    assert.doesNotMatch(errors, /secret/);
  });
});

async function withDb<T>(uri: string, use: (db: Db) => Promise<T>): Promise<T> {
  const client = await MongoClient.connect(uri);
  try {
    return await use(client.db());
  } finally {
    await client.close();
  }
}

async function fill(db: Db): Promise<void> {
  await db.collection('everything').insertMany(everyType.map((document) => ({ ...document })));
  const people = db.collection('people');
  await people.createIndex({ email: 1 }, { unique: true });
  await people.createIndex({ company: 1, name: -1 }, { name: 'by company', sparse: true });
  await people.createIndex(
    { invitation: 1 },
    { unique: true, partialFilterExpression: { invitation: { $type: 'string' } } },
  );
  await people.createIndex({ goneAt: 1 }, { expireAfterSeconds: 3600 });
  await people.insertMany(
    Array.from({ length: 1200 }, (_, i) => ({ email: `${String(i)}@example.com`, company: i % 7 })),
  );
  await people.insertOne({ email: 'guest@example.com', goneAt: new Date('2999-01-01') });
  await db.createCollection('empty');
}

/** All documents to the byte, and all indexes. */
async function dump(db: Db): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const { name } of await db.listCollections().toArray()) {
    const documents = await db.collection(name).find({}, { raw: true }).sort({ _id: 1 }).toArray();
    const indexes = await db.collection(name).listIndexes().toArray();
    const byName = Object.fromEntries(indexes.map((index) => [String(index['name']), index]));
    all[name] = {
      documents: documents.map((bytes) => Buffer.from(bytes as unknown as Uint8Array).toString('hex')),
      byName,
    };
  }
  return all;
}

function replaceIn(file: string, from: string, to: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
}

function modesOf(folder: string): string[] {
  return [...new Set(readdirSync(folder).map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8)))];
}
