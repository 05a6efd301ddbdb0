import { Schema, Types, type Connection } from 'mongoose';
import { permissions, type Permission } from '../kernel/person.ts';
import { isDuplicateKey } from '../kernel/duplicate-key.ts';
import { nameKey, peopleModel } from './person-row.ts';
import { builtInProfiles, profileById, type Profile } from './profiles.ts';

interface ProfileRow {
  _id: Types.ObjectId;
  name: string;
  nameKey: string;
  permissions: Permission[];
  masterAdmin: boolean;
}

export type ProfileRefusal = 'taken' | 'inUse' | 'gone';

/** The profiles that a portal has: the built-in ones, and those that its Master Admins made. */
export interface Profiles {
  /** Built-in ones first, then by name. */
  list(): Promise<Profile[]>;
  byId(id: string): Promise<Profile | null>;
  create(profile: Omit<Profile, 'id'>): Promise<Profile | 'taken'>;
  /** Holds at once for everybody who has it. The Master Admin option stays while anybody does: move them first, so that the last one is looked after. */
  change(id: string, profile: Omit<Profile, 'id'>): Promise<Profile | ProfileRefusal>;
  remove(id: string): Promise<'removed' | ProfileRefusal>;
  holders(id: string): Promise<number>;
  /**
   * Puts what an own profile allows now on everybody who has it: also after one was given, for it may have changed in that moment. False:
   * it has gone, or makes a Master Admin of its holders or none any more, so that who was given it must not keep it.
   */
  spread(given: Pick<Profile, 'id' | 'masterAdmin'>): Promise<boolean>;
}

/** What a profile allows. A Master Admin may do everything: the last one of them is kept because they can give each right to others (AZ-4). */
export function allowedBy({
  permissions: given,
  masterAdmin,
}: Pick<Profile, 'permissions' | 'masterAdmin'>): Pick<ProfileRow, 'permissions' | 'masterAdmin'> {
  return { permissions: masterAdmin ? [...permissions] : [...given], masterAdmin };
}

/** Own profiles in the database; what they allow stands on their holders too. */
export function createProfiles(connection: Connection): Profiles {
  const schema = new Schema<ProfileRow>(
    {
      name: { type: String, required: true },
      nameKey: { type: String, required: true },
      permissions: { type: [{ type: String, enum: permissions }], required: true },
      masterAdmin: { type: Boolean, required: true },
    },
    { versionKey: false, strict: 'throw', collection: 'profiles' },
  );
  schema.index({ nameKey: 1 }, { unique: true });
  const rows = connection.model<ProfileRow>('Profile', schema);
  const people = peopleModel(connection);
  const asProfile = (row: ProfileRow): Profile => ({
    id: row._id.toHexString(),
    name: row.name,
    permissions: row.permissions,
    masterAdmin: row.masterAdmin,
  });
  const isTaken = (name: string) => builtInProfiles.some((profile) => nameKey(profile.name) === nameKey(name));
  const isOwn = (id: string) => /^[0-9a-f]{24}$/.test(id);
  const holders = (id: string) => people.countDocuments({ kind: 'staff', profile: id });

  async function spread({ id, masterAdmin }: Pick<Profile, 'id' | 'masterAdmin'>): Promise<boolean> {
    if (!isOwn(id)) return true;
    const row = await rows.findById(id).lean<ProfileRow>();
    if (row?.masterAdmin !== masterAdmin) return false;
    await people.updateMany(
      { kind: 'staff', profile: id },
      { $set: { 'grants.name': row.name, 'grants.permissions': row.permissions } },
    );
    return true;
  }

  async function unlessTaken<T>(write: () => Promise<T>): Promise<T | 'taken'> {
    try {
      return await write();
    } catch (error) {
      if (isDuplicateKey(error)) return 'taken';
      throw error;
    }
  }

  return {
    holders,
    spread,
    async list() {
      const own = await rows.find().sort({ nameKey: 1 }).limit(200).lean<ProfileRow[]>();
      return [...builtInProfiles, ...own.map(asProfile)];
    },
    async byId(id) {
      const builtIn = profileById(id);
      if (builtIn || !isOwn(id)) return builtIn;
      const row = await rows.findById(id).lean<ProfileRow>();
      return row && asProfile(row);
    },
    async create({ name, ...allowed }) {
      if (isTaken(name)) return 'taken';
      const row: ProfileRow = {
        _id: new Types.ObjectId(),
        name,
        nameKey: nameKey(name),
        ...allowedBy(allowed),
      };
      return unlessTaken(async () => {
        await rows.insertMany([row]);
        return asProfile(row);
      });
    },
    async change(id, { name, ...allowed }) {
      const { masterAdmin } = allowed;
      if (!isOwn(id)) return 'gone';
      if (isTaken(name)) return 'taken';
      const seen = await rows.findById(id).lean<ProfileRow>();
      if (!seen) return 'gone';
      if (seen.masterAdmin !== masterAdmin && (await holders(id)) > 0) return 'inUse';
      const next = { name, nameKey: nameKey(name), ...allowedBy(allowed) };
      return unlessTaken(async () => {
        const row = await rows
          .findOneAndUpdate({ _id: id, masterAdmin: seen.masterAdmin }, { $set: next }, { returnDocument: 'after' })
          .lean<ProfileRow>();
        if (!row) return 'gone' as const;
        // Given to somebody since it was counted: who gives it looks whether it has changed, and this looks whether it was given.
        if (seen.masterAdmin !== masterAdmin && (await holders(id)) > 0) {
          const { _id, ...before } = seen;
          await rows.updateOne({ _id, masterAdmin }, { $set: before });
          return 'inUse' as const;
        }
        await spread({ id, masterAdmin });
        return asProfile(row);
      });
    },
    async remove(id) {
      if (!isOwn(id)) return 'gone';
      if ((await holders(id)) > 0) return 'inUse';
      const removed = await rows.findOneAndDelete({ _id: id }).lean<ProfileRow>();
      if (!removed) return 'gone';
      // As at a change: given to somebody in that moment, it stays.
      if ((await holders(id)) === 0) return 'removed';
      await rows.insertMany([removed]);
      return 'inUse';
    },
  };
}
