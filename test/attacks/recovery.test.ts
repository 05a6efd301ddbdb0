// The attack: somebody wants in by the links that mails carry. They use one twice or twenty times at once, keep an old one, change
// one, take one of another purpose or person, have it lead to a site of their own, read it from the database, the log or a Referer,
// ask for links to learn who has an account, or hope that a new password makes up for the second factor.
// REC-1, REC-2, REC-3, REC-4, REC-5, REC-6, REC-7, ENUM-1, ENUM-2, RL-8, PW-8.
import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Person } from '../../modules/kernel/person.ts';
import { linkCeilings } from '../../modules/portal/recovery/link-limits.ts';
import { listen } from '../../server.ts';
import { burst, Visitor, type Answer } from '../support/http.ts';
import { anyFormToken, choosePassword, forgetPassword, linkMails, newestLink, tokenIn } from '../support/mail-links.ts';
import { openTestPortal, password, signInWith, withPortal, type TestPortal } from '../support/portal.ts';
import { describeWithAuthenticator } from './support/authenticator.ts';
import { dumpDatabase } from './support/database.ts';
import {
  addMember,
  challengePath,
  codeNow,
  giveCode,
  isSignedIn,
  signInByPassword,
  signInFully,
} from './support/people.ts';
import { sendRaw } from './support/raw.ts';
import { assertSameTime, timeInTurns } from './support/timing.ts';

const next = 'copper kettles sing at dawn';
const behindProxy = { TRUST_PROXY: '1' };

async function resetLink(portal: TestPortal, { email }: Pick<Person, 'email'>): Promise<string> {
  await forgetPassword(portal.visitor(), email);
  return newestLink(portal, 'reset-password', email);
}

async function invitationLink(portal: TestPortal): Promise<{ person: Person; link: string }> {
  const person = await portal.addPerson({ password: null });
  await portal.invite(person, { by: { kind: 'portal' }, inviter: null });
  return { person, link: await newestLink(portal, 'invitation', person.email) };
}

/** A page without what is different each time. */
const plain = (html: string) => html.replace(/name="_csrf" value="[^"]*"/g, '');

describe('A link to a password', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  before(async () => {
    portal = await openTestPortal();
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ hours: 1 });
  });

  const kinds: Record<string, () => Promise<{ person: Person; link: string }>> = {
    'reset-password': async () => {
      const person = await portal.addPerson();
      return { person, link: await resetLink(portal, person) };
    },
    invitation: () => invitationLink(portal),
  };

  for (const [kind, make] of Object.entries(kinds)) {
    it(`sets one password when twenty different ones come at once to two processes (${kind})`, async () => {
      const { person, link } = await make();
      const chosen = (index: number) => `${next} ${String(index)}`;
      const answers = await burst(20, async (index) => {
        const visitor = (index % 2 === 0 ? portal : twin).visitor();
        await visitor.get(link);
        return visitor.holdSubmit(`/${kind}`, { newPassword: chosen(index) }, { from: `/${kind}` });
      });
      const winners = answers.flatMap(({ status }, index) => (status === 303 ? [index] : []));
      assert.equal(winners.length, 1, answers.map(({ status }) => status).join(' '));
      for (const { status } of answers) assert.ok([303, 403].includes(status), String(status));
      const [winner = -1] = winners;
      await signInWith(portal.visitor(), person.email, chosen(winner)).then(({ status }) => {
        assert.equal(status, 303);
      });
      for (const index of [0, 1, 19].filter((one) => one !== winner))
        assert.equal((await signInWith(portal.visitor(), person.email, chosen(index))).status, 422);
    });

    it(`is worth nothing the second time, after its time, changed, for another purpose or to the disabled, all with one page (${kind})`, async () => {
      const used = await make();
      await choosePassword(portal.visitor(), used.link, next);
      const late = await make();
      portal.clock.advance({ hours: kind === 'invitation' ? 7 * 24 : 1 });
      const disabled = await make();
      await portal.standing.disable(disabled.person.id);
      const removed = await make();
      await portal.standing.remove(removed.person.id);
      const live = await make();
      const token = tokenIn(live.link);
      const swapped = (token.startsWith('A') ? 'B' : 'A') + token.slice(1);
      const links: Record<string, string> = {
        used: used.link,
        late: late.link,
        disabled: disabled.link,
        removed: removed.link,
        changed: `/${kind}/${swapped}`,
        reversed: `/${kind}/${[...token].reverse().join('')}`,
        'in another case': `/${kind}/${token === token.toLowerCase() ? token.toUpperCase() : token.toLowerCase()}`,
        cut: `/${kind}/${token.slice(0, -1)}`,
        'with more': `/${kind}/${token}.`,
        'an operator': `/${kind}/%7B%22$ne%22:null%7D`,
        'a path': `/${kind}/..%2f..%2fhome`,
        'a prototype': `/${kind}/__proto__`,
      };
      const seen = new Set<string>();
      for (const [name, link] of Object.entries(links)) {
        const visitor = portal.visitor();
        const page = await visitor.follow(await visitor.get(link));
        const answer = await choosePassword(visitor, link, next);
        assert.deepEqual([page.status, answer.status], [403, 403], name);
        seen.add(plain(page.html)).add(plain(answer.html));
      }
      const nobody = await portal.visitor().get(`/${kind}`);
      assert.equal(nobody.status, 403);
      seen.add(plain(nobody.html));
      assert.equal(seen.size, 1, 'one and the same page');
      for (const other of ['reset-password', 'invitation', 'unlock'].filter((page) => page !== kind)) {
        const answer = await choosePassword(portal.visitor(), `/${other}/${token}`, next);
        assert.equal(answer.status, 403, `for /${other}`);
      }
      assert.equal(
        (await choosePassword(portal.visitor(), live.link, next)).status,
        303,
        'the untouched one still works',
      );
    });
  }

  it('is used up in time or not at all, also where its time ends while the request is on its way', async () => {
    const ada = await portal.addPerson();
    const token = tokenIn(await resetLink(portal, ada));
    const unlock = await portal.links.issue(ada.id, 'unlock');
    const { person, link } = await invitationLink(portal);
    portal.clock.advance({ hours: 7 * 24 });
    const chosen = { password: await portal.hasher.hash(next), short: false };
    assert.equal(await portal.links.setPassword('passwordReset', token, chosen), null);
    assert.equal(await portal.links.setPassword('invitation', tokenIn(link), chosen), null);
    assert.equal(await portal.links.useUnlock(unlock?.token ?? ''), null);
    assert.equal((await portal.accounts.byId(person.id))?.hasPassword, false);
    assert.equal((await signInWith(portal.visitor(), ada.email)).status, 303, 'the password is as it was');
  });

  it('ends with the next one', async () => {
    const ada = await portal.addPerson();
    const first = await resetLink(portal, ada);
    portal.clock.advance({ seconds: 1 });
    const second = await resetLink(portal, ada);
    assert.notEqual(first, second);
    assert.equal((await choosePassword(portal.visitor(), first, next)).status, 403);
    assert.equal((await choosePassword(portal.visitor(), second, next)).status, 303);
  });

  it('sets the password of the person it was mailed to, whoever is signed in and whatever else the form says', async () => {
    const [ada, eve] = [await portal.addPerson(), await portal.addPerson()];
    const visitor = await signInByPassword(portal, eve);
    await visitor.get(await resetLink(portal, ada));
    const more = { email: eve.email, username: eve.email, personId: eve.id, token: 'x', purpose: 'invitation' };
    const answer = await visitor.submit('/reset-password', { newPassword: next, ...more }, { from: '/reset-password' });
    assert.equal(answer.status, 303);
    assert.equal((await signInWith(portal.visitor(), eve.email, next)).status, 422);
    assert.equal((await signInWith(portal.visitor(), ada.email, next)).status, 303);
  });

  it('ends every sign-in of the person, and signs nobody in', async () => {
    const ada = await portal.addPerson();
    const intruder = await signInByPassword(portal, ada);
    const visitor = portal.visitor();
    assert.equal((await choosePassword(visitor, await resetLink(portal, ada), next)).status, 303);
    assert.equal(await isSignedIn(visitor), false);
    assert.equal(await isSignedIn(intruder), false);
  });

  it('dies with the address: what was mailed to the old one does nothing once there is another', async () => {
    const ada = await portal.addPerson();
    const link = await resetLink(portal, ada);
    const key = `new.${ada.email}`;
    await portal.links.changeEmail(ada.id, { email: key, key });
    assert.equal((await choosePassword(portal.visitor(), link, next)).status, 403);
  });

  it('dies with the password: what was asked for before does not undo a change of the person’s own', async () => {
    const ada = await portal.addPerson();
    const link = await resetLink(portal, ada);
    const seen = await portal.accounts.passwordOf(ada.id);
    assert.ok(seen);
    await portal.accounts.changePassword(ada.id, seen, { password: await portal.hasher.hash(next), short: false });
    assert.equal((await choosePassword(portal.visitor(), link, `${next} again`)).status, 403);
  });

  it('leaves the address at the first hit and is in no page, no script’s cookie, no database and no log', async () => {
    const ada = await portal.addPerson();
    const { link: invitation } = await invitationLink(portal);
    const reset = await resetLink(portal, ada);
    for (const link of [reset, invitation]) {
      const visitor = portal.visitor();
      const first = await visitor.get(link);
      const [, page = ''] = link.split('/');
      assert.equal(first.status, 303);
      assert.equal(first.location, `/${page}`);
      assert.equal(first.headers['referrer-policy'], 'same-origin');
      assert.equal(first.headers['cache-control'], 'no-store');
      for (const line of first.headers['set-cookie'] ?? []) assert.match(line, /HttpOnly; SameSite=Lax/);
      const shown = await visitor.get(`/${page}`);
      assert.equal(shown.status, 200);
      assert.ok(!shown.html.includes(tokenIn(link)));
      assert.doesNotMatch(shown.html, /(?:src|href|action)="(?:https?:)?\/\//, 'nothing of another site');
      const stored = await dumpDatabase(portal, { all: true });
      assert.ok(!stored.includes(tokenIn(link)), 'stored');
      assert.equal((await choosePassword(visitor, link, next)).status, 303);
      await choosePassword(visitor, link, next);
      assert.ok(!(await dumpDatabase(portal, { all: true })).includes(tokenIn(link)), 'stored afterwards');
      assert.ok(!portal.logLines().join('\n').includes(tokenIn(link)), 'logged');
      assert.equal((await visitor.get(`/${page}`)).status, 403);
    }
  });

  it('is not tried for ever: dead links are counted for each address, passwords for each person', async () => {
    const visitor = portal.visitor();
    const _csrf = await anyFormToken(visitor);
    const statuses = new Map<string, number[]>();
    for (const page of ['/reset-password', '/invitation', '/unlock']) {
      const seen: number[] = [];
      for (let count = 0; count < linkCeilings.uses.tries / 3 + 1; count += 1)
        seen.push((await visitor.submit(page, { newPassword: next, _csrf }, { hidden: false })).status);
      statuses.set(page, seen);
    }
    assert.equal([...statuses.values()].flat().filter((status) => status === 403).length, linkCeilings.uses.tries);
    assert.equal(statuses.get('/unlock')?.at(-1), 429);

    portal.clock.advance({ minutes: 15 });
    const ada = await portal.addPerson();
    const link = await resetLink(portal, ada);
    const owner = portal.visitor();
    // The old password is refused as "the one you have now": whoever holds a link must not find it out by trying.
    for (let count = 0; count < linkCeilings.passwords.tries; count += 1)
      assert.equal((await choosePassword(owner, link, `not quite the one ${String(count)}x`.slice(0, 14))).status, 422);
    assert.equal((await choosePassword(owner, link, password)).status, 429);
  });

  it('lets the person in at once although strangers have used up the tries of the account', async () => {
    const ada = await portal.addPerson();
    for (let count = 0; count < 11; count += 1)
      await signInWith(portal.visitor(), ada.email, 'wrong password number one');
    assert.equal((await signInWith(portal.visitor(), ada.email)).status, 429);
    const visitor = portal.visitor();
    await choosePassword(visitor, await resetLink(portal, ada), next);
    // The strangers go on.
    for (let count = 0; count < 11; count += 1)
      await signInWith(portal.visitor(), ada.email, 'wrong password number one');
    assert.equal((await signInWith(visitor, ada.email, next)).status, 303);
  });
});

describe('The address in a mailed link', () => {
  const base = 'https://portal.example.com';
  let portal: TestPortal;
  let server: Server;
  let url: string;
  before(async () => {
    portal = await openTestPortal({ environment: { BASE_URL: base, ...behindProxy } });
    // A door of its own: with BASE_URL the portal's address is the proxy's.
    server = await listen(portal);
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await portal.close();
  });

  it('is the configured one, whatever a request calls this portal', async () => {
    const evil = 'evil.example';
    const forgeries: Record<string, string>[] = [
      { host: evil },
      { host: `portal.example.com:443@${evil}` },
      { 'x-forwarded-host': evil, 'x-forwarded-proto': 'http', 'x-forwarded-port': '81' },
      { forwarded: `host=${evil};proto=http` },
      { 'x-host': evil, 'x-original-host': evil, 'x-forwarded-server': evil, 'x-rewrite-url': `http://${evil}/` },
      { referer: `https://${evil}/` },
    ];
    for (const [index, forged] of forgeries.entries()) {
      for (const target of ['/forgot-password', `http://${evil}/forgot-password`]) {
        const ada = await portal.addPerson();
        const visitor = new Visitor(url);
        Object.assign(visitor.headers, { origin: base, ...forged });
        const _csrf = await anyFormToken(visitor);
        const sent = await sendRaw(url, {
          method: 'POST',
          path: target,
          as: visitor,
          headers: { 'content-type': 'application/x-www-form-urlencoded', ...forged },
          body: new URLSearchParams({ email: ada.email, _csrf }).toString(),
        });
        const what = `${target} ${JSON.stringify(forged)} ${sent.body}`;
        assert.equal(sent.status, 303, what);
        assert.equal(sent.headers.location, '/forgot-password/sent', what);
        const [mail] = await linkMails(portal, 'reset-password', ada.email);
        assert.ok(mail, what);
        assert.ok(mail.text.includes(`${base}/reset-password/`), what);
        assert.ok(!`${mail.text}${mail.html ?? ''}`.includes(evil), `${String(index)} ${what}`);
      }
    }
  });
});

describe('Asking for a link', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal({ environment: behindProxy });
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ hours: 1 });
  });

  let addresses = 0;
  function elsewhere(): Visitor {
    addresses += 1;
    const visitor = portal.visitor();
    visitor.headers['x-forwarded-for'] = `198.51.${String(addresses >> 8)}.${String(addresses & 255)}`;
    return visitor;
  }

  const normal = async (visitor: Visitor, answer: Answer) => {
    const { date: _date, ...headers } = answer.headers;
    const page = await visitor.follow(answer);
    return { status: answer.status, headers, body: answer.html, page: plain(page.html), pageStatus: page.status };
  };

  it('gets the same answer for everybody: known, unknown, disabled, invited, staff, and over every limit', async () => {
    const invited = await portal.addPerson({ password: null });
    await portal.invite(invited, { by: { kind: 'portal' }, inviter: null });
    const flooded = elsewhere();
    for (let count = 0; count <= linkCeilings.asks.tries; count += 1)
      await forgetPassword(flooded, `flood${String(count)}@example.com`);
    const throttled = await portal.addPerson();
    for (const email of [throttled.email, 'throttled@example.com'])
      for (let count = 0; count < linkCeilings.mails.tries; count += 1) await forgetPassword(elsewhere(), email);
    const cases: Record<string, [string, Visitor]> = {
      unknown: ['nobody@example.com', elsewhere()],
      known: [(await portal.addPerson()).email, elsewhere()],
      disabled: [(await portal.addPerson({ disabled: true })).email, elsewhere()],
      invited: [invited.email, elsewhere()],
      'without an invitation': [(await portal.addPerson({ password: null })).email, elsewhere()],
      staff: [(await portal.addPerson({ kind: 'staff' })).email, elsewhere()],
      'asked for too often': [throttled.email, elsewhere()],
      'unknown, and asked for too often': ['throttled@example.com', elsewhere()],
      'known, from an address that asks too often': [(await portal.addPerson()).email, flooded.clone()],
      'unknown, from an address that asks too often': ['nobody2@example.com', flooded.clone()],
    };
    let first: unknown;
    for (const [name, [email, visitor]] of Object.entries(cases)) {
      await visitor.get('/forgot-password');
      const seen = await normal(visitor, await forgetPassword(visitor, email));
      assert.equal(seen.status, 303, name);
      assert.equal(seen.headers['set-cookie'], undefined, name);
      first ??= seen;
      assert.deepEqual(seen, first, name);
    }
  });

  it('is the same work for everybody: the request writes one task, and nobody is looked up before it is answered', async () => {
    await withPortal(
      async (idle) => {
        const tasks = idle.database.connection.collection('tasks');
        const findByEmail = idle.accounts.findByEmail.bind(idle.accounts);
        let lookUps = 0;
        idle.accounts.findByEmail = (key) => {
          lookUps += 1;
          return findByEmail(key);
        };
        for (const email of [(await idle.addPerson()).email, 'nobody@example.com']) {
          const before = await idle.audit.latest({}, 1);
          await forgetPassword(idle.visitor(), email);
          assert.equal(lookUps, 0, email);
          assert.equal(await tasks.countDocuments(), 1, email);
          assert.deepEqual(await idle.audit.latest({}, 1), before, email);
          await idle.tasks.work();
          assert.equal(lookUps, 1, email);
          lookUps = 0;
        }
      },
      { environment: { JOBS: 'off' } },
    );
  });

  it('takes the same time for known and unknown', async () => {
    const people = await Promise.all(Array.from({ length: 60 }, () => portal.addPerson()));
    const visitor = elsewhere();
    const _csrf = await anyFormToken(visitor);
    const ask = (email: string) => {
      const one = elsewhere();
      for (const [name, value] of visitor.cookies) one.cookies.set(name, value);
      return one.submit('/forgot-password', { email, _csrf }, { hidden: false });
    };
    for (let count = 0; count < 10; count += 1) await ask(`warm${String(count)}@example.com`);
    const timings = await timeInTurns(60, (index) => ({
      one: () => ask(people[index]?.email ?? ''),
      other: () => ask(`no.${people[index]?.email ?? ''}`),
    }));
    assertSameTime(timings);
    assert.equal(
      (await linkMails(portal, 'reset-password')).filter(({ to }) => people.some(({ email }) => email === to)).length,
      60,
    );
  });
});

describeWithAuthenticator('A new password', () => {
  it('stands in for no second factor: it is asked as before, and nothing but the password and the epoch changed', async () => {
    const portal = await openTestPortal();
    try {
      const member = await addMember(portal);
      await signInFully(portal, member);
      const { db } = portal.database.connection;
      const people = portal.database.connection.collection('people');
      const enrolments = () => portal.database.connection.collection('enrolments').find().toArray();
      const link = await resetLink(portal, member.person);
      const [row] = await people.find().toArray();
      const factors = await enrolments();
      assert.ok(db && row && factors.length > 0);
      portal.clock.advance({ minutes: 1 });
      const visitor = portal.visitor();
      await choosePassword(visitor, link, next);
      const [after] = await people.find().toArray();
      const changed = Object.keys(row).filter((key) => JSON.stringify(row[key]) !== JSON.stringify(after?.[key]));
      assert.deepEqual(changed.sort(), ['emailConfirmedAt', 'links', 'password', 'passwordSetAt', 'sessionEpoch']);
      assert.deepEqual(after?.['links'], {});
      assert.deepEqual(await enrolments(), factors);
      assert.equal((await signInWith(visitor, member.person.email, next)).location, challengePath);
      assert.equal(await isSignedIn(visitor), false, 'the known browser skips no factor');
      assert.equal((await giveCode(visitor, codeNow(portal, member))).status, 303);
      assert.ok(await isSignedIn(visitor));
    } finally {
      await portal.close();
    }
  });
});
