import type { Connection } from 'mongoose';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { Clock, People } from '../kernel/ports.ts';
import type { MasterAdmins } from './master-admins.ts';
import { asPerson, peopleModel, type PersonRow } from './person-row.ts';
import { profileById } from './profiles.ts';

export interface Standing {
  /** Each ends every sign-in of the person, and gives them as they are now; null where nothing changed. Throws `Refused('last-master-admin')`. */
  disable(personId: string): Promise<Person | null>;
  enable(personId: string): Promise<Person | null>;
  setProfile(personId: string, profile: string): Promise<Person | null>;
  /** Forgets the person. Factors and sign-ins are ended by whoever calls. */
  remove(personId: string): Promise<Person | null>;
}

/** Who may sign in, and as what. Changes of one person wait for each other, and the last Master Admin stays one (AZ-4). */
export function createStanding(
  connection: Connection,
  ports: { people: People; masterAdmins: MasterAdmins; clock: Clock },
): Standing {
  const { masterAdmins } = ports;
  const rows = peopleModel(connection);

  /** Enabled, and able to sign in: an invitation that nobody took up saves no portal. */
  const counts = (row: PersonRow) =>
    row.kind === 'staff' &&
    row.disabledAt === null &&
    row.password !== null &&
    profileById(row.profile)?.masterAdmin === true;

  async function change(
    personId: string,
    make: (row: PersonRow) => { next: Partial<PersonRow> | null } | null,
  ): Promise<Person | null> {
    const release = await ports.people.lock(personId);
    try {
      const row = await rows.findById(personId).lean<PersonRow>();
      const made = row && make(row);
      if (!made) return null;
      const after = made.next && { ...row, ...made.next };
      if (counts(row) && !(after && counts(after)) && !(await masterAdmins.release(personId)))
        throw new Refused('last-master-admin');
      if (!after || !made.next) {
        await rows.deleteOne({ _id: row._id });
        return asPerson(row);
      }
      const changed = await rows
        .findOneAndUpdate({ _id: row._id }, { $set: made.next, $inc: { sessionEpoch: 1 } }, { returnDocument: 'after' })
        .lean<PersonRow>();
      if (counts(after)) await masterAdmins.add(personId);
      return changed && asPerson(changed);
    } finally {
      await release();
    }
  }

  return {
    disable: (personId) =>
      change(personId, (row) =>
        row.disabledAt === null ? { next: { disabledAt: ports.clock.now(), links: {} } } : null,
      ),
    enable: (personId) => change(personId, (row) => (row.disabledAt === null ? null : { next: { disabledAt: null } })),
    setProfile: (personId, profile) =>
      change(personId, (row) => (row.kind === 'staff' && row.profile !== profile ? { next: { profile } } : null)),
    remove: (personId) => change(personId, () => ({ next: null })),
  };
}
