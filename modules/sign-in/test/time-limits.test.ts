import assert from 'node:assert/strict';
import type { Person } from '../../kernel/person.ts';
import type { SignIn } from '../../kernel/sign-in.ts';
import { openHalfway, openToAll, openToEnrol } from '../access.ts';
import { sessionKeyOf } from '../session-store.ts';
import { isFresh, overBecause, timeLimits } from '../time-limits.ts';

const start = new Date('2026-03-01T08:00:00Z');
const later = (milliseconds: number) => new Date(start.getTime() + milliseconds);
const signIn = (change: Partial<SignIn>) =>
  ({ state: 'satisfied', createdAt: start, lastSeenAt: start, freshAt: start, ...change }) as SignIn;
const person = (kind: Person['kind']) => ({ kind }) as Person;

describe('The time limits of a sign-in', () => {
  it('are those of the standard, or stricter', () => {
    assert.ok(timeLimits.contact.overall <= 24 * 3_600_000 && timeLimits.contact.idle <= 3_600_000);
    assert.ok(timeLimits.staff.overall <= 8 * 3_600_000 && timeLimits.staff.idle <= 15 * 60_000);
    assert.equal(timeLimits.pending, 600_000);
    assert.equal(timeLimits.fresh, 300_000);
  });

  for (const kind of ['contact', 'staff'] as const) {
    const { idle, overall } = timeLimits[kind];
    it(`hold to the millisecond for ${kind}`, () => {
      assert.equal(overBecause(signIn({}), person(kind), later(idle - 1)), null);
      assert.equal(overBecause(signIn({}), person(kind), later(idle)), 'idle-limit');
      const busy = (at: number) => signIn({ lastSeenAt: later(at - 1) });
      assert.equal(overBecause(busy(overall - 1), person(kind), later(overall - 1)), null);
      assert.equal(overBecause(busy(overall), person(kind), later(overall)), 'overall-limit');
    });
    it(`give ten minutes from the password to the last step for ${kind}`, () => {
      const pending = signIn({ state: 'password', lastSeenAt: later(599_999) });
      assert.equal(overBecause(pending, person(kind), later(599_999)), null);
      assert.equal(overBecause(pending, person(kind), later(600_000)), 'pending-expired');
    });
  }

  it('call a proof fresh for five minutes, and none never', () => {
    assert.equal(isFresh(signIn({}), later(299_999)), true);
    assert.equal(isFresh(signIn({}), later(300_000)), false);
    assert.equal(isFresh(signIn({ freshAt: null }), start), false);
  });
});

describe('The lists of open addresses', () => {
  const open = (lists: readonly (readonly RegExp[])[], path: string) =>
    lists.flat().some((pattern) => pattern.test(path));

  it('match whole addresses in their one spelling', () => {
    for (const path of ['/sign-in', '/sign-out', '/set-up', '/set-up/abc_-9', '/healthz', '/', '/assets/style.css'])
      assert.ok(open([openToAll], path), path);
    const shut = [
      '/home',
      '/staff',
      '/account/security',
      '/sign-in/',
      '/sign-in/challenge',
      '/SIGN-IN',
      '//sign-in',
      '/sign-in\n',
      '/sign-in\n/x',
      '/assets/',
      '/assets/../x',
      '/assets/a/b',
      '/assets/%2e',
      '/set-up/a/b',
      '/set-up/',
      '/healthz/x',
      '/callbacks',
      '/x/sign-in',
    ];
    for (const path of shut) assert.ok(!open([openToAll], path), JSON.stringify(path));
  });

  it('open no other page to the half-signed-in', () => {
    for (const path of [
      '/home',
      '/staff',
      '/account',
      '/account/security',
      '/account/confirm',
      '/account/enrolments/x/rename',
      '/account/factors',
      '/account/factors/',
      '/account/factors/../security',
      '/sign-in/../home',
      '/sign-in/%2e%2e/home',
      '/Account/factors/x',
      '/staff/factors/x',
    ]) {
      assert.ok(!open([openHalfway, openToEnrol], path), path);
    }
  });
});

describe('What the database keeps of a session id', () => {
  it('is a hash of it', () => {
    assert.match(sessionKeyOf('x'), /^[\w-]{43}$/);
    assert.notEqual(sessionKeyOf('x'), sessionKeyOf('y'));
  });
});
