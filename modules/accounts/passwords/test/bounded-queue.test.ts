import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Refused } from '../../../kernel/errors.ts';
import { createBoundedQueue } from '../bounded-queue.ts';
import { countedHasher } from './counted-hasher.ts';

function gate(): { open: () => void; passed: Promise<void> } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open, passed };
}

function isBusy(error: unknown): boolean {
  return (
    error instanceof Refused && error.code === 'busy' && error.status === 503 && (error.retryAfterSeconds ?? 0) > 0
  );
}

describe('the queue in front of the password hasher', () => {
  it('runs no more than it may at a time, in the order of arrival, and refuses beyond its limit', async () => {
    const queue = createBoundedQueue({ concurrency: 2, limit: 3 });
    const gates = Array.from({ length: 5 }, gate);
    const started: number[] = [];
    const runs = gates.map(({ passed }, index) =>
      queue.run(async () => {
        started.push(index);
        await passed;
        return index;
      }),
    );
    await turn();
    assert.deepEqual(started, [0, 1]);
    assert.deepEqual(queue.load(), { running: 2, waiting: 3 });
    await assert.rejects(
      queue.run(() => Promise.resolve()),
      isBusy,
    );
    gates[1]?.open();
    await runs[1];
    await turn();
    assert.deepEqual(started, [0, 1, 2]);
    for (const { open } of gates) open();
    assert.deepEqual(await Promise.all(runs), [0, 1, 2, 3, 4]);
    assert.deepEqual(started, [0, 1, 2, 3, 4]);
    assert.deepEqual(queue.load(), { running: 0, waiting: 0 });
  });

  it('lets nobody overtake those who wait, and goes on after a failure', async () => {
    const queue = createBoundedQueue({ concurrency: 1, limit: 10 });
    const order: string[] = [];
    const first = queue.run(() => Promise.reject(new Error('broken')));
    const second = queue.run(() => Promise.resolve(order.push('second')));
    await assert.rejects(first, /broken/);
    const late = queue.run(() => Promise.resolve(order.push('late')));
    await Promise.all([second, late]);
    assert.deepEqual(order, ['second', 'late']);
    assert.deepEqual(queue.load(), { running: 0, waiting: 0 });
  });

  it('bounds hashing and checking together', async () => {
    const { hasher, runs } = countedHasher({ concurrency: 1, queueLimit: 2 });
    const tries = Array.from({ length: 10 }, (_, index) =>
      index % 2 ? hasher.hash('a right password') : hasher.verify(null, 'a right password'),
    );
    assert.deepEqual(hasher.load(), { running: 1, waiting: 2 });
    const settled = await Promise.allSettled(tries);
    const refused = settled.filter((result) => result.status === 'rejected');
    assert.equal(refused.length, 7);
    assert.equal(
      refused.every(({ reason }) => isBusy(reason)),
      true,
    );
    assert.deepEqual(runs, { hash: 1, verify: 2 });
    assert.deepEqual(hasher.load(), { running: 0, waiting: 0 });
  });
});
