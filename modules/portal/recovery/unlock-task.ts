import type { Links } from '../../accounts/links.ts';
import type { Accounts } from '../../accounts/people.ts';
import type { Audit, Throttle } from '../../kernel/ports.ts';
import type { Task } from '../../platform/tasks.ts';
import type { Mails } from '../mails.ts';
import { linkCeilings } from './link-limits.ts';
import { mailUnlock } from './link-mails.ts';

/** Mails the unlock link to whoever's password tries were used up; the sign-in asks for it whether there is such an account or not. */
export function unlockTask(ports: {
  accounts: Accounts;
  links: Links;
  mails: Mails;
  throttle: Throttle;
  audit: Audit;
}): (task: Task) => Promise<void> {
  const { accounts, links, mails, throttle } = ports;
  return async ({ id, payload, createdAt }) => {
    const account = String(payload['emailKey']);
    if (await mails.has(id)) return;
    const found = await accounts.findByEmail(account);
    if (!found || found.person.disabled || !found.person.hasPassword) return;
    const mark = await throttle.take(['unlock-links', account], linkCeilings.unlocks);
    if (!mark.allowed) return;
    try {
      const link = await links.issue(found.person.id, 'unlock');
      if (!link) return;
      const target = { kind: 'person' as const, id: found.person.id };
      await ports.audit.record({
        event: 'sign-in.unlock-mailed',
        outcome: 'success',
        actor: { kind: 'portal' },
        target,
      });
      await mailUnlock(mails, { link, askedAt: createdAt, once: id });
    } catch (error) {
      // It is done again, and that is the same mail.
      await mark.giveBack();
      throw error;
    }
  };
}
