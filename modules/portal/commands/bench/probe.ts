import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Browser } from './browser.ts';
import { Meter, type Figures } from './measure.ts';

const everyMs = 20;
const warmUps = 20;

/** How long the answers took, and how many of them were none that a person wants. */
export interface Probed extends Figures {
  refused: number;
}

interface Page {
  url: string;
  path: string;
  cookie: string;
}

/** A page asked for at a fixed beat by a process of its own, whose clock no other work holds up. */
export class Probe {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>) {
    this.child = child;
    this.lines = lines;
  }

  /** Resolves when the beat has begun. */
  static async start(page: Page): Promise<Probe> {
    const [, script] = process.argv;
    if (script === undefined) throw new Error('There is no script to start again.');
    const child = spawn(process.execPath, [...process.execArgv, script, 'bench', 'probing'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    process.once('exit', () => child.kill('SIGKILL'));
    const probe = new Probe(child, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
    child.stdin.write(`${JSON.stringify(page)}\n`);
    await probe.next();
    return probe;
  }

  async stop(): Promise<Probed> {
    this.child.stdin?.end();
    return JSON.parse(await this.next()) as Probed;
  }

  private async next(): Promise<string> {
    const line = await this.lines.next();
    if (line.done === true) throw new Error('The probe has ended; what it says stands above.');
    return line.value;
  }
}

/** The other side: asks for the page named on standard input until that ends, then tells how long it took. */
export async function probePage(say: (line: string) => void): Promise<void> {
  const ended = once(process.stdin, 'end');
  const [line] = (await once(process.stdin.setEncoding('utf8'), 'data')) as [string];
  const { url, path, cookie } = JSON.parse(line) as Page;
  const browser = new Browser(url, cookie);
  let refused = 0;
  const ask = async (): Promise<void> => {
    if ((await browser.get(path)).status !== 200) refused += 1;
  };
  // What a new process does slower is not the portal's.
  for (let count = 0; count < warmUps; count += 1) await ask();
  if (refused > 0) throw new Error(`${path} is not to be had.`);
  const meter = new Meter();
  say('begun');
  await meter.runAtBeat(everyMs, ended, ask);
  browser.close();
  say(JSON.stringify({ ...meter.figures, refused } satisfies Probed));
}
