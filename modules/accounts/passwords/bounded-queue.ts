import { Refused } from '../../kernel/errors.ts';

export interface QueueLoad {
  running: number;
  waiting: number;
}

export interface BoundedQueue {
  run<T>(task: () => Promise<T>): Promise<T>;
  load(): QueueLoad;
}

// A full queue of the default size is worked off within this time on two cores.
const retryAfterSeconds = 2;

/** First come, first served: `concurrency` tasks at a time, `limit` waiting, beyond that a refusal (RL-10: a flood must not starve the rest). */
export function createBoundedQueue({ concurrency, limit }: { concurrency: number; limit: number }): BoundedQueue {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function enter(): Promise<void> {
    if (running < concurrency) {
      running += 1;
      return;
    }
    if (waiting.length >= limit) throw new Refused('busy', { retryAfterSeconds });
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  // The place is handed over without becoming free in between, so that nobody who arrives now overtakes those who wait.
  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }

  return {
    async run(task) {
      await enter();
      try {
        return await task();
      } finally {
        leave();
      }
    },
    load: () => ({ running, waiting: waiting.length }),
  };
}
