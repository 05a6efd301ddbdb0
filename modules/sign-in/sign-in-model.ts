import { Schema, type Connection, type Model } from 'mongoose';
import type { SignIn } from '../kernel/sign-in.ts';

/** A sign-in as stored: the kernel's shape, with `_id` for `id`, and when the row may be forgotten. */
export interface SignInRow extends Omit<SignIn, 'id'> {
  _id: string;
  schemaVersion: number;
  forgetAt: Date;
}

/** The collection of sign-ins. The session id itself is never stored, only its hash (SES-2). */
export function signInModel(connection: Connection): Model<SignInRow> {
  const schema = new Schema<SignInRow>(
    {
      _id: { type: String, required: true },
      schemaVersion: { type: Number, required: true },
      personId: { type: String, required: true },
      state: { type: String, enum: ['password', 'satisfied', 'ended'], required: true },
      sessionKey: { type: String, required: true },
      sessionEpoch: { type: Number, required: true },
      rev: { type: Number, required: true },
      challenge: { type: Schema.Types.Mixed, default: null },
      lastSteps: { type: new Schema({ factor: String, enrolled: Boolean }, { _id: false }), default: null },
      createdAt: { type: Date, required: true },
      satisfiedAt: { type: Date, default: null },
      freshAt: { type: Date, default: null },
      lastSeenAt: { type: Date, required: true },
      endedAt: { type: Date, default: null },
      endReason: { type: String, default: null },
      methods: { type: [String], required: true },
      userAgent: { type: String, default: '' },
      address: { type: String, default: '' },
      returnTo: { type: String, default: null },
      forgetAt: { type: Date, required: true },
    },
    { versionKey: false, strict: 'throw', collection: 'signIns', minimize: false },
  );
  schema.index({ sessionKey: 1 }, { unique: true });
  schema.index({ personId: 1, createdAt: -1 });
  schema.index({ forgetAt: 1 }, { expireAfterSeconds: 0 });
  return connection.model<SignInRow>('SignIn', schema);
}

/** The kernel's view of a stored sign-in. */
export function asSignIn(row: SignInRow): SignIn {
  const { _id, schemaVersion: _version, forgetAt: _forget, ...rest } = row;
  return { ...rest, id: _id };
}
