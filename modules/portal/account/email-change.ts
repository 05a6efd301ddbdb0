import type { Links } from '../../accounts/links.ts';
import type { Accounts } from '../../accounts/people.ts';
import { emailKey, type EmailAddress } from '../../accounts/passwords/email.ts';
import type { Person } from '../../kernel/person.ts';
import type { Audit } from '../../kernel/ports.ts';
import type { Tasks } from '../../platform/tasks.ts';
import type { Mails } from '../mails.ts';
import { mailEmailConfirmation } from './email-mails.ts';

const kind = 'email-confirmation';

/** Asks for another address of a person, or for the confirmation of the one they have. */
export type AskForEmail = (person: Person, address: EmailAddress, signInId: string) => Promise<void>;

/**
 * The request only notes what is wanted. Whether the address is somebody's is looked up afterwards, in the background, where nobody
 * can read it from the answer or its time (ENUM-1, ENUM-2); to one that is taken nothing is sent.
 */
export function createAskForEmail(ports: {
  links: Links;
  accounts: Accounts;
  audit: Audit;
  tasks: Tasks;
  mails: Mails;
}): AskForEmail {
  const { links, accounts, audit, tasks, mails } = ports;

  tasks.handle(kind, async ({ id, payload }) => {
    const { personId, email } = payload as { personId: string; email: string };
    const once = `${kind} ${id}`;
    if (await mails.has(once)) return;
    const holder = await accounts.findByEmail(emailKey(email));
    if (holder && holder.person.id !== personId) return;
    // The link is made only now: a token that waited in a task would lie open in the database.
    const link = await links.issueEmailChange(personId, email);
    if (link) await mailEmailConfirmation(mails, { ...link, email, once });
  });

  return async (person, address, signInId) => {
    if (!(await links.wantEmail(person.id, address))) return;
    await tasks.add(kind, { personId: person.id, email: address.email });
    const who = { kind: 'person' as const, id: person.id };
    await audit.record({
      event: 'person.email-change-asked',
      outcome: 'success',
      actor: who,
      target: who,
      signInId,
    });
  };
}
