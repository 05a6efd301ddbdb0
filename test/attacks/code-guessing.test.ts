// The attack: somebody who has the password tries codes: in many sign-ins, from many addresses, against every process, after a
// restart, in one burst; or waits for a right password to clear the count.
// RL-2, RL-3, RL-5, RL-6, RL-8, TOTP-5.
import assert from 'node:assert/strict';
import { addressCeiling, consecutiveFailures } from '../../modules/mfa/attempts.ts';
import { burst, Visitor } from '../support/http.ts';
import { openTestPortal, password, signInWith, withPortal, type TestPortal } from '../support/portal.ts';
import { startProcess, type RunningProcess } from '../support/processes.ts';
import { withTemporaryFolder } from '../support/temporary-folder.ts';
import { authenticator, authenticatorId, describeWithAuthenticator } from './support/authenticator.ts';
import {
  addMember,
  challengePath,
  chooseApp,
  codeNow,
  giveCode,
  halfway,
  isSignedIn,
  signInFully,
  type Member,
  wrongCode,
} from './support/people.ts';

describeWithAuthenticator('Guessing codes', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  let limit: number;
  before(async () => {
    portal = await openTestPortal();
    twin = await portal.twin();
    limit = portal.engine.factors.get(authenticatorId)?.definition.limits.verify.tries ?? 0;
  });
  after(() => portal.close());
  // The ceiling of one address is not what these tests are about.
  beforeEach(() => {
    portal.clock.advance({ minutes: 16 });
  });

  async function guess(member: Member, times: number, visitor: Visitor): Promise<void> {
    for (let count = 0; count < times; count += 1) {
      const answer = await giveCode(visitor, wrongCode(portal, member));
      assert.equal(answer.status, 422, answer.text);
    }
  }

  it('ends at the limit over many sign-ins, spoofed addresses and two portals: the next code is refused although right', async () => {
    const member = await addMember(portal);
    for (let count = 0; count < limit; count += 1) {
      const visitor = (count % 2 === 0 ? portal : twin).visitor();
      visitor.headers['x-forwarded-for'] = `203.0.113.${String(count)}`;
      await halfway(portal, member.person, visitor);
      await guess(member, 1, visitor);
    }
    for (const where of [portal, twin]) {
      const visitor = await halfway(portal, member.person, where.visitor());
      const refused = await giveCode(visitor, codeNow(portal, member));
      assert.equal(refused.status, 429, refused.text);
      assert.ok(Number(refused.headers['retry-after']) > 0, 'and it says when to come back');
      assert.equal(await isSignedIn(visitor), false);
    }
    portal.clock.advance({ minutes: 15 });
    await signInFully(portal, member);
  });

  it('checks no more than the limit of a burst: a right code among them does not win beyond it', async () => {
    const member = await addMember(portal);
    const browsers: Visitor[] = [];
    for (let index = 0; index < 24; index += 1)
      browsers.push(await halfway(portal, member.person, (index % 2 === 0 ? portal : twin).visitor()));
    const first = browsers[0]!;
    await guess(member, limit, first);
    const right = codeNow(portal, member);
    const wrong = wrongCode(portal, member);
    const answers = await burst(24, (index) =>
      browsers[index]!.holdSubmit(challengePath, { code: index === 15 ? right : wrong }, { from: challengePath }),
    );
    for (const answer of answers) assert.equal(answer.status, 429);
  });

  it('checks at most the limit when all guesses arrive at once', async () => {
    const member = await addMember(portal);
    const browsers: Visitor[] = [];
    for (let index = 0; index < 24; index += 1)
      browsers.push(await halfway(portal, member.person, (index % 2 === 0 ? portal : twin).visitor()));
    const wrong = wrongCode(portal, member);
    const answers = await burst(24, (index) =>
      browsers[index]!.holdSubmit(challengePath, { code: wrong }, { from: challengePath }),
    );
    assert.equal(answers.filter(({ status }) => status === 422).length, limit);
    assert.equal(answers.filter(({ status }) => status === 429).length, 24 - limit);
  });

  it('has one limit for all doors: tries at the step-up and at a removal count with those of the sign-in', async () => {
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    const [row] = await portal.engine.enrolments.activeOf(member.person.id);
    const removal = `/account/enrolments/${row?._id.toHexString() ?? ''}/remove`;
    const wrong = wrongCode(portal, member);
    for (let count = 0; count < limit; count += 1) {
      const path = count % 2 === 0 ? '/account/confirm' : removal;
      assert.equal((await visitor.submit(path, { code: wrong }, { from: path })).status, 422);
    }
    portal.clock.advance({ seconds: 30 });
    const right = codeNow(portal, member);
    assert.equal((await visitor.submit('/account/confirm', { code: right }, { from: '/account/confirm' })).status, 429);
    assert.equal((await visitor.submit(removal, { code: right }, { from: removal })).status, 429);
    const other = await halfway(portal, member.person);
    assert.equal((await giveCode(other, right)).status, 429);
  });

  it('has the same limit where a set-up is confirmed', async () => {
    const person = await portal.addPerson({ staffWord: 'required' });
    const visitor = await halfway(portal, person);
    const home = `/account/factors/${authenticatorId}`;
    const page = await chooseApp(visitor);
    const secret = /secret=([A-Z2-7]+)/.exec(page.html)?.[1] ?? '';
    const device = { secret };
    const wrong = authenticator().wrongCode(device, portal.clock.now());
    for (let count = 0; count < limit; count += 1) {
      assert.equal((await visitor.submit(`${home}/confirm`, { code: wrong }, { from: home })).status, 422);
    }
    const right = authenticator().code(device, portal.clock.now());
    assert.equal((await visitor.submit(`${home}/confirm`, { code: right }, { from: home })).status, 429);
    assert.equal(await isSignedIn(visitor), false);
  });

  it('is not helped by a right password in between', async () => {
    const member = await addMember(portal);
    for (let count = 0; count < limit; count += 1) await guess(member, 1, await halfway(portal, member.person));
    const visitor = await halfway(portal, member.person);
    assert.equal((await giveCode(visitor, codeNow(portal, member))).status, 429);
  });

  it('takes back the mark of a right code, so that people who sign in often are not shut out', async () => {
    const member = await addMember(portal);
    for (let count = 0; count < limit + 2; count += 1) await signInFully(portal, member);
  });

  it('tells of a limit in the audit without a word on whether the code was right', async () => {
    const member = await addMember(portal);
    const visitor = await halfway(portal, member.person);
    await guess(member, limit, visitor);
    const right = await giveCode(visitor, codeNow(portal, member));
    const wrong = await giveCode(visitor, wrongCode(portal, member));
    assert.equal(right.text, wrong.text);
    const rows = await portal.audit.latest({ personId: member.person.id }, 3);
    assert.equal(rows[0]?.event, 'challenge.throttled');
  });

  it('stays below one percent a day, and locks long before a code is likely to be hit', () => {
    for (const { definition } of portal.engine.factors.values()) {
      const { tries, windowSeconds } = definition.limits.verify;
      const perDay = (tries * 86_400) / windowSeconds;
      // Three steps are accepted at any time.
      assert.ok((perDay * 3) / 1_000_000 < 0.01, definition.id);
      assert.ok((consecutiveFailures * 3) / 1_000_000 < 0.001, definition.id);
    }
    assert.ok(addressCeiling.tries >= limit);
  });

  it('locks the factor after a hundred wrong codes in a row: the right one is refused, and so is the next sign-in, with a sentence', async () => {
    const member = await addMember(portal);
    const elsewhere = await signInFully(portal, member);
    let visitor = elsewhere;
    for (let left = consecutiveFailures; left > 0; left -= limit) {
      portal.clock.advance({ minutes: 15 });
      assert.equal((await elsewhere.get('/home')).status, 200);
      visitor = await halfway(portal, member.person);
      await guess(member, Math.min(limit, left), visitor);
    }
    portal.clock.advance({ minutes: 15 });
    await elsewhere.get('/home');
    const blocked = portal.visitor();
    const page = await blocked.follow(await signInWith(blocked, member.person.email));
    assert.equal(page.url.pathname, '/sign-in/blocked');
    assert.match(page.text, /cannot sign in at the moment/);
    const right = await blocked
      .submit(challengePath, { code: codeNow(portal, member) }, { from: '/sign-in/blocked', hidden: true })
      .catch(() => null);
    assert.ok(right === null || right.status === 403);
    const token = page.forms[0]?.hidden.get('_csrf') ?? '';
    const forced = await blocked.submit(
      challengePath,
      { code: codeNow(portal, member), _csrf: token },
      { hidden: false },
    );
    assert.equal(forced.status, 403, 'even the right code');
    assert.equal(await isSignedIn(blocked), false);
    const events = (await portal.audit.latest({ personId: member.person.id }, 50)).map((row) => row.event);
    assert.ok(events.includes('factor.locked'));
    assert.ok(events.includes('sign-in.blocked'));
    // Weeks later too: time does not unlock it.
    portal.clock.advance({ hours: 24 * 30 });
    const later = portal.visitor();
    assert.equal((await signInWith(later, member.person.email)).location, '/sign-in/blocked');
  });

  it('starts the row of failures anew after a right code of that factor', async () => {
    const failures = async () => {
      const rows = await portal.database.connection.collection('factorFailures').find().toArray();
      return rows.map((row) => ({ id: String(row._id), consecutive: Number(row['consecutive']) }));
    };
    const before = new Set((await failures()).map(({ id }) => id));
    const member = await addMember(portal);
    for (let round = 0; round < 2; round += 1) {
      portal.clock.advance({ minutes: 15 });
      await guess(member, limit - 1, await halfway(portal, member.person));
      await signInFully(portal, member);
    }
    const rows = (await failures()).filter(({ id }) => !before.has(id));
    assert.deepEqual(
      rows.map(({ consecutive }) => consecutive),
      [0],
    );
  });
});

describeWithAuthenticator('A factor that guessing has locked', () => {
  async function lock(portal: TestPortal, member: Member): Promise<void> {
    const { definition } = portal.engine.factors.get(authenticatorId)!;
    for (let count = 0; count < consecutiveFailures; count += 1) {
      await portal.engine.attempts.run(
        {
          personId: member.person.id,
          factor: authenticatorId,
          address: `192.0.2.${String(count)}`,
          ceiling: { ...definition.limits.verify, tries: 1000 },
          settingUp: false,
        },
        () => Promise.resolve(null),
      );
    }
  }

  it('does not make the password alone enough to confirm a live session and set up another', async () => {
    await withPortal(async (portal) => {
      const member = await addMember(portal);
      const thief = await signInFully(portal, member);
      await lock(portal, member);
      portal.clock.advance({ minutes: 6 });
      const page = await thief.get('/account/confirm');
      if (page.forms.some((form) => form.fieldNames.has('password'))) {
        await thief.submit('/account/confirm', { password }, { from: '/account/confirm' });
      }
      const setUp = await thief.get(`/account/factors/${authenticatorId}`);
      assert.notEqual(setUp.status, 200, 'whoever has the session and the password would choose the second factor');
      assert.equal(
        page.forms.some((form) => form.fieldNames.has('password')),
        false,
        'the password is no proof for somebody who has a factor',
      );
    });
  });

  it('stays locked when the look-up key is rotated', async () => {
    await withPortal(async (portal) => {
      const member = await addMember(portal);
      await lock(portal, member);
      const rotated = {
        ...portal.keys,
        lookup: [{ id: 'newer', bytes: Buffer.alloc(32, 7) }, ...portal.keys.lookup] as const,
      };
      const next = await openTestPortal({
        databaseName: portal.database.connection.name,
        keys: rotated,
        clock: portal.clock,
      });
      try {
        assert.equal((await signInWith(next.visitor(), member.person.email)).location, '/sign-in/blocked');
      } finally {
        await next.close();
      }
    });
  });
});

describeWithAuthenticator('Guessing codes against processes that are killed', () => {
  const running: RunningProcess[] = [];
  after(async () => {
    for (const one of running) await one.stop('SIGKILL');
  });

  async function start(folder: string): Promise<{ url: string; running: RunningProcess }> {
    const env = { DATA_DIR: folder, PORT: '0', ARGON2_MEMORY_KIB: '1024', LOG_LEVEL: 'fatal' };
    const process = startProcess('server.ts', [], { env });
    running.push(process);
    const [, url = ''] = await process.line(/listens on (http:\S+)/);
    return { url, running: process };
  }

  async function setUpAdmin(visitor: Visitor, link: string) {
    await visitor.get(link);
    const fields = { name: 'Ada Lovelace', email: 'ada@example.com', password };
    await visitor.submit('/set-up', fields, { from: '/set-up' });
    return authenticator().enrol(visitor, new Date());
  }

  it('ends at the same limit over two processes and a restart after kill -9', async () => {
    await withTemporaryFolder(async (folder) => {
      let first = await start(folder);
      const [, link = ''] = await first.running.line(/http:\/\/[^/]+(\/set-up\/\S+)/);
      const device = await setUpAdmin(new Visitor(first.url), link);
      const second = await start(folder);
      const guessAt = async (url: string) => {
        const visitor = new Visitor(url);
        // Right after a kill the store changes hands: for that moment the answer is 503.
        for (let asked = 0; asked < 200 && (await visitor.get('/healthz')).status !== 200; asked += 1);
        const answer = await visitor.submit('/sign-in', { email: 'ada@example.com', password }, { from: '/sign-in' });
        assert.equal(answer.location, challengePath, answer.text);
        return (await giveCode(visitor, authenticator().wrongCode(device, new Date()))).status;
      };
      const statuses = [
        await guessAt(first.url),
        await guessAt(second.url),
        await guessAt(first.url),
        await guessAt(second.url),
      ];
      await first.running.stop('SIGKILL');
      statuses.push(await guessAt(second.url), await guessAt(second.url));
      first = await start(folder);
      statuses.push(await guessAt(first.url), await guessAt(second.url));
      await second.running.stop('SIGKILL');
      statuses.push(await guessAt(first.url), await guessAt(first.url));
      assert.deepEqual(statuses, Array<number>(10).fill(422));
      const visitor = new Visitor(first.url);
      await visitor.submit('/sign-in', { email: 'ada@example.com', password }, { from: '/sign-in' });
      // The code of the next step: the one of this step was used up by the set-up.
      const right = authenticator().code(device, new Date(Date.now() + 30_000));
      const answer = await giveCode(visitor, right);
      assert.equal(answer.status, 429, 'the right code, after ten tries that no crash made forget');
      await first.running.stop('SIGKILL');
    });
  });
});
