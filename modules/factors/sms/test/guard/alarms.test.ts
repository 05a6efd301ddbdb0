// The budget, the kill switch, and the watch over codes that nobody gives back.
import assert from 'node:assert/strict';
import { recipient, takeAtOnce, withGuard, type Process } from './guarded.ts';

/** Sends codes to as many people of a country, of which the first few give theirs back. */
async function send({ guard }: Process, count: number, confirmed: number, country = 'DE', from = 0): Promise<void> {
  for (let index = from; index < from + count; index += 1) {
    const taken = await guard.take(
      recipient(index, country === 'DE' ? {} : { country, number: `+4366${String(10 + index)}12345` }),
    );
    assert.ok(taken.allowed, String(index));
    await taken.charge.keep(`m${country}${String(index)}`);
    if (index < from + confirmed) await guard.confirmed(`m${country}${String(index)}`);
  }
}

describe('The budget of text messages', () => {
  it('refuses until the next day and tells staff once a day, whoever asks in which process', () =>
    withGuard(
      async ({ processes, first, clock, told, audit }) => {
        assert.equal((await takeAtOnce(processes, 30, (index) => recipient(index))).allowed, 6);
        const refused = await first.guard.take(recipient(40));
        assert.ok(!refused.allowed && refused.reason === 'budget');
        assert.equal(refused.retryAt?.toISOString().slice(11), '00:00:00.000Z');
        assert.deepEqual((await first.guard.state()).budget, { used: 6, most: 6, until: refused.retryAt });
        assert.equal(told.length, 1);
        assert.equal(told[0]?.permission, 'mfa.policy');
        assert.equal(told[0].notice.path, '/staff/factors/sms');
        assert.deepEqual(audit, [{ event: 'budget-used-up', detail: { budget: 6 } }]);
        clock.advance({ hours: 13, minutes: 45 });
        assert.equal((await takeAtOnce(processes, 10, (index) => recipient(100 + index))).allowed, 6);
        assert.equal(told.length, 2);
        assert.equal(audit.length, 2);
      },
      { environment: { SMS_DAILY_BUDGET: '6' }, processes: 2 },
    ));
});

describe('The kill switch', () => {
  it('stops everything in every process until staff resume', () =>
    withGuard(
      async ({ processes: [first, other] }) => {
        assert.ok(first && other);
        const stop = { country: null, by: 'helen', reason: 'A flood from Riga' };
        assert.deepEqual(
          await Promise.all([first.guard.stop(stop), other.guard.stop(stop)]).then((all) => all.sort()),
          [false, true],
        );
        assert.deepEqual(await other.guard.take(recipient(1)), { allowed: false, reason: 'stopped', retryAt: null });
        const notice = await other.guard.take(recipient(1, { purpose: 'notice' }));
        assert.ok(notice.allowed, 'it waits for the end of the stop in the outbox');
        const [running] = (await other.guard.state()).stops;
        assert.equal(running?.by, 'helen');
        assert.equal(running.why, 'staff');
        assert.ok(await other.guard.resume({ country: null, by: 'helen', reason: 'Over' }));
        assert.equal(await first.guard.resume({ country: null, by: 'helen', reason: 'Over' }), false);
        assert.deepEqual((await first.guard.state()).stops, []);
        assert.ok((await first.guard.take(recipient(1))).allowed);
        assert.ok(await first.guard.stop(stop), 'and can be used again');
      },
      { processes: 2 },
    ));

  it('stops one country alone', () =>
    withGuard(async ({ first }) => {
      await first.guard.stop({ country: 'AT', by: 'helen', reason: 'Odd' });
      assert.equal((await first.guard.take(recipient(1, { country: 'AT', number: '+436641234567' }))).allowed, false);
      assert.ok((await first.guard.take(recipient(2))).allowed);
    }));
});

describe('The watch over codes that nobody gives back', () => {
  it('tells staff once a day and lets messages go on where it only records', () =>
    withGuard(async ({ first, clock, told, audit }) => {
      await send(first, 20, 3);
      assert.deepEqual(audit, [], 'the messages are too young to judge');
      clock.advance({ minutes: 11 });
      await send(first, 2, 0, 'DE', 30);
      assert.deepEqual(audit, [{ event: 'pumping-suspected', detail: { country: 'DE', sent: 20, confirmed: 3 } }]);
      assert.equal(told.length, 1);
      assert.deepEqual((await first.guard.state()).stops, []);
      clock.advance({ hours: 14 });
      await send(first, 1, 0, 'DE', 40);
      assert.equal(told.length, 2, 'the next day');
    }));

  it('stops the country where it is set to, in every process, and judges it anew once staff let it go on', () =>
    withGuard(
      async ({ processes: [first, other], clock, told, audit }) => {
        assert.ok(first && other);
        await send(first, 20, 3);
        await send(first, 20, 0, 'AT');
        clock.advance({ minutes: 11 });
        await Promise.all([send(first, 1, 0, 'DE', 30), send(other, 1, 0, 'DE', 31)]);
        assert.deepEqual(audit, [{ event: 'country-stopped', detail: { country: 'DE', sent: 20, confirmed: 3 } }]);
        assert.equal(told.length, 1);
        assert.deepEqual(await takeAtOnce([first, other], 4, (index) => recipient(50 + index)), {
          allowed: 0,
          reasons: ['stopped'],
        });
        assert.ok((await other.guard.take(recipient(60, { country: 'FR', number: '+33612345678' }))).allowed);
        clock.advance({ minutes: 1 });
        await first.guard.resume({ country: 'DE', by: 'helen', reason: 'A conference' });
        clock.advance({ minutes: 15 });
        await send(first, 2, 0, 'DE', 70);
        assert.deepEqual((await first.guard.state()).stops, [], 'the old messages count no more');
        await send(first, 18, 0, 'DE', 72);
        clock.advance({ minutes: 11 });
        await send(other, 1, 0, 'DE', 95);
        assert.equal((await first.guard.state()).stops[0]?.why, 'unconfirmed');
        assert.equal(audit.length, 2, 'each stop is told');
      },
      { environment: { SMS_PUMPING: 'stop' }, processes: 2 },
    ));

  it('says nothing of nineteen, of a fifth that came back, or of messages a day old', () =>
    withGuard(async ({ first, clock, audit }) => {
      await send(first, 19, 0);
      clock.advance({ minutes: 11 });
      await send(first, 1, 1, 'DE', 20);
      clock.advance({ minutes: 11 });
      await send(first, 5, 3, 'DE', 21);
      assert.equal(audit.length, 1, 'one of twenty came back');
      clock.advance({ hours: 24 });
      await send(first, 20, 4, 'DE', 30);
      clock.advance({ minutes: 11 });
      await send(first, 1, 0, 'DE', 60);
      assert.equal(audit.length, 1, 'four of twenty are a fifth');
    }));
});
