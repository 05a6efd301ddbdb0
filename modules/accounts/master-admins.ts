import { Schema, type Connection } from 'mongoose';
import type { PersonRow } from './person-row.ts';
import { peopleModel } from './person-row.ts';

interface GuardRow {
  _id: 'master-admins';
  ids: string[];
}

export interface MasterAdmins {
  /** Notes an enabled Master Admin. */
  add(personId: string): Promise<void>;
  /** Lets one go in one conditional write; false for the last. Call it under the person's lock, before the person is changed. */
  release(personId: string): Promise<boolean>;
  /** Fills the guard of a portal that has none yet. */
  prepare(): Promise<void>;
}

/**
 * One document holds the ids of the enabled Master Admins, and one leaves it only while another stays: two who remove each other at
 * the same moment can't both succeed (AZ-4). It may miss somebody after a crash, never name one too many.
 */
export function createMasterAdmins(connection: Connection): MasterAdmins {
  const schema = new Schema<GuardRow>(
    { _id: String, ids: { type: [String], required: true } },
    { versionKey: false, strict: 'throw', collection: 'guards' },
  );
  const rows = connection.model<GuardRow>('Guard', schema);
  const people = peopleModel(connection);
  const _id = 'master-admins' as const;

  async function add(personId: string): Promise<void> {
    await rows.updateOne({ _id }, { $addToSet: { ids: personId } }, { upsert: true });
  }

  return {
    add,
    async release(personId) {
      // Missing after a crash between the change of the person and this note; the person's lock keeps a second release out.
      await add(personId);
      const result = await rows.updateOne(
        { _id, ids: personId, 'ids.1': { $exists: true } },
        { $pull: { ids: personId } },
      );
      return result.modifiedCount === 1;
    },
    async prepare() {
      if (await rows.exists({ _id })) return;
      const found = await people
        .find({ kind: 'staff', profile: 'master-admin', disabledAt: null, password: { $ne: null } }, { _id: 1 })
        .lean<PersonRow[]>();
      for (const { _id: id } of found) await add(id.toHexString());
    },
  };
}
