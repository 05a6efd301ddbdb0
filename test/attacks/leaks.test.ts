// The attack: somebody reads the log, the audit, the stored sessions or an error page and finds a password, a secret, a code, a token
// or a cookie in it.
// LOG-2, LOG-3, SES-15, AZ-6, REC-5.
import assert from 'node:assert/strict';
import { openTestPortal, type TestPortal } from '../support/portal.ts';
import type { Answer } from '../support/http.ts';
import { authenticator, authenticatorId, describeWithAuthenticator } from './support/authenticator.ts';
import { dumpDatabase } from './support/database.ts';
import {
  addMember,
  challengePath,
  codeNow,
  giveCode,
  halfway,
  signInByPassword,
  signInFully,
} from './support/people.ts';

/** Every form in which a value could be written down. */
function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  return [
    ...new Set([
      value,
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
      bytes.toString('base64').replace(/=+$/, ''),
      bytes.toString('base64url'),
      bytes.toString('hex'),
    ]),
  ];
}

describeWithAuthenticator('Canaries', () => {
  it('that were typed, shown or sent are in no log line, audit row, stored sign-in or error page', async () => {
    const portal = await openTestPortal();
    try {
      const pages: Answer[] = [];
      const canaries = new Map<string, string>();
      const typed = 'canary harbour lantern 77 ö';
      canaries.set('password', typed).set('wrong password', 'wrong canary of a password');
      const token = (await portal.setUp.newToken()) ?? '';
      canaries.set('set-up token', token);
      const visitor = portal.visitor();
      await visitor.get(`/set-up/${token}`);
      pages.push(
        await visitor.submit(
          '/set-up',
          { name: 'Ada', email: 'ada@example.com', password: 'canaryshort' },
          { from: '/set-up' },
        ),
      );
      canaries.set('refused password', 'canaryshort');
      await visitor.submit('/set-up', { name: 'Ada', email: 'ada@example.com', password: typed }, { from: '/set-up' });
      const home = `/account/factors/${authenticatorId}`;
      const setUp = await visitor.get(home);
      const secret = /secret=([A-Z2-7]+)/.exec(setUp.html)?.[1] ?? '';
      canaries.set('secret', secret);
      const wrong = authenticator().wrongCode({ secret }, portal.clock.now());
      canaries.set('wrong code', wrong);
      await visitor.submit(`${home}/confirm`, { code: wrong }, { from: home });
      const note = (name: string) => {
        for (const [cookie, value] of visitor.cookies) canaries.set(`${name} ${cookie}`, decodeURIComponent(value));
      };
      note('half way');
      canaries.set('csrf', setUp.forms[0]?.hidden.get('_csrf') ?? '');
      const code = authenticator().code({ secret }, portal.clock.now());
      canaries.set('code', code);
      await visitor.submit(`${home}/confirm`, { code }, { from: home });
      note('signed in');
      pages.push(await visitor.get('/staff'), await visitor.get('/account/security'), await visitor.get('/nowhere'));
      await visitor.submit('/sign-out', {}, { from: '/account/security' });
      portal.clock.advance({ seconds: 60 });
      pages.push(
        await visitor.submit(
          '/sign-in',
          { email: 'ada@example.com', password: 'wrong canary of a password' },
          { from: '/sign-in' },
        ),
      );
      await visitor.submit('/sign-in', { email: 'ada@example.com', password: typed }, { from: '/sign-in' });
      pages.push(await giveCode(visitor, wrong));
      pages.push(await giveCode(visitor, `${code} `));
      pages.push(await visitor.get(challengePath));
      await giveCode(visitor, authenticator().code({ secret }, portal.clock.now()));
      note('again');
      // Mistakes of people: a password in the field of the address, a form token in an address.
      pages.push(await portal.visitor().get(`/home?password=${encodeURIComponent(typed)}`));

      const log = portal.logLines().join('\n');
      const audit = JSON.stringify(await portal.database.connection.collection('auditEvents').find().toArray());
      const stored = await dumpDatabase(portal, { all: true });
      assert.ok(log.length > 1000 && audit.length > 1000, 'there was something to search');
      for (const [name, value] of canaries) {
        assert.ok(value.length >= 6, `${name} is there`);
        // A code of six digits can be part of a time or an id: only whole numbers count.
        const found = (text: string) =>
          formsOf(value).some((form) =>
            /^\d{6}$/.test(form) ? new RegExp(`(?<![\\w.-])${form}(?![\\w.-])`).test(text) : text.includes(form),
          );
        assert.ok(!found(log), `${name} is in the log`);
        assert.ok(!found(audit), `${name} is in the audit`);
        assert.ok(!found(stored), `${name} is in the database`);
        if (/cookie|gatehouse|csrf/.test(name)) continue;
        for (const page of pages)
          assert.ok(!found(page.html), `${name} is on ${page.url.pathname} (${String(page.status)})`);
      }
    } finally {
      await portal.close();
    }
  });

  it('such as a set-up link are not in the log of a portal whose database is away', async () => {
    const portal = await openTestPortal();
    try {
      const token = (await portal.setUp.newToken()) ?? '';
      const visitor = await signInByPassword(portal, await portal.addPerson());
      await portal.database.connection.close();
      assert.equal((await visitor.get(`/set-up/${token}`)).status, 503);
      assert.ok(!portal.logLines().join('\n').includes(token));
    } finally {
      await portal.close().catch(() => undefined);
    }
  });

  it('such as the secret of a set-up are shown while it runs, and never again', async () => {
    const portal = await openTestPortal();
    try {
      const member = await addMember(portal);
      const visitor = await signInFully(portal, member);
      const [row] = await portal.engine.enrolments.activeOf(member.person.id);
      const id = row?._id.toHexString() ?? '';
      const home = `/account/factors/${authenticatorId}`;
      for (const path of [
        '/home',
        '/account/security',
        `/account/enrolments/${id}/rename`,
        `/account/enrolments/${id}/remove`,
        '/account/confirm',
        home,
      ]) {
        const page = await visitor.get(path);
        assert.equal(page.status, 200, path);
        assert.ok(!page.html.includes(member.device.secret) && !page.html.includes('otpauth:'), path);
      }
      assert.equal((await visitor.get(`${home}/qr.svg`)).status, 404);
      const other = await halfway(portal, member.person);
      assert.ok(!(await other.get(challengePath)).html.includes(member.device.secret));
      assert.ok(!codeNow(portal, member).includes(' '));
    } finally {
      await portal.close();
    }
  });

  it('such as hashes and keys of the database are on no page of staff', async () => {
    const portal: TestPortal = await openTestPortal();
    try {
      const member = await addMember(portal, { kind: 'staff', profile: 'master-admin' });
      const visitor = await signInFully(portal, member);
      for (const path of ['/staff', '/account/security'])
        assert.doesNotMatch((await visitor.get(path)).html, /argon2|v1\.test\.|sessionKey|emailKey/);
    } finally {
      await portal.close();
    }
  });
});
