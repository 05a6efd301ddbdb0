import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

/** How long one kind of work took, in milliseconds, and how many a second were done. */
export interface Figures {
  count: number;
  perSecond: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** Gathers durations over several rounds, so that a disturbance of the machine meets every kind of work alike. */
export class Meter {
  private readonly durations: number[] = [];
  private readonly medians: number[] = [];
  private elapsed = 0;

  /** Lets this many clients work for a while, each one request after the other. */
  async runClients(
    options: { clients: number; ms: number },
    work: (client: number) => Promise<unknown>,
  ): Promise<void> {
    const begun = performance.now();
    const end = begun + options.ms;
    const round: number[] = [];
    const run = async (client: number): Promise<void> => {
      for (let sent = performance.now(); sent < end; sent = performance.now()) {
        await work(client);
        round.push(performance.now() - sent);
      }
    };
    await Promise.all(Array.from({ length: options.clients }, (_, client) => run(client)));
    this.elapsed += performance.now() - begun;
    for (const duration of round) this.durations.push(duration);
    this.medians.push(median(round));
  }

  /** Takes a duration that was measured elsewhere. */
  note(ms: number): void {
    this.durations.push(ms);
  }

  /** Starts the work at a fixed beat until `ended`, whether or not the one before has been answered: a stall is felt by all that it delays. */
  async runAtBeat(everyMs: number, ended: Promise<unknown>, work: () => Promise<unknown>): Promise<void> {
    const begun = performance.now();
    const open: Promise<void>[] = [];
    const beat = setInterval(() => {
      const sent = performance.now();
      open.push(
        work().then(() => {
          this.durations.push(performance.now() - sent);
        }),
      );
    }, everyMs);
    try {
      await ended;
    } finally {
      clearInterval(beat);
      await Promise.all(open);
    }
    this.elapsed += performance.now() - begun;
  }

  /** How many times as long as that other work this takes: the median over rounds that ran side by side. */
  timesAsLongAs(other: Meter): number {
    return median(this.medians.map((own, round) => own / (other.medians[round] ?? Number.NaN)));
  }

  get figures(): Figures {
    return figuresOf(this.durations, this.elapsed);
  }
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** What the disk itself gives: 4 KiB written over and over, each with an fdatasync, on a file in the folder. */
export function measureDisk(folder: string, ms: number): Figures {
  const file = join(folder, 'disk');
  const descriptor = openSync(file, 'w');
  const page = Buffer.alloc(4096, 1);
  const durations: number[] = [];
  const begun = performance.now();
  for (let sent = begun; sent < begun + ms; sent = performance.now()) {
    writeSync(descriptor, page, 0, page.length, 0);
    fdatasyncSync(descriptor);
    durations.push(performance.now() - sent);
  }
  closeSync(descriptor);
  rmSync(file);
  return figuresOf(durations, performance.now() - begun);
}

function figuresOf(durations: readonly number[], elapsedMs: number): Figures {
  const sorted = Float64Array.from(durations).sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  const perSecond = elapsedMs > 0 ? (1000 * sorted.length) / elapsedMs : 0;
  return { count: sorted.length, perSecond, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
