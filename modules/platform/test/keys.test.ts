import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess } from '../../../test/support/processes.ts';
import { withTemporaryFolder } from '../../../test/support/temporary-folder.ts';
import { KeyError, keyPurposes, makeKeys, readKeys, rotateKey } from '../keys.ts';
import { createFingerprint, createSealer } from '../sealer.ts';

const line = () => `k${randomBytes(3).toString('hex')}:${randomBytes(32).toString('base64')}\n`;

describe('The key files', () => {
  it('are made once, for the owner’s eyes alone, and never made anew', async () => {
    await withTemporaryFolder((folder) => {
      const keys = join(folder, 'keys');
      makeKeys(keys);
      const first = readKeys(keys);
      makeKeys(keys);
      assert.deepEqual(readKeys(keys), first);
      assert.equal(statSync(keys).mode & 0o777, 0o700);
      for (const purpose of keyPurposes) assert.equal(statSync(join(keys, purpose)).mode & 0o777, 0o600);
      assert.deepEqual(readdirSync(keys).sort(), [...keyPurposes].sort(), 'and no drafts stay behind');
    });
  });

  it('are the same for two first starts at once', async () => {
    await withTemporaryFolder(async (folder) => {
      const keys = join(folder, 'keys');
      const starts = Array.from({ length: 3 }, () => startProcess('gatehouse.ts', ['keys', 'new', keys]));
      for (const start of starts) assert.equal(await start.ended(), 0, start.output());
      readKeys(keys);
      const values = keyPurposes.map((purpose) => readFileSync(join(keys, purpose), 'utf8'));
      for (const start of starts)
        for (const value of values)
          assert.ok(!start.output().includes(value.split(':')[1]?.trim() ?? '-'), 'and never printed');
      for (const value of values) assert.equal(value.trim().split('\n').length, 1);
    });
  });

  const refused: [string, (keys: string) => void, RegExp][] = [
    [
      'one is missing',
      (keys) => {
        rmSync(join(keys, 'seal'));
      },
      /"seal" is missing/,
    ],
    [
      'one is empty',
      (keys) => {
        writeFileSync(join(keys, 'csrf'), '');
      },
      /"csrf" is empty/,
    ],
    [
      'one holds only a comment',
      (keys) => {
        writeFileSync(join(keys, 'csrf'), '# none yet\n');
      },
      /"csrf" is empty/,
    ],
    [
      'one is short',
      (keys) => {
        writeFileSync(join(keys, 'pepper'), `a:${randomBytes(16).toString('base64')}\n`);
      },
      /shorter than 32 bytes/,
    ],
    [
      'one is a placeholder',
      (keys) => {
        writeFileSync(join(keys, 'session'), 'a:changemechangemechangemechangemechangemechangeme\n');
      },
      /placeholder/,
    ],
    [
      'one is of equal bytes',
      (keys) => {
        writeFileSync(join(keys, 'session'), `a:${Buffer.alloc(32).toString('base64')}\n`);
      },
      /placeholder/,
    ],
    [
      'one is no key',
      (keys) => {
        writeFileSync(join(keys, 'lookup'), 'hello\n');
      },
      /not "id:base64"/,
    ],
    [
      'two are equal',
      (keys) => {
        writeFileSync(join(keys, 'csrf'), readFileSync(join(keys, 'seal')));
      },
      /hold the same key/,
    ],
    [
      'two of one file have the same name',
      (keys) => {
        writeFileSync(join(keys, 'csrf'), line().replace(/^\w+/, 'x') + line().replace(/^\w+/, 'x'));
      },
      /two keys alike/,
    ],
  ];
  for (const [what, spoil, sentence] of refused) {
    it(`are refused with a sentence and without their content when ${what}`, async () => {
      await withTemporaryFolder((folder) => {
        const keys = join(folder, 'keys');
        makeKeys(keys);
        spoil(keys);
        assert.throws(
          () => readKeys(keys),
          (error: unknown) => {
            assert.ok(error instanceof KeyError);
            assert.match(error.message, sentence);
            for (const purpose of keyPurposes) {
              const text =
                purpose === 'seal' && what === 'one is missing' ? '' : readFileSync(join(keys, purpose), 'utf8').trim();
              for (const one of text.split('\n'))
                assert.ok(one === '' || !error.message.includes(one.split(':')[1] ?? one));
            }
            return true;
          },
        );
      });
    });
  }

  it('cannot be read where the folder is no folder', async () => {
    await withTemporaryFolder((folder) => {
      const keys = join(folder, 'keys');
      mkdirSync(keys);
      chmodSync(keys, 0o700);
      assert.throws(() => readKeys(keys), KeyError);
      assert.throws(() => readKeys(join(folder, 'nowhere')), KeyError);
    });
  });

  it('are rotated by putting a new key in front of the older ones', async () => {
    await withTemporaryFolder((folder) => {
      const keys = join(folder, 'keys');
      makeKeys(keys);
      const before = readKeys(keys);
      const id = rotateKey(keys, 'seal');
      const after = readKeys(keys);
      assert.equal(after.seal[0].id, id);
      assert.deepEqual(after.seal.slice(1), before.seal);
      assert.deepEqual(after.csrf, before.csrf);
      assert.equal(statSync(join(keys, 'seal')).mode & 0o777, 0o600);
    });
  });
});

describe('A sealed text', () => {
  const key = () => ({ id: `k${randomBytes(3).toString('hex')}`, bytes: randomBytes(32) });
  const [one, other] = [key(), key()];
  const sealer = createSealer([one]);
  const context = ['factor', 'person', 'enrolment'];

  it('is opened in its own context only', () => {
    const sealed = sealer.seal('a secret', context);
    assert.equal(sealer.open(sealed, context), 'a secret');
    for (const wrong of [
      ['factor', 'person', 'other'],
      ['factor', 'person'],
      ['factor', 'personenrolment'],
      ['factorperson', 'enrolment'],
      [],
      ['enrolment', 'person', 'factor'],
    ]) {
      assert.throws(() => sealer.open(sealed, wrong), JSON.stringify(wrong));
    }
  });

  it('is another one each time, and does not show its length in clear words', () => {
    const texts = new Set(Array.from({ length: 100 }, () => sealer.seal('a secret', context)));
    assert.equal(texts.size, 100);
  });

  it('is refused when any of its bytes was changed', () => {
    const sealed = sealer.seal('a secret', context);
    const [version = '', id = '', body = ''] = sealed.split('.');
    const bytes = Buffer.from(body, 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 0x01;
      assert.throws(() => sealer.open([version, id, changed.toString('base64url')].join('.'), context), String(index));
    }
    for (const length of [0, 1, 12, 27, 28, bytes.length - 1]) {
      assert.throws(
        () => sealer.open([version, id, bytes.subarray(0, length).toString('base64url')].join('.'), context),
        String(length),
      );
    }
    for (const text of ['', '.', '..', 'v1', 'v1.x.y', `v2.${id}.${body}`, body])
      assert.throws(() => sealer.open(text, context), text);
  });

  it('is opened by an older key as long as that is there, and known as stale', () => {
    const sealed = sealer.seal('a secret', context);
    const rotated = createSealer([other, one]);
    assert.equal(rotated.open(sealed, context), 'a secret');
    assert.equal(rotated.isStale(sealed), true);
    assert.equal(rotated.isStale(rotated.seal('a secret', context)), false);
    assert.throws(() => createSealer([other]).open(sealed, context));
  });
});

describe('A fingerprint', () => {
  it('depends on key, purpose and every part', () => {
    const key = { id: 'k', bytes: randomBytes(32) };
    const prints = [
      createFingerprint(key, 'a').of('x', 'y'),
      createFingerprint(key, 'a').of('xy'),
      createFingerprint(key, 'a').of('x', 'y', ''),
      createFingerprint(key, 'b').of('x', 'y'),
      createFingerprint({ id: 'k', bytes: randomBytes(32) }, 'a').of('x', 'y'),
    ];
    assert.equal(new Set(prints).size, prints.length);
    assert.equal(createFingerprint(key, 'a').of('x', 'y'), prints[0]);
  });
});
