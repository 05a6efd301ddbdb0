import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { Browser } from './browser.ts';
import { Meter, type Figures } from './measure.ts';

const everyMs = 20;

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
  private readonly child;
  private readonly output: Promise<string>;

  constructor(page: Page) {
    const [, script] = process.argv;
    if (script === undefined) throw new Error('There is no script to start again.');
    this.child = spawn(process.execPath, [...process.execArgv, script, 'bench', 'probing'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    process.once('exit', () => this.child.kill('SIGKILL'));
    this.output = text(this.child.stdout);
    this.child.stdin.write(`${JSON.stringify(page)}\n`);
  }

  async stop(): Promise<Probed> {
    this.child.stdin.end();
    const figures = await this.output;
    if (figures === '') throw new Error('The probe has failed; what it says stands above.');
    return JSON.parse(figures) as Probed;
  }
}

/** The other side: asks for the page named on standard input until that ends, then tells how long it took. */
export async function probePage(): Promise<Probed> {
  const [line] = (await once(process.stdin.setEncoding('utf8'), 'data')) as [string];
  const { url, path, cookie } = JSON.parse(line) as Page;
  const browser = new Browser(url, cookie);
  let refused = 0;
  const ask = async (): Promise<void> => {
    if ((await browser.get(path)).status !== 200) refused += 1;
  };
  // What a new process does slower is not the portal's.
  for (let count = 0; count < 20; count += 1) await ask();
  if (refused > 0) throw new Error(`${path} is not to be had.`);
  const meter = new Meter();
  await meter.runAtBeat(everyMs, once(process.stdin, 'end'), ask);
  browser.close();
  return { ...meter.figures, refused };
}
