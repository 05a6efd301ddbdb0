import { Schema, type Connection, type Model } from 'mongoose';
import type { Channel } from '../../kernel/ports.ts';

/** `kept` is what would have been sent: for /dev/outbox, and never sent later. */
export type OutboxState = 'queued' | 'sending' | 'sent' | 'dead' | 'kept';

/** A message as stored. */
export interface OutboxRow {
  _id: string;
  schemaVersion: number;
  messageId: string;
  channel: Channel;
  kind: string;
  /** A mail's recipient; empty for a text, whose number is sealed with it. */
  to: string;
  /** Subject and parts, sealed; null once it was sent. */
  sealed: string | null;
  state: OutboxState;
  tries: number;
  /** How many of the tries ended with nobody having it. */
  refused: number;
  /** How often it is tried at most. */
  most: number;
  /** After this it is worth nothing; null: it always is. */
  until: Date | null;
  /** The server has it and could not send it on yet. */
  late: boolean;
  /** Whose it is while it is being sent. */
  lease: string | null;
  /** When a worker may take it: a queued one for its next try, one being sent when its lease is over. Null: never. */
  dueAt: Date | null;
  lastFault: string | null;
  createdAt: Date;
  sentAt: Date | null;
  forgetAt: Date | null;
}

/** The collection of messages to send. */
export function outboxModel(connection: Connection): Model<OutboxRow> {
  const schema = new Schema<OutboxRow>(
    {
      _id: { type: String, required: true },
      schemaVersion: { type: Number, required: true },
      messageId: { type: String, required: true },
      channel: { type: String, enum: ['mail', 'text'], required: true },
      kind: { type: String, required: true },
      to: { type: String, default: '' },
      sealed: { type: String, default: null },
      state: { type: String, enum: ['queued', 'sending', 'sent', 'dead', 'kept'], required: true },
      tries: { type: Number, required: true },
      refused: { type: Number, required: true },
      most: { type: Number, required: true },
      until: { type: Date, default: null },
      late: { type: Boolean, default: false },
      lease: { type: String, default: null },
      dueAt: { type: Date, default: null },
      lastFault: { type: String, default: null },
      createdAt: { type: Date, required: true },
      sentAt: { type: Date, default: null },
      forgetAt: { type: Date, default: null },
    },
    { versionKey: false, strict: 'throw', collection: 'outbox' },
  );
  schema.index({ channel: 1, dueAt: 1 });
  schema.index({ channel: 1, state: 1, createdAt: -1 });
  schema.index({ to: 1 });
  schema.index({ forgetAt: 1 }, { expireAfterSeconds: 0 });
  return connection.model<OutboxRow>('Outbox', schema);
}
