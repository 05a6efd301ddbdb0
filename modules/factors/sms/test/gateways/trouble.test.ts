// What every process knows of the gateways, and when staff are mailed.
import assert from 'node:assert/strict';
import type { GatewayHealth } from '../../gateways/standing.ts';
import { createTrouble, healthOf } from '../../trouble.ts';
import { withGuard } from '../guard/guarded.ts';

const fine: GatewayHealth = { name: 'acme', state: 'ok', since: null, lastSuccessAt: null, fault: null, faultAt: null };

/** Two processes on one database: one that asks gateways, and one that does not. */
function withTrouble(
  use: (world: {
    worker: ReturnType<typeof createTrouble>;
    web: ReturnType<typeof createTrouble>;
    now: () => Date;
    pass: (minutes: number) => void;
    told: () => string[];
  }) => Promise<void>,
): Promise<void> {
  return withGuard(
    async ({ processes: [first, other], clock, told }) => {
      assert.ok(first && other);
      await use({
        worker: createTrouble(first.host),
        web: createTrouble(other.host),
        now: () => clock.now(),
        pass: (minutes) => {
          clock.advance({ minutes });
        },
        told: () => told.map(({ notice }) => notice.heading),
      });
    },
    { processes: 2 },
  );
}

describe('What goes wrong with gateways', () => {
  it('is known to a process that asks none of them, until one works again', () =>
    withTrouble(async ({ worker, web, now, pass }) => {
      assert.deepEqual(await web.going([fine]), { gateways: [fine], unattendedSince: null });
      const since = now();
      const failing = { ...fine, state: 'failing', since, fault: 'http:403', faultAt: since } as const;
      await worker.answered(failing);
      assert.deepEqual((await web.going([fine])).gateways, [failing]);
      assert.equal(healthOf(await web.going([fine])).detail, `acme failing since ${since.toISOString()}: http:403`);
      pass(1);
      const works = { ...fine, lastSuccessAt: now() };
      await web.answered(works);
      assert.deepEqual((await worker.going([failing])).gateways, [
        { ...failing, ...works, fault: 'http:403', faultAt: since },
      ]);
      assert.deepEqual(healthOf(await worker.going([failing])), { state: 'ok', detail: '' });
    }));

  it('has been so since the first process saw it, and no earlier word goes over a later one', () =>
    withTrouble(async ({ worker, web, now, pass }) => {
      const since = now();
      await worker.answered({ ...fine, state: 'failing', since });
      pass(2);
      await web.answered({ ...fine, state: 'failing', since: now() });
      assert.equal((await worker.going([fine])).gateways[0]?.since?.getTime(), since.getTime());
      pass(-1);
      await worker.answered({ ...fine, lastSuccessAt: now() });
      assert.equal((await web.going([fine])).gateways[0]?.state, 'failing');
    }));

  it('is mailed to staff once an hour, a failure after half a minute', () =>
    withTrouble(async ({ worker, web, now, pass, told }) => {
      const failing = { ...fine, state: 'failing', since: now(), fault: 'http:403' } as const;
      await worker.answered(failing);
      assert.deepEqual(told(), []);
      pass(0.5);
      for (const one of [worker, web, worker]) await one.answered(failing);
      assert.deepEqual(told(), ['sms.alert.gateway.heading']);
      pass(60);
      await web.answered(failing);
      assert.equal(told().length, 2);
    }));

  it('is mailed to staff where a gateway has kept messages waiting for five minutes', () =>
    withTrouble(async ({ worker, now, pass, told }) => {
      const queueing = { ...fine, state: 'queueing', since: now(), lastSuccessAt: now() } as const;
      await worker.answered(queueing);
      pass(4);
      await worker.answered(queueing);
      assert.deepEqual(told(), []);
      pass(1);
      await worker.answered(queueing);
      await worker.answered(queueing);
      assert.deepEqual(told(), ['sms.alert.queueing.heading']);
      pass(60);
      await worker.answered(queueing);
      assert.equal(told().length, 2);
    }));

  it('is also that nobody takes messages up, until a gateway is asked again', () =>
    withTrouble(async ({ worker, web, now, pass, told }) => {
      const since = now();
      await web.withdrawn();
      const { state, detail } = healthOf(await worker.going([fine]));
      assert.equal(state, 'degraded');
      assert.equal(
        detail,
        `nobody sends text messages since ${since.toISOString()}: is a process with JOBS=on running?`,
      );
      assert.deepEqual(told(), [], 'one may be a restart');
      pass(1);
      await web.withdrawn();
      await web.withdrawn();
      assert.deepEqual(told(), ['sms.alert.unattended.heading']);
      assert.equal((await web.going([fine])).unattendedSince?.getTime(), since.getTime());
      await worker.answered({ ...fine, lastSuccessAt: now() });
      assert.equal(healthOf(await web.going([fine])).state, 'ok');
    }));
});
