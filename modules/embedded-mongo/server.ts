import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

import { Double } from 'bson';

import { Catalog } from './catalog.ts';
import { Dispatcher, errorReply } from './commands.ts';
import { Cursors } from './cursors.ts';
import type { Answer, Engine } from './engine.ts';
import { MongoError } from './errors.ts';
import { Housekeeping } from './housekeeping.ts';
import { Retries } from './retries.ts';
import { Scheduler } from './scheduler.ts';
import { Storage, type Faults } from './storage.ts';
import { frameReply, MessageReader, parseRequest, type Request } from './wire.ts';
import { Writer } from './writer.ts';

/** What a server needs: the file's folder, the socket, and for tests a disk that fails and a quicker sweep. */
export interface ServeOptions {
  folder: string;
  socket: string;
  listen?: { host: string; port: number } | undefined;
  log?: ((message: string, error?: unknown) => void) | undefined;
  faults?: Faults;
  sweepMs?: number;
}

/** A running server. */
export interface Serving {
  /** The TCP port, if one was asked for. */
  port?: number;
  engine: Engine;
  close: () => Promise<void>;
}

const SWEEP_MS = 60_000;

/** Opens the file and answers clients; the caller owns the folder. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const storage = new Storage(join(options.folder, 'store.mdb'), options.faults);
  const catalog = new Catalog(storage);
  catalog.transact(() => {
    catalog.dropUnfinished();
  });
  const scheduler = new Scheduler(catalog, storage);
  const connections = new Connections(options);
  const engine: Engine = {
    storage,
    catalog,
    scheduler,
    writer: new Writer(storage, catalog),
    retries: new Retries(storage),
    cursors: new Cursors(),
    host: options.listen ? `${options.listen.host}:${options.listen.port}` : options.socket,
    startedAt: Date.now(),
    connections: () => connections.counts,
  };
  connections.answerWith(new Dispatcher(engine));
  // Whatever lies at this path is the socket of an owner that is gone.
  rmSync(options.socket, { force: true });
  const servers = [await connections.listen({ path: options.socket })];
  let port: number | undefined;
  if (options.listen) {
    const server = await connections.listen(options.listen);
    const address = server.address();
    if (address && typeof address === 'object') port = address.port;
    engine.host = `${options.listen.host}:${port ?? 0}`;
    servers.push(server);
  }
  const housekeeping = new Housekeeping(engine, options.log);
  housekeeping.start(options.sweepMs ?? SWEEP_MS);
  const close = async (): Promise<void> => {
    housekeeping.stop();
    for (const server of servers) server.close();
    connections.destroyAll();
    scheduler.stop();
    await storage.close();
  };
  return { engine, close, ...(port === undefined ? {} : { port }) };
}

class Connections {
  private readonly log: ServeOptions['log'];
  private readonly sockets = new Set<Socket>();
  private total = 0;
  private dispatcher: Dispatcher | undefined;

  constructor({ log }: ServeOptions) {
    this.log = log;
  }

  answerWith(dispatcher: Dispatcher): void {
    this.dispatcher = dispatcher;
  }

  get counts(): { current: number; total: number } {
    return { current: this.sockets.size, total: this.total };
  }

  async listen(where: { path: string } | { host: string; port: number }): Promise<Server> {
    const server = createServer((socket) => {
      this.accept(socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(where, resolve);
    });
    return server;
  }

  destroyAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(socket: Socket): void {
    const reader = new MessageReader();
    this.sockets.add(socket);
    this.total++;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('close', () => this.sockets.delete(socket));
    socket.on('data', (chunk) => {
      try {
        for (const message of reader.feed(chunk)) void this.handle(socket, message);
      } catch (error) {
        this.log?.('a client sent what is no message', error);
        socket.destroy();
      }
    });
  }

  private async handle(socket: Socket, message: Buffer): Promise<void> {
    const unread: Request = {
      id: message.readInt32LE(4),
      command: new Map(),
      legacy: message.readInt32LE(12) === 2004,
      silent: false,
    };
    let request = unread;
    try {
      request = parseRequest(message);
    } catch (error) {
      // A document that breaks a rule can be answered; bytes that are no message cannot.
      if (!(error instanceof MongoError)) {
        this.log?.('a client sent what is no message', error);
        socket.destroy();
        return;
      }
      socket.write(frameReply(unread, errorReply(error)));
      return;
    }
    const bytes = await this.reply(request, () => socket.destroyed);
    if (!request.silent && !socket.destroyed) socket.write(bytes);
  }

  private async reply(request: Request, isAbandoned: () => boolean): Promise<Buffer> {
    try {
      const { reply, batch } = await this.dispatch(request, isAbandoned);
      return frameReply(request, new Map([...reply, ['ok', new Double(1)]]), batch);
    } catch (error) {
      if (!(error instanceof MongoError) || error.cause !== undefined)
        this.log?.(`the command ${String(request.command.keys().next().value)} failed`, error);
      return frameReply(request, errorReply(error));
    }
  }

  private async dispatch(request: Request, isAbandoned: () => boolean): Promise<Answer> {
    if (!this.dispatcher) throw new MongoError(91, 'the store is starting');
    return this.dispatcher.answer(request, isAbandoned);
  }
}
