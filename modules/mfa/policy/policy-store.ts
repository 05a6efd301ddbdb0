import { Schema, type Connection } from 'mongoose';
import type { PersonKind } from '../../kernel/person.ts';
import { freshPolicies, policySchema, type Policy } from './policy.ts';

interface PolicyRow {
  _id: PersonKind;
  version: number;
  settings: unknown;
}

export interface PolicyStore {
  /** The policy in force. A stored policy that can't be read throws: nobody gets in on a guess. */
  of(audience: PersonKind): Promise<Policy>;
  /** Replaces an audience's policy if it is still the version that was seen; false when somebody was first. */
  replace(audience: PersonKind, seenVersion: number, policy: Policy): Promise<boolean>;
}

/** The policies, one document for each audience; a portal that has none stored runs on the fresh ones. */
export function createPolicyStore(connection: Connection): PolicyStore {
  const schema = new Schema<PolicyRow>(
    { _id: String, version: { type: Number, required: true }, settings: { type: Schema.Types.Mixed, required: true } },
    { versionKey: false, strict: 'throw', collection: 'policies', minimize: false },
  );
  const rows = connection.model<PolicyRow>('Policy', schema);
  return {
    async of(audience) {
      const row = await rows.findById(audience).lean<PolicyRow>();
      return row ? policySchema.parse(row.settings) : freshPolicies[audience];
    },
    async replace(audience, seenVersion, policy) {
      const settings = policySchema.parse(policy);
      if (seenVersion === 0) {
        const result = await rows.updateOne(
          { _id: audience },
          { $setOnInsert: { version: 1, settings } },
          { upsert: true },
        );
        return result.upsertedCount === 1;
      }
      const result = await rows.updateOne(
        { _id: audience, version: seenVersion },
        { $set: { settings, version: seenVersion + 1 } },
      );
      return result.modifiedCount === 1;
    },
  };
}
