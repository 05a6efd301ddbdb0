import assert from 'node:assert/strict';
import type { Request } from 'express';
import { Refused } from '../../../kernel/errors.ts';
import type { Person } from '../../../kernel/person.ts';
import { createLocalStrategy, wrongCredentials, type Account, type LocalStrategyOptions } from '../local-strategy.ts';
import type { PasswordRecord } from '../password-hasher.ts';
import { cheap, countedHasher, pepper } from './counted-hasher.ts';
import { makePerson } from './person.ts';

type Outcome = { success: unknown } | { fail: unknown[] } | { error: unknown };

/** Runs the strategy as passport does: on an object of its own that inherits from the registered one. */
function signIn(options: LocalStrategyOptions, body: unknown, query: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const running = Object.assign(
      Object.create(createLocalStrategy(options)) as ReturnType<typeof createLocalStrategy>,
      {
        success: (person: unknown) => {
          resolve({ success: person });
        },
        fail: (...failure: unknown[]) => {
          resolve({ fail: failure.filter((part) => part !== undefined) });
        },
        error: (error: unknown) => {
          resolve({ error });
        },
      },
    );
    running.authenticate({ body, query } as unknown as Request, {});
  });
}

const password = 'purple lantern walks home';

describe('the password sign-in', () => {
  const ann = makePerson();
  const { hasher, runs } = countedHasher();
  const accounts = new Map<string, Account>();
  const changes: unknown[] = [];
  const options: LocalStrategyOptions = {
    hasher,
    findByEmail: (key) => Promise.resolve(accounts.get(key) ?? null),
    rehash: (change) => Promise.resolve(void changes.push(change)),
  };

  before(async () => {
    const record = await hasher.hash(password);
    accounts.set('ann@acme.example', { person: ann, password: record });
    accounts.set('off@acme.example', { person: makePerson({ id: 'p2', disabled: true }), password: record });
    accounts.set('new@acme.example', { person: makePerson({ id: 'p3' }), password: null });
  });

  it('succeeds with the person, however the address is spelled', async () => {
    for (const email of ['ann@acme.example', ' ANN@Acme.Example ']) {
      assert.deepEqual(await signIn(options, { email, password }), { success: ann });
    }
    assert.deepEqual(changes, []);
  });

  it('gives unknown, wrong, disabled, passwordless and malformed the same answer, at the price of one hash', async () => {
    const tries = [
      { email: 'ann@acme.example', password: `${password} ` },
      { email: 'ann@acme.example', password: 'x'.repeat(5000) },
      { email: 'nobody@acme.example', password },
      { email: 'off@acme.example', password },
      { email: 'off@acme.example', password: 'a wrong one' },
      { email: 'new@acme.example', password },
      { email: 'not an address', password },
      { email: 'ann@acme.example\r\n', password },
    ];
    for (const body of tries) {
      const before = runs.verify;
      const outcome = await signIn(options, body);
      assert.ok('fail' in outcome);
      assert.equal(outcome.fail.length, 1);
      assert.equal(outcome.fail[0], wrongCredentials);
      assert.equal(runs.verify, before + 1);
    }
  });

  it('answers empty fields alike', async () => {
    for (const body of [
      { email: '', password },
      { email: 'ann@acme.example', password: '' },
    ]) {
      assert.deepEqual(await signIn(options, body), { fail: [wrongCredentials] });
    }
  });

  it('takes credentials from the form only: no query, no lists, no objects, no missing fields', async () => {
    const email = 'ann@acme.example';
    const tries: [unknown, Record<string, string>][] = [
      [{}, { email, password }],
      [undefined, { email, password }],
      [{ email }, { password }],
      [{ email, password }, { email: 'other@acme.example' }],
      [undefined, {}],
      [{ email }, {}],
      [{ email: [email, email], password }, {}],
      [{ email, password: { $ne: '' } }, {}],
      [{ email: { email }, password }, {}],
      [{ email, password: 12345678 }, {}],
    ];
    for (const [body, query] of tries) {
      const outcome = await signIn(options, body, query);
      assert.ok('error' in outcome && outcome.error instanceof Refused && outcome.error.code === 'bad-request');
    }
  });

  it('passes on that the portal is busy, and that the database is away', async () => {
    const full = countedHasher({ concurrency: 1, queueLimit: 0 }).hasher;
    const running = full.verify(null, 'x');
    const busy = await signIn({ ...options, hasher: full }, { email: 'ann@acme.example', password });
    assert.ok('error' in busy && busy.error instanceof Refused && busy.error.code === 'busy');
    await running;
    const broken = new Error('away');
    const away = await signIn(
      { ...options, findByEmail: () => Promise.reject(broken) },
      { email: 'ann@acme.example', password },
    );
    assert.deepEqual(away, { error: broken });
  });

  it('renews a record of older parameters or an older pepper, bound to the one it saw', async () => {
    const dearer = countedHasher({
      peppers: [pepper('k2', 2), pepper('k1', 1)],
      parameters: { ...cheap, iterations: 2 },
    });
    const renewing = { ...options, hasher: dearer.hasher };
    const seen = accounts.get('ann@acme.example')?.password;
    assert.deepEqual(await signIn(renewing, { email: 'ann@acme.example', password }), { success: ann });
    const [change] = changes.splice(0) as { personId: string; seen: PasswordRecord; next: PasswordRecord }[];
    assert.ok(change);
    assert.deepEqual([change.personId, change.seen, change.next.pepper], ['p1', seen, 'k2']);
    assert.match(change.next.hash, /\$m=1024,t=2,p=1\$/);
    assert.deepEqual(await dearer.hasher.verify(change.next, password), { right: true, stale: false });
    for (const body of [
      { email: 'ann@acme.example', password: 'a wrong one' },
      { email: 'off@acme.example', password },
    ]) {
      assert.ok('fail' in (await signIn(renewing, body)));
    }
    assert.deepEqual(changes, []);
  });

  it('goes on when the record cannot be renewed, and says so', async () => {
    const faults: unknown[] = [];
    const { hasher: rotated } = countedHasher({ peppers: [pepper('k2', 2), pepper('k1', 1)] });
    const broken = new Error('away');
    const outcome: Outcome = await signIn(
      { ...options, hasher: rotated, rehash: () => Promise.reject(broken), onFault: (error) => faults.push(error) },
      { email: 'ann@acme.example', password },
    );
    assert.deepEqual(outcome, { success: ann satisfies Person });
    assert.deepEqual(faults, [broken]);
  });
});
