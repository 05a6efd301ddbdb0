import assert from 'node:assert/strict';
import { keyLabel, keyUri } from '../key-uri.ts';

const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const uriOf = (issuer: string, account: string): string => keyUri({ secret, label: keyLabel({ issuer, account }) });

describe('the address in the QR code', () => {
  it('names issuer and account as authenticator apps show them', () => {
    const expected = `otpauth://totp/Example%20Ltd:ada%40example.com?secret=${secret}&issuer=Example%20Ltd`;
    assert.equal(uriOf('Example Ltd', 'ada@example.com'), expected);
  });

  it('encodes names that would break an address', () => {
    for (const issuer of ['Müller & Söhne', 'A/B?c=d#e', '100 %', "O'Neil + Co", '株式会社', 'shop "x"']) {
      const uri = new URL(uriOf(issuer, 'a+b&secret=AAAA@example.com'));
      assert.equal(uri.searchParams.get('issuer'), issuer);
      assert.deepEqual(uri.searchParams.getAll('secret'), [secret]);
      assert.equal(
        decodeURIComponent(uri.pathname.replace(/^\/+(totp\/)?/, '')),
        `${issuer}:a+b&secret=AAAA@example.com`,
      );
      assert.doesNotMatch(uri.href, /\+|\s/);
    }
  });

  it('has one colon in its label, whatever the names are', () => {
    assert.match(uriOf('Gate: house', 'ada:x@example.com'), /^otpauth:\/\/totp\/Gate%20house:ada%20x%40example\.com\?/);
    assert.ok(uriOf('broken \ud800', 'ada@example.com').startsWith('otpauth://totp/broken'));
  });
});
