import { AsyncResource } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Channel, Handover } from '../../kernel/ports.ts';
import type { Log } from '../log.ts';
import type { DurableOutbox, LeasedMessage } from './outbox.ts';

/** Hands one message over. What it throws was taken by nobody; where that can't be told, it must not throw. */
export type Deliver = (message: LeasedMessage) => Promise<Handover>;

export interface Worker {
  /** Begins to look for work, now and then and whenever something is enqueued in this process. */
  start(): void;
  /** Sends what is due; resolves when nothing is left that is due now. */
  work(): Promise<void>;
  /** Takes nothing up any more, and waits for the messages in hand, a few seconds at most. */
  stop(): Promise<void>;
}

/** How many messages of a channel one process sends at a time, so that one slow answer does not hold up the rest. For texts somebody waits. */
const lanes: Readonly<Record<Channel, number>> = { mail: 3, text: 12 };

export interface WorkerPorts {
  outbox: DurableOutbox;
  channel: Channel;
  deliver: Deliver;
  log: Log;
  /** How often to look for what other processes enqueued and for what is due again. */
  pollMs?: number;
  renewMs?: number;
  stopMs?: number;
}

/** Sends one channel's messages. Its timers keep no process alive. */
export function createWorker(ports: WorkerPorts): Worker {
  const { outbox, channel, deliver, log, pollMs = 2000, renewMs = 20_000, stopMs = 6000 } = ports;
  let state: 'new' | 'running' | 'stopped' = 'new';
  let timer: NodeJS.Timeout | undefined;
  const running = new Set<Promise<void>>();
  let open = 0;
  let looking = 0;
  let asked = 0;
  let stopping: Promise<void> | null = null;

  async function send(message: LeasedMessage): Promise<void> {
    const renewal = setInterval(() => {
      outbox.renew(message).catch((error: unknown) => {
        log.warn({ err: error }, 'lease of a message not prolonged');
      });
    }, renewMs).unref();
    const about = { message: message.id, channel, kind: message.kind, tries: message.tries };
    try {
      const handover = await deliver(message).catch((error: unknown): Handover => ({
        fate: 'refused',
        fault: faultOf(error),
        permanent: false,
      }));
      if (handover.fate === 'accepted') {
        await recordSent(message, handover);
        log.info({ ...about, late: handover.late }, 'message sent');
        return;
      }
      const { fault } = handover;
      if (handover.fate === 'unknown') {
        await outbox.unknown(message, fault);
        log.error({ ...about, fault }, 'not known whether the message was taken: it is not sent again');
      } else if ((await outbox.failed(message, fault, handover)) === 'dead')
        log.error({ ...about, fault }, 'message given up');
      else log.warn({ ...about, fault }, 'message not sent yet');
    } finally {
      clearInterval(renewal);
    }
  }

  // The server has it. While the database is away the record waits for it: nothing but a kill may send it twice.
  async function recordSent(message: LeasedMessage, how: { late: boolean }): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await outbox.sent(message, how);
        return;
      } catch (error) {
        if (tries === 1) log.warn({ err: error, message: message.id }, 'sending not recorded yet');
        await pause(500, undefined, { ref: false });
      }
    }
  }

  // Whoever finds something lets another lane look on, up to their number: what hangs in one holds up nothing that comes later.
  async function lane(): Promise<void> {
    open += 1;
    looking += 1;
    try {
      while (state !== 'stopped') {
        const seen = asked;
        const message = await outbox.lease(channel);
        if (message) {
          looking -= 1;
          if (looking === 0) openLane();
          await send(message).finally(() => {
            looking += 1;
          });
        } else if (seen === asked) {
          // Not asked for anything while it looked, which might have come just behind.
          return;
        }
      }
    } finally {
      open -= 1;
      looking -= 1;
    }
  }

  // Outside any request: what a worker logs is not about the request that happened to wake it.
  const openLane = AsyncResource.bind((): void => {
    if (state === 'stopped' || open === lanes[channel]) return;
    const one = lane()
      .catch((error: unknown) => {
        log.warn({ err: error, channel }, 'outbox');
      })
      .finally(() => running.delete(one));
    running.add(one);
  });

  function ask(): void {
    asked += 1;
    if (looking === 0) openLane();
  }

  async function settled(): Promise<void> {
    while (running.size > 0) await Promise.all(running);
  }

  function poll(): void {
    ask();
    timer = setTimeout(poll, pollMs).unref();
  }

  return {
    start() {
      if (state !== 'new') return;
      state = 'running';
      outbox.onEnqueued((enqueued) => {
        if (enqueued === channel) ask();
      });
      poll();
    },
    work() {
      ask();
      return settled();
    },
    stop() {
      state = 'stopped';
      clearTimeout(timer);
      stopping ??= settleWithin(settled(), stopMs);
      return stopping;
    },
  };
}

async function settleWithin(work: Promise<void>, ms: number): Promise<void> {
  const settled = new AbortController();
  await Promise.race([work, pause(ms, undefined, { signal: settled.signal }).catch(() => undefined)]);
  settled.abort();
}

/** A code for the log and the row: a server's own words may repeat addresses, and what was sent. */
function faultOf(error: unknown): string {
  const { code, responseCode } = (error ?? {}) as { code?: unknown; responseCode?: unknown };
  const parts = [code, responseCode].filter((part) => typeof part === 'string' || typeof part === 'number');
  return parts.length > 0 ? parts.join(' ').slice(0, 60) : 'unknown';
}
