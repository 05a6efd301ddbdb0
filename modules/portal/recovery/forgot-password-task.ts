import type { Links } from '../../accounts/links.ts';
import type { Accounts } from '../../accounts/people.ts';
import type { Person } from '../../kernel/person.ts';
import type { Audit, AuditEntry } from '../../kernel/ports.ts';
import type { Task } from '../../platform/tasks.ts';
import type { Mails } from '../mails.ts';
import type { Invite } from './invite.ts';
import { mailPasswordReset } from './link-mails.ts';

/** Finds out whose address somebody forgot the password of, and mails them what they need: a link, or the invitation anew. */
export function forgotPasswordTask(ports: {
  accounts: Accounts;
  links: Links;
  mails: Mails;
  invite: Invite;
  audit: Audit;
}): (task: Task) => Promise<void> {
  const { accounts, links, mails } = ports;

  const tell = (person: Person | null, outcome: AuditEntry['outcome'], reason?: string) =>
    ports.audit.record({
      event: 'password.reset-asked',
      outcome,
      actor: { kind: 'anonymous' },
      ...(person === null ? {} : { target: { kind: 'person' as const, id: person.id } }),
      ...(reason === undefined ? {} : { reason }),
    });

  return async ({ id, payload, createdAt }) => {
    // A run that was cut short after its mail: a new link would end the one in that mail, and no second mail may leave.
    if (await mails.has(id)) return;
    const person = (await accounts.findByEmail(String(payload['emailKey'])))?.person ?? null;
    if (person === null) {
      await tell(null, 'failure', 'unknown-address');
    } else if (!person.hasPassword && !person.disabled) {
      const by = { kind: 'anonymous' as const };
      const sent = await ports.invite(person, { by, inviter: null, once: id, onlyIfOpen: true });
      await (sent ? tell(person, 'success', 'invitation') : tell(person, 'failure', 'no-password'));
    } else {
      const link = await links.issue(person.id, 'passwordReset');
      await (link ? tell(person, 'success') : tell(person, 'failure', 'disabled'));
      if (link) await mailPasswordReset(mails, { link, askedAt: createdAt, once: id });
    }
  };
}
