import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { RefusalCode } from '../../../kernel/errors.ts';
import { checkNewPassword } from '../password-rules.ts';

const context = ['Harbour Portal', 'Acme Sales Ltd', 'ann.lee@example.com', 'Ann Lee'];

function codeOf(password: string, minLength = 8): RefusalCode | null {
  return checkNewPassword({ password, minLength, context })?.code ?? null;
}

/** Words of no list, so that only the length decides. */
function phrase(length: number): string {
  return Array.from({ length }, (_, at) => String.fromCodePoint(0x4e00 + ((at * 7919) % 20_000))).join('');
}

describe('the rules for a new password', () => {
  it('count code points: 14 are too few, 15, 64, 128 and 1,024 are right, 1,025 too many', () => {
    const refused = checkNewPassword({ password: phrase(14), minLength: 15, context });
    assert.equal(refused?.code, 'password-too-short');
    assert.deepEqual([refused.status, refused.params, refused.field], [422, { min: 15 }, 'password']);
    for (const length of [15, 64, 128, 1024]) assert.equal(codeOf(phrase(length), 15), null);
    for (const length of [1025, 4097, 100_000]) {
      const long = checkNewPassword({ password: phrase(length), minLength: 15, context });
      assert.deepEqual([long?.code, long?.params], ['password-too-long', { max: 1024 }]);
    }
  });

  it('count an emoji as one, and letters after they are composed', () => {
    const emoji = Array.from({ length: 15 }, (_, at) => String.fromCodePoint(0x1f400 + at)).join('');
    assert.equal(codeOf(emoji, 15), null);
    assert.equal(codeOf('\u{1f600}'.repeat(15), 15), null);
    assert.equal(codeOf(emoji.slice(2), 15), 'password-too-short');
    const decomposed = 'e\u0301o\u0308u\u0302a\u0300i\u0308n\u0303c\u0327';
    assert.equal(codeOf(decomposed, 8), 'password-too-short');
    assert.equal(codeOf(`${decomposed}o`, 8), null);
  });

  it('ask for no kinds of characters, and keep blanks', () => {
    const accepted = [
      'aaaa bbbb cccc dddd',
      'correct horse battery staple',
      'purple lantern walks home',
      '  leading blanks are mine',
      'kx7#mQ9!vR2$wL5',
      '9182736450192837',
      'football under the princess bridge',
      'einladung im herbst',
      'смелая птица поёт утром',
      'violet-otter-7',
    ];
    for (const password of accepted) assert.equal(codeOf(password), null, password);
  });

  it('refuse what cannot be typed again: control characters, broken text', () => {
    for (const sign of ['\0', '\n', '\t', '\u007f', '\u2028', '\ud800', '\ufffd']) {
      assert.equal(codeOf(`purple lantern${sign}walks home`), 'field-characters');
    }
  });

  it('refuse common passwords in any case, whole, dressed up or repeated', () => {
    const samples = [
      ...[
        'password',
        'PassWord',
        '12345678',
        '123456789',
        'qwertyuiop',
        'iloveyou',
        'sunshine',
        'princess',
        'football1',
      ],
      ...['superman', 'trustno1', 'baseball', 'starwars', 'whatever', 'qwerty123', 'password1', 'letmein1', 'abcd1234'],
      ...[
        '1q2w3e4r5t',
        'manchesterunited',
        'passwordpassword',
        '1qaz2wsx3edc4rfv',
        'q1w2e3r4t5y6u7i8',
        'zxcvbnm123456789',
      ],
      ...['P@ssw0rd', 'P@ssw0rd12345!!', 'password2024!!!!', '1990sunshine1990', 'dragon123456789', 'i love you 12345'],
      ...['monkey monkey monkey', 'Password1!Password1!', 'letmeinletmein1', 'ｐａｓｓｗｏｒｄ'],
    ];
    for (const password of samples) assert.equal(codeOf(password), 'password-common', password);
  });

  it('refuse mere patterns', () => {
    const patterns = [
      ...[
        'aaaaaaaaaaaaaaa',
        '               ',
        'a'.repeat(200),
        '123456789012345',
        '987654321098765',
        'qwertyuiopasdfg',
      ],
      ...['poiuytrewqlkjhg', 'abcabcabcabcabc', 'abcdefghijklmnop', '1234 5678 9012 3456', 'aaaaaaaabbbbbbbb'],
      ...['11112222333344445555', 'qwerty qwerty qwerty', '1a1a1a1a1a1a1a1a'],
    ];
    for (const password of patterns) assert.equal(codeOf(password), 'password-common', password);
  });

  it('know a common password in every case and with trifles around it', () => {
    const word = fc.constantFrom('sunshine', 'football', 'princess', 'whatever', 'computer');
    const trifle = fc.constantFrom('', '1', '!', '12', '2024', '!!!', '123456', '99!');
    fc.assert(
      fc.property(word, trifle, fc.boolean(), (core, around, upper) => {
        assert.equal(codeOf((upper ? core.toUpperCase() : core) + around), 'password-common');
      }),
    );
  });

  it('answer at once for whatever is typed', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.array(fc.string(), { maxLength: 4 }),
        (password, words) => {
          const refused = checkNewPassword({ password, minLength: 15, context: words });
          assert.equal(refused === null || refused.status === 422, true);
        },
      ),
    );
  });
});

describe('the context words of a new password', () => {
  const table: [string, string][] = [
    ['ann.lee@example.com', 'ann.lee@example.com'],
    ['ANN.LEE@EXAMPLE.COM', 'ann.lee@example.com'],
    ['Ann.Lee.2024!!!', 'Ann Lee'],
    ['annleeannleeannlee', 'Ann Lee'],
    ['lee.ann.lee.ann', 'Ann Lee'],
    ['example.com2024', 'example'],
    ['acme sales ltd!', 'Acme Sales Ltd'],
    ['AcmeAcmeAcmeAcme', 'Acme'],
    ['4cm3 5al3s 2024', 'Acme'],
    ['harbour-portal-1', 'Harbour Portal'],
    ['Gatehouse123456', 'Gatehouse'],
    ['G4teh0use12345!', 'Gatehouse'],
    ['Gatehousepassword', 'Gatehouse'],
    ['customerportal2024', 'customer'],
  ];
  for (const [password, word] of table) {
    it(`are found in ${password}`, () => {
      const refused = checkNewPassword({ password, minLength: 8, context });
      assert.equal(refused?.code, 'password-context');
      assert.ok(typeof refused.params.word === 'string' && refused.params.word !== '');
      if (!password.includes('lee.ann') && !password.startsWith('4cm3')) assert.equal(refused.params.word, word);
    });
  }

  it('may be part of a longer phrase', () => {
    const accepted = [
      'gatehouse kiwi banjo',
      'my lee shore is quiet tonight',
      'acme never ships on fridays',
      'anniversary pancakes',
    ];
    for (const password of accepted) assert.equal(codeOf(password, 15), null, password);
  });

  it('of other scripts count from two characters on, single letters never', () => {
    const check = (password: string, words: string[]): RefusalCode | null =>
      checkNewPassword({ password, minLength: 8, context: words })?.code ?? null;
    assert.equal(check('李明李明李明李明', ['李明']), 'password-context');
    assert.equal(check('kx7mvqrt', ['k x 7', '', '  ']), null);
  });
});
