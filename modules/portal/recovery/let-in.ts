import type { Request, Response } from 'express';
import { emailKey } from '../../accounts/passwords/email.ts';
import type { Person } from '../../kernel/person.ts';
import type { Audit, Throttle } from '../../kernel/ports.ts';
import type { KnownDevices } from '../../sign-in/known-devices.ts';
import { passwordLockedUntil, unlockPassword } from '../../sign-in/password-tries.ts';

/** How somebody showed that they read the account's mailbox. */
export type MailboxProof = 'unlock-link' | 'reset-link' | 'invitation';

export type LetIn = (req: Request, res: Response, person: Person, by: MailboxProof) => Promise<void>;

/**
 * Clears the way for whoever used a mailed link: the tries that others used up no longer count, and from now on this browser has tries
 * of its own. An attacker who goes on guessing must not lock the owner out again before they have typed their password (RL-7).
 */
export function createLetIn(ports: { throttle: Throttle; knownDevices: KnownDevices; audit: Audit }): LetIn {
  const { throttle, knownDevices } = ports;
  return async (req, res, person, by) => {
    const account = emailKey(person.email);
    const wasLocked = (await passwordLockedUntil(throttle, account)) !== null;
    const device = await knownDevices.find(req, account);
    await unlockPassword(throttle, account, device === null ? [] : [device]);
    knownDevices.mark(req, res);
    await knownDevices.remember(req, account);
    if (!wasLocked && by !== 'unlock-link') return;
    const who = { kind: 'person' as const, id: person.id };
    await ports.audit.record({ event: 'sign-in.unlocked', outcome: 'success', actor: who, target: who, reason: by });
  };
}
