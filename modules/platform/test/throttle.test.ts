import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { openDatabase, ensureIndexes, type Database } from '../mongo.ts';
import { createLog } from '../log.ts';
import { createFingerprint } from '../sealer.ts';
import { addressKey, createThrottle } from '../throttle.ts';
import { databaseUri } from '../../../test/support/store.ts';
import { TestClock } from '../../../test/support/portal.ts';

describe('A throttle', () => {
  const clock = new TestClock();
  const databases: Database[] = [];
  const throttles: ReturnType<typeof createThrottle>[] = [];
  before(async () => {
    const key = { id: 'k', bytes: randomBytes(32) };
    const name = `test-throttle-${randomBytes(4).toString('hex')}`;
    for (let index = 0; index < 2; index += 1) {
      const database = await openDatabase({ uri: await databaseUri(), dataDir: '', log: createLog('silent'), name });
      databases.push(database);
      throttles.push(createThrottle(database.connection, createFingerprint(key, 'throttle'), clock));
      await ensureIndexes(database.connection);
    }
  });
  after(async () => {
    await databases[0]?.connection.dropDatabase();
    for (const database of databases) await database.close();
  });
  const at = (index: number) => throttles[index % 2]!;
  const ceiling = { tries: 10, windowSeconds: 900 };

  it('lets exactly its number through of fifty at once, over two connections', async () => {
    for (const name of ['a', 'b', 'c']) {
      const marks = await Promise.all(
        Array.from({ length: 50 }, (_, index) => at(index).take(['burst', name], ceiling)),
      );
      assert.equal(marks.filter((mark) => mark.allowed).length, ceiling.tries);
    }
  });

  it('slides: never more than its number in any window, not across a boundary either', async () => {
    const allowed: number[] = [];
    for (let second = 0; second < 4 * 900; second += 45) {
      if ((await at(second).take(['slide'], ceiling)).allowed) allowed.push(second);
      clock.advance({ seconds: 45 });
    }
    for (const start of allowed) {
      const within = allowed.filter((moment) => moment >= start && moment < start + ceiling.windowSeconds);
      assert.ok(within.length <= ceiling.tries, `${String(within.length)} from ${String(start)}`);
    }
    assert.ok(allowed.length >= 3 * ceiling.tries, 'and it is not stricter than it says');
  });

  it('opens again exactly when it said, as the oldest try leaves the window', async () => {
    const key = ['exact'];
    for (let count = 0; count < ceiling.tries; count += 1) {
      assert.ok((await at(0).take(key, ceiling)).allowed);
      clock.advance({ seconds: 1 });
    }
    const refused = await at(1).take(key, ceiling);
    assert.ok(!refused.allowed);
    const wait = (refused.retryAt.getTime() - clock.now().getTime()) / 1000;
    assert.equal(wait, ceiling.windowSeconds - ceiling.tries);
    clock.advance({ seconds: wait - 1 });
    assert.ok(!(await at(0).take(key, ceiling)).allowed);
    clock.advance({ seconds: 1 });
    assert.ok((await at(0).take(key, ceiling)).allowed);
  });

  it('does not count a refused try: knocking on does not keep it shut', async () => {
    const key = ['knocking'];
    for (let count = 0; count < ceiling.tries; count += 1) await at(0).take(key, ceiling);
    for (let count = 0; count < 14; count += 1) {
      clock.advance({ minutes: 1 });
      assert.ok(!(await at(0).take(key, ceiling)).allowed);
    }
    clock.advance({ minutes: 1 });
    assert.ok((await at(0).take(key, ceiling)).allowed);
  });

  it('takes back one mark, and the right one', async () => {
    const key = ['back'];
    const marks = [];
    for (let count = 0; count < ceiling.tries; count += 1) marks.push(await at(count).take(key, ceiling));
    const [first] = marks;
    if (first?.allowed === true) {
      await first.giveBack();
      await first.giveBack();
    }
    assert.ok((await at(1).take(key, ceiling)).allowed, 'one place is free');
    assert.ok(!(await at(0).take(key, ceiling)).allowed, 'and only one');
  });

  it('takes keys in their order: behind one that is full nothing is counted', async () => {
    const once = { tries: 1, windowSeconds: 900 };
    const both = [[['door'], once] as const, [['person'], once] as const];
    assert.deepEqual(
      (await at(0).takeInOrder(both)).map((mark) => mark.allowed),
      [true, true],
    );
    await at(0).clear(['person'], once);
    const [refused, ...others] = await at(1).takeInOrder(both);
    assert.equal(refused?.allowed, false);
    assert.deepEqual(others, []);
    assert.ok((await at(0).take(['person'], once)).allowed, 'the try at the full door was none here');
    await at(0).clear(['door'], once);
    assert.deepEqual(
      (await at(1).takeInOrder(both)).map((mark) => mark.allowed),
      [true, false],
    );
  });

  it('lets exactly its number through of fifty at once that take keys in order, and takes their marks back together', async () => {
    const wide = { tries: 40, windowSeconds: 900 };
    const both = [[['gate'], wide] as const, [['guest'], ceiling] as const];
    const marks = await Promise.all(Array.from({ length: 50 }, (_, index) => at(index).takeInOrder(both)));
    const allowed = (place: number) => marks.flatMap((each) => each[place] ?? []).filter((mark) => mark.allowed);
    assert.equal(allowed(0).length, wide.tries);
    assert.equal(allowed(1).length, ceiling.tries);
    await Promise.all(allowed(1).map((mark) => mark.giveBack()));
    const again = await Promise.all(Array.from({ length: 50 }, () => at(0).take(['guest'], ceiling)));
    assert.equal(again.filter((mark) => mark.allowed).length, ceiling.tries);
  });

  it('keeps keys apart, and their parts', async () => {
    const small = { tries: 1, windowSeconds: 60 };
    assert.ok((await at(0).take(['ab', 'c'], small)).allowed);
    assert.ok((await at(0).take(['a', 'bc'], small)).allowed);
    assert.ok(!(await at(0).take(['ab', 'c'], small)).allowed);
  });

  it('stores no address and no account', async () => {
    await at(0).take(['password', 'account', 'canary.address@example.com'], ceiling);
    const rows = await databases[0]!.connection.collection('throttles').find().toArray();
    assert.doesNotMatch(JSON.stringify(rows), /canary|example|password/);
  });
});

describe('The key that an address is counted by', () => {
  const same: [string, string][] = [
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['2001:DB8:1:2::1', '2001:0db8:0001:0002::9'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::1', '0:0:0:0:0:0:0:1'],
  ];
  for (const [one, other] of same) {
    it(`is the same for ${one} and ${other}`, () => {
      assert.equal(addressKey(one), addressKey(other));
    });
  }
  for (const [one, other] of [
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['192.0.2.1', '192.0.2.2'],
    ['2001:db8::1', '192.0.2.1'],
  ] as const) {
    it(`is another one for ${one} and ${other}`, () => {
      assert.notEqual(addressKey(one), addressKey(other));
    });
  }
});
