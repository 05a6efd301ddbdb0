import { writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Config } from '../../../config/index.ts';
import { Browser } from './bench/browser.ts';
import { ContactsInTurn } from './bench/contacts-in-turn.ts';
import { inFolderOfItsOwn } from './bench/folder-of-its-own.ts';
import { PortalProcess } from './bench/portal-process.ts';
import { Probe, probePage } from './bench/probe.ts';
import { watchMemory } from './bench/process-figures.ts';
import { measureRawVerifies } from './bench/raw-verifies.ts';
import { seedContacts, withoutSettings } from './bench/seeding.ts';
import { SignInLoad, type LoadPorts } from './bench/sign-in-load.ts';
import { describeSignIns, judgeSignIns, type SignInBench } from './bench/sign-in-report.ts';
import { signInWhole } from './bench/whole-sign-in.ts';

/** How long everything takes, in milliseconds. */
interface Plan {
  coldStarts: number;
  warmUp: number;
  rounds: number;
  raw: number;
  levels: readonly { clients: number; rampMs: number; ms: number }[];
  idleProbe: number;
  busyProbe: { rampMs: number; ms: number };
}

const wholePlan: Plan = {
  coldStarts: 3,
  warmUp: 6000,
  rounds: 3,
  raw: 2500,
  levels: [
    { clients: 1, rampMs: 500, ms: 4000 },
    { clients: 8, rampMs: 1000, ms: 5000 },
    { clients: 32, rampMs: 2000, ms: 9000 },
  ],
  idleProbe: 10_000,
  busyProbe: { rampMs: 2000, ms: 20_000 },
};

// Enough to see that everything runs; the figures say little.
const quickPlan: Plan = {
  coldStarts: 1,
  warmUp: 100,
  rounds: 1,
  raw: 100,
  levels: wholePlan.levels.map(({ clients }) => ({ clients, rampMs: 50, ms: 200 })),
  idleProbe: 300,
  busyProbe: { rampMs: 50, ms: 200 },
};

type LoadConfig = (environment?: Readonly<Record<string, string>>) => Config;

/** `bench sign-in`: whole sign-ins at a portal of its own, beside the bare price of a password check. */
export function addSignInBench(bench: Command, loadConfig: LoadConfig): void {
  bench
    .command('sign-in')
    .description('Measures whole sign-ins at a portal of its own, in a temporary folder that is removed afterwards.')
    .option('--contacts <n>', 'how many contacts there are, who sign in by turns', '1500')
    .option('--quick', 'measure for moments only, to see that it runs')
    .option('--json <file>', 'write the figures to a file as well')
    .action(async (options: { contacts: string; quick?: boolean; json?: string }) => {
      const contacts = Number(options.contacts);
      if (!Number.isInteger(contacts) || contacts < 40) bench.error('--contacts takes a whole number of 40 or more.');
      const plan = options.quick ? quickPlan : wholePlan;
      const measured = await inFolderOfItsOwn((folder) => measureSignIns(folder, { contacts, plan, loadConfig }));
      process.stdout.write(describeSignIns(measured));
      if (options.json !== undefined)
        writeFileSync(options.json, `${JSON.stringify({ ...measured, goals: judgeSignIns(measured) }, null, 2)}\n`);
    });

  bench
    .command('probing', { hidden: true })
    .description('Asks for a page at a fixed beat until its standard input ends, and tells how long that took.')
    .action(() => probePage((line) => void process.stdout.write(`${line}\n`)));
}

async function measureSignIns(
  folder: string,
  options: { contacts: number; plan: Plan; loadConfig: LoadConfig },
): Promise<SignInBench> {
  const { plan, loadConfig } = options;
  const environment = withoutSettings(loadConfig().factorSettings);
  const { argon2, hashConcurrency } = loadConfig(environment);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    cores: availableParallelism(),
    node: process.version,
    loadBefore: loadavg()[0] ?? 0,
  };
  say(`seeding ${String(options.contacts)} contacts`);
  const dataDir = join(folder, 'data');
  const { pattern, seconds } = await seedContacts({ dataDir, count: options.contacts, environment });
  say('cold starts');
  const firstPageMs: number[] = [];
  for (let start = 1; start < plan.coldStarts; start += 1) {
    const cold = await PortalProcess.start({ dataDir, environment });
    firstPageMs.push(cold.firstPageMs);
    await cold.stop();
  }
  const portal = await PortalProcess.start({ dataDir, environment });
  firstPageMs.push(portal.firstPageMs);
  const memory = watchMemory(portal.figures);
  const ports: LoadPorts = {
    url: portal.url,
    contacts: new ContactsInTurn(pattern, Date.now),
    serverCpuMs: () => portal.figures.cpuMs,
  };
  say('sign-ins');
  await new SignInLoad(8, ports).run({ rampMs: 0, ms: plan.warmUp });
  const rawVerifies = () => measureRawVerifies({ argon2, atATime: hashConcurrency, ms: plan.raw });
  const loads = plan.levels.map((level) => ({ level, load: new SignInLoad(level.clients, ports) }));
  const raw = [await rawVerifies()];
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const { level, load } of loads) await load.run(level);
    raw.push(await rawVerifies());
  }
  say('a page beside them');
  const probe = await measureProbe(ports, plan);
  const memoryMiB = { peakResident: portal.figures.peakMiB, highestAnonymous: memory.stop() };
  await portal.stop();
  return {
    machine,
    contacts: options.contacts,
    seeding: { seconds, perSecond: options.contacts / seconds },
    argon2: { ...argon2, atATime: hashConcurrency },
    raw,
    levels: loads.map(({ load }) => ({ clients: load.clients, stretches: load.stretches, steps: load.stepFigures })),
    probe,
    memoryMiB,
    firstPageMs,
  };
}

async function measureProbe(ports: LoadPorts, plan: Plan): Promise<SignInBench['probe']> {
  const browser = new Browser(ports.url);
  await ports.contacts.with((contact) => signInWhole(browser, contact, () => undefined));
  const page = { url: ports.url, path: '/home', cookie: browser.cookieHeader };
  browser.close();
  const idleProbe = await Probe.start(page);
  await setTimeout(plan.idleProbe);
  const idle = await idleProbe.stop();
  const busyProbe = await Probe.start(page);
  const load = new SignInLoad(32, ports);
  await load.run(plan.busyProbe);
  return { idle, busy: await busyProbe.stop(), load: load.stretches };
}
