import { Schema, type Connection } from 'mongoose';
import type { PersonKind } from '../../kernel/person.ts';
import { rowsOf } from '../../platform/mongo.ts';
import { isDuplicateKey } from '../../kernel/duplicate-key.ts';
import { readAnew, readOnce } from '../../platform/request-context.ts';
import { freshPolicies, policySchema, type Policy } from './policy.ts';

interface PolicyRow {
  _id: string;
  audience: PersonKind;
  version: number;
  settings: unknown;
  at: Date;
  by: string | null;
  reason: string;
}

/** One version of an audience's policy: what it was, since when, and who made it. */
export interface PolicyVersion {
  version: number;
  policy: Policy;
  /** Null for the policy that a portal begins with. */
  at: Date | null;
  by: string | null;
  /** What was chosen: a preset, single settings, an undo. */
  reason: string;
}

export interface PolicyChange {
  /** The version that was seen: somebody else's change in between refuses this one. */
  seen: number;
  policy: Policy;
  at: Date;
  by: string | null;
  reason: string;
}

export interface PolicyStore {
  /** The policy in force. A stored policy that can't be read throws: nobody gets in on a guess. */
  of(audience: PersonKind): Promise<Policy>;
  current(audience: PersonKind): Promise<PolicyVersion>;
  /** Adds the next version; false when somebody was first. */
  replace(audience: PersonKind, change: PolicyChange): Promise<boolean>;
  /** Newest first. */
  history(audience: PersonKind, count: number): Promise<PolicyVersion[]>;
}

/** Every version of each audience's policy is a document that nobody changes; the highest one is in force. */
export function createPolicyStore(connection: Connection): PolicyStore {
  const schema = new Schema<PolicyRow>(
    {
      _id: { type: String, required: true },
      audience: { type: String, enum: ['contact', 'staff'], required: true },
      version: { type: Number, required: true },
      settings: { type: Schema.Types.Mixed, required: true },
      at: { type: Date, required: true },
      by: { type: String, default: null },
      reason: { type: String, default: '' },
    },
    { versionKey: false, strict: 'throw', collection: 'policies', minimize: false },
  );
  schema.index({ audience: 1, version: -1 });
  const rows = connection.model<PolicyRow>('Policy', schema);
  // A version never changes, so it is checked once: the newest of each audience is read at every request.
  const checked = new Map<PersonKind, PolicyVersion>();

  function asVersion({ audience, version, settings, at, by, reason }: PolicyRow): PolicyVersion {
    const known = checked.get(audience);
    if (known?.version === version && known.at?.getTime() === at.getTime()) return known;
    const made = { version, policy: policySchema.parse(settings), at, by, reason };
    if (version >= (known?.version ?? 0)) checked.set(audience, made);
    return made;
  }

  const first = (audience: PersonKind): PolicyVersion => ({
    version: 0,
    policy: freshPolicies[audience],
    at: null,
    by: null,
    reason: '',
  });

  async function current(audience: PersonKind): Promise<PolicyVersion> {
    const row = await rowsOf(rows).findOne({ audience }, { sort: { version: -1 } });
    return row ? asVersion(row) : first(audience);
  }

  return {
    current,
    of: async (audience) => (await readOnce(`policy ${audience}`, () => current(audience))).policy,
    async replace(audience, { seen, policy, at, by, reason }) {
      const version = seen + 1;
      const settings = policySchema.parse(policy);
      if ((await current(audience)).version !== seen) return false;
      try {
        // The version is the id: of two who saw the same one, one comes first.
        await rows.insertMany([{ _id: `${audience} ${String(version)}`, audience, version, settings, at, by, reason }]);
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      } finally {
        readAnew(`policy ${audience}`);
      }
    },
    async history(audience, count) {
      const found = await rows.find({ audience }).sort({ version: -1 }).limit(count).lean<PolicyRow[]>();
      const versions = found.map(asVersion);
      return versions.at(-1)?.version === 1 || versions.length === 0 ? [...versions, first(audience)] : versions;
    },
  };
}
