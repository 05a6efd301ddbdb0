import type { Accounts } from '../../accounts/people.ts';
import type { Task } from '../../platform/tasks.ts';
import type { Invite } from './invite.ts';

/** Sends the invitation that `invitationAgainRoutes` was asked for. */
export function invitationAgainTask(ports: { accounts: Accounts; invite: Invite }): (task: Task) => Promise<void> {
  return async ({ id, payload }) => {
    const person = await ports.accounts.byId(String(payload['personId']));
    if (person) await ports.invite(person, { by: { kind: 'anonymous' }, inviter: null, once: id, onlyIfOpen: true });
  };
}
