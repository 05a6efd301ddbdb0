import type { Response } from 'express';
import type { Permission, Person } from '../../kernel/person.ts';
import type { Decision, Translate } from '../../kernel/ports.ts';
import { translateOf } from '../../mfa/engine.ts';
import { decide, requirementOf, type Facts } from '../../mfa/policy/decide.ts';
import { namesOf } from './audit-names.ts';
import { eventWords } from './audit-words.ts';
import { canUnlock, locksOf, type Locks } from './contact-locks.ts';
import { requiredOf, stateBadge } from './contact-state.ts';
import type { CustomersPorts } from './customers-ports.ts';

const eventsShown = 20;

/** A moment in words, as pages write it. */
export interface Exact {
  relative: string;
  exact: string;
}

/** Everything that staff see of a contact: facts, what locks them out, what may be done, what happened. Never a secret. */
export async function contactPage(
  ports: CustomersPorts,
  page: { res: Response; contact: Person; reader: Person },
): Promise<object> {
  const { res, contact, reader } = page;
  const { engine, links, signIns, audit, clock } = ports;
  const t = translateOf(res);
  const facts = await engine.facts(contact);
  const events = await audit.latest({ personId: contact.id }, eventsShown);
  const edits = await audit.latest({ personId: contact.id, event: 'person.edited' }, eventsShown);
  const said = edits.find(({ detail }) => detail?.['staffWordAfter'] === contact.staffWord);
  const companySaid =
    contact.companyWord === 'required'
      ? edits.find(({ detail }) => detail?.['companyWordAfter'] === 'required')
      : undefined;
  const names = await namesOf([...events, ...(said ? [said] : []), ...(companySaid ? [companySaid] : [])], ports);
  const invitation = contact.hasPassword ? null : await links.invitationOf(contact.id);
  const locks = await locksOf(ports, contact);
  return {
    contact: { name: contact.name, email: contact.email, menu: contactMenu(contact, reader, t) },
    company: { name: contact.companyName ?? '', href: `/staff/customers/${contact.companyId ?? ''}` },
    badge: stateBadge(contact, { t, required: await requiredOf(engine) }),
    notes: notesOf(contact, locks, { t, dateTime: res.locals['dateTime'] as (date: Date) => Exact }),
    mfa: {
      required: requirementOf(facts).requirement === 'required',
      confirmed: contact.emailConfirmed,
      factors: await factorsOf(ports, contact, { t, facts }),
      why: t(`staff.reason.${decide(facts).reason}`, { name: contact.name, days: daysOf(decide(facts)) }),
      said:
        contact.staffWord !== 'inherit' && said
          ? { by: eventWords(said, { t, names, reader }).who, at: said.at }
          : null,
      company:
        contact.companyWord === 'required'
          ? {
              text: t('staff.companyWord.text', { name: contact.name }),
              said: companySaid ? { by: eventWords(companySaid, { t, names, reader }).who, at: companySaid.at } : null,
            }
          : null,
      next: nextSignIn(contact, facts, { t, lang: res.locals['lang'] as string }),
    },
    access: {
      lastSignIn: contact.lastSignInAt,
      signIns: (await signIns.listOf(contact)).length,
      passwordSetAt: contact.passwordSetAt,
      invitation: contact.hasPassword
        ? null
        : { until: invitation?.until ?? null, open: invitation !== null && invitation.until > clock.now() },
    },
    actions: actionsOf(contact, reader, { locks, invited: invitation !== null }),
    auditHref: reader.permissions.includes('audit.read') ? `/staff/audit?person=${contact.id}` : null,
    events: events.map((row) => ({
      ...eventWords(row, { t, names, reader }),
      at: row.at,
      failed: row.outcome === 'failure',
    })),
  };
}

const daysOf = (decision: Decision) => (decision.outcome === 'satisfied' ? (decision.daysLeft ?? 0) : 0);

/** What is set up, in the factors' own words; one whose folder is gone has none. */
export async function factorsOf(
  { engine }: Pick<CustomersPorts, 'engine'>,
  contact: Person,
  { t, facts }: { t: Translate; facts: Facts },
): Promise<{ term: string; text: string }[]> {
  const lines = [];
  for (const { definition, running } of engine.factors.values()) {
    const summary = await running.summarise(contact.id);
    if (summary) lines.push({ term: t(`${definition.id}.name`), text: t(summary.key, summary.params) });
  }
  if (facts.enrolments.some(({ installed }) => !installed))
    lines.push({ term: t('staff.contact.factorGoneName'), text: t('staff.contact.factorGone') });
  return lines;
}

/** What the next sign-in takes, as far as it is up to the portal. */
export function nextSignIn(contact: Person, facts: Facts, { t, lang }: { t: Translate; lang: string }): string {
  if (contact.disabled) return t('staff.contact.nextDisabled');
  if (!contact.hasPassword) return t('staff.contact.nextInvited');
  const decision = decide(facts);
  const or = new Intl.ListFormat(lang, { type: 'disjunction' });
  const named = (factors: readonly string[]) => or.format(factors.map((id) => t(`${id}.name`)));
  switch (decision.outcome) {
    case 'satisfied':
      return t('staff.contact.nextPassword');
    case 'verify':
      return t('staff.contact.nextVerify', { factors: named(decision.factors) });
    case 'enrol':
      return t('staff.contact.nextEnrol', { factors: named(decision.factors) });
    case 'blocked':
      return t('staff.contact.nextBlocked');
  }
}

/** What keeps a person out now, a sentence for each. */
export function notesOf(
  { disabled, disabledByCompany }: Person,
  locks: Locks,
  { t, dateTime }: { t: Translate; dateTime: (date: Date) => Exact },
): { kind: 'warning' | 'danger'; text: string }[] {
  const until = (date: Date) => ({ when: dateTime(date).relative, exact: dateTime(date).exact });
  return [
    ...(disabled
      ? [
          {
            kind: 'danger' as const,
            text: t(disabledByCompany ? 'staff.contact.disabledByCompany' : 'staff.contact.disabled'),
          },
        ]
      : []),
    ...(locks.password
      ? [{ kind: 'warning' as const, text: t('staff.contact.passwordFull', until(locks.password)) }]
      : []),
    ...(locks.device ? [{ kind: 'warning' as const, text: t('staff.contact.deviceFull', until(locks.device)) }] : []),
    ...locks.windows.map(({ factor, until: date }) => ({
      kind: 'warning' as const,
      text: t('staff.contact.factorFull', { factor: t(`${factor}.name`), ...until(date) }),
    })),
    ...locks.locked.map((factor) => ({
      kind: 'danger' as const,
      text: t('staff.contact.factorLocked', { factor: t(`${factor}.name`) }),
    })),
  ];
}

/** What is done from beside a contact's address; null where the profile allows none of it (S13, Z16). */
export function contactMenu(
  { id, name }: Person,
  { permissions }: Person,
  t: Translate,
): { label: string; links: { href: string; label: string }[] } | null {
  const base = `/staff/contacts/${id}`;
  const links = [
    ...(permissions.includes('customers.edit')
      ? [{ href: `${base}/login-details`, label: t('staff.details.link') }]
      : []),
    ...(permissions.includes('mfa.reset.user') ? [{ href: `${base}/reset-mfa`, label: t('staff.contact.reset') }] : []),
  ];
  return links.length === 0 ? null : { label: t('staff.contact.menu', { name }), links };
}

/** What this member of staff may do here now. What their profile does not allow is not shown. */
function actionsOf(
  contact: Person,
  reader: Person,
  { locks, invited }: { locks: Locks; invited: boolean },
): Record<string, boolean> {
  const may = (permission: Permission) => reader.permissions.includes(permission);
  const waits = !contact.hasPassword && !contact.disabled;
  return {
    edit: may('customers.edit'),
    reset: may('mfa.reset.user'),
    takeCompanyWord: may('mfa.require.user') && contact.companyWord === 'required',
    disable: may('customers.edit') && !contact.disabled,
    keepDisabled: may('customers.edit') && contact.disabledByCompany,
    enable: may('customers.edit') && contact.disabled,
    endSignIns: may('customers.edit') && !contact.disabled && contact.hasPassword,
    unlock: canUnlock(locks),
    resend: waits,
    revoke: waits && invited && may('customers.edit'),
  };
}
