import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { configOf, readDeliveries, type Delivery, type KannelOptions } from './kannel-conf.ts';

const bearerbox = '/usr/sbin/bearerbox';
const smsbox = '/usr/sbin/smsbox';
const fakesmsc = '/usr/lib/kannel/test/fakesmsc';
/** Ends a program with whoever started it, even where that one was killed. */
const tied = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] : [];

/** Why the tests with a real Kannel can't run here; null where they can. */
export const kannelMissing = [bearerbox, smsbox, fakesmsc].every((program) => existsSync(program))
  ? null
  : 'Kannel is not installed: apt-get install kannel kannel-extras';

// Where the check installs it, a skipped test would be a hole that nobody sees.
if (kannelMissing !== null && process.env['KANNEL_REQUIRED']) throw new Error(kannelMissing);

/** A real Kannel on loopback, with a phone network that writes down what it got. */
export interface KannelProcess {
  /** For SMS_KANNEL_URL. */
  url: string;
  username: string;
  password: string;
  /** What reached phones, oldest first. */
  delivered(): Promise<Delivery[]>;
  /** Waits until that many messages have reached phones, and gives them. */
  waitFor(count: number): Promise<Delivery[]>;
  /** Ends the phone network: Kannel then queues. */
  plugOut(): Promise<void>;
  /** A new phone network, which gets what waited. */
  plugIn(): Promise<void>;
  /**
   * Stops one half without ending it. Without smsbox connections are taken and nothing is read; without bearerbox a message is read and
   * kept, and no answer comes.
   */
  freeze(half?: 'smsbox' | 'bearerbox'): void;
  thaw(): void;
  /** Ends Kannel itself: connections are refused. */
  kill(): Promise<void>;
  /** A new one in the place of the one that was ended, at the same ports, with nothing of it in its store. */
  startAgain(change?: KannelOptions): Promise<void>;
  /** What it wrote down of what it was asked for; with `verbose` only. */
  logs(): Promise<{ access: string; smsbox: string; bearerbox: string }>;
  /** Ends everything and removes its folder. */
  stop(): Promise<void>;
}

/** Starts bearerbox, smsbox and fakesmsc on free ports, in a folder of their own. */
export async function startKannel(options: KannelOptions = {}): Promise<KannelProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'kannel-'));
  const [admin = 0, box = 0, smsc = 0, sendsms = 0] = await freePorts(4);
  const config = join(folder, 'kannel.conf');
  const running = new Set<ChildProcess>();
  // A test that fails, or a run that is broken off, must not leave a gateway behind.
  const endAll = () => {
    for (const child of running) child.kill('SIGKILL');
  };
  process.once('exit', endAll);
  const phones: string[] = [];
  const start = (program: string, args: string[], hear?: (text: string) => void) => {
    const [first = program, ...rest] = [...tied, program, ...args];
    const child = spawn(first, rest, { stdio: ['ignore', 'ignore', hear ? 'pipe' : 'ignore'], cwd: folder });
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.stderr?.setEncoding('utf8').on('data', hear ?? (() => undefined));
    return child;
  };
  const end = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  };
  const status = async () => (await fetch(`http://127.0.0.1:${String(admin)}/status.txt?password=adminpw`)).text();
  const isOnline = async () => /FAKE[^\n]*\(online/.test(await status());
  // It insists on one message of its own, and stays.
  const startPhones = async () => {
    const child = start(
      fakesmsc,
      ['-v', '0', '-H', '127.0.0.1', '-r', String(smsc), '-i', '1', '-m', '1', '123 345 text nop'],
      (text) => phones.push(text),
    );
    await until(isOnline);
    return child;
  };
  const startAll = async (wanted: KannelOptions) => {
    await writeFile(config, configOf({ folder, admin, box, smsc, sendsms }, wanted));
    const bearer = start(bearerbox, ['-v', '4', config]);
    await listening(admin);
    await listening(box);
    const sms = start(smsbox, ['-v', '4', config]);
    await listening(sendsms);
    return { bearerbox: bearer, smsbox: sms, network: await startPhones() };
  };
  let parts = await startAll(options);

  const delivered = () => Promise.resolve(readDeliveries(phones.join('')));
  return {
    url: `http://127.0.0.1:${String(sendsms)}/cgi-bin/sendsms`,
    username: 'portal',
    password: 'portalpw',
    delivered,
    async waitFor(count) {
      await until(async () => (await delivered()).length >= count);
      return delivered();
    },
    async plugOut() {
      await end(parts.network);
      await until(async () => !(await isOnline()));
    },
    async plugIn() {
      parts.network = await startPhones();
    },
    freeze: (half = 'smsbox') => void parts[half].kill('SIGSTOP'),
    thaw() {
      parts.smsbox.kill('SIGCONT');
      parts.bearerbox.kill('SIGCONT');
    },
    async kill() {
      await Promise.all([end(parts.bearerbox), end(parts.smsbox)]);
    },
    async startAgain(change = {}) {
      await Promise.all(Object.values(parts).map(end));
      // What it had not written down as delivered it would send once more: its own doing, and nothing about the portal.
      for (const name of await readdir(folder)) if (name.startsWith('kannel.store')) await rm(join(folder, name));
      parts = await startAll({ ...options, ...change });
    },
    async logs() {
      const [access = '', sms = '', bearer = ''] = await Promise.all(
        ['access.log', 'smsbox.log', 'bearerbox.log'].map((name) => readFile(join(folder, name), 'utf8')),
      );
      return { access, smsbox: sms, bearerbox: bearer };
    },
    async stop() {
      await Promise.all([...running].map(end));
      process.removeListener('exit', endAll);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Looks without connecting: bearerbox takes whoever connects for a smsbox, and the next one only after a second. */
const listening = (port: number) =>
  until(async () => {
    const address = port.toString(16).toUpperCase().padStart(4, '0');
    return (await readFile('/proc/net/tcp', 'utf8')).includes(`:${address} 00000000:0000 0A`);
  });

async function until(holds: () => Promise<boolean>, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('Kannel did not get there in time');
    await pause(50);
  }
}
