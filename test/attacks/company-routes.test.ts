// The attack: somebody who looks after no company, or after another one, asks for the pages of a company's administrators, sends their
// forms, or puts ids of other companies' people into addresses; or an administrator does what the policy does not give them.
// AZ-1, AZ-2, P8, C12.
import assert from 'node:assert/strict';
import type { Policy } from '../../modules/mfa/policy/policy.ts';
import type { Answer, Visitor } from '../support/http.ts';
import { setPolicy } from '../support/policy.ts';
import { openTestPortal, type TestPortal } from '../support/portal.ts';
import { describeWithAuthenticator } from './support/authenticator.ts';
import { assertUnchanged } from './support/database.ts';
import { addMember, halfway, signInFully, type Member } from './support/people.ts';
import { addressOf, dumpRoutes, missingId } from './support/routes.ts';

// Written by hand on purpose: a new route fails here until somebody has decided what it takes.
const takes: Readonly<Record<string, 'manage' | 'manageAndRequire'>> = {
  'GET /company': 'manage',
  'GET /company/invite': 'manage',
  'POST /company/invite': 'manage',
  'GET /company/users/:id': 'manage',
  'POST /company/users/:id/requirement': 'manageAndRequire',
  'GET /company/users/:id/disable': 'manage',
  'POST /company/users/:id/disable': 'manage',
  'GET /company/users/:id/enable': 'manage',
  'POST /company/users/:id/enable': 'manage',
  'GET /company/users/:id/reset-mfa': 'manage',
  'POST /company/users/:id/reset-mfa': 'manage',
  'GET /company/users/:id/give-admin': 'manage',
  'POST /company/users/:id/give-admin': 'manage',
  'GET /company/users/:id/take-admin': 'manage',
  'POST /company/users/:id/take-admin': 'manage',
};

const words: readonly Policy['companyAdmins'][] = ['off', 'manage', 'manageAndRequire'];
/** Everything that any of the forms would do something with. */
const fields = { reason: 'test', required: 'yes', name: 'Nora New', email: 'nora.new@harbour.example' };

describeWithAuthenticator('The pages of a company’s administrators', () => {
  let portal: TestPortal;
  let boss: Member;
  let ada: Member;
  let other: Member;
  let theirs: Member;
  let staff: Member[];
  before(async () => {
    portal = await openTestPortal();
    const [harbour, quarry] = [await portal.companies.create('Harbour'), await portal.companies.create('Quarry')];
    boss = await addMember(portal, { company: harbour, companyAdmin: true, name: 'Bea Boss' });
    ada = await addMember(portal, { company: harbour, name: 'Ada Lovelace' });
    other = await addMember(portal, { company: quarry, companyAdmin: true, name: 'Olga Other' });
    theirs = await addMember(portal, { company: quarry, name: 'Tom Theirs' });
    staff = [];
    for (const profile of ['support', 'sales-manager', 'admin', 'master-admin'])
      staff.push(await addMember(portal, { kind: 'staff', profile, name: `The ${profile}` }));
  });
  after(() => portal.close());

  const routes = () => dumpRoutes(portal).filter(({ path }) => /^\/company(?:\/|$)/.test(path));

  async function browserOf(visitor: Visitor): Promise<{ visitor: Visitor; token: string }> {
    for (const path of ['/account/security', '/sign-in/help', '/sign-in']) {
      const page = await visitor.get(path);
      const token = page.forms.map((form) => form.hidden.get('_csrf')).find((value) => value !== undefined);
      if (token !== undefined) return { visitor, token };
    }
    throw new Error('There is no form.');
  }

  async function ask(
    { visitor, token }: { visitor: Visitor; token: string },
    { method, path }: { method: string; path: string },
    sent: Record<string, string> = fields,
  ): Promise<Answer> {
    if (method !== 'POST') return visitor.request({ method, path });
    return visitor.submit(path, { _csrf: token, ...sent }, { hidden: false });
  }

  /** Asks for everything about one person and fails where anything is answered otherwise, is told, or is changed. */
  async function assertShut(visitor: Visitor, who: string, expected: { get: number; post: number; about?: Member }) {
    const browser = await browserOf(visitor);
    const { person } = expected.about ?? ada;
    await assertUnchanged(
      portal,
      async () => {
        for (const { method, path } of routes()) {
          const address = addressOf(path, { id: person.id });
          const answer = await ask(browser, { method, path: address });
          assert.equal(answer.status, method === 'POST' ? expected.post : expected.get, `${who}: ${method} ${path}`);
          if (expected.get === 303) assert.match(answer.location ?? '/sign-in', /^\/sign-in/);
          assert.ok(!answer.html.includes(person.name), `${who}: ${method} ${path}`);
          if (method === 'POST') continue;
          const head = await ask(browser, { method: 'HEAD', path: address });
          assert.equal(head.status, expected.get, `${who}: HEAD ${path}`);
        }
      },
      who,
    );
  }

  it('are each decided about: there is no route that nobody has looked at', () => {
    assert.deepEqual(
      routes()
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
      Object.keys(takes).sort(),
      'Decide what these take, and bring the table in line.',
    );
  });

  for (const word of words) {
    describe(`under the policy "${word}"`, () => {
      before(() => setPolicy(portal, { companyAdmins: word }));

      it('are shut to everybody who administers no company', async () => {
        await assertShut(portal.visitor(), 'nobody', { get: 303, post: 403 });
        await assertShut(await halfway(portal, boss.person), 'an administrator’s password', { get: 303, post: 403 });
        const hidden = { get: 404, post: 404 };
        await assertShut(await signInFully(portal, ada), 'a colleague without the tab', { ...hidden, about: boss });
        for (const member of staff) await assertShut(await signInFully(portal, member), member.person.name, hidden);
      });

      it('are open to the company’s own administrator as far as the policy goes', async () => {
        const browser = await browserOf(await signInFully(portal, boss));
        const open = (route: string) => words.indexOf(word) >= words.indexOf(takes[route] ?? 'manageAndRequire');
        await assertUnchanged(
          portal,
          async () => {
            for (const { method, path } of routes()) {
              const answer = await ask(browser, { method, path: addressOf(path, { id: ada.person.id }) }, {});
              const route = `${method} ${path}`;
              if (word === 'off') assert.equal(answer.status, 404, route);
              else if (!open(route)) assert.equal(answer.status, 403, route);
              else assert.ok([200, 303, 422].includes(answer.status), `${route}: ${String(answer.status)}`);
              assert.doesNotMatch(answer.location ?? '', /^\/(?:sign-in|account)/, route);
              assert.doesNotMatch(answer.html, /Quarry|Olga|Tom Theirs|\$argon2/, route);
            }
          },
          'forms without what they ask for',
        );
      });

      if (word === 'off') return;

      it('say the same of other companies’ people, of staff, of one who is missing, and of what is no id', async () => {
        const browser = await browserOf(await signInFully(portal, boss));
        const plain = ({ html }: Answer) => html.replace(/name="_csrf" value="[^"]*"/g, '');
        const nowhere = plain(await browser.visitor.get('/company/nowhere'));
        const [support] = staff;
        const foreign = [theirs, other, support].map((member) => member?.person.id ?? assert.fail());
        const none = ['x', `${ada.person.id}0`, ada.person.id.toUpperCase() + 'Z', '{"$ne":1}', '__proto__', '😀'];
        await assertUnchanged(
          portal,
          async () => {
            for (const { method, path } of routes().filter((one) => one.path.includes('/:'))) {
              for (const id of [...foreign, missingId, ...none]) {
                const answer = await ask(browser, { method, path: addressOf(path, { id: encodeURIComponent(id) }) });
                assert.equal(answer.status, 404, `${method} ${path} with ${id}`);
                assert.equal(plain(answer), nowhere, `${method} ${path} with ${id}`);
              }
            }
          },
          'ids of others',
        );
      });

      it('let an administrator do nothing to themselves that shuts them out', async () => {
        const browser = await browserOf(await signInFully(portal, boss));
        const about = routes().filter(({ path }) => /\/:id\/(?!requirement)/.test(path));
        await assertUnchanged(
          portal,
          async () => {
            for (const { method, path } of about) {
              const answer = await ask(browser, { method, path: addressOf(path, { id: boss.person.id }) });
              assert.equal(answer.status, 403, `${method} ${path}`);
            }
          },
          'their own account',
        );
      });
    });
  }

  describe('while they are open', () => {
    it('are shut from the next request on, also in a tab that is open, when the tab or the policy is taken away', async () => {
      await setPolicy(portal, { companyAdmins: 'manage' });
      const browser = await browserOf(await signInFully(portal, boss));
      assert.equal((await browser.visitor.get('/company')).status, 200);
      await setPolicy(portal, { companyAdmins: 'off' });
      await assertShut(browser.visitor, 'after the policy was changed', { get: 404, post: 404 });
      await setPolicy(portal, { companyAdmins: 'manage' });
      await portal.accounts.edit(boss.person.id, { companyAdmin: false });
      await assertShut(browser.visitor, 'after the tab was taken', { get: 404, post: 404 });
      await portal.accounts.edit(boss.person.id, { companyAdmin: true });
      await portal.standing.disable(boss.person.id);
      assert.match((await browser.visitor.get('/company')).location ?? '', /^\/sign-in/);
    });

    it('note each refusal that is no mistyped address, with who asked and for what', async () => {
      await setPolicy(portal, { companyAdmins: 'manage' });
      const browser = await browserOf(await signInFully(portal, other));
      const path = `/company/users/${theirs.person.id}/requirement`;
      assert.equal((await ask(browser, { method: 'POST', path })).status, 403);
      const [row] = await portal.audit.latest({ event: 'access.refused' }, 1);
      assert.equal(row?.reason, 'forbidden');
      assert.equal(row.actor.id, other.person.id);
      assert.equal(row.detail?.['path'], path);
    });
  });
});
