import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { brandStylesheet } from '../http/brand.ts';
import { createCookies } from '../http/cookies.ts';
import { safeReturnTo } from '../http/return-to.ts';
import { dateTimeFormatter, translator } from '../i18n.ts';
import { createLog } from '../log.ts';

describe('An address to return to', () => {
  for (const fine of [
    '/',
    '/home',
    '/account/security',
    '/account/security?x=1&y=a%20b',
    '/staff/x-1_2.3~',
    '/a%C3%A9',
  ]) {
    it(`may be ${fine}`, () => {
      assert.equal(safeReturnTo(fine), fine);
    });
  }
  const bad: unknown[] = [
    undefined,
    null,
    1,
    {},
    ['/home'],
    '',
    'home',
    '//x',
    '/\\x',
    '/%5cx',
    '/%5Cx',
    '/%2fx',
    '/%2Fx',
    '/a/%2f/b',
    '/./x',
    '/../x',
    '/a/..',
    '/a/../b',
    '/%0ax',
    '/%0Dx',
    '/%00',
    '/%7f',
    '/\nx',
    '/x#y',
    '/x?u=http://e',
    '/@x',
    '/:x',
    '/x y',
    '/<x',
    '/é',
    'https://x',
    'https:x',
    'javascript:x',
    '/sign-in',
    '/sign-in/help',
    '/sign-in?x=1',
    '/sign-out',
    '/set-up/x',
    '/callbacks/x',
    '/assets/x',
    `/${'x'.repeat(512)}`,
  ];
  for (const value of bad) {
    it(`may not be ${JSON.stringify([value]).slice(1, 40)}`, () => {
      assert.equal(safeReturnTo(value), null);
    });
  }
});

describe('The cookies of the portal', () => {
  it('carry the host prefix and Secure under TLS, and neither without', () => {
    const [plain, secure] = [createCookies(false), createCookies(true)];
    assert.equal(plain.name('gatehouse'), 'gatehouse');
    assert.equal(secure.name('gatehouse'), '__Host-gatehouse');
    for (const cookies of [plain, secure]) {
      assert.deepEqual(cookies.options, { httpOnly: true, sameSite: 'lax', path: '/', secure: cookies.secure });
    }
  });

  it('are read by their whole name, and over-long headers not at all', () => {
    const secure = createCookies(true);
    const read = (cookie: string) => secure.read({ headers: { cookie } } as never, 'x');
    assert.equal(read('x=plain'), null, 'a sibling host can set the one without the prefix');
    assert.equal(read('x=plain; __Host-x=ours'), 'ours');
    assert.equal(read(`__Host-x=ours; y=${'z'.repeat(9000)}`), null);
    assert.equal(secure.read({ headers: { cookie: '__proto__=1' } } as never, 'constructor'), null);
  });
});

describe('A text of the catalogue', () => {
  const t = translator(new Map([['a', 'Hello {name}, {count} {missing} {constructor}']]));
  it('is filled with what it is given and nothing else', () => {
    assert.equal(t('a', { name: '{count}', count: 2 }), 'Hello {count}, 2 {missing} {constructor}');
    assert.equal(t('b'), 'b');
  });
});

describe('A moment in words', () => {
  const now = new Date('2026-03-01T12:00:00Z');
  const format = dateTimeFormatter({ lang: 'en', timeZone: 'UTC', now: () => now });
  for (const [seconds, text] of [
    [0, 'now'],
    [30, 'in 30 seconds'],
    [-59, '59 seconds ago'],
    [60, 'in 1 minute'],
    [899, 'in 14 minutes'],
    [-3600, '1 hour ago'],
    [86_400, 'tomorrow'],
    [-86_400 * 40, 'last month'],
    [-86_400 * 400, 'last year'],
  ] as const) {
    it(`reads "${text}" ${String(seconds)} seconds off`, () => {
      const moment = format(new Date(now.getTime() + seconds * 1000));
      assert.equal(moment.relative, text);
      assert.match(moment.exact, /202[4-6]/);
      assert.ok(moment.iso.endsWith('Z'));
    });
  }
});

describe('The colour of the brand', () => {
  it('carries the text colour that reads better on it', () => {
    assert.match(brandStylesheet('#000000'), /--brand-text:#ffffff/);
    assert.match(brandStylesheet('#ffff00'), /--brand-text:#111111/);
  });
});

describe('The log', () => {
  const lines: string[] = [];
  const log = createLog(
    'debug',
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString());
        done();
      },
    }),
  );
  const last = () => lines.at(-1) ?? '';

  it('cuts fields that are named like secrets, also inside others', () => {
    for (const name of [
      'password',
      'secret',
      'code',
      'token',
      'cookie',
      'authorization',
      '_csrf',
      'otpauth',
      'hash',
      'pepper',
      'uri',
    ]) {
      log.info({ [name]: 'canary', inner: { [name]: 'canary', deeper: { [name]: 'canary' } } }, 'x');
      assert.doesNotMatch(last(), /canary/, name);
    }
  });

  it('keeps of an error its name, code and message, cleaned of addresses with passwords, and of its causes too', () => {
    const cause = Object.assign(new Error('connect mongodb://user:canary1@db.example/x failed'), {
      code: 'ECONN',
      query: { password: 'canary2' },
    });
    log.error({ err: Object.assign(new Error('outer', { cause }), { document: 'canary3' }) }, 'x');
    assert.doesNotMatch(last(), /canary/);
    assert.match(last(), /ECONN/);
    assert.match(last(), /db\.example/);
    log.error({ err: 'canary4' }, 'x');
    assert.doesNotMatch(last(), /canary/);
  });

  it('writes one JSON object a line', () => {
    log.info({ name: 'a\nb\u2028{"level":"fatal"}' }, 'text\nwith a break');
    assert.equal(last().trim().split('\n').length, 1);
    assert.equal((JSON.parse(last()) as { level: string }).level, 'info');
  });
});
