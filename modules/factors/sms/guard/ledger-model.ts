import { Schema, type Model } from 'mongoose';
import type { FactorHost } from '../../../kernel/factor.ts';
import type { PersonKind } from '../../../kernel/person.ts';
import { blockReasons, type BlockReason, type TextPurpose } from './limits.ts';

/** What is known of a message. `blocked`: the guard refused it; `withdrawn`: nobody had taken it up in time. */
export const messageStates = [
  'queued',
  'accepted',
  'late',
  'delivered',
  'undelivered',
  'refused',
  'unknown',
  'withdrawn',
  'blocked',
] as const;
export type MessageState = (typeof messageStates)[number];

/** One message, or several alike that the guard refused. Never its text, nor the whole number. */
export interface MessageRow {
  /** The outbox's id of it. */
  _id: string;
  personId: string | null;
  personKind: PersonKind | null;
  /** Masked, and no more of it anywhere: with the beginning of a number, a thousand guesses find it. */
  number: string | null;
  country: string | null;
  purpose: TextPurpose | null;
  state: MessageState;
  /** Why the guard refused. */
  reason: BlockReason | null;
  /** How many alike the guard refused in this hour. */
  times: number;
  gateway: string | null;
  /** The gateway's name for it. */
  reference: string | null;
  fault: string | null;
  confirmedAt: Date | null;
  /** What the figures have of it. */
  counted: 'sent' | 'failed' | null;
  countedDelivered: boolean;
  countedConfirmed: boolean;
  createdAt: Date;
  forgetAt: Date;
}

/** The collection of messages. */
export function messagesOf(host: Pick<FactorHost<unknown>, 'model'>): Model<MessageRow> {
  const text = { type: String, default: null };
  const schema = new Schema<MessageRow>({
    _id: { type: String, required: true },
    personId: text,
    personKind: text,
    number: text,
    country: text,
    purpose: text,
    state: { type: String, enum: messageStates, required: true },
    reason: { type: String, enum: [...blockReasons, null], default: null },
    times: { type: Number, default: 1 },
    gateway: text,
    reference: text,
    fault: text,
    confirmedAt: { type: Date, default: null },
    counted: text,
    countedDelivered: { type: Boolean, default: false },
    countedConfirmed: { type: Boolean, default: false },
    createdAt: { type: Date, required: true },
    forgetAt: { type: Date, required: true },
  });
  schema.index({ createdAt: -1, _id: -1 });
  schema.index({ gateway: 1, reference: 1 });
  schema.index({ personId: 1 });
  schema.index({ forgetAt: 1 }, { expireAfterSeconds: 0 });
  return host.model<MessageRow>('messages', schema);
}

/** A provider's word that came before the message it is about was noted. */
export interface EarlyReport {
  _id: string;
  state: 'delivered' | 'undelivered' | 'late';
  fault: string | null;
  expiresAt: Date;
}

/** The collection of reports that found no message yet. */
export function earlyReportsOf(host: Pick<FactorHost<unknown>, 'model'>): Model<EarlyReport> {
  const schema = new Schema<EarlyReport>({
    _id: { type: String, required: true },
    state: { type: String, required: true },
    fault: { type: String, default: null },
    expiresAt: { type: Date, required: true },
  });
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  return host.model<EarlyReport>('early-reports', schema);
}
