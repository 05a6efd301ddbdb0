import { createHash, randomUUID } from 'node:crypto';
import type { Connection, Model, UpdateQuery } from 'mongoose';
import type { Channel, Clock, Outbox, OutgoingMessage, Sealer } from '../../kernel/ports.ts';
import { isDuplicateKey } from '../mongo-errors.ts';
import { assertPlainMessage } from './message.ts';
import { outboxModel, type OutboxRow, type OutboxState } from './outbox-model.ts';

/** A message that one worker holds until its lease is over. */
export interface LeasedMessage {
  id: string;
  messageId: string;
  lease: string;
  /** The how-many-eth try this is. */
  tries: number;
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
  sent(message: LeasedMessage): Promise<void>;
  /** Puts it back for a later try, or among the dead letters after the last. `fault` is a code, never a server's words. */
  failed(message: LeasedMessage, fault: string): Promise<OutboxState>;
  /** Newest first. */
  list(state: OutboxState, count: number): Promise<OutboxEntry[]>;
  count(state: OutboxState): Promise<number>;
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
  /** Keeps messages to be looked at, instead of sending them: a portal under development without a mail server. */
  keeps: boolean;
  /** How long a silent worker is believed to be alive. */
  leaseMs?: number;
}

/** After so many tries a message is a dead letter: with the pauses below, after a day. */
export const longestSeries = 100;

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

/**
 * Messages between the request that wants them sent and the server that takes them. What they say is sealed at rest, bound to the
 * recipient, and dropped once sent. At least once: only a kill between the server's yes and our record of it repeats one.
 */
export function createOutbox(connection: Connection, options: OutboxOptions): DurableOutbox {
  const { sealer, clock, leaseMs = 60_000 } = options;
  const rows: Model<OutboxRow> = outboxModel(connection);
  const wakes: ((channel: Channel) => void)[] = [];
  const later = (ms: number) => new Date(clock.now().getTime() + ms);
  // Bound to the recipient: whoever writes to the database can't turn a reset link to another address.
  const context = (row: Pick<OutboxRow, '_id' | 'channel' | 'to'>) => ['outbox', row._id, row.channel, row.to];

  const open = (row: OutboxRow): Pick<OutgoingMessage, 'subject' | 'text' | 'html'> | null => {
    try {
      return JSON.parse(sealer.open(row.sealed ?? '', context(row))) as OutgoingMessage;
    } catch {
      return null;
    }
  };

  const fresh = () => ({ state: 'queued' as const, tries: 0, dueAt: clock.now(), forgetAt: null });

  const end = (state: 'sent' | 'dead', fields: UpdateQuery<OutboxRow>) => ({
    $set: { state, lease: null, dueAt: null, forgetAt: later(remembered[state]), ...fields },
  });

  return {
    async enqueue(message) {
      assertPlainMessage(message);
      const { channel, kind, to, subject, text, html } = message;
      const _id = message.once === undefined ? randomUUID() : idOf(message.once);
      const now = clock.now();
      const sealed = sealer.seal(JSON.stringify({ subject, text, html }), context({ _id, channel, to }));
      const row: OutboxRow = {
        _id,
        schemaVersion: 1,
        messageId: `<${_id}@${options.domain}>`,
        channel,
        kind,
        to,
        sealed,
        state: options.keeps ? 'kept' : 'queued',
        tries: 0,
        lease: null,
        dueAt: options.keeps ? null : now,
        lastFault: null,
        createdAt: now,
        sentAt: null,
        forgetAt: options.keeps ? later(remembered.kept) : null,
      };
      try {
        await rows.insertMany([row]);
      } catch (error) {
        if (message.once !== undefined && isDuplicateKey(error)) return _id;
        throw error;
      }
      if (!options.keeps) for (const wake of wakes) wake(channel);
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
        // Also for a message that ends its worker each time: it is taken up so often, and no more.
        const content = row.tries > longestSeries ? null : open(row);
        if (content)
          return {
            ...content,
            id: row._id,
            messageId: row.messageId,
            lease,
            tries: row.tries,
            channel,
            kind: row.kind,
            to: row.to,
          };
        const lastFault = row.tries > longestSeries ? (row.lastFault ?? 'ended-its-worker') : 'cannot-be-opened';
        await rows.updateOne({ _id: row._id, lease }, end('dead', { lastFault }));
      }
    },
    async renew({ id, lease }) {
      await rows.updateOne({ _id: id, lease }, { $set: { dueAt: later(leaseMs) } });
    },
    // Whoever holds the lease now: the server has it, so nobody needs to send it again.
    async sent({ id }) {
      await rows.updateOne(
        { _id: id, state: { $ne: 'sent' } },
        end('sent', { sentAt: clock.now(), sealed: null, lastFault: null }),
      );
    },
    async failed({ id, lease, tries }, fault) {
      const isLast = tries >= longestSeries;
      const change = isLast
        ? end('dead', { lastFault: fault })
        : { $set: { state: 'queued' as const, lease: null, dueAt: later(backoffMs(tries)), lastFault: fault } };
      await rows.updateOne({ _id: id, lease }, change);
      return isLast ? 'dead' : 'queued';
    },
    async list(state, count) {
      const found = await rows.find({ state }).sort({ createdAt: -1, _id: -1 }).limit(count).lean<OutboxRow[]>();
      return found.map(asEntry);
    },
    count: (state) => rows.countDocuments({ state }),
    async find(id) {
      const row = await rows.findOne({ _id: { $eq: id } }).lean<OutboxRow>();
      return row && asEntry(row);
    },
    async retry(id) {
      const row = await rows.findOneAndUpdate({ _id: id, state: 'dead' }, { $set: fresh() }).lean<OutboxRow>();
      if (row) for (const wake of wakes) wake(row.channel);
      return row !== null;
    },
    async retryAll(most) {
      const found = await rows
        .find({ state: 'dead' }, { channel: 1 })
        .sort({ createdAt: 1 })
        .limit(most)
        .lean<Pick<OutboxRow, '_id' | 'channel'>[]>();
      const ids = found.map((row) => row._id);
      const { modifiedCount } = await rows.updateMany({ _id: { $in: ids }, state: 'dead' }, { $set: fresh() });
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
        return content ? [{ ...content, id: row._id, channel: row.channel, to: row.to, at: row.createdAt }] : [];
      });
    },
    onEnqueued(wake) {
      wakes.push(wake);
    },
  };
}

function asEntry({ _id: id, channel, kind, to, state, tries, lastFault, createdAt: at }: OutboxRow): OutboxEntry {
  return { id, channel, kind, to, state, tries, lastFault, at };
}
