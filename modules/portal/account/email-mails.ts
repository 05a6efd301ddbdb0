import { linkLifetimes, type EmailChanged } from '../../accounts/links.ts';
import type { Person } from '../../kernel/person.ts';
import type { Mails, Words, Wording } from '../mails.ts';

const day = 86_400_000;

/**
 * Tells the old address that the account has another one now, and how to take it back; whether the person or staff changed it. Nothing
 * is sent to an address that nobody ever signed in with (no undoToken): it may be a mistyped one, and somebody else's.
 * The new address is not named: who reads the old mailbox now need not be who the account belongs to.
 */
export async function mailEmailChanged(
  mails: Mails,
  { changed, by }: { changed: EmailChanged; by: 'self' | 'staff' },
): Promise<void> {
  const { person, oldEmail, undoToken } = changed;
  if (undoToken === null) return;
  await mails.send({ kind: 'notice.email-changed', person, to: oldEmail }, (words) =>
    writeEmailChanged(words, { by, oldEmail, undoToken }),
  );
}

/** Writes that the account has another address now. */
export function writeEmailChanged(
  { t, siteName: site, ...words }: Words,
  { by, oldEmail, undoToken }: { by: 'self' | 'staff'; oldEmail: string; undoToken: string },
): Wording {
  return {
    heading: t('mail.emailChanged.heading'),
    paragraphs: [
      t(by === 'staff' ? 'mail.emailChanged.byStaff' : 'mail.emailChanged.bySelf', { site, email: oldEmail }),
    ],
    facts: [],
    advice: t('mail.emailChanged.advice', { days: linkLifetimes.emailUndo / day }),
    action: { label: t('mail.emailChanged.action'), href: words.link(`/email/undo/${undoToken}`) },
  };
}

/** Sends the link that an address must be confirmed with, to that address. */
export async function mailEmailConfirmation(
  mails: Mails,
  letter: { person: Person; email: string; token: string; until: Date; once: string },
): Promise<void> {
  const { person, email, token, until, once } = letter;
  await mails.send({ kind: 'email-confirmation', person, to: email, once }, (words) =>
    writeEmailConfirmation(words, { email, token, until }),
  );
}

/** Writes the link that an address must be confirmed with. */
export function writeEmailConfirmation(
  { t, siteName: site, ...words }: Words,
  { email, token, until }: { email: string; token: string; until: Date },
): Wording {
  return {
    heading: t('mail.emailConfirm.heading'),
    paragraphs: [t('mail.emailConfirm.text', { site, email })],
    facts: [{ term: t('mail.emailConfirm.until'), text: words.time(until) }],
    advice: t('mail.emailConfirm.advice'),
    action: { label: t('mail.emailConfirm.action'), href: words.link(`/email/confirm/${token}`) },
    closing: t('mail.emailConfirm.closing', { site, email }),
  };
}

/** Tells the address that was on the account last that the one before it was taken back: who holds an old mailbox can do that, too. */
export async function mailEmailRestored(
  mails: Mails,
  { person, lostEmail }: { person: Person; lostEmail: string },
): Promise<void> {
  await mails.send({ kind: 'notice.email-restored', person, to: lostEmail }, (words) =>
    writeEmailRestored(words, { lostEmail }),
  );
}

/** Writes that the address before was taken back. */
export function writeEmailRestored(
  { t, siteName: site, whomToAsk }: Words,
  { lostEmail }: { lostEmail: string },
): Wording {
  return {
    heading: t('mail.emailRestored.heading'),
    paragraphs: [t('mail.emailRestored.text', { site, email: lostEmail })],
    facts: [],
    advice: whomToAsk,
    action: null,
  };
}
