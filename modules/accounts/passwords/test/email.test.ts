import assert from 'node:assert/strict';
import fc from 'fast-check';
import { emailKey, parseEmail } from '../email.ts';

describe('an e-mail address', () => {
  it('keeps its spelling for sending and has a key in lower case', () => {
    assert.deepEqual(parseEmail('  Ann.Lee+Portal@Example.COM '), {
      email: 'Ann.Lee+Portal@Example.COM',
      key: 'ann.lee+portal@example.com',
    });
  });

  it('may be international, in either normal form', () => {
    const composed = parseEmail('J\u00f6rg@b\u00fccher.example');
    assert.equal(composed?.key, 'j\u00f6rg@b\u00fccher.example');
    assert.deepEqual(parseEmail('Jo\u0308rg@bu\u0308cher.example'), composed);
    assert.equal(parseEmail('ann@xn--bcher-kva.example')?.key, 'ann@xn--bcher-kva.example');
  });

  const refused = [
    ...[
      '',
      ' ',
      'ann',
      '@',
      'ann@',
      '@example.com',
      'ann@example',
      'a@b@example.com',
      'ann lee@example.com',
      'ann@exa mple.com',
    ],
    ...[
      'ann@.example.com',
      'ann@example..com',
      'ann@example.com.',
      'ann@-a.com',
      'ann@a-.com',
      'ann@127.0.0.1',
      'ann@[127.0.0.1]',
    ],
    ...[
      '"ann"@example.com',
      'Ann <ann@example.com>',
      'ann@example.com,bob@example.com',
      'ann;bob@example.com',
      'ann@exa_mple.com',
    ],
    ...['ann@example.com\r\nBcc: bob@example.com', 'ann@example.com\n', '\tann@example.com', 'ann\0@example.com'],
    ...['ann\u200b@example.com', '\u202eann@example.com', 'ann\ud800@example.com', 'ann\u2028@example.com'],
    ...[
      'an\uff4e@example.com',
      'ann\uff20example.com',
      'mi\u212ae@example.com',
      '\ufb01nn@example.com',
      '\u0130da@example.com',
    ],
    ...[`${'a'.repeat(65)}@example.com`, `ann@${'a'.repeat(64)}.com`, `ann@${'abcdefg.'.repeat(32)}com`],
  ];
  for (const text of refused) {
    it(`is not ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.equal(parseEmail(text), null);
    });
  }

  it('has one key however often it is read, and only a plain one', () => {
    fc.assert(
      fc.property(fc.oneof(fc.emailAddress(), fc.string({ unit: 'binary' })), (text) => {
        const parsed = parseEmail(text);
        if (!parsed) return;
        assert.equal(emailKey(parsed.key), parsed.key);
        assert.equal(parseEmail(parsed.key)?.key, parsed.key);
        assert.doesNotMatch(parsed.email, /[\s\p{Cc}]/u);
      }),
    );
  });
});
