import { performance } from 'node:perf_hooks';

import { MongoError } from './errors.ts';
import type { Catalog } from './catalog.ts';
import type { Storage } from './storage.ts';

const SLICE_MS = 10;
const GROUP_MS = 20;

/** Work that may be set aside wherever it yields; between two yields nobody else reads or writes. */
export type Task<R> = Generator<undefined, R>;

/** The time that the task now running has left. */
export class Slice {
  private ends = 0;
  private turns = 0;

  begin(ms: number): void {
    this.turns++;
    this.ends = performance.now() + ms;
  }

  /** Another number in each slice: what was read in an earlier one may have changed. */
  get turn(): number {
    return this.turns;
  }

  /** True when the task should yield. */
  get isOver(): boolean {
    return performance.now() >= this.ends;
  }
}

interface Job {
  /** Why the task cannot go on, once that is known. */
  failure?: MongoError;
  task: Task<unknown>;
  expires: number;
  isAbandoned: () => boolean;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

/** How long a task may run, and whether anybody still waits for it. */
export interface Terms {
  maxTimeMs?: number;
  isAbandoned?: () => boolean;
}

/**
 * Runs tasks in slices: reads in turn, and all writes that are waiting as one transaction, whose replies leave when it is on the disk.
 * While a commit waits for the disk the thread stands still, so the next group gathers in the sockets.
 */
export class Scheduler {
  readonly slice = new Slice();
  private readonly catalog: Catalog;
  private readonly storage: Storage;
  private readonly reads: Job[] = [];
  private writes: Job[] = [];
  private isArmed = false;
  private isStopped = false;

  constructor(catalog: Catalog, storage: Storage) {
    this.catalog = catalog;
    this.storage = storage;
  }

  /** A short read is answered at once; a long one goes on between the others. */
  read<R>(task: Task<R>, terms: Terms = {}): Promise<R> {
    return new Promise((resolve, reject) => {
      const job = makeJob(task, terms, resolve, reject);
      if (!this.advance(job, SLICE_MS)) this.enqueue(this.reads, job);
    });
  }

  /** Resolves when what the task wrote is durable. */
  write<R>(task: Task<R>, terms: Terms = {}): Promise<R> {
    return new Promise((resolve, reject) => {
      this.enqueue(this.writes, makeJob(task, terms, resolve, reject));
    });
  }

  /** Refuses what is waiting and what is still to come. */
  stop(): void {
    this.isStopped = true;
    for (const job of [...this.writes, ...this.reads]) job.reject(stopped());
    this.writes = [];
    this.reads.length = 0;
  }

  private enqueue(queue: Job[], job: Job): void {
    if (this.isStopped) {
      job.reject(stopped());
      return;
    }
    queue.push(job);
    this.arm();
  }

  private turn(): void {
    this.isArmed = false;
    if (this.writes.length > 0) this.commitGroup();
    const job = this.reads.shift();
    // Whoever asked has gone: the task ends as if it had returned, so that a cursor is not left busy for ever.
    if (job?.isAbandoned()) job.task.return(undefined);
    else if (job && !this.advance(job, SLICE_MS)) this.reads.push(job);
    if (this.reads.length + this.writes.length > 0) this.arm();
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    setImmediate(() => {
      this.turn();
    });
  }

  private commitGroup(): void {
    const waiting = this.writes;
    this.writes = [];
    const unfinished: Job[] = [];
    const answers: (() => void)[] = [];
    const begun: Job[] = [];
    const end = performance.now() + GROUP_MS;
    try {
      this.catalog.transact(() => {
        for (const job of waiting) {
          if (performance.now() >= end) {
            unfinished.push(job);
            continue;
          }
          begun.push(job);
          const deferred = { ...job, resolve: keep(answers, job.resolve), reject: keep(answers, job.reject) };
          if (!this.advance(deferred, SLICE_MS)) unfinished.push(job);
        }
      });
    } catch (error) {
      // What these tasks did in this turn is gone from the file and from memory. Those that are half done hear of it in the next,
      // where they can still tidy up; the others have not begun.
      const failure = failedToWrite(error);
      for (const job of begun)
        if (unfinished.includes(job)) job.failure = failure;
        else job.reject(failure);
      this.writes.push(...unfinished);
      return;
    }
    for (const answer of answers) answer();
    this.writes.push(...unfinished);
  }

  // True when the job is settled. An unexpected error after a change must undo the transaction, not just answer one client.
  private advance(job: Job, ms: number): boolean {
    const changes = this.storage.changeCount;
    const left = job.expires - performance.now();
    this.slice.begin(Math.min(ms, left));
    try {
      if (left <= 0) job.failure ??= timeExpired();
      const step = job.failure ? job.task.throw(job.failure) : job.task.next();
      if (!step.done) return false;
      job.resolve(step.value);
    } catch (error) {
      if (!(error instanceof MongoError) && this.storage.changeCount !== changes) throw error;
      job.reject(error);
    }
    return true;
  }
}

function makeJob<R>(task: Task<R>, terms: Terms, resolve: (result: R) => void, reject: (error: unknown) => void): Job {
  return {
    task,
    expires: terms.maxTimeMs ? performance.now() + terms.maxTimeMs : Infinity,
    isAbandoned: terms.isAbandoned ?? (() => false),
    resolve: resolve as (result: unknown) => void,
    reject,
  };
}

function keep<A>(answers: (() => void)[], settle: (value: A) => void): (value: A) => void {
  return (value) => {
    answers.push(() => {
      settle(value);
    });
  };
}

function failedToWrite(cause: unknown): MongoError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = /ENOSPC|MDB_MAP_FULL/.test(message) ? 14031 : 8;
  return Object.assign(new MongoError(code, `the embedded store could not write: ${message}`), { cause });
}

function timeExpired(): MongoError {
  return new MongoError(50, 'operation exceeded time limit');
}

function stopped(): MongoError {
  return new MongoError(11600, 'the embedded store is stopping');
}
