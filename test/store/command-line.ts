import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { erasingTypes } from '../support/processes.ts';

const program = fileURLToPath(new URL('../../gatehouse.ts', import.meta.url));

/** How a command ended and what it said. */
export interface Outcome {
  code: number | null;
  output: string;
  errors: string;
}

/** Runs `gatehouse ...` with these settings and no others. */
export async function gatehouse(args: readonly string[], settings: Record<string, string> = {}): Promise<Outcome> {
  const child = start(args, settings);
  const [output, errors, [code]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, output, errors };
}

/** `gatehouse store run` in a process of its own. */
export class RunningStore {
  readonly child: ChildProcess;
  readonly uri: string;
  readonly firstLine: string;

  private constructor(child: ChildProcess, firstLine: string) {
    this.child = child;
    this.firstLine = firstLine;
    this.uri = (JSON.parse(firstLine) as { uri: string }).uri;
  }

  static async start(dataDir: string, ...more: readonly string[]): Promise<RunningStore> {
    const child = start(['store', 'run', '--data', dataDir, ...more], {});
    const errors = textOf(child.stderr);
    if (child.stdout) {
      for await (const line of createInterface({ input: child.stdout })) return new RunningStore(child, line);
    }
    throw new Error(`The store did not start: ${await errors}`);
  }

  /** Ends the process; resolves with its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const exited = once(this.child, 'exit') as Promise<[number | null]>;
    this.child.kill(signal);
    return (await exited)[0];
  }
}

function start(args: readonly string[], settings: Record<string, string>): ChildProcess {
  const env = { LOG_LEVEL: 'silent', ...settings };
  return spawn(process.execPath, [...erasingTypes, program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  if (stream) for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  return text;
}
