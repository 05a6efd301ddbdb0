// The guard over a real database, without the rest of a portal: a host that keeps what it was asked to tell, and a clock that is moved by hand.
import { createHmac, randomUUID } from 'node:crypto';
import mongoose, { type Connection, type Schema } from 'mongoose';
import { z } from 'zod';
import type { FactorHost } from '../../../../kernel/factor.ts';
import type { Person } from '../../../../kernel/person.ts';
import type { FactorNotice, Sending } from '../../../../kernel/ports.ts';
import { databaseUri } from '../../../../../test/support/store.ts';
import { createGuard } from '../../guard/guard.ts';
import { createLedger } from '../../guard/ledger.ts';
import type { Recipient } from '../../guard/limits.ts';
import { createSender } from '../../guard/sender.ts';
import { guardSettings, readGuardSettings } from '../../guard/settings.ts';

/** Ten o’clock and fifteen minutes on the day before yesterday: expired rows stay until a test has looked at them, and hours begin where it says. */
export class HandClock {
  time = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 2 * 86_400_000 + 10 * 3_600_000 + 900_000;

  now(): Date {
    return new Date(this.time);
  }

  advance(by: { minutes?: number; hours?: number }): void {
    this.time += 60_000 * ((by.minutes ?? 0) + 60 * (by.hours ?? 0));
  }
}

interface Told {
  permission: string;
  notice: FactorNotice;
}

/** What all processes of one test share. */
interface Shared {
  name: string;
  clock: HandClock;
  environment: Record<string, string>;
  told: Told[];
  audit: { event: string; detail?: Record<string, unknown>; reason?: string }[];
  warned: object[];
  /** What the outbox was given, and what becomes of the next ones. */
  sent: { id: string; to: string; text: string; kind: string }[];
  sending: Sending;
  /** How often nobody had taken one up. */
  withdrawn: number;
}

function hostOf(connection: Connection, shared: Shared) {
  const put = (message: { to: string; text: string; kind: string }) => {
    const id = randomUUID();
    shared.sent.push({ id, to: message.to, text: message.text, kind: message.kind });
    return Promise.resolve(id);
  };
  return {
    model: <Row>(name: string, schema: Schema<Row>) => {
      schema.set('strict', 'throw');
      schema.set('versionKey', false);
      schema.set('collection', name);
      return connection.model<Row>(name, schema);
    },
    now: () => shared.clock.now(),
    fingerprint: (text: string) => createHmac('sha256', 'test').update(text).digest('base64url'),
    auditAlone: (event: string, about: Omit<Shared['audit'][number], 'event'> = {}) => {
      const { detail, reason } = about;
      shared.audit.push({ event, ...(detail && { detail }), ...(reason && { reason }) });
      return Promise.resolve();
    },
    tellStaff: (permission: string, notice: FactorNotice) => {
      const again = shared.told.some((one) => one.notice.once !== undefined && one.notice.once === notice.once);
      if (!again) shared.told.push({ permission, notice });
      return Promise.resolve();
    },
    log: {
      info: () => undefined,
      warn: (about: object, message: string) => void shared.warned.push({ ...about, message }),
      error: () => undefined,
    },
    send: async (message: { to: string; text: string; kind: string }) => ({
      id: await put(message),
      sending: shared.sending,
    }),
    post: put,
  } as unknown as FactorHost<unknown>;
}

/** One process: a connection of its own, and everything made on it. */
export async function openProcess(shared: Shared) {
  const odm = new mongoose.Mongoose({
    strictQuery: 'throw',
    bufferCommands: false,
    autoIndex: false,
    autoCreate: false,
  });
  const connection = await odm.createConnection(await databaseUri(), { dbName: shared.name }).asPromise();
  const host = hostOf(connection, shared);
  const settings = readGuardSettings(z.object(guardSettings).parse(shared.environment), { production: true });
  const guard = createGuard(host, settings);
  const ledger = createLedger(host);
  return {
    connection,
    host,
    guard,
    ledger,
    settings,
    sender: createSender({
      host,
      guard,
      ledger,
      keeps: false,
      onWithdrawn: () => {
        shared.withdrawn += 1;
        return Promise.resolve();
      },
    }),
  };
}

export type Process = Awaited<ReturnType<typeof openProcess>>;

/** A world for one test, with `count` processes on one database. */
export async function withGuard(
  use: (world: Shared & { processes: Process[]; first: Process; restart: () => Promise<Process> }) => Promise<void>,
  options: { environment?: Record<string, string>; processes?: number } = {},
): Promise<void> {
  const shared: Shared = {
    name: `sms-${randomUUID().slice(0, 18)}`,
    clock: new HandClock(),
    environment: options.environment ?? {},
    told: [],
    audit: [],
    warned: [],
    sent: [],
    sending: 'accepted',
    withdrawn: 0,
  };
  const processes: Process[] = [];
  for (let count = 0; count < (options.processes ?? 1); count += 1) processes.push(await openProcess(shared));
  const [first] = processes as [Process];
  const restart = async () => {
    const next = await openProcess(shared);
    processes.push(next);
    return next;
  };
  try {
    await use(Object.assign(shared, { processes, first, restart }));
  } finally {
    await first.connection.dropDatabase();
    for (const one of processes) await one.connection.close();
  }
}

/** Somebody with a number of their own; two of different indexes share nothing. */
export function recipient(index: number, change: Partial<Recipient> = {}): Recipient {
  const number = change.number ?? `+4915${String(10 + (index % 80))}${String(index).padStart(7, '0')}`;
  return {
    personId: `person-${String(index)}`,
    number,
    fingerprint: `print of ${number}`,
    country: 'DE',
    address: `198.51.100.${String(index)}`,
    purpose: 'signIn',
    ...change,
  };
}

export const ada = { id: 'ada', kind: 'contact', name: 'Ada Lovelace', language: null } as Person;

/** How many of so many takes at once, over the processes in turn, were allowed. */
export async function takeAtOnce(
  processes: readonly Process[],
  count: number,
  who: (index: number) => Recipient,
): Promise<{ allowed: number; reasons: string[] }> {
  const taken = await Promise.all(
    Array.from({ length: count }, (_, index) => processes[index % processes.length]!.guard.take(who(index))),
  );
  return {
    allowed: taken.filter((one) => one.allowed).length,
    reasons: [...new Set(taken.flatMap((one) => (one.allowed ? [] : [one.reason])))],
  };
}
