// The attack: somebody tries addresses with any password and reads from status, text, headers, cookies, redirects or the work that
// is done who has an account here, whose is disabled, and who is asked for a second step.
// ENUM-1, ENUM-2, ENUM-3.
import assert from 'node:assert/strict';
import type { Answer } from '../support/http.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../support/portal.ts';
import { describeWithAuthenticator } from './support/authenticator.ts';
import { addMember } from './support/people.ts';
import { assertSameTime, timeInTurns } from './support/timing.ts';

describeWithAuthenticator('Whether an address has an account', () => {
  let portal: TestPortal;
  let cases: Record<string, { email: string; secret: string }>;
  before(async () => {
    portal = await openTestPortal();
    const wrong = 'wrong password number one';
    cases = {
      unknown: { email: 'nobody@example.com', secret: wrong },
      'unknown, with a password that somebody has': { email: 'nobody2@example.com', secret: password },
      'wrong password': { email: (await portal.addPerson()).email, secret: wrong },
      'wrong password of somebody with a factor': { email: (await addMember(portal)).person.email, secret: wrong },
      'wrong password of staff': { email: (await portal.addPerson({ kind: 'staff' })).email, secret: wrong },
      disabled: { email: (await portal.addPerson({ disabled: true })).email, secret: wrong },
      'disabled, right password': { email: (await portal.addPerson({ disabled: true })).email, secret: password },
      'no password': { email: (await portal.addPerson({ password: null })).email, secret: wrong },
      'no address at all': { email: 'not an address', secret: wrong },
      'an operator': { email: '{"$ne":null}', secret: wrong },
      'over-long password': { email: (await portal.addPerson()).email, secret: 'long '.repeat(400) },
    };
  });
  after(() => portal.close());

  const normal = (answer: Answer, email: string) => {
    const { date: _date, 'content-length': _length, ...headers } = answer.headers;
    const escaped = email.replaceAll('&', '&amp;').replaceAll('"', '&#34;');
    const body = answer.html.replace(/name="_csrf" value="[^"]*"/g, '').replaceAll(escaped, 'EMAIL');
    return { status: answer.status, location: answer.location, headers, body };
  };

  it('shows in nothing of the answer', async () => {
    const seen = new Map<string, unknown>();
    for (const [name, { email, secret }] of Object.entries(cases))
      seen.set(name, normal(await signInWith(portal.visitor(), email, secret), email));
    const first = seen.get('unknown');
    assert.equal((first as { status: number }).status, 422);
    for (const [name, answer] of seen) assert.deepEqual(answer, first, name);
  });

  it('shows in none of the work: every one costs exactly one password hash', async () => {
    portal.clock.advance({ minutes: 15 });
    const { hasher } = portal;
    const verify = hasher.verify.bind(hasher);
    const hash = hasher.hash.bind(hasher);
    let runs = 0;
    hasher.verify = (record, plain) => {
      runs += 1;
      return verify(record, plain);
    };
    hasher.hash = (plain) => {
      runs += 1;
      return hash(plain);
    };
    try {
      for (const [name, { email, secret }] of Object.entries(cases)) {
        runs = 0;
        await signInWith(portal.visitor(), email, secret);
        assert.equal(runs, 1, name);
      }
    } finally {
      hasher.verify = verify;
      hasher.hash = hash;
    }
  });

  it('shows not in the time that the answer takes: known and unknown, disabled and not', async () => {
    portal.clock.advance({ minutes: 15 });
    const wrong = 'wrong password number one';
    const pairs = 60;
    const people = await Promise.all(
      Array.from({ length: pairs }, (_, index) => portal.addPerson({ disabled: index % 3 === 0 })),
    );
    const page = portal.visitor();
    const _csrf = (await page.get('/sign-in')).forms[0]?.hidden.get('_csrf') ?? '';
    const tryOne = (email: string) => page.submit('/sign-in', { email, password: wrong, _csrf }, { hidden: false });
    const timings = await timeInTurns(pairs, (index) => {
      // Within the limit of this address.
      if (index % 40 === 0) portal.clock.advance({ minutes: 15 });
      const email = people[index]?.email ?? '';
      return { one: () => tryOne(email), other: () => tryOne(`no.${email}`) };
    });
    assertSameTime(timings);
  });

  it('shows not in the audit’s writing either: each refusal is one event', async () => {
    portal.clock.advance({ minutes: 15 });
    for (const [name, { email, secret }] of Object.entries(cases)) {
      const before = (await portal.audit.latest({}, 500)).length;
      await signInWith(portal.visitor(), email, secret);
      assert.equal((await portal.audit.latest({}, 500)).length - before, 1, name);
    }
  });

  it('shows not in the page where one signs in: what is asked later is known only after the right password', async () => {
    portal.clock.advance({ minutes: 15 });
    const texts = [];
    for (const name of ['wrong password', 'wrong password of somebody with a factor', 'unknown']) {
      const { email, secret } = cases[name]!;
      const visitor = portal.visitor();
      const answer = await signInWith(visitor, email, secret);
      texts.push(answer.text);
      assert.match((await visitor.get('/sign-in/challenge')).location ?? '', /^\/sign-in\?/);
    }
    assert.equal(new Set(texts).size, 1);
  });
});
