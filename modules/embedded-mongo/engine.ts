import type { Arguments, Shape } from './command-arguments.ts';
import type { Catalog } from './catalog.ts';
import type { Cursors } from './cursors.ts';
import type { Retries } from './retries.ts';
import type { Scheduler, Task } from './scheduler.ts';
import type { Storage } from './storage.ts';
import type { Batch } from './wire.ts';
import type { Writer } from './writer.ts';
import type { Doc, Value } from './values.ts';

/** What commands work with. */
export interface Engine {
  storage: Storage;
  catalog: Catalog;
  scheduler: Scheduler;
  writer: Writer;
  retries: Retries;
  cursors: Cursors;
  /** Host and port, or socket path, as clients know this server. */
  host: string;
  startedAt: number;
  connections: () => { current: number; total: number };
}

/** A command that came in: its fields by type, its own name's value, and where it is to run. */
export interface Call {
  name: string;
  target: Value;
  database: string;
  command: Doc;
  given: Arguments;
}

/** The reply of a command, without `ok`. */
export interface Answer {
  reply: Doc;
  batch?: Batch;
}

/** One command of the closed list. Those that change something run inside a transaction. */
export interface Command {
  shape: Shape;
  changes?: true;
  run: (engine: Engine, call: Call) => Answer | Task<Answer>;
}
