import { linkLifetimes } from '../../accounts/links.ts';
import type { MailSample } from '../../kernel/factor.ts';
import type { Language } from '../../kernel/person.ts';
import { writeEmailChanged, writeEmailConfirmation, writeEmailRestored } from '../account/email-mails.ts';
import { writeFactorAlert } from '../factor-notices.ts';
import type { Words, Wording } from '../mails.ts';
import { notices, writeNotice } from '../notices.ts';
import { writeInvitation } from '../recovery/invite.ts';
import { writePasswordReset, writeUnlock } from '../recovery/link-mails.ts';
import { writeAnnouncement } from '../staff/announcement.ts';

/** A mail with made-up values, written by the function that writes the real one. */
export interface SampleMail {
  /** Its address in the gallery: the kind, and a word where a kind has several. */
  id: string;
  kind: string;
  to: string;
  write(words: Words): Wording;
}

/** What samples are made with: the rest is made up. */
export interface SampleGround {
  now: Date;
  lang: Language;
  helpContact: string;
  /** Ids of installed factors, for notices about one. */
  factors: { primary: string | null; recovery: string | null };
  /** What factors themselves have mailed. */
  ofFactors: readonly (MailSample & { factor: string })[];
}

/** Of the names and addresses that nobody has (RFC 2606, RFC 5737). */
const reader = { email: 'robin.sample@example.com', companyName: 'Sample Ltd' };
const newEmail = 'robin.new@example.com';
const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0';
const from = { userAgent: firefox, address: '192.0.2.17' };

/** As long as a real one, so that lines break as they will, and no random one (43 of 64 characters) will ever be it. */
const token = 'sampleLinkThatOpensNothing'.padEnd(43, '0');

/** What others do to an account: the mail says nothing of where they sit. */
const byOthers = ['factors-reset', 'account-', 'profile-changed', 'admin-'].map((part) => `notice.${part}`);

/** Notices that are about what gets people in without their usual factor. */
const aboutRecovery = new Set(['notice.recovery-used', 'notice.codes-renewed']);

const dayMs = 86_400_000;

/** Every mail that the portal can send. */
export function sampleMails(ground: SampleGround): SampleMail[] {
  return [...linkMails(ground), ...addressMails(ground), ...announcements(ground), ...noticeMails(ground)]
    .concat(factorMails(ground))
    .sort((one, other) => one.id.localeCompare(other.id));
}

function sample(kind: string, write: SampleMail['write'], own: { name?: string; to?: string } = {}): SampleMail {
  return { id: own.name === undefined ? kind : `${kind}.${own.name}`, kind, to: own.to ?? reader.email, write };
}

function linkMails({ now }: SampleGround): SampleMail[] {
  const after = (lifetime: number) => ({ email: reader.email, token, until: new Date(now.getTime() + lifetime) });
  const asked = { askedAt: now, from };
  const invited = { ...reader, ...after(linkLifetimes.invitation), inviter: 'Alex Sample' };
  return [
    sample('invitation', (words) => writeInvitation(words, invited)),
    sample('invitation', (words) => writeInvitation(words, { ...invited, inviter: null, companyName: null }), {
      name: 'by-nobody',
    }),
    sample('password-reset', (words) => writePasswordReset(words, { ...after(linkLifetimes.passwordReset), ...asked })),
    sample('unlock', (words) => writeUnlock(words, { ...after(linkLifetimes.unlock), ...asked })),
  ];
}

function addressMails({ now }: SampleGround): SampleMail[] {
  const until = new Date(now.getTime() + linkLifetimes.emailChange);
  const changed = { oldEmail: reader.email, undoToken: token };
  return [
    sample('email-confirmation', (words) => writeEmailConfirmation(words, { email: newEmail, token, until }), {
      to: newEmail,
    }),
    sample('notice.email-changed', (words) => writeEmailChanged(words, { ...changed, by: 'self' })),
    sample('notice.email-changed', (words) => writeEmailChanged(words, { ...changed, by: 'staff' }), {
      name: 'by-staff',
    }),
    sample('notice.email-restored', (words) => writeEmailRestored(words, { lostEmail: newEmail }), { to: newEmail }),
  ];
}

function announcements({ now, lang, helpContact }: SampleGround): SampleMail[] {
  const day = new Date(now.getTime() + 30 * dayMs).toISOString().slice(0, 10);
  const values = { lang, helpContact, email: reader.email };
  return [
    sample('mfa-announcement', (words) => writeAnnouncement(words, { ...values, from: day, mayPrepare: true })),
    sample('mfa-announcement', (words) => writeAnnouncement(words, { ...values, from: null, mayPrepare: false }), {
      name: 'no-day',
    }),
  ];
}

function noticeMails({ now, factors }: SampleGround): SampleMail[] {
  return notices.map((notice) => {
    const factor = aboutRecovery.has(notice.kind) ? factors.recovery : factors.primary;
    const elsewhere = byOthers.some((start) => notice.kind.startsWith(start));
    const values = { factor, email: reader.email, at: now, from: elsewhere ? null : from };
    return sample(notice.kind, (words) => writeNotice(notice, words, values));
  });
}

function factorMails({ ofFactors }: SampleGround): SampleMail[] {
  // What every such mail has around a factor's words: shown with any factor's folder taken out.
  const frame = { heading: 'gallery.factorMail.heading', text: 'gallery.factorMail.toStaff', path: '/staff' };
  return [
    asFactorMail(frame),
    ...ofFactors.map(({ factor, name, notice }) => asFactorMail(notice, `${factor}.${name}`)),
  ];
}

function asFactorMail(notice: MailSample['notice'], name?: string): SampleMail {
  const own = name === undefined ? {} : { name };
  return sample('alert.factor', (words) => writeFactorAlert(words, notice), own);
}
