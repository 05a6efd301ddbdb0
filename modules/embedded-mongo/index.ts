import { EventEmitter, once } from 'node:events';
import { join, resolve as resolvePath } from 'node:path';
import { Worker } from 'node:worker_threads';

import { standForOwner, type Owning, type Visiting } from './owner.ts';
import { checkFormat, noteFormat, preparePlaces, type Places } from './places.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.ts';

/** What to open: the data folder, a loopback port if one is wanted beside the socket, and where to tell of trouble. */
export interface StoreOptions {
  folder: string;
  listen?: { host: string; port: number };
  log?: (message: string, error?: unknown) => void;
}

/** A store in a data folder: this process's own, or the one that another process runs there. */
export interface Store {
  /** Where drivers connect; it stays the same when another process takes over. */
  readonly uri: string;
  /** True while this process runs the store itself. */
  readonly owner: boolean;
  /** Resolves if the store has died under this process, which should then end: never when all is well. */
  readonly failed: Promise<Error>;
  /** Writes a copy of the store's file as it is at one moment, while it is in use; an existing file is not overwritten. */
  backup: (file: string) => Promise<void>;
  close: () => Promise<void>;
}

const DATABASE = 'gatehouse';

/** Opens the store in `folder`: runs it in a worker thread, or joins the process that already does and takes over when that one ends. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const member = new Member(options, await preparePlaces(options.folder));
  await member.enter();
  return member;
}

/** Copies the store of a data folder, whoever runs it, into a file that must not exist yet. */
export async function backupStore(folder: string, file: string): Promise<void> {
  const store = await openStore({ folder });
  try {
    await store.backup(resolvePath(file));
  } finally {
    await store.close();
  }
}

class Member implements Store {
  readonly failed: Promise<Error>;
  private fail: (error: Error) => void = () => undefined;
  private readonly options: StoreOptions;
  private readonly places: Places;
  private standing: Owning | Visiting | undefined;
  private running: Running | undefined;
  private entering: Promise<void> = Promise.resolve();
  private isClosing = false;

  constructor(options: StoreOptions, places: Places) {
    this.options = options;
    this.places = places;
    this.failed = new Promise((resolve) => {
      this.fail = resolve;
    });
  }

  get owner(): boolean {
    return this.running !== undefined;
  }

  get uri(): string {
    const { listen } = this.options;
    const host = listen ? `${listen.host}:${this.running?.port ?? listen.port}` : encodeURIComponent(this.socket);
    return `mongodb://${host}/${DATABASE}?directConnection=true`;
  }

  /** Becomes the owner or the guest of one. */
  enter(): Promise<void> {
    this.entering = this.takePlace();
    return this.entering;
  }

  async backup(file: string): Promise<void> {
    const { running, standing } = this;
    if (running) await running.backup(file);
    else if (standing?.owner === false) await standing.backup(file);
    else throw new Error('The store is not open.');
  }

  async close(): Promise<void> {
    if (this.isClosing) return;
    this.isClosing = true;
    await this.entering.catch(() => undefined);
    if (this.standing?.owner === false) this.standing.leave();
    await this.running?.close();
    if (this.standing?.owner) await this.standing.release();
    this.running = undefined;
    this.standing = undefined;
  }

  private get socket(): string {
    return join(this.places.sockets, 'store.sock');
  }

  private async takePlace(): Promise<void> {
    const standing = await standForOwner(this.places);
    this.standing = standing;
    if (standing.owner) await this.run(standing);
    else if (this.options.listen) {
      standing.leave();
      throw new Error(
        `The data folder ${this.places.folder} is in use by another process, so this one cannot listen on a port for it.`,
      );
    } else this.watch(standing);
  }

  private async run(standing: Owning): Promise<void> {
    try {
      // The one before may have been a newer version.
      await checkFormat(this.places.folder);
      this.running = await Running.start(this.options, {
        folder: this.places.folder,
        socket: this.socket,
        listen: this.options.listen,
      });
      await noteFormat(this.places.folder);
    } catch (error) {
      await this.running?.close();
      await standing.release();
      throw error;
    }
    // The folder stays taken until the process ends: what the dead worker left half done is nobody else's yet.
    void this.running.died.then(this.fail);
    standing.onBackup((file) => this.backup(file));
    standing.announce();
  }

  private watch(standing: Visiting): void {
    void standing.ended.then(async () => {
      if (this.isClosing) return;
      await this.enter().catch((error: unknown) => {
        this.fail(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }
}

/** The worker thread that runs the store. */
class Running {
  readonly port: number | undefined;
  readonly died: Promise<Error>;
  private readonly worker: Worker;
  private readonly messages: EventEmitter;

  private constructor(worker: Worker, messages: EventEmitter, died: Promise<Error>, port: number | undefined) {
    this.worker = worker;
    this.messages = messages;
    this.died = died;
    this.port = port;
  }

  static async start({ log }: StoreOptions, workerData: WorkerOptions): Promise<Running> {
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
      workerData,
      execArgv: [],
      // Reads make short-lived rubbish: with Node's default of 48 MiB for it the store's memory nearly doubles under load.
      resourceLimits: { maxYoungGenerationSizeMb: 24 },
    });
    const messages = new EventEmitter();
    let isClosed = false;
    worker.on('message', (message: FromWorker) => {
      isClosed ||= message.kind === 'closed';
      if (message.kind === 'log') log?.(message.message, message.error);
      else messages.emit(message.kind, message);
    });
    const died = new Promise<Error>((resolve) => {
      worker.once('error', (cause) => {
        resolve(new Error(`The embedded store has failed and cannot go on: ${String(cause)}`, { cause }));
      });
      worker.once('exit', (code) => {
        if (!isClosed) resolve(new Error(`The embedded store has ended unexpectedly (exit code ${code}).`));
      });
    });
    const first: unknown = await Promise.race([once(messages, 'ready'), died]);
    if (first instanceof Error) throw first;
    const [{ port }] = first as [{ port: number | undefined }];
    return new Running(worker, messages, died, port);
  }

  async backup(file: string): Promise<void> {
    const done = once(this.messages, 'backedUp');
    this.worker.postMessage({ kind: 'backup', file } satisfies ToWorker);
    const [{ error }] = (await done) as [{ error?: string }];
    if (error !== undefined) throw new Error(`The backup could not be written: ${error}`);
  }

  async close(): Promise<void> {
    const exited = once(this.worker, 'exit');
    this.worker.postMessage({ kind: 'close' } satisfies ToWorker);
    await Promise.race([exited, this.died]);
  }
}
