import { median, type Figures } from './measure.ts';
import type { Probed } from './probe.ts';
import type { Goal } from './report.ts';
import type { RawVerifies } from './raw-verifies.ts';
import type { Stretch } from './sign-in-load.ts';
import { table, whole } from './table.ts';
import type { Step } from './whole-sign-in.ts';

/** All that was measured. */
export interface SignInBench {
  machine: { date: string; cores: number; node: string; loadBefore: number };
  contacts: number;
  seeding: { seconds: number; perSecond: number };
  argon2: { memoryKib: number; iterations: number; parallelism: number; atATime: number };
  /** Before the first round of load and after each. */
  raw: RawVerifies[];
  levels: { clients: number; stretches: Stretch[]; steps: { step: Step; figures: Figures }[] }[];
  /** A signed-in page asked for 50 times a second: alone, and beside 32 people who sign in. */
  probe: { idle: Probed; busy: Probed; load: Stretch[] };
  /** Null where the system does not tell. */
  memoryMiB: { peakResident: number | null; highestAnonymous: number | null };
  firstPageMs: number[];
}

interface Rates {
  perSecond: number;
  /** Beside the raw verifies around each stretch. */
  shareOfRaw: number;
  serverCpuMs: number;
  generatorCpuMs: number;
  serverVerifies: number;
}

/** Each stretch beside the raw verifies before and after it, so that a disturbance of the machine meets both; the median counts. */
export function ratesOf(stretches: readonly Stretch[], raw: readonly RawVerifies[]): Rates {
  const rows = stretches.map((stretch, round) => {
    const around = raw.slice(round, round + 2);
    const mean = (value: (one: RawVerifies) => number) =>
      around.reduce((sum, one) => sum + value(one), 0) / around.length;
    const perSecond = stretch.signIns / stretch.seconds;
    const serverCpuMs = (stretch.serverCpuMs ?? Number.NaN) / stretch.signIns;
    return {
      perSecond,
      shareOfRaw: perSecond / mean((one) => one.perSecond),
      serverCpuMs,
      generatorCpuMs: stretch.generatorCpuMs / stretch.signIns,
      serverVerifies: serverCpuMs / mean((one) => one.cpuMs),
    };
  });
  const middle = (value: (row: Rates) => number) => median(rows.map(value));
  return {
    perSecond: middle((row) => row.perSecond),
    shareOfRaw: middle((row) => row.shareOfRaw),
    serverCpuMs: middle((row) => row.serverCpuMs),
    generatorCpuMs: middle((row) => row.generatorCpuMs),
    serverVerifies: middle((row) => row.serverVerifies),
  };
}

/** Holds the figures against the goals. */
export function judgeSignIns(bench: SignInBench): Goal[] {
  const level = bench.levels.find(({ clients }) => clients === 32);
  if (!level) throw new Error('32 at a time were not measured.');
  const rates = ratesOf(level.stretches, bench.raw);
  const { idle, busy } = bench.probe;
  const memory = bench.memoryMiB.highestAnonymous ?? Number.NaN;
  const goal = (text: string, measured: string, reached: boolean): Goal => ({ goal: text, measured, reached });
  return [
    goal(
      'sign-ins of 32 at a time: at least 0.50 of the raw verifies',
      rates.shareOfRaw.toFixed(2),
      rates.shareOfRaw >= 0.5,
    ),
    goal(
      'CPU of the portal: at most 1.5 raw verifies a sign-in',
      rates.serverVerifies.toFixed(2),
      rates.serverVerifies <= 1.5,
    ),
    goal('a page beside 32 sign-ins: 30 ms at p99', `${busy.p99.toFixed(1)} ms`, busy.p99 <= 30),
    goal(
      'and at most 3 x the p99 of an idle portal',
      `${(busy.p99 / idle.p99).toFixed(1)} x`,
      busy.p99 <= 3 * idle.p99,
    ),
    goal(
      'memory of its own at most 220 MiB (RssAnon)',
      Number.isNaN(memory) ? 'not known' : `${whole(memory)} MiB`,
      memory <= 220,
    ),
  ];
}

/** The figures for people, as Markdown. */
export function describeSignIns(bench: SignInBench): string {
  const { machine, seeding, argon2, raw, levels, probe, memoryMiB } = bench;
  const mebibytes = (value: number | null) => (value === null ? 'not known' : whole(value));
  return [
    `${machine.date}, ${String(machine.cores)} cores, Node ${machine.node.slice(1)}, ${whole(bench.contacts)} contacts (seeded in ${whole(seeding.seconds)} s). Load of the machine before: ${machine.loadBefore.toFixed(1)}.`,
    `Raw argon2id verifies (${whole(argon2.memoryKib)} KiB, ${String(argon2.iterations)} iteration(s), ${String(argon2.parallelism)} lane(s)), ${String(argon2.atATime)} at a time: ${median(raw.map((one) => one.perSecond)).toFixed(1)}/s, ${median(raw.map((one) => one.cpuMs)).toFixed(1)} ms of CPU each.`,
    table(
      ['at a time', 'sign-ins/s', 'of raw verifies', 'portal CPU ms', 'in raw verifies', 'generator CPU ms'],
      [
        ...levels.map(({ clients, stretches }) => rateRow(String(clients), ratesOf(stretches, raw))),
        rateRow('32, page probed', ratesOf(probe.load, raw.slice(-1))),
      ],
    ),
    ...refusals(bench),
    table(
      ['at a time', 'step', 'p50 ms', 'p95 ms', 'p99 ms'],
      levels.flatMap(({ clients, steps }) =>
        steps.map(({ step, figures: { p50, p95, p99 } }) => [String(clients), step, ...[p50, p95, p99].map(tenths)]),
      ),
    ),
    table(
      ['signed-in page every 20 ms', 'p50 ms', 'p99 ms', 'max ms'],
      [
        ['idle', ...[probe.idle.p50, probe.idle.p99, probe.idle.max].map(tenths)],
        ['beside 32 sign-ins', ...[probe.busy.p50, probe.busy.p99, probe.busy.max].map(tenths)],
      ],
    ),
    table(
      ['of the portal', ''],
      [
        ['peak memory, mapped file included (VmHWM)', `${mebibytes(memoryMiB.peakResident)} MiB`],
        ['peak memory of its own (RssAnon)', `${mebibytes(memoryMiB.highestAnonymous)} MiB`],
        ['start to first page', `${whole(median(bench.firstPageMs))} ms`],
      ],
    ),
    table(
      ['goal', 'measured', 'reached'],
      judgeSignIns(bench).map(({ goal, measured, reached }) => [goal, measured, reached ? 'yes' : 'NO']),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

function rateRow(name: string, rates: Rates): string[] {
  return [
    name,
    rates.perSecond.toFixed(1),
    rates.shareOfRaw.toFixed(2),
    rates.serverCpuMs.toFixed(1),
    rates.serverVerifies.toFixed(2),
    rates.generatorCpuMs.toFixed(1),
  ];
}

// Nothing to say of in most runs.
function refusals({ levels, probe }: SignInBench): string[] {
  const stretches = [...levels.flatMap((level) => level.stretches), ...probe.load];
  const signIns = stretches.reduce((sum, { refused }) => sum + refused, 0);
  const pages = probe.idle.refused + probe.busy.refused;
  return signIns + pages === 0
    ? []
    : [`Refused because there was too much to do: ${whole(signIns)} sign-ins, ${whole(pages)} probed pages.`];
}

function tenths(ms: number): string {
  return Number.isNaN(ms) ? '' : ms.toFixed(1);
}
