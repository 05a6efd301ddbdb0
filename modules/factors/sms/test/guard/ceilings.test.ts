// What leaves the portal at most: pumping ends here, before the gateway (SMS-5, ASVS 2.4.1).
import assert from 'node:assert/strict';
import type { Recipient, TextPurpose } from '../../guard/limits.ts';
import { recipient, takeAtOnce, withGuard } from './guarded.ts';

const wide = Object.fromEntries(
  ['UNCONFIRMED', 'MESSAGES', 'ADDRESS', 'PREFIX', 'COUNTRY'].flatMap((name) =>
    ['HOUR', 'DAY'].map((span) => [`SMS_${name}_PER_${span}`, '1000']),
  ),
);

/** Each ceiling alone, at five: who the thirty are that share it and nothing else. */
const ceilings: {
  name: string;
  environment: Record<string, string>;
  reason: string;
  who: (index: number) => Recipient;
}[] = [
  {
    name: 'unconfirmed codes to a person',
    environment: { SMS_UNCONFIRMED_PER_HOUR: '5' },
    reason: 'person',
    who: (index) => recipient(index, { personId: 'ada' }),
  },
  {
    name: 'unconfirmed codes to a number',
    environment: { SMS_UNCONFIRMED_PER_HOUR: '5' },
    reason: 'number',
    who: (index) => recipient(index, { number: '+4915112345678' }),
  },
  {
    name: 'all messages to a person',
    environment: { SMS_MESSAGES_PER_DAY: '5', SMS_MESSAGES_PER_HOUR: '5' },
    reason: 'person',
    who: (index) => recipient(index, { personId: 'ada' }),
  },
  {
    name: 'all messages to a number',
    environment: { SMS_MESSAGES_PER_HOUR: '5' },
    reason: 'number',
    who: (index) => recipient(index, { number: '+4915112345678' }),
  },
  {
    name: 'notices of one account to a number',
    environment: {},
    reason: 'number',
    who: () => recipient(1, { purpose: 'notice' }),
  },
  {
    name: 'unconfirmed codes that one address asks for',
    environment: { SMS_ADDRESS_PER_HOUR: '5' },
    reason: 'address',
    who: (index) => recipient(index, { address: '203.0.113.7' }),
  },
  {
    name: 'set-ups of one number',
    environment: { SMS_UNCONFIRMED_PER_HOUR: '5' },
    reason: 'number',
    who: (index) => recipient(index, { number: '+4915112345678', purpose: 'setUp' }),
  },
  {
    name: 'set-ups of numbers that begin alike',
    environment: { SMS_PREFIX_PER_HOUR: '5' },
    reason: 'prefix',
    who: (index) => recipient(index, { number: `+49151200${String(10_000 + index)}`, purpose: 'setUp' }),
  },
  {
    name: 'messages to a country in an hour',
    environment: { SMS_COUNTRY_PER_HOUR: '5' },
    reason: 'countryLimit',
    who: (index) => recipient(index),
  },
  {
    name: 'messages to a country in a day',
    environment: { SMS_COUNTRY_PER_HOUR: '5', SMS_COUNTRY_PER_DAY: '5' },
    reason: 'countryLimit',
    who: (index) => recipient(index),
  },
  {
    name: 'messages of the portal in a day',
    environment: { SMS_DAILY_BUDGET: '5' },
    reason: 'budget',
    who: (index) => recipient(index),
  },
];

describe('The ceilings of text messages', () => {
  for (const { name, environment, reason, who } of ceilings)
    it(`let five of thirty at once through, in two processes and after a restart: ${name}`, () =>
      withGuard(
        async ({ processes, restart }) => {
          assert.deepEqual(await takeAtOnce(processes, 30, who), { allowed: 5, reasons: [reason] });
          assert.deepEqual(await takeAtOnce([await restart()], 2, who), { allowed: 0, reasons: [reason] });
        },
        { environment: { ...wide, ...environment }, processes: 2 },
      ));

  it('send five of fifty codes that somebody asks for again and again, ten in a day', () =>
    withGuard(async ({ first, clock }) => {
      const ask = async () => {
        let allowed = 0;
        for (let count = 0; count < 50; count += 1) if ((await first.guard.take(recipient(1))).allowed) allowed += 1;
        return allowed;
      };
      assert.equal(await ask(), 5);
      clock.advance({ minutes: 59 });
      assert.equal(await ask(), 0);
      clock.advance({ minutes: 1 });
      assert.equal(await ask(), 5);
      clock.advance({ hours: 2 });
      const refused = await first.guard.take(recipient(1));
      assert.ok(!refused.allowed && refused.reason === 'person');
      assert.equal(refused.retryAt?.getTime(), clock.time + 21 * 3_600_000, 'a day after the first');
      clock.advance({ hours: 21 });
      assert.equal(await ask(), 5);
    }));

  it('stop thirty people who set up numbers that begin alike, and nobody else', () =>
    withGuard(async ({ first }) => {
      const alike = (index: number, purpose: TextPurpose) =>
        recipient(index, { number: `+49151200${String(10_000 + index)}`, purpose });
      assert.deepEqual(await takeAtOnce([first], 30, (index) => alike(index, 'setUp')), {
        allowed: 20,
        reasons: ['prefix'],
      });
      assert.ok((await first.guard.take(recipient(40, { purpose: 'setUp' }))).allowed, 'another range');
      for (const [index, purpose] of (['signIn', 'stepUp', 'disable', 'notice'] as const).entries())
        assert.ok((await first.guard.take(alike(50 + index, purpose))).allowed, `${purpose} to a verified number`);
    }));

  it('never take from the owner of a number what strangers used up by giving it as theirs', () =>
    withGuard(async ({ first }) => {
      const number = '+4915112345678';
      const strangers = (index: number) => recipient(index, { number, purpose: 'setUp' });
      assert.deepEqual(await takeAtOnce([first], 10, strangers), { allowed: 5, reasons: ['number'] });
      for (const purpose of ['signIn', 'stepUp', 'disable', 'notice'] as const)
        assert.ok((await first.guard.take(recipient(20, { number, purpose }))).allowed, purpose);
      assert.deepEqual(await first.guard.take(strangers(21)).then((taken) => taken.allowed), false);
    }));

  it('let a whole company behind one address sign in on a Monday morning, and end there for who gives no code back', () =>
    withGuard(async ({ first }) => {
      const { guard } = first;
      const colleague = (index: number) =>
        recipient(index, { number: `+49151200${String(10_000 + index)}`, address: '203.0.113.7' });
      // At the same moment, before anybody has typed a code.
      const taken = await Promise.all(Array.from({ length: 40 }, (_, index) => guard.take(colleague(index))));
      for (const [index, one] of taken.entries()) {
        assert.ok(one.allowed, String(index));
        await one.charge.keep(`m${String(index)}`);
      }
      assert.deepEqual(await takeAtOnce([first], 1, () => colleague(90)), { allowed: 0, reasons: ['address'] });
      for (let index = 0; index < 40; index += 1) await guard.confirmed(`m${String(index)}`);
      for (let index = 100; index < 150; index += 1) {
        const one = await guard.take(colleague(index));
        assert.ok(one.allowed, String(index));
        await one.charge.keep(`m${String(index)}`);
        await guard.confirmed(`m${String(index)}`);
      }
    }));

  it('refuse a country that is not on the list before anything of others is counted', () =>
    withGuard(async ({ first }) => {
      const abroad = recipient(1, { number: '+88213123456', country: 'ZZ' });
      assert.deepEqual(await first.guard.take(abroad), { allowed: false, reason: 'country', retryAt: null });
      assert.deepEqual(await first.guard.take({ ...abroad, number: '+23276123456', country: 'SL' }), {
        allowed: false,
        reason: 'country',
        retryAt: null,
      });
      assert.equal(await first.connection.collection('counters').countDocuments(), 1, 'the person’s own attempts');
    }));

  it('count a refused message nowhere', () =>
    withGuard(
      async ({ first }) => {
        // The country’s ceiling comes after those of person, number and address.
        assert.equal((await takeAtOnce([first], 5, (index) => recipient(index))).allowed, 5);
        assert.equal((await takeAtOnce([first], 30, () => recipient(9))).allowed, 0);
        const rows = await first.connection.collection('counters').find().toArray();
        const marks = rows.flatMap((row) => (row['recent'] as unknown[] | undefined) ?? []);
        assert.equal(marks.length, 5 * 11, 'eleven windows of each of the five, none of the refused');
        assert.equal((await first.guard.state()).budget.used, 5);
      },
      { environment: { ...wide, SMS_COUNTRY_PER_HOUR: '5', SMS_ADDRESS_PER_HOUR: '30', SMS_ADDRESS_PER_DAY: '60' } },
    ));

  it('give everything back for a message that did not leave', () =>
    withGuard(
      async ({ first, clock, restart }) => {
        for (let count = 0; count < 12; count += 1) {
          const taken = await first.guard.take(recipient(1));
          assert.ok(taken.allowed);
          await taken.charge.giveBack();
          clock.advance({ minutes: 2 });
        }
        assert.equal((await first.guard.state()).budget.used, 0);
        clock.advance({ minutes: 10 });
        assert.equal((await takeAtOnce([await restart()], 30, () => recipient(1))).allowed, 5);
      },
      { environment: { SMS_DAILY_BUDGET: '6', SMS_COUNTRY_PER_HOUR: '6', SMS_COUNTRY_PER_DAY: '6' } },
    ));

  it('free the place of a code that came back, once, in another process and after a restart', () =>
    withGuard(async ({ first, restart }) => {
      const ids = ['m0', 'm1', 'm2', 'm3', 'm4'];
      for (const id of ids) {
        const taken = await first.guard.take(recipient(1));
        assert.ok(taken.allowed);
        await taken.charge.keep(id);
      }
      assert.equal((await first.guard.take(recipient(1))).allowed, false);
      const { guard } = await restart();
      await Promise.all([
        guard.confirmed('m0'),
        guard.confirmed('m0'),
        first.guard.confirmed('m0'),
        guard.confirmed('x'),
      ]);
      assert.deepEqual(await takeAtOnce([first], 10, () => recipient(1)), { allowed: 1, reasons: ['person'] });
    }));

  it('stop at twenty messages an hour to a person whose every code comes back', () =>
    withGuard(async ({ first }) => {
      let allowed = 0;
      for (let count = 0; count < 25; count += 1) {
        const taken = await first.guard.take(recipient(1, { address: `203.0.113.${String(count)}` }));
        if (!taken.allowed) continue;
        allowed += 1;
        await taken.charge.keep(`m${String(count)}`);
        await first.guard.confirmed(`m${String(count)}`);
      }
      assert.equal(allowed, 20);
    }));
});
