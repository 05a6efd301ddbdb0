import { AsyncResource } from 'node:async_hooks';
import { randomInt, randomUUID } from 'node:crypto';
import { Schema, type Connection } from 'mongoose';
import type { Clock } from '../kernel/ports.ts';
import type { Log } from './log.ts';
import { inRequestContext, requestContext, type RequestContext } from './request-context.ts';

interface TaskRow {
  _id: string;
  kind: string;
  payload: Readonly<Record<string, unknown>>;
  /** The request that asked for it. */
  context: RequestContext | null;
  tries: number;
  lease: string | null;
  dueAt: Date;
  createdAt: Date;
}

/** One piece of work, as its handler gets it. `id` stays the same when it is done again. */
export interface Task {
  id: string;
  payload: Readonly<Record<string, unknown>>;
  createdAt: Date;
}

export interface Tasks {
  /** Durable once it resolves; done later, by any process that does work in the background. */
  add(kind: string, payload: Readonly<Record<string, unknown>>): Promise<void>;
  /** Names the function that does a kind of work. It may be called again after a crash. */
  handle(kind: string, run: (task: Task) => Promise<void>): void;
  start(): void;
  /** Does what is due; resolves when nothing is left that is due now. */
  work(): Promise<void>;
  stop(): Promise<void>;
}

const leaseMs = 60_000;
const pollMs = 2000;
const longestSeries = 20;

/**
 * Work that a request asks for and does not wait for: the answer takes the same time whatever there is to do (ENUM-2), and a kill
 * loses nothing. At least once, by leases, as the outbox.
 */
export function createTasks(connection: Connection, options: { clock: Clock; log: Log }): Tasks {
  const { clock, log } = options;
  const schema = new Schema<TaskRow>(
    {
      _id: { type: String, required: true },
      kind: { type: String, required: true },
      payload: { type: Schema.Types.Mixed, required: true },
      context: { type: Schema.Types.Mixed, default: null },
      tries: { type: Number, required: true },
      lease: { type: String, default: null },
      dueAt: { type: Date, required: true },
      createdAt: { type: Date, required: true },
    },
    { versionKey: false, strict: 'throw', collection: 'tasks', minimize: false },
  );
  schema.index({ dueAt: 1 });
  const rows = connection.model<TaskRow>('Task', schema);
  const handlers = new Map<string, (task: Task) => Promise<void>>();
  let state: 'new' | 'running' | 'stopped' = 'new';
  let timer: NodeJS.Timeout | undefined;
  let wakeAt = Infinity;
  let running: Promise<void> | null = null;
  const later = (ms: number) => new Date(clock.now().getTime() + ms);

  async function next(): Promise<TaskRow | null> {
    return rows
      .findOneAndUpdate(
        { dueAt: { $lte: clock.now() } },
        { $set: { lease: randomUUID(), dueAt: later(leaseMs) }, $inc: { tries: 1 } },
        { sort: { dueAt: 1 }, returnDocument: 'after' },
      )
      .lean<TaskRow>();
  }

  async function run(row: TaskRow): Promise<void> {
    const { _id: id, kind, payload, context, createdAt, lease, tries } = row;
    // One that ends its worker each time never gets to the count below: it is taken up so often, and no more.
    if (tries > longestSeries) {
      log.error({ task: id, kind, tries }, 'task given up');
      await rows.deleteOne({ _id: id, lease });
      return;
    }
    try {
      const handler = handlers.get(kind);
      if (!handler) throw new Error(`There is nobody to do "${kind}".`);
      await inRequestContext(context, () => handler({ id, payload, createdAt }));
      await rows.deleteOne({ _id: id, lease });
    } catch (error) {
      log[tries < longestSeries ? 'warn' : 'error']({ err: error, task: id, kind, tries }, 'task not done');
      if (tries < longestSeries)
        await rows.updateOne({ _id: id, lease }, { $set: { dueAt: later(Math.min(1000 * 2 ** tries, 900_000)) } });
      else await rows.deleteOne({ _id: id, lease });
    }
  }

  async function drain(): Promise<void> {
    try {
      for (let row = await next(); row; row = state === 'stopped' ? null : await next()) await run(row);
    } catch (error) {
      log.warn({ err: error }, 'tasks');
    }
  }

  // Outside the request that happens to start the round: each task is done in the name of the one that asked for it.
  const drainDetached = AsyncResource.bind(drain);

  async function work(): Promise<void> {
    // What was added while a round was on its way may have come too late for it: another one looks again.
    if (running) await running;
    running ??= drainDetached().finally(() => {
      running = null;
    });
    await running;
  }

  function schedule(ms: number): void {
    const at = performance.now() + ms;
    // A flood of new tasks must not put the work off for ever.
    if (state !== 'running' || at >= wakeAt) return;
    clearTimeout(timer);
    wakeAt = at;
    timer = setTimeout(() => {
      wakeAt = Infinity;
      void work().then(() => {
        schedule(pollMs);
      });
    }, ms).unref();
  }

  return {
    async add(kind, payload) {
      const now = clock.now();
      const context = requestContext();
      await rows.insertMany([
        { _id: randomUUID(), kind, payload, context, tries: 0, lease: null, dueAt: now, createdAt: now },
      ]);
      // Not at once: the work would slow down whoever asks next, and by how much tells what there was to do.
      schedule(100 + randomInt(400));
    },
    handle(kind, handler) {
      handlers.set(kind, handler);
    },
    start() {
      if (state !== 'new') return;
      state = 'running';
      schedule(pollMs);
    },
    work,
    async stop() {
      state = 'stopped';
      clearTimeout(timer);
      await running;
    },
  };
}
