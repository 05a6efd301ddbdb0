import type { Figures } from './measure.ts';
import { table, whole } from './table.ts';

/** One kind of request at one number of clients. */
export interface Operation {
  name: 'ping' | 'read by _id' | 'read by a unique index' | 'durable insert' | 'findOneAndUpdate $inc';
  clients: number;
  figures: Figures;
  /** How many pings one takes: the median over rounds that ran side by side. */
  pings: number;
}

/** How long a process took until it ran, then until the store was ready, then (both in one) until it had answered a find. */
export interface Opening {
  processMs: number;
  readyMs: number;
  firstFindMs: number;
}

/** All that was measured. */
export interface Bench {
  machine: { date: string; cores: number; node: string; loadBefore: number };
  documents: number;
  fileMiB: number;
  disk: Figures;
  load: { seconds: number; perSecond: number };
  operations: Operation[];
  besideCount: { idle: Figures; busy: Figures; countMs: number };
  /** Null where the system does not tell. */
  memoryMiB: { opened: number | null; whileLoading: number | null; whileServing: number | null };
  opening: { emptyFolder: Opening; afterEnd: Opening; afterKill: Opening };
  sortRefusal: { code: number | null; message: string };
}

/** A goal, what was measured, and whether that reaches it. */
export interface Goal {
  goal: string;
  measured: string;
  reached: boolean;
}

/** Holds the figures against the goals. */
export function judge(bench: Bench): Goal[] {
  const find = (name: Operation['name'], clients: number): Operation => {
    const found = bench.operations.find((operation) => operation.name === name && operation.clients === clients);
    if (!found) throw new Error(`${name} was not measured at ${String(clients)} clients.`);
    return found;
  };
  const atMost = (goal: string, value: number, limit: number, text: (value: number) => string): Goal => ({
    goal,
    measured: text(value),
    reached: value <= limit,
  });
  const times = (value: number): string => `${value.toFixed(2)} x`;
  const gain = find('durable insert', 64).figures.perSecond / find('durable insert', 1).figures.perSecond;
  const readGoal = (name: 'read by _id' | 'read by a unique index', clients: number): Goal =>
    atMost(`${name}: at most 1.5 x a ping, ${clientsOf(clients)}`, find(name, clients).pings, 1.5, times);
  const { opened, whileLoading, whileServing } = bench.memoryMiB;
  const highest = Math.max(whileLoading ?? Number.NaN, whileServing ?? Number.NaN);
  return [
    { goal: 'durable inserts of 64 clients: at least 5 x those of 1', measured: times(gain), reached: gain >= 5 },
    readGoal('read by _id', 1),
    readGoal('read by a unique index', 1),
    readGoal('read by _id', 16),
    readGoal('read by a unique index', 16),
    atMost('opened within 1 s after SIGTERM', bench.opening.afterEnd.firstFindMs, 1000, milliseconds),
    atMost('opened within 1 s after kill -9', bench.opening.afterKill.firstFindMs, 1000, milliseconds),
    atMost('memory of its own at most 150 MiB, opened', opened ?? Number.NaN, 150, mebibytes),
    atMost('memory of its own at most 150 MiB, at its highest', highest, 150, mebibytes),
    atMost('point reads beside a count: 50 ms at p99', bench.besideCount.busy.p99, 50, milliseconds),
    {
      goal: 'a sort of more than 100 MB is refused with code 292',
      measured: String(bench.sortRefusal.code),
      reached: bench.sortRefusal.code === 292,
    },
  ];
}

/** The figures for people, as Markdown. */
export function describeBench(bench: Bench): string {
  const { machine, load, opening, memoryMiB: memory, besideCount } = bench;
  const openings = Object.entries({
    'an empty folder': opening.emptyFolder,
    'after SIGTERM': opening.afterEnd,
    'after kill -9': opening.afterKill,
  });
  return [
    `${machine.date}, ${String(machine.cores)} cores, Node ${machine.node.slice(1)}, ${whole(bench.documents)} documents (a file of ${whole(bench.fileMiB)} MiB). Load of the machine before: ${machine.loadBefore.toFixed(1)}.`,
    `Load: ${whole(load.perSecond)} documents/s, with two indexes beside _id, in batches of 1,000 (${load.seconds.toFixed(0)} s).`,
    table(
      ['request', 'clients', 'per second', 'p50 ms', 'p95 ms', 'p99 ms', 'in pings'],
      [
        ['raw write + fdatasync', '', ...latency(bench.disk), ''],
        ...bench.operations.map(({ name, clients, figures, pings }) => [
          name,
          String(clients),
          ...latency(figures),
          pings.toFixed(2),
        ]),
      ],
    ),
    table(
      ['point read every 5 ms', 'p50 ms', 'p99 ms', 'max ms'],
      [
        ['idle', ...beat(besideCount.idle)],
        [`beside counts without an index (${whole(besideCount.countMs)} ms each)`, ...beat(besideCount.busy)],
      ],
    ),
    table(
      ['opening', 'process start ms', 'store ready ms', 'first find answered ms'],
      openings.map(([name, times]) => [name, whole(times.processMs), whole(times.readyMs), whole(times.firstFindMs)]),
    ),
    table(
      ['memory of its own (RssAnon)', 'MiB'],
      [
        ['opened, one find answered', memory.opened],
        ['highest while loading', memory.whileLoading],
        ['highest while serving', memory.whileServing],
      ].map(([name, value]) => [String(name), typeof value === 'number' ? whole(value) : 'not known']),
    ),
    table(
      ['goal', 'measured', 'reached'],
      judge(bench).map(({ goal, measured, reached }) => [goal, measured, reached ? 'yes' : 'NO']),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

function latency({ perSecond, p50, p95, p99 }: Figures): string[] {
  return [whole(perSecond), ...[p50, p95, p99].map((value) => value.toFixed(2))];
}

function beat({ p50, p99, max }: Figures): string[] {
  return [p50, p99, max].map((value) => value.toFixed(2));
}

function clientsOf(clients: number): string {
  return clients === 1 ? '1 client' : `${String(clients)} clients`;
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function mebibytes(value: number): string {
  return Number.isNaN(value) ? 'not known' : `${whole(value)} MiB`;
}
