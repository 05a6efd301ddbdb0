import { createHash, randomUUID } from 'node:crypto';
import type { Connection, Model, UpdateQuery } from 'mongoose';
import { setTimeout as pause } from 'node:timers/promises';
import type { Channel, Clock, Outbox, OutgoingMessage, Sealer, Sending } from '../../kernel/ports.ts';
import { isDuplicateKey } from '../../kernel/duplicate-key.ts';
import { freePlace } from '../request-context.ts';
import { assertPlainMessage } from './message.ts';
import { outboxModel, type OutboxRow, type OutboxState } from './outbox-model.ts';

/** A message that one worker holds until its lease is over. */
export interface LeasedMessage {
  id: string;
  messageId: string;
  lease: string;
  /** The how-many-eth try this is. */
  tries: number;
  /** How often it is tried at most. */
  most: number;
  until: Date | null;
  channel: Channel;
  kind: string;
  to: string;
  subject: string;
  text: string;
  html: string | null;
}

/** What lists tell of a message: never what it says. */
export interface OutboxEntry {
  id: string;
  channel: Channel;
  kind: string;
  to: string;
  state: OutboxState;
  tries: number;
  at: Date;
  lastFault: string | null;
}

/** A message that was kept instead of sent. */
export interface KeptMessage {
  id: string;
  channel: Channel;
  to: string;
  subject: string;
  text: string;
  html: string | null;
  at: Date;
}

export interface DurableOutbox extends Outbox {
  /** Takes what is due for a worker of this channel; null when nothing is. Several processes may ask at once: one gets it. */
  lease(channel: Channel): Promise<LeasedMessage | null>;
  /** Prolongs a lease while the sending lasts. */
  renew(message: LeasedMessage): Promise<void>;
  sent(message: LeasedMessage, how?: { late: boolean }): Promise<void>;
  /** Puts it back for a later try, or among the dead letters after the last. `fault` is a code, never a server's words. */
  failed(message: LeasedMessage, fault: string, how?: { permanent: boolean }): Promise<OutboxState>;
  /** Somebody may have it: it is not tried again. */
  unknown(message: LeasedMessage, fault: string): Promise<void>;
  /** Newest first. */
  list(state: OutboxState, count: number, channel?: Channel): Promise<OutboxEntry[]>;
  count(state: OutboxState, channel?: Channel): Promise<number>;
  find(id: string): Promise<OutboxEntry | null>;
  /** Gives a dead letter its tries anew. False: it is none. */
  retry(id: string): Promise<boolean>;
  /** Gives so many dead letters their tries anew, the oldest first. Tells how many. */
  retryAll(most: number): Promise<number>;
  /** Drops every message to this address, whatever became of it (LOG-4). */
  forgetAllTo(to: string): Promise<void>;
  /** What would have been sent, newest first. */
  kept(count: number): Promise<KeptMessage[]>;
  /** Calls back in this process when something is there to be sent. */
  onEnqueued(wake: (channel: Channel) => void): void;
}

export interface OutboxOptions {
  sealer: Sealer;
  clock: Clock;
  /** The right half of each Message-ID. */
  domain: string;
  /** Keeps a channel's messages to be looked at, instead of sending them: a portal under development without a mail server. */
  keeps(channel: Channel): boolean;
  /** How long a silent worker is believed to be alive. */
  leaseMs?: number;
}

/** After so many tries a message is a dead letter: with the pauses below, after a day. */
export const longestSeries = 100;

/** What stands for a number in lists. */
const hidden = '';

/** How often a waiting request looks at its message, less and less; what this process does is heard of at once. */
const lookMs = 120;
const longestLookMs = 600;

const idOf = (once: string) => createHash('sha256').update(once).digest('base64url');

const day = 86_400_000;
const remembered: Readonly<Record<'sent' | 'kept' | 'dead', number>> = {
  sent: 30 * day,
  kept: 7 * day,
  dead: 90 * day,
};

/** The pause after a failed try, in milliseconds: 5 s, doubled each time up to 15 minutes, so that a repair is noticed soon. */
export function backoffMs(tries: number): number {
  return Math.min(5000 * 2 ** Math.min(tries - 1, 20), 900_000);
}

/** Texts are not in this: each costs money, and may have arrived. */
const retriable = { state: 'dead' as const, channel: 'mail' as const };

/**
 * Messages between the request that wants them sent and the server that takes them. What they say is sealed at rest, bound to the
 * recipient, and dropped once sent. Mails at least once: only a kill between the server's yes and our record of it repeats one. Texts at
 * most once: what may have left is not sent again.
 */
export function createOutbox(connection: Connection, options: OutboxOptions): DurableOutbox {
  const { sealer, clock, leaseMs = 60_000 } = options;
  const rows: Model<OutboxRow> = outboxModel(connection);
  const wakes: ((channel: Channel) => void)[] = [];
  const waiting = new Map<string, () => void>();
  const settled = (id: string) => waiting.get(id)?.();
  const later = (ms: number) => new Date(clock.now().getTime() + ms);
  // Bound to the recipient: whoever writes to the database can't turn a reset link to another address.
  const context = (row: Pick<OutboxRow, '_id' | 'channel' | 'to'>) => ['outbox', row._id, row.channel, row.to];

  const open = (row: OutboxRow): Pick<OutgoingMessage, 'to' | 'subject' | 'text' | 'html'> | null => {
    try {
      const content = JSON.parse(sealer.open(row.sealed ?? '', context(row))) as Omit<OutgoingMessage, 'to'> & {
        to?: string;
      };
      return { ...content, to: content.to ?? row.to };
    } catch {
      return null;
    }
  };

  const fresh = () => ({ state: 'queued' as const, tries: 0, dueAt: clock.now(), forgetAt: null });

  const end = (state: 'sent' | 'dead', fields: UpdateQuery<OutboxRow>) => ({
    $set: { state, lease: null, dueAt: null, forgetAt: later(remembered[state]), ...fields },
  });
  // A text is not sent again, and what is worth something for minutes only is a secret: neither is kept for whoever looks at dead letters.
  const bury = (row: Pick<OutboxRow, 'channel' | 'until'>, lastFault: string) =>
    end('dead', { lastFault, ...(row.until === null && row.channel === 'mail' ? {} : { sealed: null }) });

  /** Why a message that a worker took up is not to be sent; null where it is. */
  const overBecause = (row: OutboxRow): string | null => {
    if (row.until !== null && row.until <= clock.now()) return 'expired';
    // At most once: whoever held it before may have handed it over, and a text that comes twice is paid twice.
    if (row.channel === 'text' && row.tries - row.refused > 1) return 'unknown';
    // Also for a message that ends its worker each time: it is taken up so often, and no more.
    return row.tries > row.most ? (row.lastFault ?? 'ended-its-worker') : null;
  };

  async function withdraw(id: string): Promise<Sending> {
    const row = await rows.findById(id).lean<OutboxRow>();
    if (!row) return 'unknown';
    const { modifiedCount } = await rows.updateOne({ _id: id, state: 'queued' }, bury(row, 'withdrawn'));
    return modifiedCount === 1 ? 'withdrawn' : (outcomeOf(await rows.findById(id).lean<OutboxRow>()) ?? 'unknown');
  }

  return {
    async enqueue(message) {
      assertPlainMessage(message);
      const { channel, kind, to, subject, text, html, until = null, tries: most = longestSeries } = message;
      const keeps = options.keeps(channel);
      const _id = message.once === undefined ? randomUUID() : idOf(message.once);
      const now = clock.now();
      // A mail's recipient is bound into the seal. A number is sealed itself: who reads the database learns none.
      const shown = channel === 'mail' ? to : hidden;
      const content = { subject, text, html, ...(channel === 'mail' ? {} : { to }) };
      const sealed = sealer.seal(JSON.stringify(content), context({ _id, channel, to: shown }));
      const row: OutboxRow = {
        _id,
        schemaVersion: 1,
        messageId: `<${_id}@${options.domain}>`,
        channel,
        kind,
        to: shown,
        sealed,
        state: keeps ? 'kept' : 'queued',
        tries: 0,
        refused: 0,
        most,
        until,
        late: false,
        lease: null,
        dueAt: keeps ? null : now,
        lastFault: null,
        createdAt: now,
        sentAt: null,
        forgetAt: keeps ? later(remembered.kept) : null,
      };
      try {
        await rows.insertMany([row]);
      } catch (error) {
        if (message.once !== undefined && isDuplicateKey(error)) return _id;
        throw error;
      }
      if (!keeps) for (const wake of wakes) wake(channel);
      return _id;
    },
    async has(once) {
      return (await rows.exists({ _id: idOf(once) })) !== null;
    },
    async lease(channel) {
      for (;;) {
        const lease = randomUUID();
        const due = { channel, dueAt: { $lte: clock.now() } };
        const take = { $set: { state: 'sending' as const, lease, dueAt: later(leaseMs) }, $inc: { tries: 1 } };
        const row = await rows
          .findOneAndUpdate(due, take, { sort: { dueAt: 1 }, returnDocument: 'after' })
          .lean<OutboxRow>();
        if (!row) return null;
        const over = overBecause(row);
        const content = over === null ? open(row) : null;
        if (content)
          return {
            ...content,
            id: row._id,
            messageId: row.messageId,
            lease,
            tries: row.tries,
            most: row.most,
            until: row.until,
            channel,
            kind: row.kind,
          };
        await rows.updateOne({ _id: row._id, lease }, bury(row, over ?? 'cannot-be-opened'));
        settled(row._id);
      }
    },
    async renew({ id, lease }) {
      await rows.updateOne({ _id: id, lease }, { $set: { dueAt: later(leaseMs) } });
    },
    // Whoever holds the lease now: the server has it, so nobody needs to send it again.
    async sent({ id }, how = { late: false }) {
      await rows.updateOne(
        { _id: id, state: { $ne: 'sent' } },
        end('sent', { sentAt: clock.now(), sealed: null, lastFault: null, late: how.late }),
      );
      settled(id);
    },
    async failed({ id, lease, channel, tries, most, until }, fault, how = { permanent: false }) {
      const isLast = how.permanent || tries >= most;
      const change = isLast
        ? bury({ channel, until }, fault)
        : {
            $set: { state: 'queued' as const, lease: null, dueAt: later(backoffMs(tries)), lastFault: fault },
            $inc: { refused: 1 },
          };
      await rows.updateOne({ _id: id, lease }, change);
      settled(id);
      return isLast ? 'dead' : 'queued';
    },
    async unknown({ id, lease }, fault) {
      await rows.updateOne(
        { _id: id, lease },
        end('dead', { lastFault: `unknown ${fault}`.slice(0, 60), sealed: null }),
      );
      settled(id);
    },
    async settle(id, withinMs) {
      const until = performance.now() + withinMs;
      let looks = lookMs;
      for (;;) {
        const heard = new AbortController();
        waiting.set(id, () => {
          heard.abort();
        });
        try {
          const outcome = outcomeOf(await rows.findById(id).lean<OutboxRow>());
          if (outcome) return outcome;
          const left = until - performance.now();
          if (left <= 0) return await withdraw(id);
          freePlace();
          await pause(Math.min(looks, left), undefined, { signal: heard.signal }).catch(() => undefined);
          looks = Math.min(looks * 1.5, longestLookMs);
        } finally {
          waiting.delete(id);
        }
      }
    },
    async list(state, count, channel = 'mail') {
      const found = await rows
        .find({ state, channel })
        .sort({ createdAt: -1, _id: -1 })
        .limit(count)
        .lean<OutboxRow[]>();
      return found.map(asEntry);
    },
    count: (state, channel = 'mail') => rows.countDocuments({ state, channel }),
    async find(id) {
      const row = await rows.findOne({ _id: { $eq: id } }).lean<OutboxRow>();
      return row && asEntry(row);
    },
    async retry(id) {
      const row = await rows.findOneAndUpdate({ _id: id, ...retriable }, { $set: fresh() }).lean<OutboxRow>();
      if (row) for (const wake of wakes) wake(row.channel);
      return row !== null;
    },
    async retryAll(most) {
      const found = await rows
        .find(retriable, { channel: 1 })
        .sort({ createdAt: 1 })
        .limit(most)
        .lean<Pick<OutboxRow, '_id' | 'channel'>[]>();
      const ids = found.map((row) => row._id);
      const { modifiedCount } = await rows.updateMany({ _id: { $in: ids }, ...retriable }, { $set: fresh() });
      for (const channel of new Set(found.map((row) => row.channel))) for (const wake of wakes) wake(channel);
      return modifiedCount;
    },
    async forgetAllTo(to) {
      await rows.deleteMany({ to: { $eq: to } });
    },
    async kept(count) {
      const found = await rows
        .find({ state: 'kept' })
        .sort({ createdAt: -1, _id: -1 })
        .limit(count)
        .lean<OutboxRow[]>();
      return found.flatMap((row) => {
        const content = open(row);
        return content ? [{ ...content, id: row._id, channel: row.channel, at: row.createdAt }] : [];
      });
    },
    onEnqueued(wake) {
      wakes.push(wake);
    },
  };
}

/** What became of a message; null while that is open. */
function outcomeOf(row: OutboxRow | null): Sending | null {
  switch (row?.state) {
    case 'kept':
      return 'accepted';
    case 'sent':
      return row.late ? 'late' : 'accepted';
    case 'dead':
      if (row.lastFault === 'withdrawn') return 'withdrawn';
      return row.lastFault?.startsWith('unknown') ? 'unknown' : 'refused';
    case undefined:
      return 'unknown';
    case 'queued':
    case 'sending':
      return null;
  }
}

function asEntry({ _id: id, channel, kind, to, state, tries, lastFault, createdAt: at }: OutboxRow): OutboxEntry {
  return { id, channel, kind, to, state, tries, lastFault, at };
}
