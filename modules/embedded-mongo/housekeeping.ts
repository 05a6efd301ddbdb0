import { removeMatches } from './change.ts';
import type { Index } from './catalog.ts';
import type { Engine } from './engine.ts';
import { compileFilter } from './match.ts';
import type { Task } from './scheduler.ts';

const SWEPT_ROWS = 500;

/** What happens without being asked for: expired documents and records go, dropped collections are emptied, idle cursors are closed. */
export class Housekeeping {
  private readonly engine: Engine;
  private readonly log: ((message: string, error?: unknown) => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isSweeping = false;

  constructor(engine: Engine, log?: (message: string, error?: unknown) => void) {
    this.engine = engine;
    this.log = log;
  }

  start(everyMs: number): void {
    this.timer = setInterval(() => void this.sweep(), everyMs);
    void this.sweep();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** One round; a round that takes longer than the interval is not joined by another. */
  async sweep(): Promise<void> {
    if (this.isSweeping) return;
    this.isSweeping = true;
    const { scheduler, cursors } = this.engine;
    try {
      cursors.closeIdle();
      await scheduler.write(this.emptyTrash());
      await scheduler.write(this.expireRecords());
      for (const { namespace, indexes } of this.engine.catalog.list()) {
        for (const index of indexes) await this.expireBy(namespace, index);
      }
    } catch (error) {
      this.log?.('housekeeping failed and will be tried again', error);
    } finally {
      this.isSweeping = false;
    }
  }

  private *emptyTrash(): Task<undefined> {
    while (this.engine.catalog.sweep(SWEPT_ROWS)) yield;
    return undefined;
  }

  private *expireRecords(): Task<undefined> {
    let from: Buffer | undefined = Buffer.alloc(1);
    while (from) {
      from = this.engine.retries.sweep(from, SWEPT_ROWS);
      yield;
    }
    return undefined;
  }

  // Each index by itself: one that can't be swept must not keep the documents of the others for ever.
  private async expireBy(namespace: string, { name, key, expireAfterSeconds, building }: Index): Promise<void> {
    const [part] = key;
    if (expireAfterSeconds === undefined || building || !part) return;
    try {
      const limit = new Date(Date.now() - expireAfterSeconds * 1000);
      const filter = compileFilter(new Map([[part.path, new Map([['$lte', limit]])]]));
      await this.engine.scheduler.write(
        (function* (engine: Engine): Task<undefined> {
          yield* removeMatches(engine, namespace, { filter, hint: name, limit: Infinity });
          return undefined;
        })(this.engine),
      );
    } catch (error) {
      this.log?.(`expired documents of ${namespace} stay until the next round`, error);
    }
  }
}
