import { createHash, randomBytes } from 'node:crypto';
import { Types, type Connection } from 'mongoose';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { Clock } from '../kernel/ports.ts';
import { isDuplicateKey } from '../kernel/duplicate-key.ts';
import type { EmailAddress } from './passwords/email.ts';
import type { PasswordRecord } from './passwords/password-hasher.ts';
import {
  asPerson,
  peopleModel,
  searchKeysOf,
  type EmailLinkRow,
  type LinkPurpose,
  type PersonRow,
} from './person-row.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

/** How long each link works, in milliseconds. */
export const linkLifetimes = {
  invitation: 7 * day,
  passwordReset: 30 * minute,
  emailChange: day,
  unlock: 60 * minute,
  emailUndo: 7 * day,
} as const satisfies Record<LinkPurpose | 'emailUndo', number>;

// In the write itself: an invitation sent again while its person chooses a password must not set that password a second time.
const forWhom = {
  invitation: { password: null },
  passwordReset: { password: { $ne: null } },
  unlock: { password: { $ne: null } },
  emailChange: {},
} as const satisfies Record<LinkPurpose, object>;

/** Ways back to earlier addresses that are kept at once. */
const mostUndos = 10;

/** The form of every link's token: 256 bits in base64url. */
export const tokenForm = /^[A-Za-z0-9_-]{43}$/;

/** Who a link belongs to, and since when and until when. */
export interface FoundLink {
  person: Person;
  until: Date;
  /** False: it is over. A link that was used, replaced or revoked is not found at all. */
  inTime: boolean;
  /** The address that it leads to, for links about addresses. */
  email: string | null;
}

/** A link that is to be mailed. */
export interface IssuedLink {
  token: string;
  until: Date;
  /** As they are with the link: mailed to an address read before, it could reach a mailbox that was just taken off the account. */
  person: Person;
}

/** A change of address: the new one holds, and `undoToken` takes the old one back. Null where nobody ever signed in by that one. */
export interface EmailChanged {
  person: Person;
  oldEmail: string;
  undoToken: string | null;
}

export interface Links {
  /**
   * A new link, which makes an older one of the same purpose worthless. Null: there is no such person, they are disabled, or it is not
   * for them: an invitation is for who has no password, a reset and an unlock for who has one.
   */
  issue(
    personId: string,
    purpose: Exclude<LinkPurpose, 'emailChange'>,
    options?: { /** Only in the place of one that was neither used nor taken back. */ onlyIfOpen?: boolean },
  ): Promise<IssuedLink | null>;
  /** Notes the address that a person wants; the one they have holds until a link is opened. False: there is no such person, or disabled. */
  wantEmail(personId: string, address: EmailAddress): Promise<boolean>;
  /** What is wanted, and until when it can be confirmed. */
  wantedEmailOf(personId: string): Promise<{ email: string; until: Date } | null>;
  /** The link to be mailed to the address that is wanted. Null: it is wanted no more. */
  issueEmailChange(personId: string, email: string): Promise<IssuedLink | null>;
  find(purpose: LinkPurpose | 'emailUndo', token: string): Promise<FoundLink | null>;
  revoke(personId: string, purpose: LinkPurpose): Promise<boolean>;
  /** When the open invitation was sent and until when it works; null where none is open. */
  invitationOf(personId: string): Promise<{ issuedAt: Date; until: Date } | null>;
  /** Uses the link up and stores the password, in one write: of twenty that come at once one wins. Ends every sign-in. Null: the link is no good. */
  setPassword(
    purpose: 'invitation' | 'passwordReset',
    token: string,
    next: { password: PasswordRecord; short: boolean },
  ): Promise<Person | null>;
  /** Uses the link up. Null: it is no good. */
  useUnlock(token: string): Promise<Person | null>;
  /**
   * The new address holds from now on; every sign-in ends. Where it is the one that they have, it is only confirmed. Null: the link is
   * no good. Throws `Refused('field-taken')`.
   */
  confirmEmail(token: string): Promise<EmailChanged | null>;
  /** An address changed by staff holds at once. Null: nothing changed, or it is not `from` any more. Throws `Refused('field-taken')`. */
  changeEmail(personId: string, address: EmailAddress, options?: { from: string }): Promise<EmailChanged | null>;
  /** Takes an earlier address back, and every link that was sent since; every sign-in ends. Throws `Refused('field-taken')`. */
  undoEmail(token: string): Promise<Person | null>;
  /** Other addresses that mails of the person may have gone to, and that nobody signs in with now. */
  otherEmailsOf(personId: string): Promise<string[]>;
}

const newToken = () => randomBytes(32).toString('base64url');

/** What the database keeps of a token: 256 random bits need no salt (ASVS 6.5.2). */
const hashOf = (purpose: string, token: string) =>
  createHash('sha256').update(`${purpose} ${token}`).digest('base64url');

/** The single-use links that mails carry. They lie on the person, so that using one up and what it does are one conditional write. */
export function createLinks(connection: Connection, clock: Clock): Links {
  const people = peopleModel(connection);
  const later = (ms: number) => new Date(clock.now().getTime() + ms);

  const live = (purpose: LinkPurpose, token: string) => ({
    [`links.${purpose}.hash`]: hashOf(purpose, token),
    [`links.${purpose}.until`]: { $gt: clock.now() },
    disabledAt: null,
  });
  const newLink = (purpose: LinkPurpose | 'emailUndo', token: string) => ({
    hash: hashOf(purpose, token),
    until: later(linkLifetimes[purpose]),
    issuedAt: clock.now(),
  });

  async function store(
    personId: string,
    purpose: LinkPurpose,
    { link, onlyIfOpen, other }: { link: object; onlyIfOpen?: boolean | undefined; other?: EmailAddress },
  ): Promise<PersonRow | null> {
    const open = onlyIfOpen === true ? { [`links.${purpose}`]: { $exists: true } } : {};
    if (!Types.ObjectId.isValid(personId)) return null;
    return people
      .findOneAndUpdate(
        { _id: personId, disabledAt: null, ...forWhom[purpose], ...open },
        { $set: { [`links.${purpose}`]: link }, ...(other ? { $push: otherEmail(other) } : {}) },
        after,
      )
      .lean<PersonRow>();
  }

  /** The new address, the way back to the old one, and the end of whatever was mailed to it, in one write. */
  async function moveTo(seen: PersonRow, filter: object, address: EmailAddress): Promise<EmailChanged | null> {
    // Who never had a password may never have had that mailbox either: a mistyped address must not get a way in.
    const undoToken = seen.password === null ? null : newToken();
    const undo =
      undoToken === null ? [] : [{ ...newLink('emailUndo', undoToken), email: seen.email, emailKey: seen.emailKey }];
    const open = seen.emailUndos.filter(({ until }) => until > clock.now());
    const change = {
      $set: {
        email: address.email,
        emailKey: address.key,
        searchKeys: searchKeysOf({ ...seen, emailKey: address.key }),
        ...('links.emailChange.hash' in filter ? { emailConfirmedAt: clock.now() } : { emailConfirmedAt: null }),
        // The oldest stay: whoever took the account over could else push its owner's way back out by changing it on and on.
        emailUndos: [...open, ...undo].slice(0, mostUndos),
      },
      // A reset link in the old mailbox must not outlive the address; an invitation goes on, at the new one, when it is sent again.
      $unset: { 'links.passwordReset': 1, 'links.emailChange': 1, 'links.unlock': 1, 'links.invitation': 1 },
      $push: otherEmail({ email: seen.email, key: seen.emailKey }),
      $inc: { sessionEpoch: 1 },
    };
    const row = await taken(() =>
      people.findOneAndUpdate({ _id: seen._id, email: seen.email, ...filter }, change, after).lean<PersonRow>(),
    );
    return row && { person: asPerson(row), oldEmail: seen.email, undoToken };
  }

  async function confirmOwn({ _id, email }: PersonRow, filter: object): Promise<EmailChanged | null> {
    const change = { $set: { emailConfirmedAt: clock.now() }, $unset: { 'links.emailChange': 1 } };
    const row = await people.findOneAndUpdate({ ...filter, _id, email }, change, after).lean<PersonRow>();
    return row && { person: asPerson(row), oldEmail: email, undoToken: null };
  }

  return {
    async issue(personId, purpose, options) {
      const token = newToken();
      const link = newLink(purpose, token);
      const row = await store(personId, purpose, { link, ...options });
      return row && { token, until: link.until, person: asPerson(row) };
    },
    async wantEmail(personId, { email, key }) {
      // Nobody ever sees this token: the one that is mailed takes its place.
      const link = { ...newLink('emailChange', newToken()), email, emailKey: key };
      return (await store(personId, 'emailChange', { link, other: { email, key } })) !== null;
    },
    async wantedEmailOf(personId) {
      const row = await people.findById(personId, { links: 1 }).lean<PersonRow>();
      const link = row?.links.emailChange as EmailLinkRow | undefined;
      return link && link.until > clock.now() ? { email: link.email, until: link.until } : null;
    },
    async issueEmailChange(personId, email) {
      const token = newToken();
      const row = await people
        .findOneAndUpdate(
          { _id: personId, disabledAt: null, 'links.emailChange.email': email },
          { $set: { 'links.emailChange.hash': hashOf('emailChange', token) } },
          after,
        )
        .lean<PersonRow>();
      const until = row?.links.emailChange?.until;
      return row && until ? { token, until, person: asPerson(row) } : null;
    },
    async find(purpose, token) {
      if (!tokenForm.test(token)) return null;
      const hash = hashOf(purpose, token);
      const path = purpose === 'emailUndo' ? 'emailUndos.hash' : `links.${purpose}.hash`;
      const row = await people.findOne({ [path]: hash, disabledAt: null }).lean<PersonRow>();
      const link = purpose === 'emailUndo' ? row?.emailUndos.find((undo) => undo.hash === hash) : row?.links[purpose];
      if (!row || !link) return null;
      return {
        person: asPerson(row),
        until: link.until,
        inTime: link.until > clock.now(),
        email: (link as Partial<EmailLinkRow>).email ?? null,
      };
    },
    async revoke(personId, purpose) {
      const path = `links.${purpose}`;
      const result = await people.updateOne({ _id: personId, [path]: { $exists: true } }, { $unset: { [path]: 1 } });
      return result.modifiedCount === 1;
    },
    async invitationOf(personId) {
      const row = await people.findById(personId, { links: 1 }).lean<PersonRow>();
      const link = row?.links.invitation;
      return link ? { issuedAt: link.issuedAt, until: link.until } : null;
    },
    async setPassword(purpose, token, { password, short }) {
      const row = await people
        .findOneAndUpdate(
          live(purpose, token),
          {
            // Whoever opened the link reads that mailbox.
            $set: { password, passwordShort: short, passwordSetAt: clock.now(), emailConfirmedAt: clock.now() },
            $unset: { 'links.invitation': 1, 'links.passwordReset': 1, 'links.emailChange': 1, 'links.unlock': 1 },
            $inc: { sessionEpoch: 1 },
          },
          after,
        )
        .lean<PersonRow>();
      return row && asPerson(row);
    },
    async useUnlock(token) {
      const row = await people
        .findOneAndUpdate(live('unlock', token), { $unset: { 'links.unlock': 1 } }, after)
        .lean<PersonRow>();
      return row && asPerson(row);
    },
    async confirmEmail(token) {
      const filter = live('emailChange', token);
      const seen = await people.findOne(filter).lean<PersonRow>();
      const link = seen?.links.emailChange as EmailLinkRow | undefined;
      if (!seen || !link) return null;
      if (link.email === seen.email) return confirmOwn(seen, filter);
      return moveTo(seen, filter, { email: link.email, key: link.emailKey });
    },
    async changeEmail(personId, address, options) {
      const seen = await people.findById(personId).lean<PersonRow>();
      if (!seen || seen.email === address.email || (options && seen.email !== options.from)) return null;
      return moveTo(seen, {}, address);
    },
    async undoEmail(token) {
      const hash = hashOf('emailUndo', token);
      const seen = await people
        .findOne({ emailUndos: { $elemMatch: { hash, until: { $gt: clock.now() } } }, disabledAt: null })
        .lean<PersonRow>();
      const place = seen?.emailUndos.findIndex((undo) => undo.hash === hash) ?? -1;
      const undo = seen?.emailUndos[place];
      if (!seen || !undo) return null;
      const row = await taken(() =>
        people
          .findOneAndUpdate(
            { _id: seen._id, 'emailUndos.hash': hash, disabledAt: null },
            {
              $set: {
                email: undo.email,
                emailKey: undo.emailKey,
                emailConfirmedAt: clock.now(),
                searchKeys: searchKeysOf({ ...seen, emailKey: undo.emailKey }),
                // Later ways back are the intruder's: whoever holds the older address was here first.
                emailUndos: seen.emailUndos.slice(0, place),
              },
              $unset: { 'links.passwordReset': 1, 'links.emailChange': 1, 'links.unlock': 1 },
              $push: otherEmail({ email: seen.email, key: seen.emailKey }),
              $inc: { sessionEpoch: 1 },
            },
            after,
          )
          .lean<PersonRow>(),
      );
      return row && asPerson(row);
    },
    async otherEmailsOf(personId) {
      const row = await people.findById(personId, { otherEmails: 1 }).lean<PersonRow>();
      const others = row?.otherEmails ?? [];
      const taken = await people
        .find({ emailKey: { $in: others.map(({ emailKey }) => emailKey) } }, { emailKey: 1 })
        .lean<PersonRow[]>();
      // One that is somebody else's by now has mails of theirs.
      return others.filter(({ emailKey }) => !taken.some((one) => one.emailKey === emailKey)).map(({ email }) => email);
    },
  };
}

const mostOthers = 20;
const otherEmail = ({ email, key }: EmailAddress) => ({
  otherEmails: { $each: [{ email, emailKey: key }], $slice: -mostOthers },
});

const after = { returnDocument: 'after' } as const;

async function taken<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (isDuplicateKey(error)) throw new Refused('field-taken', { field: 'email', cause: error });
    throw error;
  }
}
