import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ProcessFigures } from './process-figures.ts';

/** A command of this command line in a process of its own, run the way people run it; its standard output begins with one line of JSON. */
export class CommandProcess<Report> {
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;
  readonly report: Promise<Report>;

  constructor(args: readonly string[], environment?: Readonly<Record<string, string>>) {
    const [, script] = process.argv;
    if (script === undefined) throw new Error('There is no script to start again.');
    this.child = spawn(process.execPath, [...process.execArgv, script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      ...(environment ? { env: environment } : {}),
    });
    this.exited = once(this.child, 'exit');
    process.once('exit', () => this.child.kill('SIGKILL'));
    this.report = this.firstLine();
  }

  /** Memory that is the process's own, in MiB: the mapped file is not in it (Linux only, elsewhere null). */
  get anonymousMiB(): number | null {
    return new ProcessFigures(this.child.pid).anonymousMiB;
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill(signal);
    await this.exited;
  }

  private async firstLine(): Promise<Report> {
    if (!this.child.stdout) throw new Error('The process has no output.');
    for await (const line of createInterface({ input: this.child.stdout })) return JSON.parse(line) as Report;
    throw new Error('The command ended before it was ready.');
  }
}
