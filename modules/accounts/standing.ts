import type { Connection } from 'mongoose';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { Clock, People } from '../kernel/ports.ts';
import { isMasterAdmin, type MasterAdmins } from './master-admins.ts';
import { asPerson, peopleModel, type PersonRow } from './person-row.ts';
import { grantsOf, type Profile } from './profiles.ts';

/** The person before and after a change of their standing. */
export interface StandingChange {
  before: Person;
  after: Person;
}

/** Called with the person as they are once nobody else can change them; throws to refuse. What was checked before may be over by then. */
export type CheckStanding = (person: Person) => void;

export interface Standing {
  /** Each ends every sign-in of the person; null where nothing changed. Throws `Refused('last-master-admin')`. Staff may disable what a company did. */
  disable(personId: string, check?: CheckStanding, by?: 'staff' | 'company'): Promise<StandingChange | null>;
  enable(personId: string, check?: CheckStanding): Promise<StandingChange | null>;
  setProfile(personId: string, profile: Profile, check?: CheckStanding): Promise<StandingChange | null>;
  /** Forgets the person. Factors and sign-ins are ended by whoever calls. Gives them as they were. */
  remove(personId: string, check?: CheckStanding): Promise<Person | null>;
}

/** Who may sign in, and as what. Changes of one person wait for each other, and the last Master Admin stays one (AZ-4). */
export function createStanding(
  connection: Connection,
  ports: { people: People; masterAdmins: MasterAdmins; clock: Clock },
): Standing {
  const { masterAdmins } = ports;
  const rows = peopleModel(connection);

  /** `next`: what the person is to be; null: gone. Gives the row as it is then, and as it was. */
  async function change(
    personId: string,
    make: (row: PersonRow) => { next: Partial<PersonRow> | null } | null,
    check: CheckStanding = () => undefined,
  ): Promise<{ before: PersonRow; after: PersonRow | null } | null> {
    if (!/^[0-9a-f]{24}$/.test(personId)) return null;
    const release = await ports.people.lock(personId);
    try {
      const before = await rows.findById(personId).lean<PersonRow>();
      if (!before) return null;
      check(asPerson(before));
      const made = make(before);
      if (!made) return null;
      const leaves = isMasterAdmin(before) && !(made.next && isMasterAdmin({ ...before, ...made.next }));
      if (leaves) await masterAdmins.announce(personId);
      // Only while the lock is still ours: whoever took it over counts on us not to write any more. And only while an invitation is
      // still open: whoever takes it up meanwhile is a Master Admin whose leave was not announced.
      const password = before.password === null ? null : { $ne: null };
      const mine = { _id: before._id, 'lock.token': release.token, password };
      const after = made.next ? await write(mine, made.next) : null;
      if (!made.next && (await rows.deleteOne(mine)).deletedCount === 0) throw lost();
      // Also for one who stays or comes back: a change that was cut short may have left an announcement.
      if (before.kind === 'staff') await masterAdmins.settle(personId);
      return { before, after };
    } finally {
      await release();
    }
  }

  async function write(mine: object, next: Partial<PersonRow>): Promise<PersonRow> {
    const row = await rows
      .findOneAndUpdate(mine, { $set: next, $inc: { sessionEpoch: 1 } }, { returnDocument: 'after' })
      .lean<PersonRow>();
    if (!row) throw lost();
    return row;
  }

  async function changed(...args: Parameters<typeof change>): Promise<StandingChange | null> {
    const done = await change(...args);
    return done?.after ? { before: asPerson(done.before), after: asPerson(done.after) } : null;
  }

  return {
    disable: (personId, check, by = 'staff') =>
      changed(
        personId,
        (row) => {
          if (row.disabledAt === null)
            return { next: { disabledAt: ports.clock.now(), disabledByCompany: by === 'company', links: {} } };
          return by === 'staff' && row.disabledByCompany ? { next: { disabledByCompany: false } } : null;
        },
        check,
      ),
    enable: (personId, check) =>
      changed(personId, (row) => (row.disabledAt === null ? null : { next: { disabledAt: null } }), check),
    setProfile: (personId, profile, check) =>
      changed(
        personId,
        (row) =>
          row.kind === 'staff' && row.profile !== profile.id
            ? { next: { profile: profile.id, grants: grantsOf(profile) } }
            : null,
        check,
      ),
    async remove(personId, check) {
      const done = await change(personId, () => ({ next: null }), check);
      return done && asPerson(done.before);
    },
  };
}

const lost = () => new Refused('busy', { retryAfterSeconds: 1 });
