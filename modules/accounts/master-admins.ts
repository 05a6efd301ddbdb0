import { Schema, type Connection } from 'mongoose';
import { isRefused, Refused } from '../kernel/errors.ts';
import type { People } from '../kernel/ports.ts';
import { isDuplicateKey } from '../kernel/duplicate-key.ts';
import { peopleModel, profileOf, type PersonRow } from './person-row.ts';
import { masterAdminProfiles } from './profiles.ts';

interface GuardRow {
  _id: 'master-admins';
  /** Raised by each announcement: of two that read the same guard, one goes on. */
  rev: number;
  /** Who is about to be no Master Admin any more, and may not be relied on. */
  leaving: string[];
}

export interface MasterAdmins {
  /** Announces that the person, whose lock the caller holds, will be none from its next write on. Throws `Refused('last-master-admin')`. */
  announce(personId: string): Promise<void>;
  /** Takes the announcement back, after that write or before any: under the person's lock, too. */
  settle(personId: string): Promise<void>;
}

/** True for somebody who can run the portal: an invitation that nobody took up saves none. */
export function isMasterAdmin(
  row: Pick<PersonRow, 'kind' | 'profile' | 'grants' | 'disabledAt' | 'password'>,
): boolean {
  return (
    row.kind === 'staff' && row.disabledAt === null && row.password !== null && profileOf(row)?.masterAdmin === true
  );
}

const rounds = 20;

/**
 * Keeps the last Master Admin (AZ-4). Who is one stands on the person alone; the guard document only names those who are leaving.
 * Each leave relies on another Master Admin who is not named there, and is announced by a compare-and-set on the guard as it was
 * before they were looked for: two who remove each other at the same moment can't both succeed, in any number of processes.
 * A kill in between leaves a name behind. It is relied on no more, which errs on the safe side, until its lock was taken over.
 */
export function createMasterAdmins(connection: Connection, locks: Pick<People, 'lock'>): MasterAdmins {
  const schema = new Schema<GuardRow>(
    { _id: String, rev: { type: Number, required: true }, leaving: { type: [String], required: true } },
    { versionKey: false, strict: 'throw', collection: 'guards' },
  );
  const rows = connection.model<GuardRow>('Guard', schema);
  const people = peopleModel(connection);
  const _id = 'master-admins' as const;

  async function read(): Promise<GuardRow> {
    for (;;) {
      const found = await rows.findById(_id).lean<GuardRow>();
      if (found) return found;
      await rows.insertMany([{ _id, rev: 0, leaving: [] }]).catch((error: unknown) => {
        if (!isDuplicateKey(error)) throw error;
      });
    }
  }

  async function othersThan(personId: string): Promise<string[]> {
    const found = await people
      .find(
        {
          kind: 'staff',
          $or: [{ profile: { $in: masterAdminProfiles } }, { 'grants.masterAdmin': true }],
          disabledAt: null,
          password: { $ne: null },
          _id: { $ne: personId },
        },
        { _id: 1 },
      )
      .lean<Pick<PersonRow, '_id'>[]>();
    return found.map((row) => row._id.toHexString());
  }

  async function settle(personId: string): Promise<void> {
    await rows.updateOne({ _id, leaving: personId }, { $pull: { leaving: personId } });
  }

  /** Waits until the other's change is over. One that was cut short has lost its lock by then, and with it the right to write. */
  async function outwait(personId: string): Promise<void> {
    const release = await locks.lock(personId).catch((error: unknown) => {
      if (isRefused(error, 'not-found')) return null;
      throw error;
    });
    if (!release) return;
    try {
      await settle(personId);
    } finally {
      await release();
    }
  }

  return {
    async announce(personId) {
      for (let round = 0; round < rounds; round += 1) {
        // In this order: who leaves after the guard was read changes it, and who left before is no Master Admin any more.
        const guard = await read();
        const others = await othersThan(personId);
        if (others.some((id) => !guard.leaving.includes(id))) {
          const announced = await rows.updateOne(
            { _id, rev: guard.rev },
            { $addToSet: { leaving: personId }, $inc: { rev: 1 } },
          );
          if (announced.modifiedCount === 1) return;
        } else if (others[0] === undefined) throw new Refused('last-master-admin');
        else await outwait(others[0]);
      }
      throw new Refused('busy', { retryAfterSeconds: 1 });
    },
    settle,
  };
}
