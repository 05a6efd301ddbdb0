import { Schema, Types, type Connection } from 'mongoose';
import type { Audit, AuditEntry, Clock } from '../kernel/ports.ts';
import type { Log } from '../platform/log.ts';
import { rowsOf } from '../platform/mongo.ts';
import { requestContext } from '../platform/request-context.ts';
import { auditEvents } from './events.ts';

export interface AuditRow extends AuditEntry {
  at: Date;
  address: string | null;
  userAgent: string | null;
  requestId: string | null;
  schemaVersion: number;
}

/** A row with its place in the order of time. */
export interface StoredAuditRow extends AuditRow {
  _id: Types.ObjectId;
}

/** Where a page of rows ended. */
export interface AuditKey {
  at: Date;
  id: string;
}

export interface AuditFilter {
  event?: string;
  outcome?: AuditEntry['outcome'];
  /** Who did it, or to whom. */
  personId?: string;
  from?: Date;
  /** Not included. */
  before?: Date;
}

export interface AuditTrail extends Audit {
  /** Lets a factor's own events through; anything else that is not in the table is a bug. */
  allow(events: readonly string[]): void;
  /** Tells what was recorded, before the request goes on. A listener that fails is logged: what was recorded has happened. */
  onRecord(listener: (row: AuditRow) => Promise<void>): void;
  latest(filter: AuditFilter, count: number): Promise<AuditRow[]>;
  /** Newest first; `after` is where the page before ended. */
  page(filter: AuditFilter, after: AuditKey | null, count: number): Promise<StoredAuditRow[]>;
  /** Every event that may be there: the portal's own, then the factors'. */
  events(): string[];
}

/** Append-only: nothing in the portal updates or deletes these rows. Each is one JSON log line too. */
export function createAuditTrail(connection: Connection, clock: Clock, log: Log): AuditTrail {
  const schema = new Schema<AuditRow>(
    {
      at: { type: Date, required: true },
      event: { type: String, required: true },
      outcome: { type: String, enum: ['success', 'failure'], required: true },
      actor: { type: new Schema({ kind: String, id: String }, { _id: false }), required: true },
      target: { type: new Schema({ kind: String, id: String }, { _id: false }) },
      reason: String,
      factor: String,
      signInId: String,
      detail: Schema.Types.Mixed,
      address: String,
      userAgent: String,
      requestId: String,
      schemaVersion: { type: Number, default: 1 },
    },
    { versionKey: false, strict: 'throw', collection: 'auditEvents' },
  );
  // One for each way to ask, in the order of the list: a page costs what it shows, however long the trail is.
  for (const path of [[], ['event'], ['outcome'], ['actor.id'], ['target.id']])
    schema.index({ ...Object.fromEntries(path.map((name) => [name, 1])), at: -1, _id: -1 });
  const rows = connection.model<AuditRow>('AuditEvent', schema);
  const listeners: ((row: AuditRow) => Promise<void>)[] = [];
  const known = new Set<string>(Object.keys(auditEvents));

  async function page(filter: AuditFilter, after: AuditKey | null, count: number): Promise<StoredAuditRow[]> {
    const { personId } = filter;
    // Two queries in place of one $or: each reads its own index in the order wanted, and neither sorts all that a person ever did.
    const parts = personId === undefined ? [{}] : [{ 'actor.id': personId }, { 'target.id': personId }];
    const found = await Promise.all(
      parts.map((part) =>
        rows
          .find({ ...part, ...filterOf(filter, after) })
          .sort({ at: -1, _id: -1 })
          .limit(count)
          .lean<StoredAuditRow[]>(),
      ),
    );
    const byId = new Map(found.flat().map((row) => [row._id.toHexString(), row]));
    return [...byId.values()].sort(newestFirst).slice(0, count);
  }

  return {
    allow(events) {
      for (const event of events) known.add(event);
    },
    async record(entry) {
      if (!known.has(entry.event)) throw new Error(`The audit event ${entry.event} is not declared.`);
      const context = requestContext();
      const row = {
        ...entry,
        at: clock.now(),
        address: context?.address ?? null,
        userAgent: context?.userAgent ?? null,
        requestId: context?.requestId ?? null,
        schemaVersion: 1,
      };
      // The types hold its form; making a document of each to hold it once more costs more than the write.
      await rowsOf(rows).insertOne(row);
      log.info({ audit: { ...entry, userAgent: row.userAgent } }, entry.event);
      for (const listener of listeners) {
        await listener(row).catch((error: unknown) => {
          log.error({ err: error, event: entry.event }, 'a listener of the audit failed');
        });
      }
    },
    onRecord(listener) {
      listeners.push(listener);
    },
    latest: (filter, count) => page(filter, null, count),
    page,
    events: () => [...known],
  };
}

function filterOf({ event, outcome, from, before }: AuditFilter, after: AuditKey | null): object {
  const range = { ...(from ? { $gte: from } : {}), ...(before ? { $lt: before } : {}) };
  const parts = [
    ...(event === undefined ? [] : [{ event: { $eq: event } }]),
    ...(outcome === undefined ? [] : [{ outcome: { $eq: outcome } }]),
    ...(from || before ? [{ at: range }] : []),
    ...(after ? [{ at: { $lte: after.at } }, behind(after)] : []),
  ];
  return parts.length === 0 ? {} : { $and: parts };
}

function behind({ at, id }: AuditKey): object {
  return { $or: [{ at: { $lt: at } }, { at, _id: { $lt: new Types.ObjectId(id) } }] };
}

const newestFirst = (one: StoredAuditRow, other: StoredAuditRow) =>
  other.at.getTime() - one.at.getTime() || (other._id.toHexString() < one._id.toHexString() ? -1 : 1);
