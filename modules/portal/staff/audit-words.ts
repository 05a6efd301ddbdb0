import type { Companies } from '../../accounts/companies.ts';
import type { Directory } from '../../accounts/directory.ts';
import type { AuditRow } from '../../audit/audit-trail.ts';
import { auditEvents } from '../../audit/events.ts';
import { profileById } from '../../accounts/profiles.ts';
import type { AuditEntry, Translate } from '../../kernel/ports.ts';
import type { Person } from '../../kernel/person.ts';
import { trustedDeviceMethod } from '../../kernel/sign-in.ts';
import { kindWords } from './mail-page.ts';

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

/**
 * What an event's detail may tell, and in which words. A change is written as `<name>Before` and `<name>After`; where the values are a
 * person's (name, address) as `<name>: 'changed'`, for the audit outlives the person and keeps no more of them than an id (LOG-4).
 */
export const auditDetails = [
  'announcement',
  'companyAdmin',
  'companyWord',
  'count',
  'email',
  'enrolment',
  'from',
  'graceUntil',
  'kind',
  'mails',
  'method',
  'methods',
  'name',
  'newDevice',
  'path',
  'profile',
  'purpose',
  'query',
  'reference',
  'removed',
  'staffWord',
  'state',
] as const;

/** Values of details that have words of their own. */
export const auditValues = [
  'disable',
  'exempt',
  'inherit',
  'no',
  'password',
  'required',
  'setUp',
  'signIn',
  'stepUp',
  'trustedDevice',
  'yes',
] as const;

/** Who or what an event names. */
export interface EventParty {
  name: string;
  /** The page about them; null where there is none, or the reader may not open it. */
  href: string | null;
  /** Their address: two may have one name. */
  email: string | null;
}

export interface EventNames {
  people: ReadonlyMap<string, Person>;
  companies: ReadonlyMap<string, string>;
}

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

/** The names of all people and companies in some rows, in one look-up for each kind. */
export async function namesOf(
  rows: readonly Pick<AuditRow, 'actor' | 'target'>[],
  ports: { directory: Directory; companies: Companies },
): Promise<EventNames> {
  const parties = rows.flatMap(({ actor, target }) => (target ? [actor, target] : [actor]));
  const idsOf = (kind: string) => [
    ...new Set(parties.flatMap((party) => (party.kind === kind && party.id !== undefined ? [party.id] : []))),
  ];
  const [people, companies] = await Promise.all([
    ports.directory.byIds(idsOf('person')),
    ports.companies.byIds(idsOf('company')),
  ]);
  return {
    people: new Map(people.map((person) => [person.id, person])),
    companies: new Map(companies.map(({ id, name }) => [id, name])),
  };
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
    details: detailWords(t, row.detail ?? {}),
  };
}

function partyOf(party: AuditEntry['actor'], page: { t: Translate; names: EventNames; reader: Person }): EventParty {
  const { t } = page;
  const plain = (name: string): EventParty => ({ name, href: null, email: null });
  if (party.kind !== 'person') return plain(t(`auditWords.${party.kind}`));
  const person = page.names.people.get(party.id ?? '');
  if (!person) return plain(t('auditWords.gone', { id: party.id ?? '' }));
  return { name: person.name, href: hrefOf(person, page.reader), email: person.email };
}

function targetOf(
  target: NonNullable<AuditEntry['target']>,
  page: { t: Translate; names: EventNames; reader: Person },
): EventParty | null {
  if (target.kind === 'person') return partyOf({ kind: 'person', id: target.id }, page);
  if (target.kind !== 'company') return null;
  const name = page.names.companies.get(target.id);
  const mayOpen = name !== undefined && page.reader.permissions.includes('customers.read');
  return {
    name: name ?? page.t('auditWords.gone', { id: target.id }),
    href: mayOpen ? `/staff/customers/${target.id}` : null,
    email: null,
  };
}

function hrefOf(person: Person, reader: Person): string | null {
  const [needed, href] =
    person.kind === 'staff'
      ? (['users.manage', `/staff/users/${person.id}`] as const)
      : (['customers.read', `/staff/contacts/${person.id}`] as const);
  return reader.permissions.includes(needed) ? href : null;
}

function detailWords(t: Translate, detail: NonNullable<AuditEntry['detail']>): { term: string; text: string }[] {
  return Object.entries(detail).flatMap(([key, value]) => {
    if (key.endsWith('After')) return [];
    const name = key.replace(/Before$/, '');
    const term = (auditDetails as readonly string[]).includes(name) ? t(`auditDetail.${name}`) : name;
    if (name === key) return [{ term, text: valueWords(t, name, value) }];
    const after = valueWords(t, name, detail[`${name}After`] ?? null);
    return [{ term, text: t('auditWords.change', { before: valueWords(t, name, value), after }) }];
  });
}

function valueWords(t: Translate, name: string, value: string | number | boolean | null): string {
  if (value === null) return '–';
  if (typeof value === 'boolean') return t(value ? 'auditValue.yes' : 'auditValue.no');
  const text = String(value);
  if (text === 'changed') return t('auditWords.changed');
  if (name === 'kind') return kindWords(text, t);
  if (name === 'profile') return profileById(text)?.name ?? text;
  if (name === 'methods')
    return text
      .split(' ')
      .map((method) => methodWords(t, method))
      .join(', ');
  return (auditValues as readonly string[]).includes(text) ? t(`auditValue.${text}`) : text;
}

function methodWords(t: Translate, method: string): string {
  if (method === 'password') return t('auditValue.password');
  return method === trustedDeviceMethod ? t('auditValue.trustedDevice') : factorName(t, method);
}

/** The factor's name; its id where its folder is gone. */
export function factorName(t: Translate, factor: string): string {
  const key = `${factor}.name`;
  const name = t(key);
  return name === key ? factor : name;
}
