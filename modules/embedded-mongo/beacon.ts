import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

import type { Visiting } from './owner.ts';

/** What is said on the owner's own socket, a line each: that the store answers, and copies of its file that guests ask for. */
type Line = { ready: true } | { backup: string } | { backedUp: string; error?: string };

/** The socket that listens as long as its owner lives. */
export class Beacon {
  onBackup: (file: string) => Promise<void> = () => Promise.reject(new Error('the store is starting'));
  private readonly server: Server;
  private readonly guests = new Set<Socket>();
  private isReady = false;

  private constructor() {
    this.server = createServer((guest) => {
      this.welcome(guest);
    });
  }

  static async light(path: string): Promise<Beacon> {
    const beacon = new Beacon();
    await new Promise<void>((resolve, reject) => {
      beacon.server.once('error', reject);
      beacon.server.listen(path, resolve);
    });
    return beacon;
  }

  announce(): void {
    this.isReady = true;
    for (const guest of this.guests) say(guest, { ready: true });
  }

  close(): void {
    this.server.close();
    for (const guest of this.guests) guest.destroy();
  }

  private welcome(guest: Socket): void {
    this.guests.add(guest);
    guest.on('error', () => undefined);
    guest.once('close', () => this.guests.delete(guest));
    hear(guest, (line) => {
      if (!('backup' in line)) return;
      const { backup } = line;
      this.onBackup(backup).then(
        () => {
          say(guest, { backedUp: backup });
        },
        (error: unknown) => {
          say(guest, { backedUp: backup, error: String(error) });
        },
      );
    });
    if (this.isReady) say(guest, { ready: true });
  }
}

/** Stays with an owner once it is ready; nothing when it ended before that, "slow" when patience has run out. */
export async function visitOwner(socket: Socket, patience: AbortSignal): Promise<Visiting | 'slow' | undefined> {
  const answers = new Map<string, (error: string | undefined) => void>();
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve();
      for (const answer of answers.values()) answer('the process that runs the store has ended');
    });
  });
  socket.on('error', () => undefined);
  const first = await new Promise<'ready' | 'ended' | 'slow'>((resolve) => {
    hear(socket, (line) => {
      if ('ready' in line) resolve('ready');
      if ('backedUp' in line) answers.get(line.backedUp)?.(line.error);
    });
    void ended.then(() => {
      resolve('ended');
    });
    patience.addEventListener('abort', () => {
      resolve('slow');
    });
  });
  if (first === 'slow') socket.destroy();
  if (first !== 'ready') return first === 'slow' ? 'slow' : undefined;
  return {
    owner: false,
    ended,
    leave: () => {
      socket.destroy();
    },
    backup: async (file) => {
      const error = await new Promise<string | undefined>((resolve) => {
        answers.set(file, resolve);
        say(socket, { backup: file });
      });
      answers.delete(file);
      if (error !== undefined) throw new Error(error);
    },
  };
}

function say(socket: Socket, line: Line): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(line)}\n`);
}

function hear(socket: Socket, listener: (line: Line) => void): void {
  const lines = createInterface({ input: socket });
  lines.on('error', () => undefined);
  lines.on('line', (text) => {
    try {
      listener(JSON.parse(text) as Line);
    } catch {
      socket.destroy();
    }
  });
}
