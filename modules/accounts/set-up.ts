import { createHash, randomBytes } from 'node:crypto';
import { Schema, Types, type Connection } from 'mongoose';
import type { Person } from '../kernel/person.ts';
import type { Clock } from '../kernel/ports.ts';
import { isDuplicateKey } from '../kernel/duplicate-key.ts';
import { isRefused } from '../kernel/errors.ts';
import type { Log } from '../platform/log.ts';
import type { Accounts } from './people.ts';
import type { PasswordRecord } from './passwords/password-hasher.ts';

interface SetUpRow {
  _id: 'set-up';
  /** Good for nothing while set-up is closed. They stay until the person is stored, so that a closing can be taken back. */
  links: { hash: string; until: Date }[];
  closedAt: Date | null;
  /** The first Master Admin from the moment the link was used until the person is stored: a crash in between loses nothing. */
  admin: Draft | null;
}

export interface FirstAdmin {
  name: string;
  email: string;
  emailKey: string;
  password: PasswordRecord;
  short: boolean;
}

type Draft = FirstAdmin & { id: string };

export interface SetUp {
  /** A fresh one-time link token while set-up is open, valid for 24 hours; null once it is closed for good. */
  newToken(): Promise<string | null>;
  /** Opens set-up again for one link, which makes one more Master Admin; for the command line. */
  reopen(): Promise<string>;
  isOpen(token: string): Promise<boolean>;
  /** True if somebody signs in with the address already. */
  isTaken(emailKey: string): Promise<boolean>;
  /**
   * Creates the first Master Admin and closes set-up, in one conditional write. Null: the token is not right, or somebody was first.
   * Throws `Refused('field-taken')`: the address is somebody else's, and the link is as good as before.
   */
  complete(token: string, admin: FirstAdmin): Promise<Person | null>;
  /** Closes set-up without a link, for portals that are filled otherwise. */
  close(): Promise<void>;
  /** Stores a first Master Admin whose creation a crash interrupted; opens set-up again if the address is somebody else's by now. */
  recover(log: Pick<Log, 'warn'>): Promise<void>;
}

const hashOf = (token: string) => createHash('sha256').update(token).digest('base64url');

/** The one-time set-up of a new portal. No account exists before it, and there is no default one. */
export function createSetUp(connection: Connection, accounts: Accounts, clock: Clock): SetUp {
  const schema = new Schema<SetUpRow>(
    { _id: String, links: [{ _id: false, hash: String, until: Date }], closedAt: Date, admin: Schema.Types.Mixed },
    { versionKey: false, strict: 'throw', collection: 'portal' },
  );
  const rows = connection.model<SetUpRow>('SetUp', schema);

  const open = (token: string) => ({
    _id: 'set-up' as const,
    closedAt: null,
    links: { $elemMatch: { hash: hashOf(token), until: { $gt: clock.now() } } },
  });

  async function recover(log: Pick<Log, 'warn'>): Promise<void> {
    const row = await rows.findOne({ _id: 'set-up' }).lean<SetUpRow>();
    if (!row?.admin) return;
    try {
      await store(row.admin);
    } catch (error) {
      if (!isRefused(error, 'field-taken')) throw error;
      // Nobody waits for an answer here, and a portal that does not start helps nobody.
      log.warn('the address of an interrupted set-up is taken: set-up is open again, create-admin makes a new link');
    }
  }

  async function store(admin: Draft): Promise<Person> {
    const person = (await accounts.byId(admin.id)) ?? (await createPerson(admin));
    await rows.updateOne({ _id: 'set-up', 'admin.id': admin.id }, { $set: { admin: null, links: [] } });
    return person;
  }

  async function createPerson(admin: Draft): Promise<Person> {
    try {
      return await accounts.create({
        id: admin.id,
        kind: 'staff',
        profile: 'master-admin',
        name: admin.name,
        email: admin.email,
        emailKey: admin.emailKey,
        password: admin.password,
        passwordShort: admin.short,
      });
    } catch (error) {
      if (!isRefused(error, 'field-taken')) throw error;
      // A process that started meanwhile may have stored this very draft.
      const made = await accounts.byId(admin.id);
      if (made) return made;
      await rows.updateOne({ _id: 'set-up', 'admin.id': admin.id }, { $set: { closedAt: null, admin: null } });
      throw error;
    }
  }

  return {
    async newToken() {
      if (await accounts.hasStaff()) return null;
      const token = randomBytes(32).toString('base64url');
      const link = { hash: hashOf(token), until: new Date(clock.now().getTime() + 24 * 3_600_000) };
      // Several processes may start while set-up is open: each prints a link, the newest five are good.
      await rows
        .updateOne({ _id: 'set-up' }, { $setOnInsert: { closedAt: null, admin: null, links: [] } }, { upsert: true })
        .catch((error: unknown) => {
          if (!isDuplicateKey(error)) throw error;
        });
      const result = await rows.updateOne(
        { _id: 'set-up', closedAt: null },
        { $push: { links: { $each: [link], $slice: -5 } } },
      );
      return result.modifiedCount === 1 ? token : null;
    },
    async reopen() {
      const token = randomBytes(32).toString('base64url');
      const links = [{ hash: hashOf(token), until: new Date(clock.now().getTime() + 24 * 3_600_000) }];
      await rows.updateOne({ _id: 'set-up' }, { $set: { closedAt: null, admin: null, links } }, { upsert: true });
      return token;
    },
    async isOpen(token) {
      return (await rows.exists(open(token))) !== null;
    },
    async isTaken(emailKey) {
      return (await accounts.findByEmail(emailKey)) !== null;
    },
    async complete(token, admin) {
      const draft = { ...admin, id: new Types.ObjectId().toHexString() };
      const result = await rows.updateOne(open(token), { $set: { closedAt: clock.now(), admin: draft } });
      return result.modifiedCount === 1 ? store(draft) : null;
    },
    async close() {
      await rows.updateOne(
        { _id: 'set-up' },
        { $set: { closedAt: clock.now(), admin: null, links: [] } },
        { upsert: true },
      );
    },
    recover,
  };
}
