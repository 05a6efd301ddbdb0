// What is remembered of messages, whoever comes first: who asked, the worker that handed it over, or the provider that reports.
import assert from 'node:assert/strict';
import type { Noted } from '../../guard/ledger.ts';
import { recipient, withGuard, type Process } from './guarded.ts';

const ada: Noted = {
  ...recipient(1, { personId: 'ada', number: '+12025550106', country: 'US' }),
  personKind: 'contact',
};
const accepted = { gateway: 'acme', fate: 'accepted', late: false, reference: 'r1' } as const;
const report = { message: { gateway: 'acme', reference: 'r1' }, state: 'delivered' } as const;

async function only({ ledger }: Process) {
  const list = await ledger.list(10);
  assert.equal(list.length, 1);
  return list[0]!;
}

/** Everything that happens to one message that arrives and whose code comes back. */
const steps = {
  note: (p: Process) => p.ledger.note('m1', ada, 'unknown'),
  answer: (p: Process) => p.ledger.answered('m1', accepted),
  report: (p: Process) => p.ledger.reported(report),
};

const orders = [
  ['note', 'answer', 'report'],
  ['answer', 'note', 'report'],
  ['answer', 'report', 'note'],
  ['report', 'answer', 'note'],
  ['report', 'note', 'answer'],
  ['note', 'report', 'answer'],
] as const;

describe('The list of text messages', () => {
  for (const order of orders)
    it(`tells the same in whichever order it hears: ${order.join(', ')}`, () =>
      withGuard(
        async ({ processes: [first, other] }) => {
          assert.ok(first && other);
          for (const [index, step] of order.entries()) await steps[step](index % 2 === 0 ? first : other);
          await other.ledger.confirmed('m1');
          await first.ledger.confirmed('m1');
          const { number, state, gateway, personId, confirmedAt, country } = await only(first);
          assert.deepEqual(
            { number, state, gateway, personId, country },
            { number: '+1******06', state: 'delivered', gateway: 'acme', personId: 'ada', country: 'US' },
          );
          assert.ok(confirmedAt);
          assert.deepEqual(
            [...(await first.ledger.figures(1))],
            [['US', { sent: 1, failed: 0, delivered: 1, confirmed: 1, blocked: {} }]],
          );
          const rows = await first.connection.collection('messages').find().toArray();
          assert.doesNotMatch(JSON.stringify(rows), /1202|5550106/, 'the country and two digits, and no more');
        },
        { processes: 2 },
      ));

  it('tells the same when everything happens at once in two processes', () =>
    withGuard(
      async ({ processes: [first, other] }) => {
        assert.ok(first && other);
        await Promise.all([
          steps.report(first),
          steps.note(other),
          steps.answer(first),
          steps.report(other),
          first.ledger.reported({ message: { id: 'm1' }, state: 'late' }),
        ]);
        assert.equal((await only(first)).state, 'delivered');
        const { sent, delivered } = (await first.ledger.figures(1)).get('US')!;
        assert.deepEqual({ sent, delivered }, { sent: 1, delivered: 1 });
      },
      { processes: 2 },
    ));

  it('lets the last gateway’s answer stand, and no earlier word over the phone’s own', () =>
    withGuard(async ({ first: { ledger, ...rest } }) => {
      const process = { ledger, ...rest };
      await ledger.note('m1', ada, 'queued');
      await ledger.answered('m1', { gateway: 'slow', fate: 'refused', fault: 'busy', permanent: false });
      assert.deepEqual([(await only(process)).state, (await only(process)).fault], ['refused', 'busy']);
      assert.equal((await ledger.figures(1)).get('US')?.failed, 1);
      await ledger.answered('m1', { ...accepted, late: true });
      assert.deepEqual([(await only(process)).state, (await only(process)).fault], ['late', null]);
      const figures = (await ledger.figures(1)).get('US');
      assert.deepEqual([figures?.sent, figures?.failed], [1, 0]);
      await ledger.reported({ ...report, state: 'undelivered', fault: '30003' });
      assert.deepEqual([(await only(process)).state, (await only(process)).fault], ['undelivered', '30003']);
      await ledger.reported(report);
      await ledger.reported({ ...report, state: 'late' });
      await ledger.reported({ ...report, state: 'undelivered', fault: '30003' });
      assert.equal((await only(process)).state, 'delivered');
    }));

  it('keeps one line for what the guard refuses to the same person in an hour, and counts each', () =>
    withGuard(async ({ first, clock }) => {
      const { ledger } = first;
      await Promise.all(Array.from({ length: 20 }, () => ledger.blocked(ada, 'person')));
      const { state, reason, times } = await only(first);
      assert.deepEqual({ state, reason, times }, { state: 'blocked', reason: 'person', times: 20 });
      clock.advance({ hours: 1 });
      await ledger.blocked(ada, 'person');
      assert.equal((await ledger.list(10)).length, 2);
      assert.deepEqual((await ledger.figures(1)).get('US')?.blocked, { person: 21 });
    }));

  it('is shown a page at a time, the newest first, and none twice', () =>
    withGuard(async ({ first: { ledger }, clock }) => {
      for (let index = 0; index < 7; index += 1) {
        await ledger.note(`m${String(index)}`, ada, 'accepted');
        if (index % 3 === 0) clock.advance({ minutes: 1 });
      }
      const seen: string[] = [];
      let after: { at: Date; id: string } | null = null;
      for (;;) {
        const page = await ledger.list(3, after);
        seen.push(...page.map(({ id }) => id));
        const last = page.at(-1);
        if (!last) break;
        after = { at: last.createdAt, id: last.id };
      }
      assert.deepEqual(seen, ['m6', 'm5', 'm4', 'm3', 'm2', 'm1', 'm0']);
    }));

  it('sums the last days by the day a message began, and forgets a person but not the sums', () =>
    withGuard(async ({ first: { ledger }, clock }) => {
      await ledger.note('old', ada, 'accepted');
      clock.advance({ hours: 24 });
      await ledger.note('new', ada, 'accepted');
      await ledger.confirmed('old');
      assert.equal((await ledger.figures(1)).get('US')?.sent, 1);
      assert.equal((await ledger.figures(1)).get('US')?.confirmed, 0);
      assert.deepEqual((await ledger.figures(7)).get('US')?.confirmed, 1);
      await ledger.forget('ada');
      for (const entry of await ledger.list(10))
        assert.deepEqual([entry.personId, entry.number, entry.personKind], [null, null, null]);
      assert.equal((await ledger.figures(7)).get('US')?.sent, 2);
    }));
});
