// A portal as people run it: a process of its own. Whatever a test does, what it started is ended by pid.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What makes Node run TypeScript in a process of a test. */
export const erasingTypes = ['--import', new URL('erase-types.mjs', import.meta.url).href] as const;
const asPeopleDo = ['--import', 'tsx'] as const;
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ChildOptions {
  env?: Record<string, string>;
  /** Where it is started from; default: this checkout. */
  cwd?: string;
  /** True where the start itself is what is tested: with the flags of `npm start`, which take twice as long. */
  asPeopleDo?: boolean;
}

/** A started process of the product. */
export interface RunningProcess {
  readonly pid: number;
  /** Everything it wrote so far, both streams. */
  output(): string;
  /** Waits for a line on standard output that matches, and gives the match. */
  line(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Sends a signal and waits for the end; gives the exit code, or null where the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Waits for the end. */
  ended(): Promise<number | null>;
}

/** Starts one of the entry files (`server.ts`, `gatehouse.ts`) with its arguments; nothing of this run's settings but PATH goes in. */
export function startProcess(entry: string, args: readonly string[] = [], options: ChildOptions = {}): RunningProcess {
  const child = spawn(process.execPath, [...(options.asPeopleDo ? asPeopleDo : erasingTypes), entry, ...args], {
    cwd: options.cwd ?? root,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      TMPDIR: process.env['TMPDIR'] ?? '',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  const exited = once(child, 'exit').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const find = (pattern: RegExp) =>
    stdout
      .split('\n')
      .map((line) => pattern.exec(line))
      .find((match) => match !== null);

  return {
    pid: child.pid ?? 0,
    output: () => stdout + stderr,
    ended: () => exited,
    async line(pattern, timeoutMs = 30_000) {
      const timeout = AbortSignal.timeout(timeoutMs);
      for (;;) {
        const match = find(pattern);
        if (match) return match;
        const next = Promise.race([once(child.stdout, 'data', { signal: timeout }), exited]);
        const result = await next.catch(() => {
          throw new Error(`${entry} did not print ${String(pattern)}:\n${stdout}${stderr}`);
        });
        const last = find(pattern);
        if (last) return last;
        if (!Array.isArray(result))
          throw new Error(
            `${entry} ended (${String(result)}) without printing ${String(pattern)}:\n${stdout}${stderr}`,
          );
      }
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}
