import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { Browser } from './browser.ts';
import { ProcessFigures } from './process-figures.ts';

const longestStartMs = 30_000;

/** The portal as `npm start` runs it in production, over a data folder that is there already. */
export class PortalProcess {
  readonly url: string;
  readonly figures: ProcessFigures;
  /** From the start of the process to its first page. */
  readonly firstPageMs: number;
  private readonly child: ChildProcess;

  private constructor(started: { url: string; child: ChildProcess; firstPageMs: number }) {
    this.url = started.url;
    this.child = started.child;
    this.firstPageMs = started.firstPageMs;
    this.figures = new ProcessFigures(started.child.pid);
  }

  static async start(options: {
    dataDir: string;
    environment: Readonly<Record<string, string>>;
    execArgv?: readonly string[];
  }): Promise<PortalProcess> {
    const port = await freePort();
    const url = `http://127.0.0.1:${String(port)}`;
    const logFile = join(options.dataDir, 'portal.log');
    const log = openSync(logFile, 'w');
    const begun = performance.now();
    const child = spawn(process.execPath, [...process.execArgv, ...(options.execArgv ?? []), serverScript()], {
      stdio: ['ignore', log, log],
      env: {
        ...options.environment,
        NODE_ENV: 'production',
        STORE: 'embedded',
        DATA_DIR: options.dataDir,
        KEYS_DIR: join(options.dataDir, 'keys'),
        HOST: '127.0.0.1',
        PORT: String(port),
        BASE_URL: url,
      },
    });
    closeSync(log);
    process.once('exit', () => child.kill('SIGKILL'));
    const isUp = await answersWithin(url, child);
    if (!isUp) throw new Error(`The portal did not start:\n${readFileSync(logFile, 'utf8')}`);
    return new PortalProcess({ url, child, firstPageMs: performance.now() - begun });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await exited;
  }
}

function serverScript(): string {
  const [, script] = process.argv;
  if (script === undefined) throw new Error('There is no script beside which the server is.');
  return join(dirname(script), 'server.ts');
}

async function answersWithin(url: string, child: ChildProcess): Promise<boolean> {
  const end = performance.now() + longestStartMs;
  const browser = new Browser(url);
  try {
    while (child.exitCode === null && performance.now() < end) {
      const answer = await browser.get('/sign-in').catch(() => null);
      if (answer?.status === 200) return true;
      await setTimeout(5);
    }
    return false;
  } finally {
    browser.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
