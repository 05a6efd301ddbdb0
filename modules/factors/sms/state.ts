import { Schema } from 'mongoose';
import type { Enrolment, FactorHost } from '../../kernel/factor.ts';
import type { SentCode } from './codes.ts';

/** The private half of an enrolment of this factor. */
export interface SmsState {
  /** The number in E.164, sealed to this enrolment and person: who reads the database learns no number. */
  sealedNumber: string;
  /** Keyed, for the counters. */
  numberKey: string;
  /** The same once a code to the number came back: a colleague may then do without one (W9). Whoever was spared it vouches for nobody. */
  fingerprint: string | null;
  /** As pages show it (SMS-8). */
  masked: string;
  /** ISO 3166 of the number's country. */
  country: string;
  /** How it was found to be the person's: by a code sent to it, or because a colleague of the same company uses it (W9). */
  verified: 'no' | 'code' | 'colleague';
  /** The code of a running set-up; a sign-in's is in its challenge. */
  sent: SentCode | null;
}

/** How an enrolment's private half is stored. */
export const smsState = new Schema<SmsState>(
  {
    sealedNumber: { type: String, required: true },
    numberKey: { type: String, required: true },
    fingerprint: { type: String, default: null },
    masked: { type: String, required: true },
    country: { type: String, required: true },
    verified: { type: String, enum: ['no', 'code', 'colleague'], required: true },
    sent: { type: Schema.Types.Mixed, default: null },
  },
  { _id: false, strict: 'throw', minimize: false },
);

export type SmsHost = FactorHost<SmsState>;
export type Phone = Enrolment<SmsState>;

/** The number of a phone; null where its seal can't be opened any more. */
export function numberOf(host: Pick<SmsHost, 'open'>, phone: Phone): string | null {
  try {
    return host.open(phone.id, phone.personId, phone.state.sealedNumber);
  } catch {
    return null;
  }
}
