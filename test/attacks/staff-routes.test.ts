// The attack: somebody of staff asks for a page or sends a form that their profile does not allow, acts on themselves or on somebody
// whose profile allows more, gives a profile that they do not have, puts ids of other things into addresses, or reads secrets off a page.
// AZ-1, AZ-2, AZ-3, AZ-6.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Answer, Visitor } from '../support/http.ts';
import { grantsOf } from '../../modules/accounts/profiles.ts';
import { driverIds } from '../support/driver.ts';
import { openTestPortal, type TestPortal } from '../support/portal.ts';
import { describeWithAuthenticator } from './support/authenticator.ts';
import { assertUnchanged } from './support/database.ts';
import { addMember, halfway, signInByPassword, signInFully, type Member } from './support/people.ts';
import { dumpRoutes, missingId } from './support/routes.ts';

// Both written by hand on purpose: a new route fails here until somebody has decided whose it is, and a profile that is given more
// fails until somebody has said so.
const whose: Readonly<Record<string, string>> = {
  'GET /staff': 'staff',
  'GET /staff/customers': 'customers.read',
  'GET /staff/customers/add': 'customers.edit',
  'POST /staff/customers/add': 'customers.edit',
  'GET /staff/customers/announce': 'mfa.require.user',
  'POST /staff/customers/announce': 'mfa.require.user',
  'GET /staff/customers/:id': 'customers.read',
  'GET /staff/customers/:id/contacts/add': 'customers.edit',
  'POST /staff/customers/:id/contacts/add': 'customers.edit',
  'GET /staff/contacts/:id': 'customers.read',
  'POST /staff/contacts/:id/unlock': 'customers.read',
  'POST /staff/contacts/:id/invitation/resend': 'customers.read',
  'POST /staff/contacts/:id/invitation/revoke': 'customers.edit',
  'GET /staff/contacts/:id/login-details': 'customers.edit',
  'POST /staff/contacts/:id/login-details': 'customers.edit',
  'GET /staff/contacts/:id/reset-mfa': 'mfa.reset.user',
  'POST /staff/contacts/:id/reset-mfa': 'mfa.reset.user',
  'GET /staff/contacts/:id/disable': 'customers.edit',
  'POST /staff/contacts/:id/disable': 'customers.edit',
  'GET /staff/contacts/:id/company-requirement': 'mfa.require.user',
  'POST /staff/contacts/:id/company-requirement': 'mfa.require.user',
  'GET /staff/contacts/:id/keep-disabled': 'customers.edit',
  'POST /staff/contacts/:id/keep-disabled': 'customers.edit',
  'GET /staff/contacts/:id/enable': 'customers.edit',
  'POST /staff/contacts/:id/enable': 'customers.edit',
  'GET /staff/contacts/:id/end-sessions': 'customers.edit',
  'POST /staff/contacts/:id/end-sessions': 'customers.edit',
  'GET /staff/users': 'users.manage',
  'GET /staff/users/add': 'users.manage',
  'POST /staff/users/add': 'users.manage',
  'GET /staff/users/:id': 'users.manage',
  'POST /staff/users/:id/unlock': 'users.manage',
  'POST /staff/users/:id/invitation/resend': 'users.manage',
  'POST /staff/users/:id/invitation/revoke': 'users.manage',
  'GET /staff/users/:id/details': 'users.manage',
  'POST /staff/users/:id/details': 'users.manage',
  'GET /staff/users/:id/profile': 'users.manage',
  'POST /staff/users/:id/profile': 'users.manage',
  'GET /staff/users/:id/reset-mfa': 'users.manage',
  'POST /staff/users/:id/reset-mfa': 'users.manage',
  'GET /staff/users/:id/disable': 'users.manage',
  'POST /staff/users/:id/disable': 'users.manage',
  'GET /staff/users/:id/enable': 'users.manage',
  'POST /staff/users/:id/enable': 'users.manage',
  'GET /staff/users/:id/end-sessions': 'users.manage',
  'POST /staff/users/:id/end-sessions': 'users.manage',
  'GET /staff/users/:id/remove': 'users.manage',
  'POST /staff/users/:id/remove': 'users.manage',
  'GET /staff/audit': 'audit.read',
  'GET /staff/mail': 'audit.read',
  'POST /staff/mail/retry': 'users.manage',
  'POST /staff/mail/:id/retry': 'users.manage',
  'GET /staff/factors/sms': 'reports.read',
  'GET /staff/factors/sms/messages': 'reports.read',
  'GET /staff/factors/sms/prices': 'mfa.policy',
  'POST /staff/factors/sms/prices': 'mfa.policy',
  'GET /staff/factors/sms/stop': 'mfa.policy',
  'POST /staff/factors/sms/stop': 'mfa.policy',
  'GET /staff/factors/sms/resume': 'mfa.policy',
  'POST /staff/factors/sms/resume': 'mfa.policy',
  'GET /staff/settings': 'mfa.policy',
  'GET /staff/settings/policy': 'mfa.policy',
  'GET /staff/settings/policy/preview': 'mfa.policy',
  'POST /staff/settings/policy/preview': 'mfa.policy',
  'GET /staff/settings/staff': 'mfa.policy',
  'GET /staff/settings/staff/preview': 'mfa.policy',
  'POST /staff/settings/staff/preview': 'mfa.policy',
  'GET /staff/settings/:audience/save': 'mfa.policy',
  'POST /staff/settings/:audience/save': 'mfa.policy',
  'GET /staff/settings/history': 'mfa.policy',
  'GET /staff/settings/history/:version/preview': 'mfa.policy',
  'POST /staff/settings/history/:version/preview': 'mfa.policy',
  'GET /staff/settings/staff/history': 'mfa.policy',
  'GET /staff/settings/staff/history/:version/preview': 'mfa.policy',
  'POST /staff/settings/staff/history/:version/preview': 'mfa.policy',
  'GET /staff/settings/portal': 'mfa.policy',
  'POST /staff/settings/portal': 'mfa.policy',
  'GET /staff/settings/groups': 'mfa.policy',
  'POST /staff/settings/groups': 'mfa.policy',
  'GET /staff/settings/groups/:id': 'mfa.policy',
  'POST /staff/settings/groups/:id': 'mfa.policy',
  'POST /staff/settings/groups/:id/remove': 'mfa.policy',
  'GET /staff/settings/groups/:id/companies': 'mfa.policy',
  'POST /staff/settings/groups/:id/companies': 'mfa.policy',
  'POST /staff/settings/groups/:id/companies/:company/remove': 'mfa.policy',
  'GET /staff/settings/profiles': 'mfa.policy',
  'GET /staff/settings/profiles/add': 'Master Admin',
  'POST /staff/settings/profiles/add': 'Master Admin',
  'GET /staff/settings/profiles/:id': 'Master Admin',
  'POST /staff/settings/profiles/:id': 'Master Admin',
  'GET /staff/settings/profiles/:id/remove': 'Master Admin',
  'POST /staff/settings/profiles/:id/remove': 'Master Admin',
};

const profiles: Readonly<Record<string, readonly string[]>> = {
  support: ['staff', 'customers.read'],
  'sales-manager': ['staff', 'customers.read', 'customers.edit', 'mfa.require.user', 'mfa.reset.user'],
  admin: [
    'staff',
    'customers.read',
    'customers.edit',
    'mfa.require.user',
    'mfa.reset.user',
    'users.manage',
    'audit.read',
    'reports.read',
  ],
  'master-admin': [
    'staff',
    'customers.read',
    'customers.edit',
    'mfa.require.user',
    'mfa.reset.user',
    'mfa.policy',
    'users.manage',
    'audit.read',
    'reports.read',
    'Master Admin',
  ],
  // One that a portal made itself, with the rules of signing in and nothing else.
  'rules-only': ['staff', 'mfa.policy'],
};
const ranks = Object.keys(profiles).filter((profile) => profile !== 'rules-only');

describeWithAuthenticator('Staff’s pages', () => {
  let portal: TestPortal;
  const members = new Map<string, Member>();
  const signedIn = new Map<string, { visitor: Visitor; token: string; since: Date }>();
  /** One thing of each kind that addresses name, by what stands in front of its id. */
  const ids: Record<string, string> = {};
  const secrets: string[] = [];

  before(async () => {
    portal = await openTestPortal();
    for (const profile of ranks)
      members.set(profile, await addMember(portal, { kind: 'staff', profile, name: `The ${profile}` }));
    const own = await portal.profiles.create({ name: 'Rules', permissions: ['mfa.policy'], masterAdmin: false });
    assert.ok(own !== 'taken');
    members.set(
      'rules-only',
      await addMember(portal, { kind: 'staff', profile: own.id, grants: grantsOf(own), name: 'Rula Rules' }),
    );
    const target = await addMember(portal, { kind: 'staff', name: 'Sven Target' });
    const contact = await addMember(portal, { name: 'Ada Lovelace' });
    ids['/staff/users/:id'] = target.person.id;
    ids['/staff/contacts/:id'] = contact.person.id;
    ids['/staff/customers/:id'] = contact.person.companyId ?? '';
    ids['/staff/settings/:audience'] = 'contact';
    const [version] = await portal.engine.policies.history('contact', 1);
    ids['/staff/settings/history/:version'] = String(version?.version);
    ids['/staff/settings/staff/history/:version'] = '0';
    ids['/staff/settings/groups/:id/companies/:company'] = contact.person.companyId ?? '';
    await addRemovable();
    await signInFully(portal, target);
    const mail = { channel: 'mail', kind: 'invitation', subject: 'x', text: 'canary', html: null } as const;
    ids['/staff/mail/:id'] = await portal.outbox.enqueue({ ...mail, to: 'ada@example.com' });
    await portal.database.connection
      .collection<{ _id: string }>('outbox')
      .updateOne({ _id: ids['/staff/mail/:id'] }, { $set: { state: 'dead', lastFault: 'ETIMEDOUT' } });
    for (const purpose of ['passwordReset', 'unlock'] as const)
      secrets.push((await portal.links.issue(target.person.id, purpose))?.token ?? '');
    secrets.push(...[...members.values(), target, contact].map(({ device }) => device.secret));
  });
  after(() => portal.close());

  /** What somebody who is allowed to removes in these tests. */
  async function addRemovable(): Promise<void> {
    const name = `Spare ${randomUUID().slice(0, 8)}`;
    const spare = await portal.profiles.create({ name, permissions: [], masterAdmin: false });
    assert.ok(spare !== 'taken');
    ids['/staff/settings/profiles/:id'] = spare.id;
    ids['/staff/settings/groups/:id'] = (await portal.engine.groups.create(name, null))?.id ?? '';
  }

  const staffRoutes = () => dumpRoutes(portal).filter(({ path }) => /^\/staff(?:\/|$)/.test(path));

  /** The address of a route, about the things of the right kinds; `last` stands for the last of them. */
  function addressOf(path: string, last?: string): string {
    const places = path.split('/');
    const final = places.findLastIndex((place) => place.startsWith(':'));
    return places
      .map((place, index) => {
        if (!place.startsWith(':')) return place;
        const known = ids[places.slice(0, index + 1).join('/')];
        assert.ok(known !== undefined && known !== '', `Say in this test what ${place} of ${path} is.`);
        return encodeURIComponent(index === final && last !== undefined ? last : known);
      })
      .join('/');
  }

  async function tokenOf(visitor: Visitor): Promise<string> {
    for (const path of ['/account/security', '/sign-in/help', '/sign-in']) {
      const page = await visitor.get(path);
      const token = page.forms.map((form) => form.hidden.get('_csrf')).find((value) => value !== undefined);
      if (token !== undefined) return token;
    }
    throw new Error('There is no form.');
  }

  /** A browser of this profile, with a proof that is fresh enough for a change. */
  async function as(profile: string): Promise<{ visitor: Visitor; token: string }> {
    const known = signedIn.get(profile);
    const now = portal.clock.now();
    if (known && now.getTime() - known.since.getTime() < 240_000) return known;
    const member = members.get(profile);
    assert.ok(member);
    const visitor = await signInFully(portal, member);
    const made = { visitor, token: await tokenOf(visitor), since: portal.clock.now() };
    signedIn.set(profile, made);
    return made;
  }

  async function ask(
    { visitor, token }: { visitor: Visitor; token: string },
    request: { method: string; path: string; fields?: Record<string, string> },
  ): Promise<Answer> {
    const { method, path, fields = {} } = request;
    if (method !== 'POST') return visitor.request({ method, path });
    return visitor.submit(path, { _csrf: token, ...fields }, { hidden: false });
  }

  const outsiders: Record<string, { get: number; post: number; make: () => Promise<Visitor> }> = {
    'nobody who is signed in': { get: 303, post: 403, make: () => Promise.resolve(portal.visitor()) },
    'nobody who has only the password of a Master Admin': {
      get: 303,
      post: 403,
      make: () => {
        const member = members.get('master-admin');
        assert.ok(member);
        return halfway(portal, member.person);
      },
    },
    'no customer, to whom they are not there at all': {
      get: 404,
      post: 404,
      make: async () => signInByPassword(portal, await portal.addPerson({ name: 'Cora Customer' })),
    },
  };

  /** False for the pages of a factor whose folder was taken out. */
  const isInstalled = (route: string) => {
    const [, factor] = /\/staff\/factors\/([a-z0-9-]+)/.exec(route) ?? [];
    return factor === undefined || driverIds().includes(factor);
  };

  it('are each somebody’s: there is no route that nobody has decided about', () => {
    const routes = staffRoutes().map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(
      routes.filter((route) => !(route in whose)),
      [],
      'Decide whose these are, and add them to the table.',
    );
    assert.deepEqual(
      Object.keys(whose).filter((route) => !routes.includes(route) && isInstalled(route)),
      [],
      'Take these out of the table.',
    );
  });

  for (const [who, { get, post, make }] of Object.entries(outsiders)) {
    it(`open to ${who}`, async () => {
      const visitor = await make();
      const browser = { visitor, token: await tokenOf(visitor) };
      await assertUnchanged(
        portal,
        async () => {
          for (const { method, path } of staffRoutes()) {
            const answer = await ask(browser, { method, path: addressOf(path) });
            assert.equal(answer.status, method === 'POST' ? post : get, `${method} ${path}`);
            if (get === 303) assert.match(answer.location ?? '/sign-in', /^\/sign-in/);
            assert.doesNotMatch(answer.html, /Sven|Ada Lovelace|canary/);
            if (method === 'POST') continue;
            const head = await ask(browser, { method: 'HEAD', path: addressOf(path) });
            assert.equal(head.status, get, `HEAD ${path}`);
          }
        },
        who,
      );
    });
  }

  it('say the same of another kind’s id, one that is missing, and what is none', async () => {
    const browser = await as('master-admin');
    const plain = (answer: Answer) => answer.html.replace(/name="_csrf" value="[^"]*"/g, '');
    const nowhere = plain(await browser.visitor.get('/staff/nowhere'));
    await assertUnchanged(
      portal,
      async () => {
        for (const { method, path } of staffRoutes().filter((one) => one.path.includes('/:'))) {
          const own = ids[/^.*\/:\w+/.exec(path)?.[0] ?? ''] ?? '';
          const others = Object.values(ids).filter((id) => id !== own);
          for (const id of [others[0] ?? '', missingId, `${own}0`, '{"$ne":1}']) {
            const answer = await ask(browser, { method, path: addressOf(path, id) });
            assert.equal(answer.status, 404, `${method} ${path} with ${id}`);
            assert.equal(
              plain(answer).replace(/ aria-current="page"/g, ''),
              nowhere.replace(/ aria-current="page"/g, ''),
            );
          }
        }
      },
      'ids of other things',
    );
  });

  for (const [profile, allowed] of Object.entries(profiles)) {
    const isAllowed = (route: string) => allowed.includes(whose[route] ?? '');

    it(`are shut to the profile ${profile} where it does not allow them, and nothing changes`, async () => {
      const browser = await as(profile);
      await assertUnchanged(
        portal,
        async () => {
          for (const { method, path } of staffRoutes().filter((one) => !isAllowed(`${one.method} ${one.path}`))) {
            // A missing one is forbidden just the same: nothing tells what there is.
            for (const id of path.includes('/:') ? [undefined, missingId] : [undefined]) {
              const answer = await ask(browser, { method, path: addressOf(path, id) });
              assert.equal(answer.status, 403, `${method} ${path}`);
              assert.doesNotMatch(answer.html, /Sven|Ada Lovelace/);
            }
            if (method === 'GET')
              assert.equal((await ask(browser, { method: 'HEAD', path: addressOf(path) })).status, 403, `HEAD ${path}`);
          }
        },
        profile,
      );
    });

    it(`open to the profile ${profile} where it allows them, and show no secret (AZ-6)`, async () => {
      const browser = await as(profile);
      await addRemovable();
      const hidden = await secretsOf(portal, secrets);
      // What is removed is gone for the others: removals come last, the smaller thing first.
      const open = staffRoutes()
        .filter((one) => isAllowed(`${one.method} ${one.path}`))
        .sort((one, other) => weightOf(one.path) - weightOf(other.path));
      for (const { method, path } of open) {
        const answer = await ask(browser, { method, path: addressOf(path) });
        assert.ok([200, 303, 400, 422, 429].includes(answer.status), `${method} ${path}: ${String(answer.status)}`);
        assert.doesNotMatch(answer.location ?? '', /^\/(?:sign-in|account)/, `${method} ${path}`);
        for (const secret of hidden) assert.ok(!answer.html.includes(secret), `${method} ${path} shows ${secret}`);
        assert.doesNotMatch(answer.html, /\$argon2|canary/, `${method} ${path}`);
        if (method === 'GET') {
          const head = await ask(browser, { method: 'HEAD', path: addressOf(path) });
          assert.equal(head.status, answer.status, `HEAD ${path}`);
          assert.equal(head.html, '');
        }
      }
    });
  }

  describe('about other members of staff', () => {
    /** Everything that is done to one member of staff, with fields that would do it. */
    const actions = () =>
      staffRoutes()
        .filter(({ path }) => path.startsWith('/staff/users/:id/'))
        .map((route) => ({
          ...route,
          fields: { reason: 'test', profile: 'support', name: 'X', email: 'x@x.example' },
        }));

    const targets = new Map<string, string>();
    before(async () => {
      for (const profile of ranks)
        targets.set(profile, (await portal.addPerson({ kind: 'staff', profile, name: `Another ${profile}` })).id);
    });

    for (const profile of ranks) {
      it(`do nothing for the profile ${profile} to themselves, or to somebody who may do more`, async () => {
        const browser = await as(profile);
        const manages = profiles[profile]?.includes('users.manage') ?? false;
        const above = ranks.filter((one) => !manages || (one === 'master-admin' && profile !== 'master-admin'));
        const shut = [...above.map((one) => targets.get(one) ?? ''), members.get(profile)?.person.id ?? ''];
        await assertUnchanged(
          portal,
          async () => {
            for (const id of shut) {
              for (const { method, path, fields } of actions()) {
                const answer = await ask(browser, { method, path: path.replace(':id', id), fields });
                assert.equal(answer.status, 403, `${method} ${path}`);
              }
            }
          },
          profile,
        );
      });
    }

    it('do everything else for those who look after users: the table of who acts on whom is the whole truth', async () => {
      for (const profile of ['admin', 'master-admin']) {
        const browser = await as(profile);
        for (const target of ranks) {
          const page = await browser.visitor.get(`/staff/users/${targets.get(target) ?? ''}/disable`);
          assert.equal(
            page.status,
            profile === 'admin' && target === 'master-admin' ? 403 : 200,
            `${profile}, ${target}`,
          );
        }
      }
    });

    it('give no profile that allows more than one’s own, neither to somebody new nor to somebody there', async () => {
      const browser = await as('admin');
      const { id } = await portal.addPerson({ kind: 'staff', profile: 'support', name: 'Sven Small' });
      await assertUnchanged(
        portal,
        async () => {
          const fields = { profile: 'master-admin', reason: 'test', name: 'New', email: 'new@staff.example' };
          for (const path of [`/staff/users/${id}/profile`, '/staff/users/add']) {
            assert.ok(!(await browser.visitor.get(path)).html.includes('value="master-admin"'), 'nor is it offered');
            assert.equal((await ask(browser, { method: 'POST', path, fields })).status, 403, path);
          }
        },
        'a profile of more',
      );
      const master = await as('master-admin');
      for (const profile of ['admin', 'master-admin', 'sales-manager']) {
        const fields = { profile, reason: 'test' };
        const answer = await ask(master, { method: 'POST', path: `/staff/users/${id}/profile`, fields });
        assert.equal(answer.status, 303);
        assert.equal((await portal.accounts.byId(id))?.profileId, profile);
      }
    });

    it('drop whatever else a form says (INJ-4)', async () => {
      const master = await as('master-admin');
      const { id } = await portal.addPerson({ kind: 'staff', name: 'Sven Plain', email: 'sven.plain@staff.example' });
      const before = await portal.accounts.byId(id);
      const details = await master.visitor.get(`/staff/users/${id}/details`);
      const seen = details.forms.map((form) => form.hidden.get('seen')).find((value) => value !== undefined) ?? '';
      const more = {
        kind: 'contact',
        profile: 'master-admin',
        password: 'quiet harbour lantern 42',
        staffWord: 'exempt',
        disabledAt: '',
        sessionEpoch: '9',
        _id: missingId,
      };
      const fields = { seen, name: 'Sven Renamed', email: 'sven.plain@staff.example', ...more };
      await ask(master, { method: 'POST', path: `/staff/users/${id}/details`, fields });
      assert.deepEqual(await portal.accounts.byId(id), { ...before, name: 'Sven Renamed' });
    });
  });

  it('note each refusal, with who asked and for what', async () => {
    const browser = await as('support');
    await browser.visitor.get('/staff/audit');
    const [row] = await portal.audit.latest({ event: 'access.refused' }, 1);
    assert.equal(row?.reason, 'forbidden');
    assert.equal(row.actor.id, members.get('support')?.person.id);
    assert.equal(row.detail?.['path'], '/staff/audit');
    const admin = await as('admin');
    await admin.visitor.get(`/staff/users/${members.get('admin')?.person.id ?? ''}/remove`);
    assert.equal((await portal.audit.latest({ event: 'access.refused' }, 1))[0]?.reason, 'own-account');
  });
});

const weightOf = (path: string) => (path.endsWith('/remove') ? 1000 - path.length : 0);

/** Everything stored that no page may show: hashes, seeds, seals, keys of sessions, tokens. */
async function secretsOf(portal: TestPortal, known: readonly string[]): Promise<string[]> {
  const { connection } = portal.database;
  const found = [...known];
  for (const row of await connection.collection('people').find().toArray()) {
    const { password, links } = row as { password?: { hash: string } | null; links?: Record<string, { hash: string }> };
    if (password) found.push(password.hash);
    found.push(...Object.values(links ?? {}).map(({ hash }) => hash));
  }
  for (const row of await connection.collection('signIns').find().toArray()) found.push(String(row['sessionKey']));
  for (const row of await connection.collection('enrolments').find().toArray())
    found.push(...(JSON.stringify(row['state']).match(/[A-Za-z0-9+/_=.:-]{24,}/g) ?? []));
  for (const row of await connection.collection('outbox').find().toArray())
    found.push(String(row['sealed']).slice(0, 40));
  assert.ok(
    found.every((text) => text.length >= 16),
    'a short text is no proof',
  );
  assert.ok(found.length > 20);
  return found;
}
