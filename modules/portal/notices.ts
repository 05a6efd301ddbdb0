import type { Person } from '../kernel/person.ts';
import type { Translate } from '../kernel/ports.ts';
import type { AuditRow } from '../audit/audit-trail.ts';
import { describeDevice } from '../platform/device.ts';
import type { Mails, Words, Wording } from './mails.ts';

export interface NoticePorts {
  mails: Mails;
  byId(id: string): Promise<Person | null>;
  isRecovery(factorId: string): boolean;
}

/** Where somebody was. */
export type Whereabouts = Pick<AuditRow, 'userAgent' | 'address'>;

/** What a notice is about: a factor by its id, the account's address, when, and from where if the reader may know. */
export interface NoticeValues {
  factor: string | null;
  email: string;
  at: Date;
  from: Whereabouts | null;
}

export interface Notice {
  kind: string;
  /** Catalogue keys: the subject and heading, and what happened. */
  heading: string;
  text: string;
  /** Who may be locked out, or whose account is at stake, is told whom to ask; the others look for themselves. */
  action: 'security' | 'ask';
}

const own = (row: AuditRow) => row.outcome === 'success' && row.actor.kind === 'person';

/** The events that people are told of (REC-10), each with the rows it is about. */
export const notices: readonly (Notice & { tells(row: AuditRow, ports: NoticePorts): boolean })[] = [
  {
    kind: 'notice.factor-added',
    heading: 'mail.factorAdded.heading',
    text: 'mail.factorAdded.text',
    action: 'security',
    tells: (row) => row.event === 'enrolment.confirmed' && own(row),
  },
  {
    kind: 'notice.factor-removed',
    heading: 'mail.factorRemoved.heading',
    text: 'mail.factorRemoved.text',
    action: 'security',
    tells: (row) => row.event === 'enrolment.removed' && own(row),
  },
  {
    kind: 'notice.factors-off',
    heading: 'mail.factorsOff.heading',
    text: 'mail.factorsOff.text',
    action: 'security',
    tells: (row) => row.event === 'mfa.turned-off',
  },
  {
    kind: 'notice.factor-locked',
    heading: 'mail.factorLocked.heading',
    text: 'mail.factorLocked.text',
    action: 'ask',
    tells: (row) => row.event === 'factor.locked',
  },
  {
    kind: 'notice.recovery-used',
    heading: 'mail.recoveryUsed.heading',
    text: 'mail.recoveryUsed.text',
    action: 'security',
    tells: (row, ports) =>
      row.event === 'challenge.accepted' && row.factor !== undefined && ports.isRecovery(row.factor),
  },
  {
    kind: 'notice.password-changed',
    heading: 'mail.passwordChanged.heading',
    text: 'mail.passwordChanged.text',
    action: 'ask',
    tells: (row) => row.event === 'password.changed',
  },
  {
    kind: 'notice.factors-reset',
    heading: 'mail.factorsReset.heading',
    text: 'mail.factorsReset.text',
    action: 'ask',
    tells: (row) => row.event === 'enrolment.reset',
  },
  {
    kind: 'notice.codes-renewed',
    heading: 'mail.codesRenewed.heading',
    text: 'mail.codesRenewed.text',
    action: 'security',
    tells: (row) => row.event === 'enrolment.renewed',
  },
  {
    kind: 'notice.trust-reused',
    heading: 'mail.trustReused.heading',
    text: 'mail.trustReused.text',
    action: 'security',
    tells: (row) => row.event === 'trusted-device.reused',
  },
  {
    kind: 'notice.account-disabled',
    heading: 'mail.accountDisabled.heading',
    text: 'mail.accountDisabled.text',
    action: 'ask',
    tells: (row) => row.event === 'person.disabled',
  },
  {
    kind: 'notice.account-enabled',
    heading: 'mail.accountEnabled.heading',
    text: 'mail.accountEnabled.text',
    action: 'ask',
    tells: (row) => row.event === 'person.enabled',
  },
  {
    kind: 'notice.profile-changed',
    heading: 'mail.profileChanged.heading',
    text: 'mail.profileChanged.text',
    action: 'ask',
    tells: (row) => row.event === 'person.profile-changed',
  },
  {
    kind: 'notice.admin-given',
    heading: 'mail.adminGiven.heading',
    text: 'mail.adminGiven.text',
    action: 'ask',
    tells: (row) => row.event === 'person.edited' && row.detail?.['companyAdminAfter'] === true,
  },
  {
    kind: 'notice.admin-taken',
    heading: 'mail.adminTaken.heading',
    text: 'mail.adminTaken.text',
    action: 'ask',
    tells: (row) => row.event === 'person.edited' && row.detail?.['companyAdminAfter'] === false,
  },
  {
    kind: 'notice.new-device',
    heading: 'mail.newDevice.heading',
    text: 'mail.newDevice.text',
    action: 'security',
    tells: (row) => row.event === 'sign-in.completed' && row.detail?.['newDevice'] === true,
  },
];

/** Hears what the audit records, and tells people by mail what happened to their account. The modules know of no mail. */
export function createNotices(ports: NoticePorts): (row: AuditRow) => Promise<void> {
  return async (row) => {
    const notice = notices.find((one) => one.tells(row, ports));
    const personId = row.target?.kind === 'person' ? row.target.id : row.actor.id;
    const person = notice && personId !== undefined ? await ports.byId(personId) : null;
    if (!notice || !person) return;
    const byPerson = row.actor.kind === 'person' && row.actor.id === person.id;
    const about = {
      factor: row.factor ?? null,
      email: person.email,
      at: row.at,
      // Where staff sit is none of the person's business.
      from: byPerson || row.actor.kind === 'anonymous' ? row : null,
    };
    await ports.mails.send({ kind: notice.kind, person }, (words) => writeNotice(notice, words, about));
  };
}

/** Writes what happened to somebody's account. */
export function writeNotice(notice: Notice, words: Words, { factor: id, email, at, from }: NoticeValues): Wording {
  const { t, siteName: site } = words;
  const factor = id === null ? '' : t(`${id}.name`);
  return {
    heading: t(notice.heading, { factor }),
    paragraphs: [t(notice.text, { factor, site, email })],
    facts: [
      { term: t('mail.notice.when'), text: words.time(at) },
      ...(from === null ? [] : [{ term: t('mail.notice.from'), text: whereFrom(from, t) }]),
    ],
    advice: notice.action === 'security' ? t('mail.notice.check') : words.whomToAsk,
    action:
      notice.action === 'security' ? { label: t('mail.notice.action'), href: words.link('/account/security') } : null,
  };
}

/** The device and the address of an event, in words. */
export function whereFrom(row: Whereabouts, t: Translate): string {
  const device = describeDevice(row.userAgent ?? '');
  const words =
    device === null ? t('mail.notice.unknownDevice') : [device.browser, device.system].filter(Boolean).join(', ');
  return t('mail.notice.place', { device: words, address: row.address ?? '' });
}
