// The attack: another site makes a signed-in browser send one of our forms, with no token, or with one that the attacker got in a
// session of their own; or finds a page that changes something on a plain GET.
// CSRF-1, CSRF-2, CSRF-3, CSRF-4, CSRF-5.
import assert from 'node:assert/strict';
import { openTestPortal, signInWith, type TestPortal } from '../support/portal.ts';
import type { Visitor } from '../support/http.ts';
import { authenticatorId, describeWithAuthenticator } from './support/authenticator.ts';
import { assertUnchanged, auditEvents, dumpDatabase } from './support/database.ts';
import { addMember, halfway, signInFully, type Member } from './support/people.ts';
import { sendRaw } from './support/raw.ts';
import { addressOf, dumpRoutes } from './support/routes.ts';

const form = { 'content-type': 'application/x-www-form-urlencoded' };

describeWithAuthenticator('A form from another site', () => {
  let portal: TestPortal;
  let member: Member;
  let signedIn: Visitor;
  let enrolmentId: string;
  before(async () => {
    portal = await openTestPortal();
    await portal.setUp.newToken();
    member = await addMember(portal);
    signedIn = await signInFully(portal, member);
    const [row] = await portal.engine.enrolments.activeOf(member.person.id);
    enrolmentId = row?._id.toHexString() ?? '';
  });
  after(() => portal.close());

  const tokenOf = async (visitor: Visitor, path: string) => {
    const page = await visitor.get(path);
    return page.forms.map((one) => one.hidden.get('_csrf')).find((token) => token !== undefined) ?? '';
  };

  /** What a right form might say: every field that any of our forms has. */
  const fields = {
    email: 'eve@example.com',
    password: 'quiet harbour lantern 42',
    newPassword: 'quiet harbour lantern 43',
    code: '123456',
    name: 'Eve',
    factor: authenticatorId,
  };

  const posts = () =>
    dumpRoutes(portal)
      // Providers' calls carry no cookie that a form could ride on; each is signed (a factor's own tests try that).
      .filter(({ method, path }) => method === 'POST' && !path.startsWith('/callbacks/'))
      .map(({ path }) => addressOf(path, { id: enrolmentId }));

  /** The browsers that the forms are sent from: nobody, half signed in, signed in; each with a token of its own. */
  async function victims(): Promise<Record<string, Visitor>> {
    const required = await portal.addPerson({ staffWord: 'required' });
    return { nobody: portal.visitor(), 'half signed in': await halfway(portal, required), 'signed in': signedIn };
  }

  const send = (visitor: Visitor, path: string, tokens: readonly string[], headers: Record<string, string> = {}) => {
    const body = new URLSearchParams(fields);
    for (const token of tokens) body.append('_csrf', token);
    return visitor.request({ method: 'POST', path, body: body.toString(), headers: { ...form, ...headers } });
  };

  it('is refused without its token, with an empty, a made-up, a foreign, a cut, a doubled one, and changes nothing', async () => {
    const other = await signInFully(portal, await addMember(portal));
    const foreign = await tokenOf(other, '/account/security');
    const anonymous = await tokenOf(portal.visitor(), '/sign-in');
    for (const [who, visitor] of Object.entries(await victims())) {
      const own = await tokenOf(
        visitor,
        who === 'signed in'
          ? '/account/security'
          : who === 'nobody'
            ? '/sign-in'
            : `/account/factors/${authenticatorId}`,
      );
      assert.notEqual(own, '', who);
      const swapped = own.slice(0, -1) + (own.endsWith('A') ? 'B' : 'A');
      const forgeries: readonly (readonly string[])[] = [
        [],
        [''],
        ['x'],
        [foreign],
        [anonymous],
        [own.slice(0, -1)],
        [`${own}A`],
        [own.slice(0, 22)],
        [own, own],
        ['', own],
        [swapped.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))],
        [`${'A'.repeat(22)}.${'A'.repeat(43)}`],
      ];
      await assertUnchanged(
        portal,
        async () => {
          for (const [place, path] of posts().entries()) {
            // One guard stands in front of all: each route meets no token, a foreign one, and one of the others in turn.
            const turn = forgeries.filter((_, index) => index === place % forgeries.length);
            for (const tokens of [[], [foreign], ...turn]) {
              const answer = await send(visitor, path, tokens);
              assert.equal(answer.status, 403, `${who}: POST ${path} with ${JSON.stringify(tokens)}`);
            }
            if (place % 3 !== 0) continue;
            const inAddress = await send(visitor, `${path}?_csrf=${encodeURIComponent(own)}`, []);
            assert.equal(inAddress.status, 403, `${who}: POST ${path} with the token in the address`);
          }
        },
        who,
      );
    }
  });

  it('is refused with the token of an earlier session of the same browser', async () => {
    const visitor = portal.visitor();
    const before = await tokenOf(visitor, '/sign-in');
    await signInFully(portal, member, visitor);
    const first = await tokenOf(visitor, '/account/security');
    await assertUnchanged(
      portal,
      async () => {
        for (const path of posts()) assert.equal((await send(visitor, path, [before])).status, 403, path);
      },
      'the token from before the sign-in',
    );
    await visitor.submit('/sign-out', {}, { from: '/account/security' });
    await signInFully(portal, member, visitor);
    const stored = await dumpDatabase(portal);
    for (const path of posts()) assert.equal((await send(visitor, path, [first])).status, 403, path);
    assert.equal(await dumpDatabase(portal), stored);
    signedIn = visitor;
  });

  it('is refused where browser or origin say that it comes from elsewhere, even with a right token', async () => {
    const token = await tokenOf(signedIn, '/account/security');
    const origin = new URL(portal.url).origin;
    const refused: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', origin },
      { 'sec-fetch-site': 'rubbish' },
      { 'sec-fetch-site': '', origin: 'https://evil.test' },
    ];
    // Where Sec-Fetch-Site is absent (an old browser), Origin decides.
    const originAlone = [
      'https://evil.test',
      'null',
      `${origin}.evil.test`,
      origin.replace('http:', 'https:'),
      `${origin}:1`,
      '',
    ];
    await assertUnchanged(
      portal,
      async () => {
        for (const path of posts()) {
          for (const headers of refused)
            assert.equal(
              (await send(signedIn, path, [token], headers)).status,
              403,
              `${path} ${JSON.stringify(headers)}`,
            );
          for (const given of originAlone) {
            const body = new URLSearchParams({ ...fields, _csrf: token }).toString();
            const answer = await sendRaw(portal.url, {
              method: 'POST',
              path,
              body,
              as: signedIn,
              headers: { ...form, origin: given },
            });
            assert.equal(answer.status, 403, `${path} with Origin: ${given}`);
          }
        }
      },
      'a request from elsewhere',
    );
  });

  it('is let through where both headers are absent and the token is right, for browsers that send neither', async () => {
    const visitor = portal.visitor();
    const token = await tokenOf(visitor, '/sign-in');
    const body = new URLSearchParams({
      email: 'nobody@example.com',
      password: 'quiet harbour lantern 42',
      _csrf: token,
    }).toString();
    const answer = await sendRaw(portal.url, { method: 'POST', path: '/sign-in', body, as: visitor, headers: form });
    assert.equal(answer.status, 422);
  });

  it('is refused as JSON, text, multipart or without a type', async () => {
    const token = await tokenOf(signedIn, '/account/security');
    await assertUnchanged(
      portal,
      async () => {
        for (const path of posts()) {
          for (const type of [
            'application/json',
            'text/plain',
            'multipart/form-data; boundary=x',
            'application/xml',
            undefined,
          ]) {
            const body =
              type === 'application/json'
                ? JSON.stringify({ ...fields, _csrf: token })
                : new URLSearchParams({ ...fields, _csrf: token }).toString();
            const headers = type === undefined ? {} : { 'content-type': type };
            const answer = await sendRaw(portal.url, { method: 'POST', path, body, as: signedIn, headers });
            assert.equal(answer.status, 415, `${path} as ${String(type)}`);
          }
        }
      },
      'another content type',
    );
  });

  it('is noted in the audit', async () => {
    const before = (await auditEvents(portal)).length;
    await send(signedIn, '/sign-out', []);
    const events = (await auditEvents(portal)).slice(before);
    assert.deepEqual(events, ['csrf.refused']);
  });
});

describeWithAuthenticator('A GET', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('changes nothing that is stored, whoever asks, on any page', async () => {
    const member = await addMember(portal);
    const staff = await addMember(portal, { kind: 'staff', profile: 'master-admin' });
    const [row] = await portal.engine.enrolments.activeOf(member.person.id);
    const id = row?._id.toHexString() ?? '';
    const visitors: Record<string, Visitor> = {
      nobody: portal.visitor(),
      'half signed in': await halfway(portal, member.person),
      'about to enrol': await halfway(portal, await portal.addPerson({ staffWord: 'required' })),
      contact: await signInFully(portal, member),
      staff: await signInFully(portal, staff),
    };
    const addresses = [
      ...new Set(dumpRoutes(portal).map(({ path }) => addressOf(path, { id, token: 'x'.repeat(43) }))),
    ];
    for (const [who, visitor] of Object.entries(visitors)) {
      // Compared once for all pages: a difference names the collection and the field, which names the page.
      await assertUnchanged(
        portal,
        async () => {
          for (const [place, address] of addresses.entries()) {
            await visitor.get(address);
            if (place % 3 !== 0) continue;
            await visitor.request({ method: 'HEAD', path: `${address}?_method=POST&_csrf=x` });
          }
        },
        `${who}: a GET`,
      );
    }
  });

  it('is not made a POST by a parameter or a header, nor a POST something else', async () => {
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    await signInWith(visitor, ada.email);
    const page = await visitor.get('/account/security');
    const token = page.forms[0]?.hidden.get('_csrf') ?? '';
    for (const headers of [
      { 'x-http-method-override': 'POST' },
      { 'x-http-method': 'POST' },
      { 'x-method-override': 'POST' },
    ]) {
      await visitor.get(`/sign-out?_method=POST&_csrf=${encodeURIComponent(token)}`, { headers });
    }
    assert.equal((await visitor.get('/account/security')).status, 200, 'still signed in');
    const body = new URLSearchParams({ _csrf: token, _method: 'GET' }).toString();
    const answer = await visitor.request({
      method: 'POST',
      path: '/home',
      body,
      headers: { ...form, 'x-http-method-override': 'GET' },
    });
    assert.equal(answer.status, 404);
  });
});
