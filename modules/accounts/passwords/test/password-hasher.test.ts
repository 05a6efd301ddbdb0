import assert from 'node:assert/strict';
import { verify } from '@node-rs/argon2';
import fc from 'fast-check';
import { createPasswordHasher } from '../password-hasher.ts';
import { cheap, countedHasher, pepper } from './counted-hasher.ts';

const wrong = { right: false, stale: false };
const right = { right: true, stale: false };

describe('the password hasher', () => {
  it('stores argon2id with its parameters and the id of the pepper, another record each time', async () => {
    const { hasher } = countedHasher();
    const [one, two] = [await hasher.hash('a right password'), await hasher.hash('a right password')];
    assert.match(one.hash, /^\$argon2id\$v=19\$m=1024,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    assert.equal(one.pepper, 'k1');
    assert.notEqual(one.hash, two.hash);
    assert.equal(await verify(one.hash, 'a right password'), false, 'the record alone must not be enough to guess at');
  });

  it('works with the parameters of the product', async () => {
    const parameters = { memoryKib: 47104, iterations: 1, parallelism: 1 };
    const hasher = createPasswordHasher({ peppers: [pepper('k1', 1)], parameters, concurrency: 2, queueLimit: 4 });
    const record = await hasher.hash('a right password');
    assert.match(record.hash, /\$m=47104,t=1,p=1\$/);
    assert.deepEqual(await hasher.verify(record, 'a right password'), right);
    assert.deepEqual(await hasher.verify(record, 'a wrong password'), wrong);
    assert.deepEqual(await hasher.verify(null, 'a right password'), wrong);
  });

  it('compares the whole password exactly: ends, case, blanks, the 73rd character, NUL', async () => {
    const { hasher } = countedHasher();
    const plain = 'Abcdefgh'.repeat(9) + 'X-tail';
    const record = await hasher.hash(plain);
    const others = [
      plain.slice(0, -1),
      `${plain} `,
      ` ${plain}`,
      plain.toLowerCase(),
      plain.slice(0, 72),
      `${plain}\0`,
    ];
    others.push(plain.slice(0, 72) + 'Y-tail');
    for (const other of others) assert.deepEqual(await hasher.verify(record, other), wrong);
    assert.deepEqual(await hasher.verify(record, plain), right);
    const cut = await hasher.hash('before\0after');
    assert.deepEqual(await hasher.verify(cut, 'before\0other'), wrong);
  });

  it('takes composed and decomposed letters for the same, compatibility forms not', async () => {
    const { hasher } = countedHasher();
    const record = await hasher.hash('caf\u00e9 \u212bngstr\u00f6m');
    assert.deepEqual(await hasher.verify(record, 'cafe\u0301 A\u030angstro\u0308m'), right);
    const ligature = await hasher.hash('\ufb01nal password');
    assert.deepEqual(await hasher.verify(ligature, 'final password'), wrong);
  });

  it('accepts what it hashed, and the NFC and NFD forms of it, whatever the text', async () => {
    const { hasher } = countedHasher();
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), async (plain) => {
        const record = await hasher.hash(plain);
        assert.deepEqual(await hasher.verify(record, plain.normalize('NFD')), right);
        assert.deepEqual(await hasher.verify(record, plain + 'x'), wrong);
      }),
      { numRuns: 40 },
    );
  });

  it('computes exactly one hash for everybody: known, unknown, over-long, faulty', async () => {
    const { hasher, runs, faults } = countedHasher();
    const record = await hasher.hash('a right password');
    const tries: [typeof record | null, string][] = [
      [record, 'a right password'],
      [record, 'a wrong password'],
      [record, 'x'.repeat(1025)],
      [record, 'x'.repeat(1_000_000)],
      [null, 'anything'],
      [null, ''],
      [{ ...record, pepper: 'gone' }, 'a right password'],
      [{ ...record, hash: 'rubbish' }, 'a right password'],
      [{ ...record, hash: '' }, ''],
    ];
    for (const [index, [known, plain]] of tries.entries()) {
      assert.deepEqual(await hasher.verify(known, plain), index === 0 ? right : wrong);
      assert.equal(runs.verify, index + 1);
    }
    assert.equal(faults.length, 3);
    assert.equal(
      faults.some(({ message }) => message.includes('right password') || message.includes('argon2id$')),
      false,
    );
  });

  it('refuses a planted record: other algorithms, gigabytes, many passes, hardly any output', async () => {
    const { hasher, faults } = countedHasher();
    const { hash, pepper: id } = await hasher.hash('a right password');
    const planted = [
      hash.replace('argon2id', 'argon2i'),
      hash.replace('m=1024', 'm=4194304'),
      hash.replace('t=1', 't=1000'),
      hash.replace('p=1', 'p=200'),
      hash.slice(0, hash.lastIndexOf('$') + 7),
      hash.replace('v=19', 'v=16'),
    ];
    for (const text of planted)
      assert.deepEqual(await hasher.verify({ hash: text, pepper: id }, 'a right password'), wrong);
    assert.equal(faults.length, planted.length);
  });

  it('calls a record stale when its parameters or its pepper are not the current ones, and only when it is right', async () => {
    const record = await countedHasher().hasher.hash('a right password');
    const dearer = countedHasher({ parameters: { ...cheap, iterations: 2 } }).hasher;
    assert.deepEqual(await dearer.verify(record, 'a right password'), { right: true, stale: true });
    assert.deepEqual(await dearer.verify(record, 'a wrong password'), wrong);
    const rotated = countedHasher({ peppers: [pepper('k2', 2), pepper('k1', 1)] }).hasher;
    assert.deepEqual(await rotated.verify(record, 'a right password'), { right: true, stale: true });
    const renewed = await rotated.hash('a right password');
    assert.equal(renewed.pepper, 'k2');
    const after = countedHasher({ peppers: [pepper('k2', 2)] });
    assert.deepEqual(await after.hasher.verify(renewed, 'a right password'), right);
    assert.deepEqual(await after.hasher.verify(record, 'a right password'), wrong);
    assert.equal(after.faults.length, 1);
  });

  it('starts with no pepper, a short one or two of one id: never', () => {
    for (const peppers of [[], [{ id: 'k1', key: Buffer.alloc(31, 1) }], [pepper('k1', 1), pepper('k1', 2)]]) {
      assert.throws(() => countedHasher({ peppers }), /pepper/);
    }
  });
});
