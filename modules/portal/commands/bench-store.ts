import { statSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Command } from 'commander';
import { MongoClient, MongoServerError, type Collection, type Db } from 'mongodb';
import { runEmbeddedStore } from '../../platform/embedded-store.ts';
import { describeBench, judge, type Bench, type Opening, type Operation } from './bench/report.ts';
import { measureDisk, median, Meter } from './bench/measure.ts';
import { CommandProcess } from './bench/command-process.ts';
import { inFolderOfItsOwn } from './bench/folder-of-its-own.ts';
import { watchMemory } from './bench/process-figures.ts';

const levels = [1, 16, 64];
const rounds = 24;
const roundMs = 125;
const diskMs = 1500;
const beatMs = 5;
const idleMs = 5000;
const countingMs = 10_000;
const loadBatch = 1000;

interface Row {
  _id: number;
  email: string;
  company: number;
  score: number;
  note: string;
}

/** `bench store`: the embedded store measured through the driver, beside the disk and beside a ping. */
export function addStoreBench(bench: Command): void {
  bench
    .command('store')
    .description('Measures an embedded store of its own, in a temporary folder that is removed afterwards.')
    .option('--documents <n>', 'how many documents it holds', '1000000')
    .option('--json <file>', 'write the figures to a file as well')
    .action(async (options: { documents: string; json?: string }) => {
      const documents = Number(options.documents);
      if (!Number.isInteger(documents) || documents < 1000)
        bench.error('--documents takes a whole number of 1000 or more.');
      const measured = await inFolderOfItsOwn((folder) => measureStore(folder, documents));
      process.stdout.write(describeBench(measured));
      if (options.json !== undefined)
        writeFileSync(options.json, `${JSON.stringify({ ...measured, goals: judge(measured) }, null, 2)}\n`);
    });

  bench
    .command('opening', { hidden: true })
    .description('Opens the store of a data folder, asks it once, says how long that took, and ends.')
    .requiredOption('--data <dir>', 'the data folder')
    .action(async (options: { data: string }) => {
      process.stdout.write(`${JSON.stringify(await measureOpening(options.data))}\n`);
    });
}

async function measureStore(folder: string, documents: number): Promise<Bench> {
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    cores: availableParallelism(),
    node: process.version,
    loadBefore: loadavg()[0] ?? 0,
  };
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const emptyFolder = await openAgain(join(folder, 'empty'));
  const data = join(folder, 'data');
  const store = new CommandProcess<{ uri: string }>(['store', 'run', '--data', data]);
  // As the portal connects (modules/platform/mongo.ts), with as many connections as there are clients at the most.
  const client = await MongoClient.connect((await store.report).uri, {
    maxPoolSize: 64,
    w: 'majority',
    retryWrites: true,
  });
  const db = client.db();
  const rows = db.collection<Row>('rows');

  say(`loading ${String(documents)} documents`);
  const memory = watchMemory(store);
  const load = await loadRows(rows, documents);
  const whileLoading = memory.stop();
  say('operations');
  const disk = [measureDisk(folder, diskMs)];
  const serving = watchMemory(store);
  const operations = await measureOperations(db, rows, documents);
  disk.push(measureDisk(folder, diskMs));
  say('a count beside point reads');
  const besideCount = await measureBesideCount(rows, documents);
  const whileServing = serving.stop();
  const sortRefusal = await overfillSort(db);
  const fileMiB = statSync(join(data, 'store', 'store.mdb')).size / 2 ** 20;

  say('opening again');
  await client.close();
  await store.end('SIGTERM');
  const afterEnd = await openAgain(data);
  const victim = new CommandProcess<{ uri: string }>(['store', 'run', '--data', data]);
  const rest = await restingMemory((await victim.report).uri, victim);
  await victim.end('SIGKILL');
  const afterKill = await openAgain(data);
  return {
    machine,
    documents,
    fileMiB,
    disk: disk.sort((a, b) => a.p50 - b.p50)[0] ?? measureDisk(folder, diskMs),
    load,
    operations,
    besideCount,
    memoryMiB: { opened: rest, whileLoading, whileServing },
    opening: { emptyFolder, afterEnd, afterKill },
    sortRefusal,
  };
}

async function loadRows(rows: Collection<Row>, documents: number): Promise<Bench['load']> {
  await rows.createIndexes([{ key: { email: 1 }, unique: true }, { key: { company: 1, _id: 1 } }]);
  const begun = performance.now();
  for (let from = 0; from < documents; from += loadBatch) {
    const length = Math.min(loadBatch, documents - from);
    await rows.insertMany(
      Array.from({ length }, (_, i) => rowOf(from + i)),
      { ordered: true },
    );
  }
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, perSecond: documents / seconds };
}

function rowOf(number: number): Row {
  return {
    _id: number,
    email: emailOf(number),
    company: number % 1000,
    score: number % 97,
    note: `Row ${String(number)}: `.padEnd(120, 'quiet harbour '),
  };
}

function emailOf(number: number): string {
  return `person.${String(number)}@example.com`;
}

// Walks over all documents in an order that no cache guesses, the same in every run.
function stroll(documents: number): () => number {
  let at = 0;
  return () => {
    at = (at + 7_368_787) % documents;
    return at;
  };
}

async function measureOperations(db: Db, rows: Collection<Row>, documents: number): Promise<Operation[]> {
  const next = stroll(documents);
  const inserts = db.collection<{ text: string }>('inserts');
  const counters = db.collection<{ _id: number; n: number }>('counters');
  const work: Record<Operation['name'], (client: number) => Promise<unknown>> = {
    ping: () => db.command({ ping: 1 }),
    'read by _id': () => rows.findOne({ _id: next() }),
    'read by a unique index': () => rows.findOne({ email: emailOf(next()) }),
    'durable insert': () => inserts.insertOne({ text: 'quiet harbour' }),
    'findOneAndUpdate $inc': (client) =>
      counters.findOneAndUpdate({ _id: client }, { $inc: { n: 1 } }, { upsert: true }),
  };
  const operations: Operation[] = [];
  for (const clients of levels) {
    const meters = Object.entries(work).map(([name, run]) => ({
      name: name as Operation['name'],
      run,
      meter: new Meter(),
    }));
    for (const { run } of meters) await new Meter().runClients({ clients, ms: 3 * roundMs }, run);
    for (let round = 0; round < rounds; round++) {
      for (const { run, meter } of meters) await meter.runClients({ clients, ms: roundMs }, run);
    }
    const [ping] = meters;
    for (const { name, meter } of meters)
      operations.push({
        name,
        clients,
        figures: meter.figures,
        pings: ping ? meter.timesAsLongAs(ping.meter) : Number.NaN,
      });
  }
  return operations;
}

async function measureBesideCount(rows: Collection<Row>, documents: number): Promise<Bench['besideCount']> {
  const next = stroll(documents);
  const read = () => rows.findOne({ _id: next() });
  const idle = new Meter();
  await idle.runAtBeat(beatMs, new Promise((resolve) => setTimeout(resolve, idleMs)), read);
  const busy = new Meter();
  const countMs: number[] = [];
  const count = async (): Promise<void> => {
    const begun = performance.now();
    do {
      const one = performance.now();
      await rows.countDocuments({ score: { $gte: 48 } });
      countMs.push(performance.now() - one);
    } while (performance.now() - begun < countingMs);
  };
  await busy.runAtBeat(beatMs, count(), read);
  return { idle: idle.figures, busy: busy.figures, countMs: median(countMs) };
}

// More than 100 MB, in a collection of its own: the refusal must come however many documents the rest has.
async function overfillSort(db: Db): Promise<Bench['sortRefusal']> {
  const large = db.collection('large');
  const text = 'x'.repeat(100_000);
  for (let batch = 0; batch < 12; batch++) await large.insertMany(Array.from({ length: 100 }, (_, i) => ({ i, text })));
  try {
    await large.find().sort({ i: 1 }).toArray();
    return { code: null, message: 'answered' };
  } catch (error) {
    if (!(error instanceof MongoServerError)) throw error;
    return { code: Number(error.code), message: error.message };
  } finally {
    await large.drop();
  }
}

async function restingMemory(uri: string, store: CommandProcess<unknown>): Promise<number | null> {
  const client = await MongoClient.connect(uri);
  await client
    .db()
    .collection('rows')
    .findOne({ _id: { $gt: -1 } } as object);
  await client.close();
  return store.anonymousMiB;
}

async function openAgain(data: string): Promise<Opening> {
  const process = new CommandProcess<Opening>(['bench', 'opening', '--data', data]);
  const report = await process.report;
  await process.end('SIGTERM');
  return report;
}

/** Runs in a process that has just started: what came before this is Node and the loading of the program. */
async function measureOpening(data: string): Promise<Opening> {
  const processMs = performance.now();
  const store = await runEmbeddedStore(data);
  const readyMs = performance.now() - processMs;
  const client = await MongoClient.connect(store.uri);
  await client.db().collection<Row>('rows').findOne({ _id: 1 });
  const firstFindMs = performance.now() - processMs;
  await client.close();
  await store.close();
  return { processMs, readyMs, firstFindMs };
}
