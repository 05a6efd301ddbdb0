import assert from 'node:assert/strict';
import { alphabet, codeLength, newCode, readCode, setSizes, showCode } from '../codes.ts';

describe('A backup code', () => {
  // BC-1, NIST SP 800-63B-4 4.2.1.1.
  it('has at least 65 bits, of characters that nobody mistakes, and none repeats in a thousand sets', () => {
    assert.ok(codeLength * Math.log2(alphabet.length) >= 65);
    assert.equal(new Set(alphabet).size, 32);
    for (const letter of 'ILOU') assert.ok(!alphabet.includes(letter));
    const codes = Array.from({ length: 1000 * setSizes.most }, newCode);
    assert.equal(new Set(codes).size, codes.length);
    const seen = new Map<string, number>();
    for (const code of codes) {
      assert.match(code, /^[0-9A-HJKMNP-TV-Z]{13}$/);
      for (const letter of code) seen.set(letter, (seen.get(letter) ?? 0) + 1);
    }
    // 6,500 of each of the 32 are expected; 5 sigma are about 400.
    assert.equal(seen.size, 32);
    for (const count of seen.values()) assert.ok(Math.abs(count - 6500) < 500, String(count));
  });

  it('is shown in groups, with its index in front', () => {
    assert.equal(showCode({ index: 1, text: '0123456789ABC' }), '1-01234-5678-9ABC');
    assert.equal(showCode({ index: 16, text: 'DEFGHJKMNPQRS' }), '16-DEFGH-JKMN-PQRS');
  });

  it('is read as people write it down and type it', () => {
    const written = [
      '3-01ABC-DEF1-0XYZ',
      '3-01abc-def1-0xyz',
      '301ABCDEF10XYZ',
      ' 3 01ABC DEF1 0XYZ ',
      '3–O1ABC—DEFI−oXYZ',
      '3-OlABC-DEFL-OXYZ',
      '3 - o i a b c - d e f l - 0 x y z',
      '\uff13-01ABC-DEF1-0XYZ',
    ];
    for (const typed of written) assert.deepEqual(readCode(typed), { index: 3, text: '01ABCDEF10XYZ' }, typed);
    assert.deepEqual(readCode('I-01ABC-DEF1-0XYZ'), { index: 1, text: '01ABCDEF10XYZ' });
    assert.deepEqual(readCode('l6-01ABC-DEF1-0XYZ'), { index: 16, text: '01ABCDEF10XYZ' });
  });

  it('reads back what it shows, whatever the index', () => {
    for (let index = 1; index <= setSizes.most; index += 1) {
      const code = { index, text: newCode() };
      assert.deepEqual(readCode(showCode(code)), code);
    }
  });

  it('is nothing else: no other length, index, letter or type', () => {
    const others: unknown[] = [
      '',
      '3',
      '01ABCDEF10XYZ',
      '0-01ABC-DEF1-0XYZ',
      '17-01ABC-DEF1-0XYZ',
      '3-01ABC-DEF1-0XYZ0',
      '3-01ABC-DEF1-0XY',
      '3-U1ABC-DEF1-0XYZ',
      '3_01ABC_DEF1_0XYZ',
      ` 3-01ABC-DEF1-0XYZ${' '.repeat(64)}`,
      undefined,
      null,
      3,
      ['3-01ABC-DEF1-0XYZ'],
      { $ne: '' },
    ];
    for (const typed of others) assert.equal(readCode(typed), null, JSON.stringify(typed));
  });
});
