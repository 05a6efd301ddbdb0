import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

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
  delivered(): Promise<{ from: string; to: string; text: string }[]>;
  /** Waits until that many messages have reached phones, and gives them. */
  waitFor(count: number): Promise<{ from: string; to: string; text: string }[]>;
  /** Ends the phone network: Kannel then queues. */
  plugOut(): Promise<void>;
  /** A new phone network, which gets what waited. */
  plugIn(): Promise<void>;
  /** Stops the interface for applications, without ending it: it takes connections and says nothing. */
  freeze(): void;
  thaw(): void;
  /** Ends Kannel itself: connections are refused. */
  kill(): Promise<void>;
  /** Ends everything and removes its folder. */
  stop(): Promise<void>;
}

/** Starts bearerbox, smsbox and fakesmsc on free ports, in a folder of their own. */
export async function startKannel(): Promise<KannelProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'kannel-'));
  const [admin = 0, box = 0, smsc = 0, sendsms = 0] = await freePorts(4);
  const config = join(folder, 'kannel.conf');
  await writeFile(config, configOf({ folder, admin, box, smsc, sendsms }));
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

  const gateway = start(bearerbox, ['-v', '4', config]);
  await listening(admin);
  await listening(box);
  const applications = start(smsbox, ['-v', '4', config]);
  await listening(sendsms);
  // It insists on one message of its own, and stays.
  const startPhones = () =>
    start(
      fakesmsc,
      ['-v', '0', '-H', '127.0.0.1', '-r', String(smsc), '-i', '1', '-m', '1', '123 345 text nop'],
      (text) => phones.push(text),
    );
  const status = async () => (await fetch(`http://127.0.0.1:${String(admin)}/status.txt?password=adminpw`)).text();
  let network = startPhones();
  await until(async () => /FAKE[^\n]*\(online/.test(await status()));

  const delivered = async () => readDeliveries(phones.join(''));
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
      await end(network);
      await until(async () => !/FAKE[^\n]*\(online/.test(await status()));
    },
    async plugIn() {
      network = startPhones();
      await until(async () => /FAKE[^\n]*\(online/.test(await status()));
    },
    freeze: () => void applications.kill('SIGSTOP'),
    thaw: () => void applications.kill('SIGCONT'),
    async kill() {
      await end(gateway);
      await end(applications);
    },
    async stop() {
      await Promise.all([...running].map(end));
      process.removeListener('exit', endAll);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configOf(at: { folder: string; admin: number; box: number; smsc: number; sendsms: number }): string {
  return `group = core
admin-port = ${String(at.admin)}
admin-interface = 127.0.0.1
admin-password = adminpw
admin-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
smsbox-port = ${String(at.box)}
smsbox-interface = 127.0.0.1
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
log-file = "${join(at.folder, 'bearerbox.log')}"
log-level = 4
store-type = file
store-location = "${join(at.folder, 'kannel.store')}"
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
port = ${String(at.smsc)}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = ${String(at.sendsms)}
sendsms-interface = 127.0.0.1
log-file = "${join(at.folder, 'smsbox.log')}"
log-level = 4

group = sendsms-user
username = portal
password = portalpw
user-deny-ip = "*.*.*.*"
user-allow-ip = "127.0.0.1"
max-messages = 3
concatenation = true

group = sms-service
keyword = default
max-messages = 0
text = "no service"
`;
}

/** Lines such as `Got message 3: <PORTAL +12025550123 text Your code is 123456>`. */
function readDeliveries(output: string): { from: string; to: string; text: string }[] {
  return [...output.matchAll(/Got message \d+: <(\S+) (\S+) (text|ucs-2) (.*?)>$/gms)]
    .map(([, from = '', to = '', kind = '', text = '']) => ({
      from,
      to,
      text: kind === 'ucs-2' ? unescape16(text) : text,
    }))
    .filter(({ to }) => to.startsWith('+'));
}

/** Kannel shows bytes that are no letters as %XX, and a blank as +. */
function unescape16(text: string): string {
  const bytes = [...text.matchAll(/%([0-9A-F]{2})|(.)/gis)].map(([, code, plain = '']) =>
    code === undefined ? (plain === '+' ? ' ' : plain).charCodeAt(0) : Number.parseInt(code, 16),
  );
  return Buffer.from(bytes).swap16().toString('utf16le');
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

const listening = (port: number) =>
  until(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        }).once('error', () => {
          resolve(false);
        });
      }),
  );

async function until(holds: () => Promise<boolean>, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('Kannel did not get there in time');
    await pause(50);
  }
}
