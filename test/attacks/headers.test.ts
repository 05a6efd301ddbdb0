// The attack: a page is framed, sniffed, kept by a cache, run with foreign scripts, or its cookies are read, sent elsewhere or set
// by a sibling site; an error tells what the portal is made of.
// HDR-1, CACHE-1, FRAME-1, CSD-1, SES-6, INJ-9, AV-2.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listen } from '../../server.ts';
import { Visitor } from '../support/http.ts';
import { openTestPortal, signInWith, withPortal, type TestPortal } from '../support/portal.ts';
import { withTemporaryFolder } from '../support/temporary-folder.ts';
import { describeWithAuthenticator } from './support/authenticator.ts';
import { addMember, halfway, signInByPassword, signInFully } from './support/people.ts';
import { sendRaw } from './support/raw.ts';
import { addressOf, dumpRoutes } from './support/routes.ts';

const https = { BASE_URL: 'https://portal.example.com', TRUST_PROXY: '1' };
const throughProxy = { 'x-forwarded-proto': 'https', origin: 'https://portal.example.com' };

function assertHeaders(
  headers: IncomingHttpHeaders,
  what: string,
  options: { secure?: boolean; cached?: boolean } = {},
): void {
  const csp = String(headers['content-security-policy'] ?? '');
  for (const part of ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"])
    assert.ok(csp.includes(part), `${what}: ${part} in ${csp}`);
  assert.doesNotMatch(csp, /unsafe-|\*|data:|https?:/, what);
  assert.equal(headers['x-content-type-options'], 'nosniff', what);
  assert.equal(headers['x-frame-options'], 'DENY', what);
  assert.equal(headers['referrer-policy'], 'same-origin', what);
  assert.equal(headers['cross-origin-resource-policy'], 'same-origin', what);
  assert.equal(headers['cross-origin-opener-policy'], 'same-origin', what);
  assert.equal(headers['x-powered-by'], undefined, what);
  assert.equal(headers['server'], undefined, what);
  assert.equal(headers['access-control-allow-origin'], undefined, what);
  assert.equal(headers['etag'], undefined, what);
  if (options.secure === true)
    assert.match(
      String(headers['strict-transport-security']),
      /max-age=(?:3[1-9]|[4-9]\d)\d{6}.*includeSubDomains/,
      what,
    );
  else assert.equal(headers['strict-transport-security'], undefined, what);
  if (options.cached !== true) assert.equal(headers['cache-control'], 'no-store', what);
  const type = headers['content-type'];
  if (type?.startsWith('text/') === true) assert.match(type, /charset=utf-8/i, what);
}

const cachedPaths = new Set(['/brand.css', '/favicon.ico', '/robots.txt']);

for (const secure of [false, true]) {
  describeWithAuthenticator(`The headers of every answer ${secure ? 'over https' : 'over plain http'}`, () => {
    let portal: TestPortal;
    let server: Server;
    let url: string;
    before(async () => {
      portal = await openTestPortal(secure ? { environment: https } : {});
      // A door of its own: with BASE_URL the portal's address is the proxy's.
      server = await listen(portal);
      url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    });
    after(async () => {
      server.closeAllConnections();
      server.close();
      await portal.close();
    });

    const visitor = () => {
      const one = new Visitor(url);
      if (secure) Object.assign(one.headers, throughProxy);
      return one;
    };

    it('hold the page for nobody but its own site, on every route and for everybody', async () => {
      const member = await addMember(portal);
      const staff = await addMember(portal, { kind: 'staff', profile: 'master-admin' });
      const [row] = await portal.engine.enrolments.activeOf(member.person.id);
      const id = row?._id.toHexString() ?? '';
      const visitors = [
        visitor(),
        await halfway(portal, member.person, visitor()),
        await signInFully(portal, member, visitor()),
        await signInFully(portal, staff, visitor()),
      ];
      for (const one of visitors) {
        for (const [place, { method, path }] of dumpRoutes(portal).entries()) {
          if (path === '/sign-out') continue;
          // One middleware stands in front of all: without TLS some of the routes show what it does there.
          if (!secure && place % 4 !== 0) continue;
          const address = addressOf(path, { id, token: 'x'.repeat(43) });
          const answer = await one.request({ method, path: address });
          if (path.endsWith('.svg') && answer.status === 200) continue;
          assertHeaders(answer.headers, `${method} ${address} (${String(answer.status)})`, {
            secure,
            cached: cachedPaths.has(path),
          });
        }
      }
    });

    it('are on every refusal too: 400, 403, 404, 405, 413, 415, 422', async () => {
      const one = visitor();
      const token = (await one.get('/sign-in')).forms[0]?.hidden.get('_csrf') ?? '';
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      const post = (body: string, headers: Record<string, string> = {}) =>
        one.request({ method: 'POST', path: '/sign-in', body, headers: { ...form, ...headers } });
      const answers = {
        400: await one.get(`/${'x'.repeat(4100)}`),
        403: await post('email=x'),
        405: await one.request({ method: 'DELETE', path: '/sign-in' }),
        413: await post(`_csrf=${token}&email=${'x'.repeat(20_000)}`),
        415: await post('{}', { 'content-type': 'application/json' }),
        422: await post(`_csrf=${encodeURIComponent(token)}&email=&password=`),
      };
      for (const [status, answer] of Object.entries(answers)) {
        assert.equal(answer.status, Number(status));
        assertHeaders(answer.headers, status, { secure });
        if (status !== '405') assert.match(answer.html, /<h1[ >]/, `${status} is a whole page`);
      }
      const inside = await signInByPassword(portal, await portal.addPerson(), visitor());
      for (const path of ['/nowhere', '/assets/nowhere.css', '/account/security.css', '/account/security/x.css']) {
        const answer = await inside.get(path);
        assert.equal(answer.status, 404, path);
        assertHeaders(answer.headers, path, { secure });
      }
    });

    it('are on what Node answers itself: 431 and 400', async () => {
      const large = await sendRaw(url, { path: '/sign-in', headers: { 'x-large': 'x'.repeat(20_000) } });
      assert.equal(large.status, 431);
      assertHeaders(large.headers, '431', { secure });
      const malformed = await sendRaw(url, {
        path: '/sign-in',
        method: 'POST',
        headers: { 'transfer-encoding': 'chunked', 'content-length': '5' },
        body: 'x',
      }).catch(() => null);
      if (malformed) {
        assert.equal(malformed.status, 400);
        assertHeaders(malformed.headers, '400', { secure });
      }
    });

    it('let only public files be kept', async () => {
      const page = await visitor().get('/sign-in');
      const [, asset = ''] = /href="(\/assets\/style\.css\?v=[^"]+)"/.exec(page.html) ?? [];
      const answer = await visitor().get(asset);
      assert.equal(answer.status, 200);
      assert.match(String(answer.headers['cache-control']), /immutable/);
      assertHeaders(answer.headers, asset, { secure, cached: true });
    });

    it('set cookies for this host alone that no script reads', async () => {
      const cookies: string[] = [];
      const one = visitor();
      const note = (answer: { headers: IncomingHttpHeaders }) => cookies.push(...(answer.headers['set-cookie'] ?? []));
      note(await one.get('/sign-in'));
      const link = await portal.setUp.newToken().catch(() => null);
      if (link !== null) note(await visitor().get(`/set-up/${link}`));
      const ada = await portal.addPerson();
      note(await signInWith(one, ada.email));
      note(await one.get('/account/security'));
      const left = await one.submit('/sign-out', {}, { from: '/account/security' });
      note(left);
      assert.ok(cookies.length >= 4);
      for (const line of cookies) {
        const [pair = '', ...flags] = line.split(/; */);
        const names = flags.map((flag) => flag.toLowerCase());
        assert.match(pair, secure ? /^__Host-gatehouse/ : /^gatehouse/, line);
        assert.equal(names.includes('secure'), secure, line);
        assert.ok(names.includes('httponly'), line);
        assert.ok(names.includes('samesite=lax'), line);
        assert.ok(names.includes('path=/'), line);
        assert.ok(!names.some((flag) => flag.startsWith('domain')), line);
        assert.ok(line.length <= 4096);
      }
      const sessionName = secure ? '__Host-gatehouse' : 'gatehouse';
      assert.ok(
        cookies.some((line) => line.startsWith(`${sessionName}=s%3A`)),
        'a session cookie was set',
      );
      assert.ok(
        left.headers['set-cookie']?.some((line) => line.startsWith(`${sessionName}=;`)),
        'and expired by name at sign-out',
      );
      assert.equal(left.headers['clear-site-data'], '"cache", "storage"');
    });
  });
}

describeWithAuthenticator('A bug of a factor', () => {
  it('shows a reference that is also in the log, and nothing else', async () => {
    await withTemporaryFolder(async (folder) => {
      const root = fileURLToPath(new URL('../../', import.meta.url));
      mkdirSync(join(folder, 'broken/views'), { recursive: true });
      mkdirSync(join(folder, 'broken/locales'), { recursive: true });
      writeFileSync(
        join(folder, 'broken/locales/en.json'),
        JSON.stringify({ 'broken.name': 'Broken', 'broken.description': 'Broken' }),
      );
      writeFileSync(
        join(folder, 'broken/index.ts'),
        `import { z } from '${root}node_modules/zod/index.js';
         import { Schema } from '${root}node_modules/mongoose/index.js';
         export default {
           id: 'broken', traits: { role: 'primary', order: 1, phishingResistant: false, restricted: false },
           state: new Schema({}, { _id: false }), settings: z.object({}), configure: () => ({}),
           limits: { verify: { tries: 10, windowSeconds: 900 } }, events: [],
           start: (host) => {
             const enrolment = host.router();
             enrolment.get('/', () => { throw new Error('canary-in-the-message'); });
             enrolment.get('/later', async () => { throw Object.assign(new Error('mongodb://user:canary-password@db/x'), { secret: 'canary-field' }); });
             enrolment.get('/text', () => { throw 'canary-text'; });
             return { strategy: { name: 'broken', authenticate() {} }, field: 'x.ejs', enrolment, summarise: async () => null };
           },
         };`,
      );
      await withPortal(
        async (portal) => {
          const visitor = await signInByPassword(portal, await portal.addPerson());
          for (const path of ['', '/later', '/text']) {
            const answer = await visitor.get(`/account/factors/broken${path}`);
            assert.equal(answer.status, 500);
            assertHeaders(answer.headers, '500');
            assert.doesNotMatch(answer.html, /canary|Error:|at .*\.ts|node_modules/);
            const reference = /class="reference">([0-9a-f]+)</.exec(answer.html)?.[1] ?? 'none';
            const lines = portal.logLines().filter((line) => line.includes(`"reference":"${reference}"`));
            assert.equal(lines.length, 1, 'the log has the same reference once');
            assert.doesNotMatch(lines[0] ?? '', /canary-password|canary-field/);
          }
        },
        { factorsFolder: folder },
      );
    });
  });
});

describe('A portal whose database is away', () => {
  it('answers 503 with Retry-After, fails its health check, and lets nobody in', async () => {
    const portal = await openTestPortal();
    try {
      const ada = await portal.addPerson();
      const inside = await signInByPassword(portal, ada);
      const outside = portal.visitor();
      const token = (await outside.get('/sign-in')).forms[0]?.hidden.get('_csrf') ?? '';
      await portal.database.connection.close();
      const began = performance.now();
      const answers = [
        await inside.get('/account/security'),
        await inside.get('/home'),
        await outside.submit(
          '/sign-in',
          { email: ada.email, password: 'quiet harbour lantern 42', _csrf: token },
          { hidden: false },
        ),
      ];
      for (const answer of answers) {
        assert.equal(answer.status, 503, answer.text);
        assert.ok(Number(answer.headers['retry-after']) > 0);
        assertHeaders(answer.headers, '503');
      }
      const health = await outside.get('/healthz');
      assert.equal(health.status, 503);
      assert.equal(health.html, 'fail');
      assert.ok(performance.now() - began < 12_000);
    } finally {
      await portal.close().catch(() => undefined);
    }
  });

  it('says so within seconds when the database takes connections and never answers', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    try {
      const { openDatabase } = await import('../../modules/platform/mongo.ts');
      const { createLog } = await import('../../modules/platform/log.ts');
      const address = silent.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const opening = openDatabase({
        uri: `mongodb://127.0.0.1:${String(port)}/x`,
        dataDir: '',
        log: createLog('silent'),
      });
      await assert.rejects(opening, /./);
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });
});
