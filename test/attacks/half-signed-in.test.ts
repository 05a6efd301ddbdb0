// The attack: with a stolen password and nothing else, somebody asks for every page and sends every form, in every spelling of its
// address, to find one that forgot to ask for the second step.
// SES-3, SES-5, AZ-1, AZ-5, INJ-9.
import assert from 'node:assert/strict';
import type { Answer, Visitor } from '../support/http.ts';
import { openTestPortal, signInWith, type TestPortal } from '../support/portal.ts';
import { describeWithAuthenticator } from './support/authenticator.ts';
import { addMember, halfway, signInFully, type Member } from './support/people.ts';
import { sendRaw } from './support/raw.ts';
import { driverIds } from '../support/driver.ts';
import { addressOf, dumpRoutes } from './support/routes.ts';

/** Who may have an answer of its own from a route without being signed in; everybody else is sent to their next step or refused. */
type Openness = 'all' | 'challenge' | 'enrol' | 'signed-in';

// Written by hand on purpose: a new route fails here until somebody has decided who may use it.
const allowed: Readonly<Record<string, Openness>> = {
  'GET /brand.css': 'all',
  'GET /favicon.ico': 'all',
  'GET /robots.txt': 'all',
  'GET /healthz': 'all',
  'GET /healthz/detail': 'all',
  'GET /': 'all',
  'GET /dev/outbox': 'all',
  'GET /dev/outbox.json': 'all',
  'GET /dev/gallery': 'all',
  'GET /dev/gallery/:sample.html': 'all',
  'GET /dev/gallery/:sample': 'all',
  'GET /sign-in': 'all',
  'POST /sign-in': 'all',
  'POST /sign-out': 'all',
  'GET /set-up/:token': 'all',
  'GET /set-up': 'all',
  'POST /set-up': 'all',
  'GET /forgot-password': 'all',
  'POST /forgot-password': 'all',
  'GET /forgot-password/sent': 'all',
  'GET /reset-password/:token': 'all',
  'GET /reset-password': 'all',
  'POST /reset-password': 'all',
  'GET /invitation/:token': 'all',
  'GET /invitation': 'all',
  'POST /invitation': 'all',
  'GET /invitation/again': 'all',
  'POST /invitation/again': 'all',
  'GET /unlock/:token': 'all',
  'GET /unlock': 'all',
  'POST /unlock': 'all',
  'GET /email/confirm/:token': 'all',
  'GET /email/confirm': 'all',
  'POST /email/confirm': 'all',
  'GET /email/undo/:token': 'all',
  'GET /email/undo': 'all',
  'POST /email/undo': 'all',
  'GET /sign-in/challenge': 'challenge',
  'POST /sign-in/challenge': 'challenge',
  'GET /sign-in/methods': 'challenge',
  'POST /sign-in/methods': 'challenge',
  'GET /sign-in/enrol': 'enrol',
  'POST /sign-in/enrol': 'enrol',
  'GET /sign-in/blocked': 'challenge',
  'GET /sign-in/help': 'challenge',
  'GET /sign-in/done': 'challenge',
  'POST /sign-in/done': 'challenge',
  'GET /sign-in/new-password': 'signed-in',
  'POST /sign-in/new-password': 'signed-in',
  'GET /account/security': 'signed-in',
  'GET /account/enrolments/:id/rename': 'signed-in',
  'POST /account/enrolments/:id/rename': 'signed-in',
  'GET /account/enrolments/:id/remove': 'signed-in',
  'POST /account/enrolments/:id/remove': 'signed-in',
  'GET /account/enrolments/:id/replace': 'signed-in',
  'POST /account/enrolments/:id/replace': 'signed-in',
  'GET /account/confirm': 'signed-in',
  'POST /account/confirm': 'signed-in',
  'GET /account/confirm/methods': 'signed-in',
  'POST /account/confirm/methods': 'signed-in',
  'GET /account/mfa/enable': 'signed-in',
  'GET /account/mfa/disable': 'signed-in',
  'POST /account/mfa/disable': 'signed-in',
  'GET /account/sessions': 'signed-in',
  'POST /account/sessions/end-others': 'signed-in',
  'POST /account/sessions/:id/end': 'signed-in',
  'GET /account/password': 'signed-in',
  'POST /account/password': 'signed-in',
  'GET /account/email': 'signed-in',
  'POST /account/email': 'signed-in',
  'POST /account/email/cancel': 'signed-in',
  'GET /account/preferences': 'signed-in',
  'POST /account/preferences': 'signed-in',
  'GET /account/factors/totp': 'enrol',
  'GET /account/factors/totp/qr.svg': 'enrol',
  'POST /account/factors/totp': 'enrol',
  'POST /account/factors/totp/start-again': 'enrol',
  'POST /account/factors/totp/confirm': 'enrol',
  'POST /account/factors/totp/next': 'enrol',
  'GET /account/factors/totp/code': 'enrol',
  'POST /account/factors/totp/verify': 'enrol',
  'GET /account/factors/totp/enable': 'enrol',
  'POST /account/factors/totp/enable': 'enrol',
  'POST /account/factors/totp/cancel': 'enrol',
  'GET /account/factors/sms': 'enrol',
  'POST /account/factors/sms': 'enrol',
  'POST /account/factors/sms/send': 'enrol',
  'POST /account/factors/sms/confirm': 'enrol',
  'POST /account/factors/sms/enable': 'enrol',
  'POST /account/factors/sms/cancel': 'enrol',
  'GET /account/factors/sms/change': 'signed-in',
  'POST /account/factors/sms/change': 'signed-in',
  'GET /staff/factors/sms': 'signed-in',
  'GET /staff/factors/sms/messages': 'signed-in',
  'GET /staff/factors/sms/prices': 'signed-in',
  'POST /staff/factors/sms/prices': 'signed-in',
  'GET /staff/factors/sms/stop': 'signed-in',
  'POST /staff/factors/sms/stop': 'signed-in',
  'GET /staff/factors/sms/resume': 'signed-in',
  'POST /staff/factors/sms/resume': 'signed-in',
  'GET /callbacks/sms/:gateway': 'all',
  'POST /callbacks/sms/:gateway': 'all',
  'GET /account/factors/backup-codes': 'signed-in',
  'POST /account/factors/backup-codes': 'signed-in',
  'POST /account/factors/backup-codes/download': 'signed-in',
  'GET /home': 'signed-in',
  'POST /home/not-now': 'signed-in',
  'GET /company': 'signed-in',
  'GET /company/invite': 'signed-in',
  'POST /company/invite': 'signed-in',
  'GET /company/users/:id': 'signed-in',
  'POST /company/users/:id/requirement': 'signed-in',
  'GET /company/users/:id/disable': 'signed-in',
  'POST /company/users/:id/disable': 'signed-in',
  'GET /company/users/:id/enable': 'signed-in',
  'POST /company/users/:id/enable': 'signed-in',
  'GET /company/users/:id/reset-mfa': 'signed-in',
  'POST /company/users/:id/reset-mfa': 'signed-in',
  'GET /company/users/:id/give-admin': 'signed-in',
  'POST /company/users/:id/give-admin': 'signed-in',
  'GET /company/users/:id/take-admin': 'signed-in',
  'POST /company/users/:id/take-admin': 'signed-in',
  'GET /staff/settings': 'signed-in',
  'GET /staff/settings/policy': 'signed-in',
  'GET /staff/settings/staff': 'signed-in',
  'GET /staff/settings/policy/preview': 'signed-in',
  'POST /staff/settings/policy/preview': 'signed-in',
  'GET /staff/settings/staff/preview': 'signed-in',
  'POST /staff/settings/staff/preview': 'signed-in',
  'GET /staff/settings/:audience/save': 'signed-in',
  'POST /staff/settings/:audience/save': 'signed-in',
  'GET /staff/settings/history': 'signed-in',
  'GET /staff/settings/history/:version/preview': 'signed-in',
  'POST /staff/settings/history/:version/preview': 'signed-in',
  'GET /staff/settings/staff/history': 'signed-in',
  'GET /staff/settings/staff/history/:version/preview': 'signed-in',
  'POST /staff/settings/staff/history/:version/preview': 'signed-in',
  'GET /staff/settings/portal': 'signed-in',
  'POST /staff/settings/portal': 'signed-in',
  'GET /staff/settings/groups': 'signed-in',
  'POST /staff/settings/groups': 'signed-in',
  'GET /staff/settings/groups/:id': 'signed-in',
  'POST /staff/settings/groups/:id': 'signed-in',
  'POST /staff/settings/groups/:id/remove': 'signed-in',
  'GET /staff/settings/groups/:id/companies': 'signed-in',
  'POST /staff/settings/groups/:id/companies': 'signed-in',
  'POST /staff/settings/groups/:id/companies/:company/remove': 'signed-in',
  'GET /staff/settings/profiles': 'signed-in',
  'GET /staff/settings/profiles/add': 'signed-in',
  'POST /staff/settings/profiles/add': 'signed-in',
  'GET /staff/settings/profiles/:id': 'signed-in',
  'POST /staff/settings/profiles/:id': 'signed-in',
  'GET /staff/settings/profiles/:id/remove': 'signed-in',
  'POST /staff/settings/profiles/:id/remove': 'signed-in',
  'GET /staff': 'signed-in',
  'GET /staff/customers': 'signed-in',
  'GET /staff/customers/add': 'signed-in',
  'POST /staff/customers/add': 'signed-in',
  'GET /staff/customers/announce': 'signed-in',
  'POST /staff/customers/announce': 'signed-in',
  'GET /staff/customers/:id': 'signed-in',
  'GET /staff/customers/:id/contacts/add': 'signed-in',
  'POST /staff/customers/:id/contacts/add': 'signed-in',
  'GET /staff/contacts/:id': 'signed-in',
  'GET /staff/contacts/:id/login-details': 'signed-in',
  'POST /staff/contacts/:id/login-details': 'signed-in',
  'GET /staff/contacts/:id/reset-mfa': 'signed-in',
  'POST /staff/contacts/:id/reset-mfa': 'signed-in',
  'GET /staff/contacts/:id/disable': 'signed-in',
  'POST /staff/contacts/:id/disable': 'signed-in',
  'GET /staff/contacts/:id/company-requirement': 'signed-in',
  'POST /staff/contacts/:id/company-requirement': 'signed-in',
  'GET /staff/contacts/:id/keep-disabled': 'signed-in',
  'POST /staff/contacts/:id/keep-disabled': 'signed-in',
  'GET /staff/contacts/:id/enable': 'signed-in',
  'POST /staff/contacts/:id/enable': 'signed-in',
  'GET /staff/contacts/:id/end-sessions': 'signed-in',
  'POST /staff/contacts/:id/end-sessions': 'signed-in',
  'POST /staff/contacts/:id/unlock': 'signed-in',
  'POST /staff/contacts/:id/invitation/resend': 'signed-in',
  'POST /staff/contacts/:id/invitation/revoke': 'signed-in',
  'GET /staff/users': 'signed-in',
  'GET /staff/users/add': 'signed-in',
  'POST /staff/users/add': 'signed-in',
  'GET /staff/users/:id': 'signed-in',
  'POST /staff/users/:id/unlock': 'signed-in',
  'POST /staff/users/:id/invitation/resend': 'signed-in',
  'POST /staff/users/:id/invitation/revoke': 'signed-in',
  'GET /staff/users/:id/details': 'signed-in',
  'POST /staff/users/:id/details': 'signed-in',
  'GET /staff/users/:id/profile': 'signed-in',
  'POST /staff/users/:id/profile': 'signed-in',
  'GET /staff/users/:id/reset-mfa': 'signed-in',
  'POST /staff/users/:id/reset-mfa': 'signed-in',
  'GET /staff/users/:id/disable': 'signed-in',
  'POST /staff/users/:id/disable': 'signed-in',
  'GET /staff/users/:id/enable': 'signed-in',
  'POST /staff/users/:id/enable': 'signed-in',
  'GET /staff/users/:id/end-sessions': 'signed-in',
  'POST /staff/users/:id/end-sessions': 'signed-in',
  'GET /staff/users/:id/remove': 'signed-in',
  'POST /staff/users/:id/remove': 'signed-in',
  'GET /staff/audit': 'signed-in',
  'GET /staff/mail': 'signed-in',
  'POST /staff/mail/retry': 'signed-in',
  'POST /staff/mail/:id/retry': 'signed-in',
};

/** Words that only a page for the signed-in has. */
const signedInWords = /Hello, |menu-panel|Last sign-in|Last changed|Remove Authenticator|Set up another|Rename /;

describeWithAuthenticator('Somebody who has only the password', () => {
  let portal: TestPortal;
  let enrolled: Member;
  let enrolmentId: string;
  before(async () => {
    portal = await openTestPortal();
    enrolled = await addMember(portal);
    const [row] = await portal.engine.enrolments.activeOf(enrolled.person.id);
    enrolmentId = row?._id.toHexString() ?? '';
  });
  after(() => portal.close());

  /** Half signed in, with a form token that is right for it. */
  async function withToken(visitor: Visitor): Promise<{ visitor: Visitor; token: string }> {
    for (const path of ['/sign-in/help', '/sign-in', '/sign-in/challenge']) {
      const page = await visitor.get(path);
      const token = page.forms.map((form) => form.hidden.get('_csrf')).find((value) => value !== undefined);
      if (token !== undefined) return { visitor, token };
    }
    return { visitor, token: '' };
  }

  async function ask(visitor: Visitor, method: string, path: string, token: string): Promise<Answer> {
    if (method !== 'POST') return visitor.request({ method, path });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return visitor.request({ method, path, body: new URLSearchParams({ _csrf: token }).toString(), headers });
  }

  function assertShut(answer: Answer, what: string): void {
    const { location, status } = answer;
    const sent = status === 303 && location !== undefined && /^\/(?:sign-in(?:[/?]|$)|$)/.test(location);
    assert.ok(
      sent || status === 403 || status === 404 || status === 405,
      `${what}: ${String(status)} ${location ?? ''}`,
    );
    assert.doesNotMatch(answer.html, signedInWords, what);
  }

  /** False for the routes of a factor whose folder was taken out. */
  const isInstalled = (route: string) => {
    const [, factor] = /\/(?:factors|callbacks)\/([a-z0-9-]+)/.exec(route) ?? [];
    return factor === undefined || driverIds().includes(factor);
  };

  it('finds no route that nobody has decided about', () => {
    const routes = dumpRoutes(portal).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(
      routes.filter((route) => !(route in allowed)),
      [],
      'Decide who may use these, and add them to the list.',
    );
    assert.deepEqual(
      Object.keys(allowed).filter((route) => !routes.includes(route) && isInstalled(route)),
      [],
      'Take these out of the list.',
    );
  });

  it('is told of by a list of routes whose addresses are the ones that the portal answers', () => {
    const odd = portal.routes().filter(({ path }) => !/^\/(?!\/)/.test(path));
    assert.deepEqual(odd, []);
  });

  const visitors: Record<string, { opens: readonly Openness[]; make: () => Promise<Visitor> }> = {
    'without a session': { opens: ['all'], make: () => Promise.resolve(portal.visitor()) },
    'with the password of an enrolled person': {
      opens: ['all', 'challenge'],
      make: () => halfway(portal, enrolled.person),
    },
    'with the password of a person who must enrol': {
      opens: ['all', 'enrol', 'challenge'],
      make: async () => halfway(portal, await portal.addPerson({ staffWord: 'required' })),
    },
    'with the password of staff who must enrol': {
      opens: ['all', 'enrol', 'challenge'],
      make: async () => halfway(portal, await portal.addPerson({ kind: 'staff', profile: 'master-admin' })),
    },
  };

  for (const [who, { opens, make }] of Object.entries(visitors)) {
    it(`gets nothing of the portal's pages ${who}`, async () => {
      let current = await withToken(await make());
      for (const { method, path } of dumpRoutes(portal)) {
        const openness = allowed[`${method} ${path}`] ?? 'signed-in';
        const address = addressOf(path, { id: enrolmentId, token: 'x'.repeat(43) });
        const { visitor, token } = current;
        const answer = await ask(visitor, method, address, token);
        const what = `${method} ${address}, ${who}`;
        assert.notEqual(answer.status, 500, what);
        if (opens.includes(openness)) assert.doesNotMatch(answer.html, signedInWords, what);
        else assertShut(answer, what);
        if (method === 'GET' && !opens.includes(openness))
          assertShut(await visitor.request({ method: 'HEAD', path: address }), `HEAD ${address}`);
        // Shut to the HEAD that came after it too: the GET has let nobody in.
        if (method === 'GET' && openness === 'signed-in') continue;
        const after = await visitor.get('/account/security');
        assert.notEqual(after.status, 200, `${what} signed somebody in`);
        // A step of the sign-in may have moved or ended it: the next route is asked by somebody new.
        if (openness !== 'signed-in') current = await withToken(await make());
      }
    });
  }

  it('gets nowhere by other spellings of an address', async () => {
    const { visitor, token } = await withToken(await halfway(portal, enrolled.person));
    const factor = '/account/factors/totp';
    const closed = [
      '/home',
      '/staff',
      '/account/security',
      `/account/enrolments/${enrolmentId}/rename`,
      '/account/confirm',
      factor,
    ];
    const spellings = closed.flatMap((path) => [
      path.toUpperCase(),
      path.replace(/\/([a-z])/, (_whole, first: string) => `/${first.toUpperCase()}`),
      `${path}/`,
      `/${path}`,
      path.replace(/.\//g, (pair) => `${pair}/`),
      `/sign-in/..${path}`,
      `/sign-in/%2e%2e${path}`,
      `/sign-in/challenge/..%2f..${path}`,
      `/sign-in;${path}`,
      `/assets/..${path}`,
      `/assets/%2e%2e${path}`,
      `/callbacks/x/..${path}`,
      path.replaceAll('/', '%2f').replace('%2f', '/'),
      path.replace('o', '%6f'),
      `${path}?x=/sign-in`,
      `${path}%20`,
      `${path}.json`,
      `${path};x=1`,
      `/.${path}`,
    ]);
    for (const path of spellings) {
      for (const method of ['GET', 'HEAD', 'POST']) {
        const post = {
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({ _csrf: token }).toString(),
        };
        const { status, headers, body } = await sendRaw(portal.url, {
          method,
          path,
          as: visitor,
          ...(method === 'POST' ? post : {}),
        });
        const { location } = headers;
        const what = `${method} ${path}: ${String(status)} ${location ?? ''}`;
        assert.ok(
          (status === 303 && (location ?? '').startsWith('/sign-in')) || [400, 403, 404].includes(status),
          what,
        );
        assert.doesNotMatch(body, signedInWords, what);
      }
    }
  });

  it('gets nowhere with methods that the portal does not have', async () => {
    const visitor = await halfway(portal, enrolled.person);
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']) {
      for (const path of ['/home', '/sign-in/challenge', '/account/factors/totp', '/nowhere']) {
        const answer = await visitor.request({ method, path });
        assert.equal(answer.status, 405, `${method} ${path}`);
        assert.equal(answer.html, '');
      }
    }
  });

  it('must do the steps in their order: neither the set-up nor the challenge of a later step opens before its own', async () => {
    const enrolledHalfway = await halfway(portal, enrolled.person);
    assertShut(await enrolledHalfway.get('/account/factors/totp'), 'a set-up by somebody who is enrolled');
    const { visitor, token } = await withToken(
      await halfway(portal, await portal.addPerson({ staffWord: 'required' })),
    );
    const answer = await visitor.submit('/sign-in/challenge', { code: '000000', _csrf: token }, { hidden: false });
    assert.equal(answer.status, 403);
    const wrongWay = await visitor.submit('/sign-in/methods', { factor: 'totp', _csrf: token }, { hidden: false });
    assert.equal(wrongWay.status, 403);
  });

  it('shows the person nothing of their account: no menu, no name, no e-mail address', async () => {
    const visitor = await halfway(portal, enrolled.person);
    for (const path of ['/sign-in/challenge', '/sign-in/help', '/sign-in/methods', '/nowhere', '/sign-in/blocked']) {
      const page = await visitor.follow(await visitor.get(path));
      assert.ok(!page.html.includes(enrolled.person.name), path);
      assert.ok(!page.html.includes(enrolled.person.email), path);
    }
  });

  it('leaves nothing behind that signs in later: after the ten minutes the password is asked again', async () => {
    const visitor = await halfway(portal, enrolled.person);
    portal.clock.advance({ minutes: 10 });
    const answer = await visitor.get('/sign-in/challenge');
    assert.match(answer.location ?? '', /^\/sign-in\?/);
  });
});

describe('The audiences of the portal', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('do not see each other’s pages, nor that there are any', async () => {
    const contact = portal.visitor();
    await signInWith(contact, (await portal.addPerson()).email);
    const page = await contact.get('/staff');
    const nowhere = await contact.get('/nowhere');
    assert.equal(page.status, 404);
    assert.equal(page.text, nowhere.text);
  });
});

describeWithAuthenticator('Staff of a profile', () => {
  it('that does not exist may do nothing', async () => {
    const portal = await openTestPortal();
    try {
      const member = await addMember(portal, { kind: 'staff', profile: 'no-such-profile' });
      const visitor = await signInFully(portal, member);
      assert.equal((await portal.accounts.byId(member.person.id))?.permissions.length, 0);
      assert.equal((await visitor.get('/home')).location, '/staff', 'the customers’ page is not theirs');
    } finally {
      await portal.close();
    }
  });
});
