import { readFileSync } from 'node:fs';

// Linux counts in hundredths of a second for programs, whatever the kernel's own tick is.
const ticksPerSecond = 100;

/** What the system tells of a running process: all of its threads, nothing of its children (Linux only, elsewhere null). */
export class ProcessFigures {
  private readonly pid: number;

  constructor(pid: number | undefined) {
    this.pid = pid ?? 0;
  }

  /** CPU time since its start, in milliseconds. */
  get cpuMs(): number | null {
    const fields = this.read('stat')
      ?.replace(/^.*\) /s, '')
      .split(' ');
    const ticks = Number(fields?.[11]) + Number(fields?.[12]);
    return Number.isNaN(ticks) ? null : (1000 * ticks) / ticksPerSecond;
  }

  /** Memory that is the process's own: a mapped file is not in it. */
  get anonymousMiB(): number | null {
    return this.mebibytes('RssAnon');
  }

  /** The most memory that was resident at a time, the pages of mapped files included. */
  get peakMiB(): number | null {
    return this.mebibytes('VmHWM');
  }

  private mebibytes(line: string): number | null {
    const kib = new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(this.read('status') ?? '')?.[1];
    return kib === undefined ? null : Number(kib) / 1024;
  }

  private read(file: 'stat' | 'status'): string | null {
    try {
      return readFileSync(`/proc/${String(this.pid)}/${file}`, 'utf8');
    } catch {
      return null;
    }
  }
}

/** Looks at a process ten times a second, for what only a look can tell. */
export function watchMemory(process: { anonymousMiB: number | null }): { stop(): number | null } {
  let highest: number | null = null;
  const look = (): void => {
    const now = process.anonymousMiB;
    if (now !== null) highest = Math.max(highest ?? 0, now);
  };
  const timer = setInterval(look, 100);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return highest;
    },
  };
}
