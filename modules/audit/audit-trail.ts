import { Schema, type Connection } from 'mongoose';
import type { Audit, AuditEntry, Clock } from '../kernel/ports.ts';
import type { Log } from '../platform/log.ts';
import { requestContext } from '../platform/request-context.ts';
import { auditEvents } from './events.ts';

export interface AuditRow extends AuditEntry {
  at: Date;
  address: string | null;
  userAgent: string | null;
  requestId: string | null;
  schemaVersion: number;
}

export interface AuditTrail extends Audit {
  /** Lets a factor's own events through; anything else that is not in the table is a bug. */
  allow(events: readonly string[]): void;
  /** Tells what was recorded, before the request goes on. A listener that fails is logged: what was recorded has happened. */
  onRecord(listener: (row: AuditRow) => Promise<void>): void;
  latest(filter: { personId?: string }, count: number): Promise<AuditRow[]>;
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
  schema.index({ at: -1 });
  schema.index({ 'target.id': 1, at: -1 });
  schema.index({ 'actor.id': 1, at: -1 });
  const rows = connection.model<AuditRow>('AuditEvent', schema);
  const listeners: ((row: AuditRow) => Promise<void>)[] = [];
  const known = new Set<string>(Object.keys(auditEvents));

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
      await rows.insertMany([row]);
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
    async latest(filter, count) {
      const query =
        filter.personId === undefined
          ? {}
          : { $or: [{ 'target.id': filter.personId }, { 'actor.id': filter.personId }] };
      return rows.find(query).sort({ at: -1, _id: -1 }).limit(count).lean<AuditRow[]>();
    },
  };
}
