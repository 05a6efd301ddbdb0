import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { Binary, Double, Long, serialize } from 'bson';
import MongoStore from 'connect-mongo';
import { MongoClient, type Db, type Document } from 'mongodb';
import mongoose from 'mongoose';

import { serve, type Serving } from '../server.ts';
import { RawClient } from './raw-client.ts';
import { temporaryFolder } from './store-support.ts';

describe('The embedded store', () => {
  let folder: string;
  let serving: Serving;
  let uri: string;
  let client: MongoClient;
  let db: Db;

  before(async () => {
    folder = await temporaryFolder('/dev/shm');
    const socket = join(folder, 'store.sock');
    serving = await serve({ folder, socket, sweepMs: 20 });
    uri = `mongodb://${encodeURIComponent(socket)}/test?directConnection=true`;
    client = await MongoClient.connect(uri);
    db = client.db();
  });

  after(async () => {
    await client.close();
    await serving.close();
    await rm(folder, { recursive: true });
  });

  afterEach(() => db.dropDatabase());

  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it('deletes what has expired, dates in arrays too, and nothing else', async () => {
    const notes = db.collection('notes');
    await notes.createIndex({ at: 1 }, { expireAfterSeconds: 60 });
    const old = new Date(Date.now() - 61_000);
    const young = new Date(Date.now() - 50_000);
    await notes.insertMany([
      { _id: 1, at: old },
      { _id: 2, at: young },
      { _id: 3, at: [young, old] },
      { _id: 4 },
      { _id: 5, at: 'x' },
      { _id: 6, at: 0 },
    ] as Document[]);
    await until(async () => (await notes.countDocuments()) === 4);
    assert.deepEqual(await notes.distinct('_id'), [2, 4, 5, 6]);
  });

  it('changes after how many seconds documents expire', async () => {
    const notes = db.collection('notes');
    await notes.createIndex({ at: 1 }, { expireAfterSeconds: 3600 });
    await notes.insertOne({ at: new Date(Date.now() - 120_000) });
    const reply = await db.command({ collMod: 'notes', index: { keyPattern: { at: 1 }, expireAfterSeconds: 60 } });
    assert.deepEqual([reply.expireAfterSeconds_old, reply.expireAfterSeconds_new], [3600, 60]);
    assert.equal((await notes.indexes())[1]?.expireAfterSeconds, 60);
    await until(async () => (await notes.countDocuments()) === 0);
    await assert.rejects(db.command({ collMod: 'notes', index: { name: 'nope', expireAfterSeconds: 60 } }), {
      code: 27,
    });
    await assert.rejects(db.command({ collMod: 'nope', index: { name: 'nope', expireAfterSeconds: 60 } }), {
      code: 26,
    });
    await assert.rejects(db.command({ collMod: 'notes', validator: { a: 1 } }), { code: 238 });
  });

  it('answers what drivers and tools ask about the server', async () => {
    assert.deepEqual((await db.command({ connectionStatus: 1 })).authInfo, {
      authenticatedUsers: [],
      authenticatedUserRoles: [],
    });
    assert.equal((await db.command({ endSessions: [{ id: new Binary(Buffer.alloc(16), 4) }] })).ok, 1);
    const { uptime, connections } = await db.command({ serverStatus: 1 });
    assert.ok(uptime > 0 && connections.current > 0);
    assert.equal((await db.command({ buildInfo: 1 })).version, '7.0.0');
    await db.collection('notes').insertOne({});
    const { databases } = await client.db('admin').command({ listDatabases: 1, nameOnly: true });
    assert.deepEqual(databases, [{ name: 'test' }]);
  });

  it('presents itself as the primary of a set with sessions, and promises no streamed replies', async () => {
    const raw = await RawClient.connect(uri);
    const hello = await raw.command({ hello: 1 });
    const { setName, hosts, me, primary, logicalSessionTimeoutMinutes, maxWireVersion, topologyVersion } = hello;
    assert.ok(typeof setName === 'string' && me === primary && hosts[0] === me);
    assert.deepEqual([logicalSessionTimeoutMinutes, maxWireVersion, topologyVersion], [30, 21, undefined]);
    const query = Buffer.concat([
      Buffer.alloc(4),
      Buffer.from('admin.$cmd\0'),
      Buffer.alloc(8),
      serialize({ isMaster: 1 }),
    ]);
    assert.equal((await raw.send(2004, query)).ismaster, true);
    raw.close();
  });

  it('reads messages with a checksum and with documents in sections of their own', async () => {
    const raw = await RawClient.connect(uri);
    const section = Buffer.concat([
      Buffer.alloc(4),
      Buffer.from('documents\0'),
      serialize({ _id: 1 }),
      serialize({ _id: 2 }),
    ]);
    section.writeInt32LE(section.length);
    const flags = Buffer.from([1, 0, 0, 0]);
    const body = Buffer.concat([
      flags,
      Buffer.from([0]),
      serialize({ insert: 'notes', $db: 'test' }),
      Buffer.from([1]),
      section,
      Buffer.alloc(4),
    ]);
    assert.equal((await raw.send(2013, body)).n, 2);
    raw.close();
  });

  it('hangs up on what is no message and goes on for others', async () => {
    for (const rubbish of [
      Buffer.alloc(64),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('ffffff7f00000000'.repeat(2), 'hex'),
    ]) {
      const raw = await RawClient.connect(uri);
      await assert.rejects(raw.sendBytes(rubbish));
    }
    assert.equal((await db.command({ ping: 1 })).ok, 1);
  });

  it('keeps what it was given: types, the order of fields, and any name', async () => {
    const notes = db.collection('notes');
    const doc = JSON.parse('{"__proto__": {"a": 1}, "constructor": "x", "toString": [{"b": 2}]}') as Document;
    await notes.insertOne({ _id: 1, b: new Double(2), a: Long.fromNumber(3), doc } as Document);
    const raw = await RawClient.connect(uri);
    const { cursor } = await raw.command({ find: 'notes' });
    assert.deepEqual(Object.keys(cursor.firstBatch[0]), ['_id', 'b', 'a', 'doc']);
    assert.deepEqual(Object.keys(cursor.firstBatch[0].doc), ['__proto__', 'constructor', 'toString']);
    raw.close();
    assert.equal(await notes.countDocuments({ b: { $type: 'double' }, a: { $type: 'long' }, 'doc.toString.b': 2 }), 1);
  });

  it('closes a cursor that is killed, and knows one that it never opened', async () => {
    const notes = db.collection('notes');
    await notes.insertMany(Array.from({ length: 10 }, (_, n) => ({ n })));
    const { cursor } = await db.command({ find: 'notes', batchSize: 2 }, { promoteLongs: false });
    assert.deepEqual((await db.command({ killCursors: 'notes', cursors: [cursor.id, Long.ONE] })).cursorsNotFound, [1]);
    await assert.rejects(db.command({ getMore: cursor.id, collection: 'notes' }), { code: 43 });
  });

  it('reads on from where a cursor stood, whatever has changed since', async () => {
    const notes = db.collection<{ _id: number; n?: number }>('notes');
    await notes.insertMany(Array.from({ length: 100 }, (_, _id) => ({ _id })));
    const cursor = notes.find({}, { batchSize: 10 });
    const seen = [await cursor.next()];
    while (cursor.bufferedCount() > 0) seen.push(await cursor.next());
    await notes.deleteMany({ _id: { $in: [10, 11, 50] } });
    await notes.updateMany({ _id: { $gt: 90 } }, { $set: { n: 1 } });
    for await (const note of cursor) seen.push(note);
    assert.equal(seen.length, 97);
    assert.equal(seen.at(-1)?.n, 1);
  });

  it('ends a cursor with an error when its collection is dropped, rather than as if that were all', async () => {
    const notes = db.collection('notes');
    await notes.insertMany(Array.from({ length: 100 }, (_, n) => ({ n })));
    const cursor = notes.find({}, { batchSize: 10 });
    await cursor.next();
    await notes.drop();
    await notes.insertOne({ n: -1 });
    await assert.rejects(cursor.toArray(), { code: 175 });
  });

  it('lets two clients ask for the same index at the same time', async () => {
    await db.collection('notes').insertMany(Array.from({ length: 5000 }, (_, n) => ({ n })));
    const ask = (): Promise<Document> =>
      db.command({ createIndexes: 'notes', indexes: [{ key: { n: 1 }, name: 'n_1', unique: true }] });
    const notes = (await Promise.all([ask(), ask()])).map(({ note }) => note as unknown);
    assert.deepEqual(notes.sort(), ['all indexes already exist', undefined]);
    await assert.rejects(db.collection('notes').insertOne({ n: 7 }), { code: 11000 });
  });

  it('leaves no index behind when one cannot be unique', async () => {
    const notes = db.collection('notes');
    await notes.insertMany([...Array.from({ length: 5000 }, (_, n) => ({ n })), { n: 7 }]);
    const specs = [
      { key: { m: 1 }, name: 'm_1' },
      { key: { n: 1 }, name: 'n_1', unique: true },
    ];
    await assert.rejects(db.command({ createIndexes: 'notes', indexes: specs }), { code: 11000, keyValue: { n: 7 } });
    assert.equal((await notes.indexes()).length, 1);
  });

  it('carries mongoose: models, validation of unique keys, populated paths, transactions refused', async () => {
    const connection = await mongoose.createConnection(uri).asPromise();
    const Author = connection.model(
      'Author',
      new mongoose.Schema({ email: { type: String, unique: true }, tags: [String] }, { timestamps: true }),
    );
    const Book = connection.model(
      'Book',
      new mongoose.Schema({ title: String, author: { type: mongoose.Schema.Types.ObjectId, ref: 'Author' } }),
    );
    await Promise.all([Author.init(), Book.init()]);
    const author = await Author.create({ email: 'a@x', tags: ['one'] });
    await Book.create([
      { title: 'B', author: author._id },
      { title: 'A', author: author._id },
    ]);
    await assert.rejects(Author.create({ email: 'a@x' }), { code: 11000, keyValue: { email: 'a@x' } });
    author.tags.push('two');
    await author.save();
    const [first] = await Book.find().sort('title').populate<{ author: { tags: string[] } }>('author').lean();
    assert.deepEqual([first?.title, first?.author.tags], ['A', ['one', 'two']]);
    assert.equal(
      (
        await Author.findOneAndUpdate(
          { email: 'b@x' },
          { $addToSet: { tags: 'x' } },
          { upsert: true, returnDocument: 'after' },
        )
      ).tags[0],
      'x',
    );
    assert.equal(await Author.exists({ tags: 'none' }), null);
    await assert.rejects(
      connection.transaction(async (session) => {
        // For writes the driver puts a sentence of its own in the place of this error.
        await Author.find().session(session);
      }),
      { code: 20 },
    );
    await Author.syncIndexes();
    await connection.close();
  });

  it('carries the sessions of connect-mongo', async () => {
    const sessions = MongoStore.create({ client, dbName: 'test', collectionName: 'sessions', autoRemove: 'native' });
    const call = <R>(run: (done: (error: unknown, result?: R | null) => void) => void): Promise<R | null | undefined> =>
      new Promise((resolve, reject) => {
        run((error, result) => {
          if (error instanceof Error) reject(error);
          else resolve(result);
        });
      });
    const session = { cookie: { originalMaxAge: 1000, expires: new Date(Date.now() + 60_000) }, user: 'ann' };
    await call((done) => {
      sessions.set('one', session, done);
    });
    const found = await call<{ user?: string }>((done) => {
      sessions.get('one', done as never);
    });
    assert.equal(found?.user, 'ann');
    await call((done) => {
      sessions.touch('one', session, done);
    });
    await call((done) => {
      sessions.destroy('one', done);
    });
    assert.equal(
      await call((done) => {
        sessions.length(done as never);
      }),
      0,
    );
  });
});
