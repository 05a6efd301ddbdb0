// The one way for a text message out of the factor.
import assert from 'node:assert/strict';
import type { Sending } from '../../../../kernel/ports.ts';
import { ada, withGuard, type Process } from './guarded.ts';

const to = { person: ada, number: '+4915112345678', fingerprint: 'print', country: 'DE' };
const code = (until: Date) => ({
  ...to,
  address: '198.51.100.7',
  purpose: 'signIn' as const,
  text: '123456 is your code.',
  until,
});
const fates: { sending: Sending; outcome: string; state: string; charged: boolean }[] = [
  { sending: 'accepted', outcome: 'sent', state: 'accepted', charged: true },
  { sending: 'late', outcome: 'late', state: 'late', charged: true },
  { sending: 'unknown', outcome: 'unknown', state: 'unknown', charged: true },
  { sending: 'refused', outcome: 'failed', state: 'refused', charged: false },
  { sending: 'withdrawn', outcome: 'failed', state: 'withdrawn', charged: false },
];

describe('A code by text message', () => {
  const sendOne = ({ sender }: Process, now: Date) => sender.sendCode(code(new Date(now.getTime() + 300_000)));

  for (const { sending, outcome, state, charged } of fates)
    it(`that is ${sending} is ${charged ? '' : 'not '}counted against the person`, () =>
      withGuard(async (world) => {
        const { first, clock, sent } = world;
        world.sending = sending;
        for (let count = 0; count < 7; count += 1) {
          const result = await sendOne(first, clock.now());
          assert.equal(result.outcome, charged && count >= 5 ? 'blocked' : outcome);
          clock.advance({ minutes: 2 });
        }
        assert.equal(sent.length, charged ? 5 : 7);
        assert.equal(
          world.withdrawn,
          sending === 'withdrawn' ? 7 : 0,
          'each is told, for somebody must be there to send',
        );
        const states = new Set((await first.ledger.list(10)).map((entry) => entry.state));
        assert.deepEqual(states, new Set(charged ? ['blocked', state] : [state]));
        assert.equal((await first.guard.state()).budget.used, charged ? 5 : 0);
      }));

  it('is asked of a gateway that refuses six times in ten minutes, however often somebody presses', () =>
    withGuard(async (world) => {
      const { first, clock, sent } = world;
      world.sending = 'refused';
      const press = async (count: number) => {
        const results = [];
        for (let index = 0; index < count; index += 1) results.push(await sendOne(first, clock.now()));
        return results;
      };
      const begun = clock.time;
      const results = await press(40);
      assert.equal(sent.length, 6);
      assert.deepEqual(results.at(-1), { outcome: 'blocked', reason: 'failing', retryAt: new Date(begun + 600_000) });
      assert.equal((await first.ledger.list(50)).length, 7, 'one line for all that was not even tried');
      const other = { ...code(new Date(begun + 300_000)), person: { ...ada, id: 'ben' }, fingerprint: 'other' };
      assert.equal((await first.sender.sendCode(other)).outcome, 'failed', 'others may try');
      clock.advance({ minutes: 10 });
      world.sending = 'accepted';
      const later = await press(5);
      assert.deepEqual(
        new Set(later.map(({ outcome }) => outcome)),
        new Set(['sent']),
        'what leaves is no such attempt',
      );
      assert.deepEqual(
        (await press(1)).map((one) => 'reason' in one && one.reason),
        ['person'],
      );
    }));

  it('is refused for a while to whoever presses on at a stop', () =>
    withGuard(async ({ first, clock, sent }) => {
      await first.guard.stop({ country: null, by: 'helen', reason: 'x' });
      const reasons = [];
      for (let index = 0; index < 8; index += 1) {
        const result = await sendOne(first, clock.now());
        reasons.push(result.outcome === 'blocked' && `${result.reason} ${String(result.retryAt !== null)}`);
      }
      assert.deepEqual(reasons, [...Array<string>(6).fill('stopped false'), 'failing true', 'failing true']);
      assert.equal(sent.length, 0);
    }));

  it('leaves five times of fifty, and twice more when two codes came back', () =>
    withGuard(async ({ first, clock, sent, processes }) => {
      const results = await Promise.all(Array.from({ length: 50 }, () => sendOne(first, clock.now())));
      assert.equal(sent.length, 5);
      const blocked = results.find((one) => one.outcome === 'blocked');
      assert.ok(blocked?.outcome === 'blocked' && blocked.reason === 'person' && blocked.retryAt);
      const ids = results.flatMap((one) => (one.outcome === 'blocked' ? [] : [one.messageId]));
      await first.sender.confirmed(ids[0]!);
      await first.sender.confirmed(ids[0]!);
      await first.sender.confirmed(ids[1]!);
      await Promise.all(Array.from({ length: 10 }, () => sendOne(processes[0]!, clock.now())));
      assert.equal(sent.length, 7);
      assert.equal((await first.ledger.figures(1)).get('DE')?.confirmed, 2);
      assert.deepEqual((await first.ledger.figures(1)).get('DE')?.blocked, { person: 53 });
    }));
});

describe('A notice by text message', () => {
  const text = 'This number gets no more codes.';
  const narrow = {
    SMS_COUNTRIES: 'FR',
    SMS_MESSAGES_PER_HOUR: '3',
    SMS_MESSAGES_PER_DAY: '3',
    SMS_COUNTRY_PER_HOUR: '3',
    SMS_COUNTRY_PER_DAY: '3',
    SMS_DAILY_BUDGET: '3',
  };
  const french = (number: string) => ({ ...to, number, fingerprint: `print of ${number}`, country: 'FR' });

  it('leaves after codes have used up all that the person, the country and the day have', () =>
    withGuard(
      async ({ first, clock, sent }) => {
        const old = french('+33612345678');
        for (let round = 0; round < 5; round += 1) {
          // The old number and the attacker's, each code given back.
          for (const at of [old, french('+33612345679')]) {
            const result = await first.sender.sendCode({ ...code(new Date(clock.time + 300_000)), ...at });
            if (result.outcome !== 'blocked') await first.sender.confirmed(result.messageId);
          }
        }
        assert.equal(sent.length, 3);
        assert.equal((await first.guard.state()).budget.used, 3);
        assert.ok(await first.sender.notify({ ...old, text }));
        assert.deepEqual([sent.at(-1)?.to, sent.at(-1)?.kind], [old.number, 'notice']);
        const listed = (await first.ledger.list(10)).filter(({ state }) => state !== 'blocked');
        assert.deepEqual(listed.map(({ purpose }) => purpose).sort(), ['notice', 'signIn', 'signIn', 'signIn']);
      },
      { environment: narrow },
    ));

  it('is handed over while everything is stopped, and where the country of its number is listed no more', () =>
    withGuard(
      async ({ first, sent, audit }) => {
        await first.guard.stop({ country: null, by: 'helen', reason: 'x' });
        assert.ok(await first.sender.notify({ ...to, text }));
        assert.deepEqual(
          sent.map(({ kind }) => kind),
          ['notice'],
        );
        assert.deepEqual(audit, []);
      },
      { environment: narrow },
    ));

  it('takes no place from codes', () =>
    withGuard(async ({ first, clock, sent }) => {
      for (let count = 0; count < 5; count += 1) assert.ok(await first.sender.notify({ ...to, text }));
      for (let count = 0; count < 5; count += 1)
        assert.equal((await first.sender.sendCode(code(new Date(clock.time + 300_000)))).outcome, 'sent');
      assert.equal(sent.length, 10);
      assert.equal((await first.guard.state()).budget.used, 5);
    }));

  it('leaves five times an hour for one account, of twenty at once, and log and audit have what did not', () =>
    withGuard(
      async (world) => {
        const { processes, sent, audit, warned, clock } = world;
        const [first] = processes;
        assert.ok(first);
        const all = await Promise.all(
          Array.from({ length: 20 }, (_, index) => processes[index % 2]!.sender.notify({ ...to, text })),
        );
        assert.equal(all.filter(Boolean).length, 5);
        assert.equal(sent.length, 5);
        assert.equal(audit.length, 15);
        assert.deepEqual(audit[0], { event: 'not-sent', reason: 'number', detail: { kind: 'notice' } });
        const line = { person: ada.id, reason: 'number', message: 'notice by text message not sent' };
        assert.deepEqual(warned, Array<object>(15).fill(line), 'and no number');
        const entry = (await first.ledger.list(10)).find(({ state }) => state === 'blocked');
        assert.deepEqual([entry?.reason, entry?.purpose, entry?.times], ['number', 'notice', 15]);
        const ben = { ...ada, id: 'ben' };
        assert.ok(await first.sender.notify({ ...to, person: ben, text }), 'another account with that number');
        clock.advance({ hours: 1 });
        assert.ok(await first.sender.notify({ ...to, text }));
      },
      { processes: 2 },
    ));
});
