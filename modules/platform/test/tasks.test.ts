import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { TestClock } from '../../../test/support/portal.ts';
import { databaseUri } from '../../../test/support/store.ts';
import { createLog } from '../log.ts';
import { ensureIndexes, openDatabase, type Database } from '../mongo.ts';
import { createTasks, type Tasks } from '../tasks.ts';

describe('Work in the background', () => {
  const log = createLog('silent');
  const never = () => new Promise<void>(() => undefined);
  let database: Database;
  let other: Database;
  let clock: TestClock;
  let tasks: Tasks;
  let twin: Tasks;

  beforeEach(async () => {
    const name = `test-${randomUUID().slice(0, 18)}`;
    const connect = async () => openDatabase({ uri: await databaseUri(), dataDir: '', log, name });
    [database, other] = [await connect(), await connect()];
    clock = new TestClock();
    tasks = createTasks(database.connection, { clock, log });
    twin = createTasks(other.connection, { clock, log });
    await ensureIndexes(database.connection);
  });
  afterEach(async () => {
    await database.connection.dropDatabase();
    await other.close();
    await database.close();
  });

  const rows = () => database.connection.collection('tasks').find().toArray();

  it('is done once, however many processes look for it', async () => {
    const done: unknown[] = [];
    for (const one of [tasks, twin])
      one.handle('greet', ({ payload }) => {
        done.push(payload['name']);
        return Promise.resolve();
      });
    for (let name = 0; name < 12; name += 1) await tasks.add('greet', { name });
    await Promise.all([tasks.work(), twin.work()]);
    assert.deepEqual(
      done.map(Number).sort((a, b) => a - b),
      Array.from({ length: 12 }, (_, name) => name),
    );
    assert.deepEqual(await rows(), []);
  });

  it('is done by another process after a crash in the middle of it, under the same id', async () => {
    const ids: string[] = [];
    tasks.handle('greet', ({ id }) => {
      ids.push(id);
      return never();
    });
    twin.handle('greet', ({ id }) => {
      ids.push(id);
      return Promise.resolve();
    });
    await tasks.add('greet', {});
    void tasks.work();
    while (ids.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await twin.work();
    assert.equal(ids.length, 1, 'whoever took it up may still be at work');
    clock.advance({ seconds: 61 });
    await twin.work();
    assert.equal(ids.length, 2);
    assert.equal(ids[0], ids[1]);
    assert.deepEqual(await rows(), []);
  });

  it('is tried again after a fault, later each time, and given up in the end', async () => {
    let tries = 0;
    tasks.handle('greet', () => {
      tries += 1;
      return Promise.reject(new Error('The database is away.'));
    });
    await tasks.add('greet', {});
    await tasks.work();
    await tasks.work();
    assert.equal(tries, 1, 'not at once');
    clock.advance({ seconds: 2 });
    await tasks.work();
    assert.equal(tries, 2);
    for (let round = 0; round < 30; round += 1) {
      clock.advance({ minutes: 15 });
      await tasks.work();
    }
    assert.equal(tries, 20);
    assert.deepEqual(await rows(), []);
  });

  it('is given up, too, where it ends its worker each time and so reaches no fault', async () => {
    let tries = 0;
    twin.handle('greet', () => {
      tries += 1;
      return Promise.resolve();
    });
    await tasks.add('greet', {});
    // As twenty workers leave it that did not come back from it.
    await database.connection.collection('tasks').updateMany({}, { $set: { tries: 20, lease: 'gone' } });
    await twin.work();
    assert.equal(tries, 0);
    assert.deepEqual(await rows(), []);
  });
});
