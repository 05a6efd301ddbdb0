import type { AuditRow } from '../../audit/audit-trail.ts';
import { auditEvents } from '../../audit/events.ts';
import type { Translate } from '../../kernel/ports.ts';
import type { Person } from '../../kernel/person.ts';
import { detailWords, factorName } from './audit-details.ts';
import { partyOf, targetOf, type EventNames, type EventParty } from './audit-names.ts';

/** Reasons that the portal gives by a code. Any other is a sentence that somebody typed, and is shown as it is. */
export const auditReasons = [
  'account',
  'account-closed',
  'address',
  'alreadySetUp',
  'cross-site',
  'device',
  'disabled',
  'email-changed',
  'ended-by-staff',
  'ended-elsewhere',
  'enrolment-not-allowed',
  'exempt',
  'factor-added',
  'factor-removed',
  'forbidden',
  'form-token',
  'grace',
  'group-added',
  'group-removed',
  'higher-profile',
  'idle-limit',
  'invitation',
  'locked',
  'no-password',
  'noFactor',
  'off',
  'optional',
  'overall-limit',
  'own-account',
  'password',
  'password-changed',
  'pending-expired',
  'policy-changed',
  'profile-changed',
  'proof-too-old',
  'removal-not-allowed',
  'requiredByCompany',
  'requiredByGroup',
  'requiredByPortal',
  'requiredByStaff',
  'reset-link',
  'retired',
  'revoked',
  'set-up-done',
  'signed-in-again',
  'signed-out',
  'stranded',
  'too-short',
  'trust-reused',
  'unknown-address',
  'unlock-link',
  'wrong',
  'wrong-password',
] as const;

/** An event, ready for a page. */
export interface EventWords {
  text: string;
  who: EventParty;
  /** Null where it concerns nobody else: the actor themselves, or nobody in particular. */
  whom: EventParty | null;
  reason: string | null;
  details: { term: string; text: string }[];
}

/** What happened, in one short sentence without names. */
export function eventText(t: Translate, row: Pick<AuditRow, 'event' | 'factor' | 'reason'>): string {
  const factor =
    row.factor === undefined
      ? t(row.reason === 'password' ? 'auditValue.password' : 'auditWords.anyFactor')
      : factorName(t, row.factor);
  if (row.event in auditEvents) return t(`auditEvent.${row.event}`, { factor });
  // A factor's own: the words are in its catalogue, and went with it where its folder is gone.
  const [id = ''] = row.event.split('.');
  const key = `${id}.event.${row.event.slice(id.length + 1)}`;
  const text = t(key);
  return text === key ? t('auditWords.factorEvent', { factor: factorName(t, id) }) : text;
}

/** Why it happened: the portal's codes in words, staff's own sentences as they were typed. */
export function reasonWords(t: Translate, reason: string | undefined): string | null {
  if (reason === undefined || reason === '') return null;
  return (auditReasons as readonly string[]).includes(reason) ? t(`auditReason.${reason}`) : reason;
}

/** One row in words, for a reader who sees links only to pages that they may open. */
export function eventWords(row: AuditRow, page: { t: Translate; names: EventNames; reader: Person }): EventWords {
  const { t } = page;
  const same = row.target?.kind === row.actor.kind && row.target.id === row.actor.id;
  return {
    text: eventText(t, row),
    who: partyOf(row.actor, page),
    whom: row.target && !same ? targetOf(row.target, page) : null,
    reason: reasonWords(t, row.reason),
    details: detailWords(row, page),
  };
}
