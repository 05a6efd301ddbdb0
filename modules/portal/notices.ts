import type { Person } from '../kernel/person.ts';
import type { Outbox, Translate } from '../kernel/ports.ts';
import type { AuditRow } from '../audit/audit-trail.ts';
import { describeDevice } from '../platform/device.ts';
import type { RenderMail } from '../platform/mail-views.ts';

export interface NoticePorts {
  outbox: Outbox;
  render: RenderMail;
  byId(id: string): Promise<Person | null>;
  isRecovery(factorId: string): boolean;
  t: Translate;
  siteName: string;
  helpContact: string;
  baseUrl(): string;
}

interface Notice {
  kind: string;
  /** Catalogue keys: the subject and heading, and what happened. */
  heading: string;
  text: string;
  /** Who may be locked out, or whose account is at stake, is told whom to ask; the others look for themselves. */
  action: 'security' | 'ask';
}

const own = (row: AuditRow) => row.outcome === 'success' && row.actor.kind === 'person';

/** The events that people are told of (REC-10), each with the rows it is about. */
const notices: readonly (Notice & { tells(row: AuditRow, ports: NoticePorts): boolean })[] = [
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
    if (notice && person) await send(ports, { notice, person, row });
  };
}

async function send(ports: NoticePorts, about: { notice: Notice; person: Person; row: AuditRow }): Promise<void> {
  const { t, siteName } = ports;
  const { notice, person, row } = about;
  const factor = row.factor === undefined ? '' : t(`${row.factor}.name`);
  const heading = t(notice.heading, { factor });
  const parts = await ports.render({
    heading,
    paragraphs: [t(notice.text, { factor, site: siteName, email: person.email })],
    facts: [
      { term: t('mail.notice.when'), text: `${row.at.toISOString().slice(0, 16).replace('T', ' ')} UTC` },
      { term: t('mail.notice.from'), text: whereFrom(row, t) },
    ],
    advice: notice.action === 'security' ? t('mail.notice.check') : whomToAsk(ports),
    action:
      notice.action === 'security'
        ? { label: t('mail.notice.action'), href: `${ports.baseUrl()}/account/security` }
        : null,
    closing: t('mail.notice.closing', { site: siteName, email: person.email }),
  });
  await ports.outbox.enqueue({
    channel: 'mail',
    kind: notice.kind,
    to: person.email,
    subject: `${siteName}: ${heading}`,
    ...parts,
  });
}

function whomToAsk({ t, helpContact }: NoticePorts): string {
  return helpContact === '' ? t('mail.notice.askOperator') : t('mail.notice.ask', { contact: helpContact });
}

function whereFrom(row: AuditRow, t: Translate): string {
  const device = describeDevice(row.userAgent ?? '');
  const words =
    device === null ? t('mail.notice.unknownDevice') : [device.browser, device.system].filter(Boolean).join(', ');
  return t('mail.notice.place', { device: words, address: row.address ?? '' });
}
