// The attack: passwords are tried, many for one account from many addresses, a few for many accounts from one address, or all at
// once so that nobody else gets in.
// RL-1, RL-6, RL-8, RL-9, RL-10, ENUM-3.
import assert from 'node:assert/strict';
import type { Ceiling } from '../../modules/kernel/ports.ts';
import { passwordCeilings } from '../../modules/sign-in/password-tries.ts';
import { burst } from '../support/http.ts';
import { openTestPortal, password, signInWith, withPortal, type TestPortal } from '../support/portal.ts';
import { isSignedIn, signInByPassword } from './support/people.ts';

const behindProxy = { TRUST_PROXY: '1' };
const { tries, windowSeconds } = passwordCeilings.account;

describe('Guessing passwords', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  before(async () => {
    portal = await openTestPortal({ environment: behindProxy });
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ seconds: windowSeconds });
  });

  let addresses = 0;
  function visitorFromElsewhere(where = portal) {
    addresses += 1;
    const visitor = where.visitor();
    visitor.headers['x-forwarded-for'] = `198.51.${String(addresses >> 8)}.${String(addresses & 255)}`;
    return visitor;
  }

  it('ends after ten wrong ones for an account, whatever the address and the process, and the right one waits too', async () => {
    const ada = await portal.addPerson();
    for (let count = 0; count < tries; count += 1) {
      const visitor = visitorFromElsewhere(count % 2 === 0 ? portal : twin);
      assert.equal((await signInWith(visitor, ada.email, 'wrong password number one')).status, 422);
    }
    const right = await signInWith(visitorFromElsewhere(twin), ada.email);
    const wrong = await signInWith(visitorFromElsewhere(), ada.email, 'wrong password number two');
    assert.equal(right.status, 429);
    assert.ok(Number(right.headers['retry-after']) > 0);
    assert.equal(right.text, wrong.text, 'the same sentence for a right and a wrong one');
    portal.clock.advance({ seconds: windowSeconds });
    await signInByPassword(portal, ada);
  });

  it('is over at most an hour later: a lock is no weapon', () => {
    const ceilings: readonly Ceiling[] = Object.values(passwordCeilings);
    for (const ceiling of ceilings) assert.ok(ceiling.windowSeconds <= 3600);
    assert.equal(tries, 10);
  });

  it('says the same of an account that is not there, after as many tries', async () => {
    const ada = await portal.addPerson();
    const texts = new Map<string, string[]>();
    for (const email of [ada.email, 'nobody.at.all@example.com']) {
      const seen: string[] = [];
      for (let count = 0; count < tries + 1; count += 1) {
        const answer = await signInWith(visitorFromElsewhere(), email, 'wrong password number one');
        seen.push(`${String(answer.status)} ${answer.text}`);
      }
      texts.set(email, seen);
    }
    assert.deepEqual(texts.get('nobody.at.all@example.com'), texts.get(ada.email));
  });

  it('counts one account once, however its address is written', async () => {
    const ada = await portal.addPerson({ email: 'Written.Many.Ways@Example.com' });
    const ways = ['written.many.ways@example.com', ' Written.Many.Ways@example.com ', 'WRITTEN.MANY.WAYS@EXAMPLE.COM'];
    for (let count = 0; count < tries; count += 1) {
      await signInWith(visitorFromElsewhere(), ways[count % ways.length] ?? '', 'wrong password number one');
    }
    assert.equal((await signInWith(visitorFromElsewhere(), ada.email)).status, 429);
  });

  it('checks at most ten when two dozen arrive at once', async () => {
    const ada = await portal.addPerson();
    const answers = await burst(24, (index) =>
      visitorFromElsewhere(index % 2 === 0 ? portal : twin).holdSubmit(
        '/sign-in',
        { email: ada.email, password: 'wrong password number one' },
        { from: '/sign-in' },
      ),
    );
    assert.equal(answers.filter(({ status }) => status === 422).length, tries);
    assert.equal(answers.filter(({ status }) => status === 429).length, 24 - tries);
  });

  it('takes the mark of a right one back, so that people who sign in often are not shut out', async () => {
    const ada = await portal.addPerson();
    for (let count = 0; count < tries - 1; count += 1)
      await signInWith(visitorFromElsewhere(), ada.email, 'wrong password number one');
    for (let count = 0; count < 3; count += 1) await signInByPassword(portal, ada, visitorFromElsewhere());
    assert.equal((await signInWith(visitorFromElsewhere(), ada.email, 'wrong password number two')).status, 422);
    assert.equal((await signInWith(visitorFromElsewhere(), ada.email)).status, 429);
  });

  it('ends for one address after its ceiling over all accounts; others go on', async () => {
    const visitor = portal.visitor();
    visitor.headers['x-forwarded-for'] = '203.0.113.77';
    const page = await visitor.get('/sign-in');
    const token = page.forms[0]?.hidden.get('_csrf') ?? '';
    for (let count = 0; count < passwordCeilings.address.tries; count += 1) {
      const fields = {
        email: `somebody${String(count)}@example.com`,
        password: 'wrong password number one',
        _csrf: token,
      };
      const answer = await visitor.submit('/sign-in', fields, { hidden: false });
      assert.equal(answer.status, 422);
    }
    const ada = await portal.addPerson();
    assert.equal((await signInWith(visitor, ada.email)).status, 429);
    await signInByPassword(portal, ada, visitorFromElsewhere());
  });

  it('has the same limit at the step-up by password', async () => {
    const ada = await portal.addPerson();
    const visitor = await signInByPassword(portal, ada, visitorFromElsewhere());
    for (let count = 0; count < tries; count += 1) {
      const answer = await visitor.submit(
        '/account/confirm',
        { password: 'wrong password number one' },
        { from: '/account/confirm' },
      );
      assert.equal(answer.status, 422);
    }
    assert.equal((await visitor.submit('/account/confirm', { password }, { from: '/account/confirm' })).status, 429);
    await visitor.submit('/sign-out', {}, { from: '/home' });
    assert.equal((await signInWith(visitor, ada.email)).status, 429, 'and the sign-in of this browser counts with it');
  });
});

describe('An address that a client makes up', () => {
  it('is not believed where no proxy is trusted, and never reaches the audit', async () => {
    await withPortal(async (portal) => {
      const page = portal.visitor();
      const token = (await page.get('/sign-in')).forms[0]?.hidden.get('_csrf') ?? '';
      for (let count = 0; count < passwordCeilings.address.tries; count += 1) {
        const address = `203.0.113.${String(count)}`;
        const headers = {
          'content-type': 'application/x-www-form-urlencoded',
          'x-forwarded-for': address,
          'x-real-ip': address,
          forwarded: `for=${address}`,
        };
        const body = new URLSearchParams({
          email: `somebody${String(count)}@example.com`,
          password: 'wrong password number one',
          _csrf: token,
        });
        await page.request({ method: 'POST', path: '/sign-in', body: body.toString(), headers });
      }
      const ada = await portal.addPerson();
      assert.equal((await signInWith(portal.visitor(), ada.email)).status, 429);
      const rows = await portal.audit.latest({}, 20);
      for (const row of rows) assert.equal(row.address, '127.0.0.1');
    });
  });
});

describe('A flood of sign-ins', () => {
  it('is turned away with 503 and Retry-After, and the health page and the signed-in go on', async () => {
    const environment = { ...behindProxy, PASSWORD_QUEUE: '4', ARGON2_MEMORY_KIB: '16384', ARGON2_ITERATIONS: '2' };
    await withPortal(
      async (portal) => {
        const inside = await signInByPassword(portal, await portal.addPerson());
        const flood = 150;
        const token = new Map<number, { visitor: ReturnType<typeof portal.visitor>; csrf: string }>();
        const one = portal.visitor();
        const csrf = (await one.get('/sign-in')).forms[0]?.hidden.get('_csrf') ?? '';
        for (let index = 0; index < flood; index += 1) {
          const visitor = one.clone();
          visitor.headers['x-forwarded-for'] = `198.51.100.${String(index)}`;
          token.set(index, { visitor, csrf });
        }
        const answers = burst(flood, (index) =>
          token
            .get(index)!
            .visitor.holdSubmit(
              '/sign-in',
              { email: `flood${String(index)}@example.com`, password: 'wrong password number one', _csrf: csrf },
              { hidden: false },
            ),
        );
        const meanwhile = await Promise.all([
          inside.get('/healthz'),
          inside.get('/home'),
          inside.get('/healthz'),
          inside.get('/home'),
        ]);
        for (const answer of meanwhile) assert.equal(answer.status, 200);
        const done = await answers;
        const busy = done.filter(({ status }) => status === 503);
        assert.ok(busy.length > 0, done.map(({ status }) => status).join(' '));
        for (const answer of busy) assert.ok(Number(answer.headers['retry-after']) > 0);
        assert.equal(busy.length + done.filter(({ status }) => status === 422).length, flood);
        assert.deepEqual(portal.hasher.load(), { running: 0, waiting: 0 });
        assert.ok(await isSignedIn(inside));
      },
      { environment },
    );
  });

  it('keeps whoever is not signed in waiting, whatever cookie they send, and nobody who is', async () => {
    await withPortal(
      async (portal) => {
        const inside = await signInByPassword(portal, await portal.addPerson());
        const over = await signInByPassword(portal, await portal.addPerson());
        const ended = over.clone();
        await over.submit('/sign-out', {}, { from: '/home' });
        const altered = inside.clone();
        altered.cookies.set('gatehouse', `${(inside.cookies.get('gatehouse') ?? '').slice(0, -1)}!`);
        const madeUp = portal.visitor();
        madeUp.cookies.set('gatehouse', 's%3Amade-up.signature');
        const places = Array.from({ length: portal.config.hashConcurrency + 2 }, () => portal.visitor());
        for (const visitor of places) await visitor.get('/sign-in');

        // The hashes of others stand before theirs: who has a place keeps it meanwhile.
        let left = 60;
        const hashes = Array.from({ length: left }, async () => {
          await portal.hasher.verify(null, 'x');
          left -= 1;
        });
        const wrong = { email: 'nobody@example.com', password: 'wrong password number one' };
        const refused = Promise.all(places.map((visitor) => visitor.submit('/sign-in', wrong)));
        const taken = () => portal.hasher.load().running + portal.hasher.load().waiting - left;
        while (taken() < places.length) {
          assert.ok(left > 0, 'the places were taken before the hashes were done');
          await new Promise((resolve) => setImmediate(resolve));
        }
        let answered = 0;
        const waiting = [ended, altered, madeUp].map(async (visitor) => {
          await visitor.get('/sign-in');
          answered += 1;
        });
        for (let count = 0; count < 3; count += 1) assert.equal((await inside.get('/home')).status, 200);
        assert.equal(taken(), places.length, 'the places were still taken');
        assert.equal(answered, 0);
        await Promise.all([...waiting, ...hashes]);
        for (const { status } of await refused) assert.equal(status, 422);
      },
      { environment: { ARGON2_MEMORY_KIB: '32768', ARGON2_ITERATIONS: '2' } },
    );
  });

  it('does not use up the tries of somebody whose password could not be checked', async () => {
    await withPortal(
      async (portal) => {
        const ada = await portal.addPerson();
        const verify = portal.hasher.verify.bind(portal.hasher);
        let flooding = true;
        // Takes every place that becomes free: two run or more, one waits.
        const flood = Array.from({ length: portal.config.hashConcurrency + 1 }, async () => {
          while (flooding) {
            await verify(null, 'x').catch(() => null);
            await new Promise((resolve) => setImmediate(resolve));
          }
        });
        let busy = 0;
        for (let count = 0; count < 4 * tries && busy < tries; count += 1) {
          const { status } = await signInWith(portal.visitor(), ada.email);
          assert.notEqual(status, 429, `after ${String(busy)} answers of 503`);
          if (status === 503) busy += 1;
        }
        flooding = false;
        await Promise.all(flood);
        assert.equal(busy, tries, 'the queue was full');
        assert.equal((await signInWith(portal.visitor(), ada.email)).status, 303);
      },
      { environment: { PASSWORD_QUEUE: '1', ARGON2_MEMORY_KIB: '32768', ARGON2_ITERATIONS: '2' } },
    );
  });
});
