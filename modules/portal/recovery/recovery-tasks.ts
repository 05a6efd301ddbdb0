import type { Links } from '../../accounts/links.ts';
import type { Accounts } from '../../accounts/people.ts';
import type { Audit, Throttle } from '../../kernel/ports.ts';
import type { Tasks } from '../../platform/tasks.ts';
import type { Mails } from '../mails.ts';
import { forgotPasswordTask } from './forgot-password-task.ts';
import { invitationAgainTask } from './invitation-again-task.ts';
import type { Invite } from './invite.ts';
import { unlockTask } from './unlock-task.ts';

/** Names who does the work that the public pages ask for and do not wait for: to find out whose address it is, and to mail the link. */
export function handleRecoveryTasks(
  tasks: Tasks,
  ports: { accounts: Accounts; links: Links; mails: Mails; invite: Invite; throttle: Throttle; audit: Audit },
): void {
  tasks.handle('forgot-password', forgotPasswordTask(ports));
  tasks.handle('invitation-again', invitationAgainTask(ports));
  tasks.handle('unlock-link', unlockTask(ports));
}
