// The attack: operators, arrays, prototypes, template options, control characters, markup and over-long things are put into every
// field, parameter and header, to change a query, a template, a log line or a page, or to make the portal fall over.
// INJ-1, INJ-2, INJ-3, INJ-4, INJ-5, INJ-6, INJ-7, INJ-9, TOTP-11, REDIR-1.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { openTestPortal, password, signInWith, type TestPortal } from '../support/portal.ts';
import type { Answer, Visitor } from '../support/http.ts';
import { authenticatorId, describeWithAuthenticator } from './support/authenticator.ts';
import { dumpDatabase } from './support/database.ts';
import {
  addMember,
  challengePath,
  codeNow,
  giveCode,
  halfway,
  isSignedIn,
  signInByPassword,
  signInFully,
  type Member,
} from './support/people.ts';
import { sendRaw } from './support/raw.ts';
import { addressOf, dumpRoutes } from './support/routes.ts';

const form = { 'content-type': 'application/x-www-form-urlencoded' };
const refusals = new Set([303, 400, 403, 404, 413, 415, 422, 429]);

const tokenOf = async (visitor: Visitor, path: string) =>
  (await visitor.get(path)).forms.map((one) => one.hidden.get('_csrf')).find((token) => token !== undefined) ?? '';

const post = (visitor: Visitor, path: string, body: string, headers: Record<string, string> = {}) =>
  visitor.request({ method: 'POST', path, body, headers: { ...form, ...headers } });

describeWithAuthenticator('Whatever is put into a form', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
    await portal.setUp.newToken();
  });
  after(() => portal.close());

  /** The fields of a form by the end of its address; a new form is tried with all of them. */
  const fieldsOf: readonly (readonly [RegExp, readonly string[]])[] = [
    // Not there for the customer who asks here: staff's own forms are tried in the tests of their pages.
    [/^\/(?:staff|company)(?:\/|$)/, ['name']],
    [/^\/sign-in$/, ['email', 'password', 'returnTo', '_csrf']],
    [/^\/set-up$/, ['name', 'email', 'password']],
    [/^\/forgot-password$/, ['email', '_csrf']],
    [/^\/(?:reset-password|invitation)$/, ['newPassword', '_csrf']],
    [/^\/(?:invitation\/again|unlock)$/, ['_csrf']],
    [/\/challenge$|\/remove$/, ['code']],
    [/\/methods$|\/enrol$/, ['factor']],
    [/\/new-password$/, ['newPassword']],
    [/^\/account\/confirm$/, ['code', 'password', 'returnTo']],
    [/^\/account\/factors\/[^/]+\/confirm$/, ['code', 'name']],
    [/\/rename$/, ['name']],
    [/^\/account\/password$/, ['password', 'newPassword']],
    [/^\/account\/email$/, ['email']],
    [/^\/account\/preferences$/, ['language', 'timeZone']],
    [/^\/account\/mfa\/disable$/, ['code']],
    [/^\/email\/|^\/account\/email\/cancel$|^\/account\/sessions\/[^/]+\/end$/, ['_csrf']],
    [/^\/account\/factors\/sms$/, ['number', 'country', 'name']],
    [/^\/account\/factors\//, ['code']],
    [/./, ['email', 'password', 'newPassword', 'code', 'name', 'factor', 'returnTo', '_csrf']],
  ];
  const fieldless = ['/sign-out', '/account/sessions/end-others', '/account/enrolments/:id/replace'];
  const operators = ['$ne', '$gt', '$regex', '$where', '__proto__', 'constructor', '', '0'];

  /** Ways to spoil one field, as body text; the other fields stay as they are. */
  function spoilt(name: string): string[] {
    return [
      ...operators.map((operator) => `${encodeURIComponent(`${name}[${operator}]`)}=1`),
      `${encodeURIComponent(`${name}[$ne][x]`)}=1`,
      `${name}=1&${name}=2`,
      `${name}=${encodeURIComponent('{"$ne":null}')}`,
      `${name}=${encodeURIComponent('[object Object]')}`,
      `${name}=${'x'.repeat(10_000)}`,
      `${name}=a%00b`,
      `${name}=a%0d%0aSet-Cookie:%20x=1`,
      `${name}=%ff%fe`,
      `${name}=%ud83d`,
      `${name}=%zz`,
      `${name}.$ne=1`,
      name,
    ];
  }

  it('never makes the portal fail or change anything', async () => {
    const member = await addMember(portal);
    const [row] = await portal.engine.enrolments.activeOf(member.person.id);
    const id = row?._id.toHexString() ?? '';
    const posts = dumpRoutes(portal)
      // These have no fields that decide anything, and do what they are for.
      .filter(({ method, path }) => method === 'POST' && !fieldless.includes(path))
      .map(({ path }) => addressOf(path, { id }));
    const met = new Map<string, number>();
    for (const path of posts) {
      const step = path.startsWith('/sign-in/');
      const anonymous = path === '/sign-in' || path === '/set-up';
      portal.clock.advance({ minutes: 15 });
      const visitor = anonymous
        ? portal.visitor()
        : step
          ? await halfway(portal, member.person)
          : await signInFully(portal, member);
      const token = await tokenOf(visitor, anonymous ? '/sign-in' : step ? challengePath : '/account/security');
      const before = await dumpDatabase(portal);
      const harmless = path.startsWith('/account/factors/') && !/\/(?:confirm|sms)$/.test(path);
      for (const name of fieldsOf.find(([pattern]) => pattern.test(path))?.[1] ?? []) {
        // One parser stands in front of all: a field meets every way once, and some of them in turn on each further form.
        const ways = spoilt(name);
        const turn = met.get(name) ?? 0;
        met.set(name, turn + 1);
        for (const bad of turn === 0 ? ways : ways.filter((_, place) => place % 6 === turn % 6)) {
          const rest = new URLSearchParams(name === '_csrf' ? {} : { _csrf: token });
          const answer = await post(visitor, path, `${rest.toString()}&${bad}`);
          // A form without fields may answer with what it made.
          assert.ok(
            refusals.has(answer.status) || (harmless && answer.status === 200),
            `POST ${path} ${bad.slice(0, 60)}: ${String(answer.status)}`,
          );
          assert.equal(answer.headers['set-cookie']?.some((line) => line.startsWith('x=')) ?? false, false);
        }
        // These forms have no fields: what is put in is not looked at.
        if (harmless) break;
      }
      // A name is free text: "[object Object]" is one, and lands in the name of one's own enrolment and nowhere else.
      const masked = (dump: string) =>
        path.endsWith('/rename') ? dump.replace(/"status":"active","name":"(?:[^"\\]|\\.)*","rev":\d+/g, '') : dump;
      if (!harmless) assert.equal(masked(await dumpDatabase(portal)), masked(before), `POST ${path}`);
    }
  });

  it('sets nothing that the form does not have: not in the database, and not on any object', async () => {
    const ada = await portal.addPerson();
    const more = {
      role: 'admin',
      kind: 'staff',
      profile: 'master-admin',
      masterAdmin: 'true',
      staffWord: 'exempt',
      sessionEpoch: '99',
      disabledAt: '',
      '__proto__[masterAdmin]': '1',
      'constructor[prototype][masterAdmin]': '1',
      __proto__: 'x',
      personId: 'x',
      state: 'satisfied',
      'mfa.enabled': 'false',
    };
    const before = await portal.accounts.byId(ada.id);
    const visitor = portal.visitor();
    await visitor.submit('/sign-in', { email: ada.email, password, ...more }, { from: '/sign-in' });
    const after = await portal.accounts.byId(ada.id);
    assert.deepEqual({ ...after, lastSignInAt: null }, { ...before, lastSignInAt: null });
    assert.equal(Reflect.get({}, 'masterAdmin'), undefined);
    assert.equal(Reflect.get({}, 'role'), undefined);
  });

  it('does not sign in by an operator, a list or a query', async () => {
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    const token = await tokenOf(visitor, '/sign-in');
    const bodies = [
      `email[$ne]=x&password[$ne]=x`,
      `email=${ada.email}&password[$ne]=x`,
      `email=${ada.email}&email=x&password=${password}`,
      `email=${ada.email}&password=${password}&password=${password}`,
      `email=${ada.email}&password[]=${password}`,
      `user=${ada.email}&pass=${password}`,
    ];
    for (const body of bodies) {
      const answer = await post(visitor, '/sign-in', `_csrf=${token}&${body}`);
      assert.ok([400, 422].includes(answer.status), `${body}: ${String(answer.status)}`);
      assert.equal(await isSignedIn(visitor), false);
    }
    for (const query of [
      `?email=${ada.email}&password=${encodeURIComponent(password)}`,
      '?email=x',
      '?password=x',
      '?anything=1',
    ]) {
      const answer = await post(
        visitor,
        `/sign-in${query}`,
        `_csrf=${token}&email=${ada.email}&password=${encodeURIComponent(password)}`,
      );
      assert.equal(answer.status, 400, query);
    }
  });
});

describeWithAuthenticator('A code that is none', () => {
  it('is refused with the same page as a wrong one, and counted, whatever it is', async () => {
    const portal = await openTestPortal();
    try {
      const member = await addMember(portal);
      const digits = codeNow(portal, member);
      const wide = Array.from(digits, (digit) => String.fromCodePoint(0xff10 + Number(digit))).join('');
      const arabic = Array.from(digits, (digit) => String.fromCodePoint(0x0660 + Number(digit))).join('');
      const inputs = [
        '',
        ' ',
        '12345',
        '1234567',
        'abcdef',
        '12345a',
        wide,
        arabic,
        `${digits}x`,
        `0x${digits.slice(0, 4)}`,
        '-12345',
        '+12345',
        '1e5',
        '12.345',
        digits.repeat(2),
        digits + ' '.repeat(100),
        'null',
        'undefined',
        '[object Object]',
        '{"$ne":1}',
        'true',
        '９'.repeat(6),
        '\u202e123456',
        `${digits}\n${digits}`,
      ];
      let visitor = portal.visitor();
      const pages = new Set<string>();
      for (const [index, input] of inputs.entries()) {
        if (index % 9 === 0) {
          portal.clock.advance({ minutes: 15 });
          visitor = await halfway(portal, member.person);
        }
        const answer = await giveCode(visitor, input);
        assert.equal(answer.status, 422, JSON.stringify(input));
        pages.add(answer.text);
        assert.equal(await isSignedIn(visitor), false);
      }
      assert.equal(pages.size, 1, [...pages].join('\n'));
      portal.clock.advance({ minutes: 15 });
      const counted = await halfway(portal, member.person);
      const token = await tokenOf(counted, challengePath);
      const right = encodeURIComponent(codeNow(portal, member));
      const shapes = [`code=${right}&code=${right}`, `code[]=${right}`, `code[$gt]=`, `code[0]=${right}`, 'code', ''];
      for (let count = 0; count < 10; count += 1) {
        const answer = await post(counted, challengePath, `_csrf=${token}&${shapes[count % shapes.length] ?? ''}`);
        assert.equal(answer.status, 422, shapes[count % shapes.length]);
      }
      assert.equal((await giveCode(counted, codeNow(portal, member))).status, 429, 'each of them was a try');
    } finally {
      await portal.close();
    }
  });

  it('is read as people write it: spaces and dashes between the digits', async () => {
    const portal = await openTestPortal();
    try {
      const member = await addMember(portal);
      for (const write of [
        (code: string) => `${code.slice(0, 3)} ${code.slice(3)}`,
        (code: string) => ` ${code.slice(0, 3)}-${code.slice(3)} `,
      ]) {
        portal.clock.advance({ seconds: 60 });
        assert.equal(
          (await giveCode(await halfway(portal, member.person), write(codeNow(portal, member)))).status,
          303,
        );
      }
    } finally {
      await portal.close();
    }
  });
});

describeWithAuthenticator('An address to return to', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  const bad = [
    '//evil.test',
    '///evil.test',
    '/\\evil.test',
    '\\\\evil.test',
    '/%5cevil.test',
    '/%5Cevil.test',
    'https:evil.test',
    'https://evil.test',
    'https://portal@evil.test',
    'evil.test',
    '/%09/evil.test',
    '/\t/evil.test',
    '/.//evil.test',
    '/..//evil.test',
    '/./%2fevil.test',
    '/%2f%2fevil.test',
    '/%2Fevil.test',
    'javascript:alert(1)',
    ' /home',
    '/home\r\nSet-Cookie: x=1',
    '/%0d%0aSet-Cookie:%20x=1',
    '/%00',
    '/home#//evil.test',
    '/x?y=https://evil.test',
    'data:text/html,x',
    '/sign-out',
    '/sign-in',
    '/sign-in/help',
    '/set-up',
    '/set-up/x',
    `/${'x'.repeat(5000)}`,
    '',
    '/é',
    '//',
    '/\u2028',
    '/@evil.test',
    '/:80',
    '{"$ne":1}',
  ];

  it('that is not a plain path of the portal is not followed after the password, the code or a step-up', async () => {
    const ada = await portal.addPerson();
    const member = await addMember(portal);
    for (const returnTo of bad) {
      const visitor = portal.visitor();
      const answer = await visitor.submit('/sign-in', { email: ada.email, password, returnTo }, { from: '/sign-in' });
      assert.equal(answer.location, '/home', returnTo.slice(0, 60));
      const page = await portal
        .visitor()
        .get(`/sign-in?returnTo=${encodeURIComponent(returnTo)}`)
        .catch(() => null);
      assert.equal(page?.forms[0]?.hidden.has('returnTo') ?? false, false, returnTo.slice(0, 60));
    }
    const visitor = await signInFully(portal, member);
    for (const returnTo of bad.slice(0, 8)) {
      portal.clock.advance({ seconds: 30 });
      const answer = await visitor.submit(
        '/account/confirm',
        { code: codeNow(portal, member), returnTo },
        { from: '/account/confirm' },
      );
      assert.equal(answer.location, '/account/security', returnTo);
    }
    portal.clock.advance({ seconds: 30 });
    const second = portal.visitor();
    await second.submit(
      '/sign-in',
      { email: member.person.email, password, returnTo: '//evil.test' },
      { from: '/sign-in' },
    );
    assert.equal((await giveCode(second, codeNow(portal, member))).location, '/home');
  });

  it('given twice is none', async () => {
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    const answer = await visitor.submit(
      '/sign-in',
      { email: ada.email, password, returnTo: ['/account/security', '//evil.test'] },
      { from: '/sign-in' },
    );
    assert.ok(answer.location === '/home' || answer.status === 400);
    const page = await portal.visitor().get('/sign-in?returnTo=/home&returnTo=//evil.test');
    assert.ok(page.status === 200 || page.status === 400);
    assert.equal(page.forms[0]?.hidden.has('returnTo') ?? false, false);
  });

  it('that is one is followed once the sign-in is complete, and kept by the server meanwhile', async () => {
    const member = await addMember(portal);
    portal.clock.advance({ seconds: 30 });
    const visitor = portal.visitor();
    const start = await visitor.get('/account/security?x=1');
    assert.equal(start.location, `/sign-in?returnTo=${encodeURIComponent('/account/security?x=1')}`);
    await visitor.submit('/sign-in', { email: member.person.email, password }, { from: start.location });
    assert.equal((await giveCode(visitor, codeNow(portal, member))).location, '/account/security?x=1');
  });
});

describeWithAuthenticator('Markup in what people type', () => {
  const payloads = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '<svg/onload=alert(1)>',
    '</title><script>alert(1)</script>',
    '{{7*7}}',
    '<%= 7*7 %>',
    '${7*7}',
    'javascript:alert(1)',
    '&lt;script&gt;',
    '`-alert(1)-`',
    '=cmd|x!A1',
  ];

  it('is shown as text on every page that shows it', async () => {
    const portal = await openTestPortal();
    try {
      for (const payload of payloads) {
        const member = await addMember(portal, { name: payload, company: { id: 'c', name: payload } });
        const visitor = await signInFully(portal, member);
        const [row] = await portal.engine.enrolments.activeOf(member.person.id);
        const path = `/account/enrolments/${row?._id.toHexString() ?? ''}`;
        const renamed = await visitor.submit(`${path}/rename`, { name: payload }, { from: `${path}/rename` });
        assert.equal(renamed.status, 303, payload);
        const pages = [
          await visitor.follow(renamed),
          await visitor.get('/home'),
          await visitor.get(`${path}/rename`),
          await visitor.get(`${path}/remove`),
          await visitor.get('/nowhere'),
        ];
        for (const page of pages) assertInert(page, payload);
      }
    } finally {
      await portal.close();
    }
  });

  it('is shown as text where a form is refused, in addresses and in the notice', async () => {
    const portal = await openTestPortal();
    try {
      const visitor = portal.visitor();
      for (const payload of payloads) {
        assertInert(
          await visitor.submit(
            '/sign-in',
            { email: payload, password: 'wrong password number one' },
            { from: '/sign-in' },
          ),
          payload,
        );
        assertInert(await visitor.get(`/sign-in?returnTo=${encodeURIComponent(`/${payload}`)}`), payload);
        assertInert(await visitor.get(`/${encodeURIComponent(payload)}`), payload);
        portal.clock.advance({ minutes: 15 });
      }
      const forged = Buffer.from(JSON.stringify({ kind: 'success', key: '<script>alert(1)</script>' })).toString(
        'base64url',
      );
      for (const value of [`${forged}.${forged}`, forged, `${forged}.`, '.', 'x.y.z', '%00']) {
        visitor.cookies.set('gatehouse-notice', value);
        const page = await visitor.get('/sign-in');
        assert.equal(page.status, 200);
        assertInert(page, 'alert(1)');
      }
    } finally {
      await portal.close();
    }
  });

  function assertInert(page: Answer, payload: string): void {
    assert.notEqual(page.status, 500);
    assert.doesNotMatch(page.html, /<script>|<img src=x|<svg\/onload|onerror=alert\(1\)>|' onmouseover='/, payload);
    assert.doesNotMatch(page.html, /href="javascript:/i);
    if (payload.includes('7*7')) assert.doesNotMatch(page.text, /\b49\b/);
  }

  it('does not hide in a name: signs that turn the reading direction are refused, as other control signs are', async () => {
    const portal = await openTestPortal();
    try {
      const member = await addMember(portal);
      const visitor = await signInFully(portal, member);
      const [row] = await portal.engine.enrolments.activeOf(member.person.id);
      const path = `/account/enrolments/${row?._id.toHexString() ?? ''}/rename`;
      for (const name of ['a\u0007b', 'a\r\nb', 'a\u2028b', 'a\u202eb', 'a\u2066b']) {
        assert.equal((await visitor.submit(path, { name }, { from: path })).status, 422, JSON.stringify(name));
      }
    } finally {
      await portal.close();
    }
  });
});

describe('Options of the template engine in a request', () => {
  it('change nothing of a page', async () => {
    const portal = await openTestPortal();
    try {
      const keys = [
        'settings[view options][outputFunctionName]',
        'settings[view options][client]',
        'settings[view options][escapeFunction]',
        '_locals',
        'cache',
        'client',
        'delimiter',
        'outputFunctionName',
        'debug',
        'compileDebug',
        'escape',
        'filename',
        'localsName',
        't',
        'siteName',
        'pageMode',
        'csrfToken',
      ];
      const query = keys
        .map((key) => `${encodeURIComponent(key)}=${encodeURIComponent('x;process.exit(1);//')}`)
        .join('&');
      const visitor = portal.visitor();
      const plain = (html: string) => html.replace(/name="_csrf" value="[^"]*"/g, '');
      const expected = plain((await visitor.get('/sign-in')).html);
      assert.equal(plain((await visitor.get(`/sign-in?${query}`)).html), expected);
      const token = await tokenOf(visitor, '/sign-in');
      const refused = await post(visitor, '/sign-in', `_csrf=${token}&email=a%40example.com&password=x`);
      const spoilt = await post(visitor, '/sign-in', `_csrf=${token}&email=a%40example.com&password=x&${query}`);
      assert.equal(plain(spoilt.html), plain(refused.html));
    } finally {
      await portal.close();
    }
  });
});

describe('The limits of a request', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('are 16 kB of body, 50 fields, 16 kB of headers and 4 kB of address', async () => {
    const visitor = portal.visitor();
    const token = await tokenOf(visitor, '/sign-in');
    assert.equal((await post(visitor, '/sign-in', `_csrf=${token}&email=${'x'.repeat(20_000)}`)).status, 413);
    assert.equal(
      (
        await post(
          visitor,
          '/sign-in',
          `_csrf=${token}&${Array.from({ length: 60 }, (_, index) => `a${String(index)}=1`).join('&')}`,
        )
      ).status,
      413,
    );
    assert.equal((await visitor.get(`/${'x'.repeat(4100)}`)).status, 400);
    const large = await sendRaw(portal.url, { path: '/sign-in', headers: { 'x-large': 'x'.repeat(20_000) } });
    assert.equal(large.status, 431);
    assert.ok(large.headers['content-security-policy']);
    assert.equal(large.headers['x-content-type-options'], 'nosniff');
  });

  it('refuse compressed bodies and other character sets', async () => {
    const visitor = portal.visitor();
    const token = await tokenOf(visitor, '/sign-in');
    const bomb = gzipSync(Buffer.from(`_csrf=${token}&email=${'x'.repeat(10_000_000)}`));
    const zipped = await visitor.request({
      method: 'POST',
      path: '/sign-in',
      body: bomb,
      headers: { ...form, 'content-encoding': 'gzip' },
    });
    assert.equal(zipped.status, 415);
    for (const charset of ['utf-16', 'utf-7', 'x-unknown']) {
      const answer = await post(visitor, '/sign-in', `_csrf=${token}`, {
        'content-type': `application/x-www-form-urlencoded; charset=${charset}`,
      });
      assert.equal(answer.status, 415, charset);
    }
  });

  it('answer a malformed address with 400 or 404, never with a fault', async () => {
    const signedIn = await signInByPassword(portal, await portal.addPerson());
    for (const path of [
      '/%zz',
      '/%',
      '/account/enrolments/%zz/rename',
      '/account/enrolments/%E0%A4%A/rename',
      '/set-up/%zz',
      '/assets/%zz',
      '/assets/%00',
      '/x%00',
      '/%c0%ae%c0%ae/',
      '/assets/..%2f..%2fpackage.json',
      '/assets/../package.json',
      '/.git/config',
      '/.env',
      '/package.json',
      '/server.ts',
      '/assets/.hidden',
    ]) {
      for (const as of [undefined, signedIn]) {
        const answer = await sendRaw(portal.url, { path, ...(as ? { as } : {}) });
        assert.ok([303, 400, 403, 404].includes(answer.status), `${path}: ${String(answer.status)}`);
        if (as) assert.ok(answer.status === 400 || answer.status === 404, `${path}: ${String(answer.status)}`);
      }
    }
  });

  it('refuse two lengths and other ways to smuggle a second request', async () => {
    for (const headers of [
      { 'transfer-encoding': 'chunked', 'content-length': '3' },
      { 'transfer-encoding': 'chunked, identity' },
    ]) {
      const answer = await sendRaw(portal.url, {
        method: 'POST',
        path: '/sign-in',
        headers: { ...form, ...headers },
        body: 'a=1',
      }).catch(() => null);
      assert.ok(answer === null || answer.status === 400 || answer.status === 403, String(answer?.status));
    }
  });

  it('survive strange cookies', async () => {
    const ada = await portal.addPerson();
    for (const cookie of [
      'gatehouse=s%3A',
      'gatehouse=%',
      'gatehouse=j:{"a":1}',
      '__proto__=x; gatehouse=1',
      'gatehouse-visit=%00',
      'gatehouse-visit[]=1',
      ';;;=;=',
      'gatehouse-notice=a.b',
      `gatehouse-visit=${'x'.repeat(9000)}`,
      'constructor=1; gatehouse-set-up={"$ne":1}',
    ]) {
      for (const path of ['/sign-in', '/set-up', '/home']) {
        const answer = await sendRaw(portal.url, { path, headers: { cookie } });
        assert.ok([200, 303, 403].includes(answer.status), `${cookie.slice(0, 40)} ${path}: ${String(answer.status)}`);
      }
    }
    assert.equal((await signInWith(portal.visitor(), ada.email)).status, 303);
  });

  it('keep every log line one line, whatever the client sends', async () => {
    const visitor = portal.visitor();
    await visitor.submit(
      '/sign-in',
      { email: 'a"\u2028}\\n{"level":"fatal"@example.com', password: 'wrong password number one' },
      { from: '/sign-in', headers: { 'user-agent': 'x","level":"fatal' } },
    );
    for (const line of portal.logLines()) {
      const parsed = JSON.parse(line) as { level: string };
      assert.notEqual(parsed.level, 'fatal');
    }
  });
});

describeWithAuthenticator('The choice of another way', () => {
  it('takes only factors that the person has', async () => {
    const portal = await openTestPortal();
    try {
      const member: Member = await addMember(portal);
      const visitor = await halfway(portal, member.person);
      for (const factor of [
        '',
        'none',
        '__proto__',
        'constructor',
        'local',
        `${authenticatorId} `,
        authenticatorId.toUpperCase(),
        'x'.repeat(50),
      ]) {
        const answer = await visitor.submit(
          '/sign-in/methods',
          { factor, _csrf: await tokenOf(visitor, challengePath) },
          { hidden: false },
        );
        assert.equal(answer.status, 403, factor);
      }
      assert.equal(
        (await visitor.submit('/sign-in/methods', { factor: authenticatorId }, { from: '/sign-in/methods' })).location,
        challengePath,
      );
    } finally {
      await portal.close();
    }
  });
});
