import type { IssuedLink, Links } from '../../accounts/links.ts';
import type { Person } from '../../kernel/person.ts';
import type { Audit, AuditEntry } from '../../kernel/ports.ts';
import type { Mails, Words, Wording } from '../mails.ts';

export interface Invitation {
  /** Who sends it, for the audit. */
  by: AuditEntry['actor'];
  /** Their name, for the mail; null where nobody is to be named. */
  inviter: string | null;
  /** For work that may be done twice: the second time keeps the link of the first mail. */
  once?: string;
  /** Only where an invitation is still open: one that was taken back stays so. */
  onlyIfOpen?: boolean;
}

/** Mails a person the link to choose a first password; an older one stops working. False: disabled, gone, joined already, or none is open. */
export type Invite = (person: Person, invitation: Invitation) => Promise<boolean>;

/** Sends invitations, the first and every further one. */
export function createInvite(ports: { links: Links; mails: Mails; audit: Audit }): Invite {
  const { links, mails, audit } = ports;
  return async ({ id }, { by, inviter, once, onlyIfOpen = false }) => {
    if (once !== undefined && (await mails.has(once))) return true;
    const link = await links.issue(id, 'invitation', { onlyIfOpen });
    if (link === null) return false;
    const { person, token, until } = link;
    // Before the mail: no link leaves without a trace.
    await audit.record({
      event: 'person.invited',
      outcome: 'success',
      actor: by,
      target: { kind: 'person', id },
    });
    const { email, companyName } = person;
    await mails.send({ kind: 'invitation', person, ...(once === undefined ? {} : { once }) }, (words) =>
      writeInvitation(words, { inviter, email, companyName, token, until }),
    );
    return true;
  };
}

/** Writes the link to a first password. */
export function writeInvitation(
  words: Words,
  about: Pick<Invitation, 'inviter'> & Pick<Person, 'email' | 'companyName'> & Pick<IssuedLink, 'token' | 'until'>,
): Wording {
  const { t, siteName: site } = words;
  const { inviter, email, companyName, token, until } = about;
  return {
    heading: t('mail.invitation.heading'),
    paragraphs: [
      inviter === null ? t('mail.invitation.byNobody', { site }) : t('mail.invitation.by', { inviter, site }),
    ],
    facts: [
      { term: t('mail.invitation.email'), text: email },
      ...(companyName === null ? [] : [{ term: t('mail.invitation.company'), text: companyName }]),
      { term: t('mail.invitation.until'), text: words.time(until) },
    ],
    advice: t('mail.invitation.advice'),
    action: { label: t('mail.invitation.action'), href: words.link(`/invitation/${token}`) },
    closing: t('mail.invitation.closing', { site, email }),
  };
}
