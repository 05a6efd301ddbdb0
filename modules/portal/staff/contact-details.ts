import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { EmailChanged } from '../../accounts/links.ts';
import type { EmailAddress } from '../../accounts/passwords/email.ts';
import type { Person } from '../../kernel/person.ts';
import type { AuditEntry } from '../../kernel/ports.ts';
import { mailEmailChanged } from '../account/email-mails.ts';
import { recordBy, type CustomersPorts } from './customers-ports.ts';

/** What the form of the login details says. */
export interface Details {
  name: string;
  address: EmailAddress;
  staffWord: Person['staffWord'];
  companyAdmin: boolean;
  /** Null: nothing of their own, the portal's days hold. */
  graceUntil: Date | null;
}

/** What became of it: nothing to do, stored, or somebody else was first. */
export type DetailsOutcome =
  { outcome: 'same' } | { outcome: 'stale' } | { outcome: 'stored'; contact: Person; email: EmailChanged | null };

/** Stands for the details that a form was filled in on: sent back, it tells whether they still hold. */
export function versionOf(person: Person): string {
  const { name, email, staffWord, hasPassword, companyAdmin, graceUntil } = person;
  return createHash('sha256')
    .update(JSON.stringify([name, email, staffWord, hasPassword, companyAdmin, graceUntil]))
    .digest('base64url')
    .slice(0, 22);
}

/**
 * Stores the details if they still are what the form showed: of two members of staff who edit at once the later one is told, and never
 * overwrites a newer address unseen. The address comes first: where it is taken, nothing is stored.
 */
export async function changeDetails(
  { accounts, links }: Pick<CustomersPorts, 'accounts' | 'links'>,
  contactId: string,
  { seen, next, check }: { seen: string; next: Details; check?: (now: Person) => void },
): Promise<DetailsOutcome> {
  const release = await accounts.lock(contactId);
  try {
    const before = await accounts.byId(contactId);
    if (!before || versionOf(before) !== seen) return { outcome: 'stale' };
    check?.(before);
    const email =
      before.email === next.address.email
        ? null
        : await links.changeEmail(contactId, next.address, { from: before.email });
    // A link in a mail may have moved the address since: that one waits for no lock.
    if (!email && before.email !== next.address.email) return { outcome: 'stale' };
    const change = {
      ...(before.name === next.name ? {} : { name: next.name }),
      ...(before.staffWord === next.staffWord ? {} : { staffWord: next.staffWord }),
      ...(before.companyAdmin === next.companyAdmin ? {} : { companyAdmin: next.companyAdmin }),
      ...(isSame(before.graceUntil, next.graceUntil) ? {} : { graceUntil: next.graceUntil }),
    };
    if (Object.keys(change).length === 0)
      return email ? { outcome: 'stored', contact: email.person, email } : { outcome: 'same' };
    const contact = await accounts.edit(contactId, change);
    return contact ? { outcome: 'stored', contact, email } : { outcome: 'stale' };
  } finally {
    await release();
  }
}

const isSame = (one: Date | null, other: Date | null) => one?.getTime() === other?.getTime();

const dayText = (date: Date | null) => date?.toISOString().slice(0, 10) ?? null;

/** The audit, the end of sign-ins, and the mails that follow on a change. Gives the catalogue key of the sentence that says so. */
export async function followUp(
  ports: CustomersPorts,
  req: Request,
  { before, contact, email }: { before: Person; contact: Person; email: EmailChanged | null },
): Promise<string> {
  // First: the way back is kept nowhere but in this mail.
  if (email) await mailEmailChanged(ports.mails, { changed: email, by: 'staff' });
  const { person: actor } = ports.access.visitor(req);
  const by = { kind: 'person' as const, id: actor.id };
  const target = { kind: 'person' as const, id: contact.id };
  const detail: NonNullable<AuditEntry['detail']> = {
    // Not the names themselves: the audit outlives the person (LOG-4).
    ...(before.name === contact.name ? {} : { name: 'changed' }),
    ...(before.staffWord === contact.staffWord
      ? {}
      : { staffWordBefore: before.staffWord, staffWordAfter: contact.staffWord }),
    ...(before.companyAdmin === contact.companyAdmin
      ? {}
      : { companyAdminBefore: before.companyAdmin, companyAdminAfter: contact.companyAdmin }),
    // A tick ends a running grace by itself: that is no deadline that somebody chose.
    ...(isSame(before.graceUntil, contact.graceUntil) || before.staffWord !== contact.staffWord
      ? {}
      : { graceUntilBefore: dayText(before.graceUntil), graceUntilAfter: dayText(contact.graceUntil) }),
  };
  if (Object.keys(detail).length > 0) await recordBy(ports, req, { event: 'person.edited', target, detail });
  if (!email) {
    if (before.companyAdmin !== contact.companyAdmin)
      await ports.signIns.endAllOf(contact.id, { actor: by, reason: 'profile-changed' });
    return 'staff.details.saved';
  }
  await recordBy(ports, req, { event: 'person.email-changed', target, detail: { email: 'changed' } });
  await ports.signIns.endAllOf(contact.id, { actor: by, reason: 'email-changed' });
  if (contact.hasPassword) return 'staff.details.savedEmail';
  const invited = await ports.invite(contact, { by, inviter: actor.name });
  return invited ? 'staff.details.savedInvited' : 'staff.details.saved';
}
