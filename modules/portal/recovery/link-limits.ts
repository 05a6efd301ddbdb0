import type { Request, Response } from 'express';
import { linkLifetimes, type FoundLink, type Links } from '../../accounts/links.ts';
import type { LinkPurpose } from '../../accounts/person-row.ts';
import type { Ceiling, Throttle } from '../../kernel/ports.ts';
import { throttledUntil } from '../../platform/http/throttled.ts';
import { addressKey } from '../../platform/throttle.ts';

/** Ceilings of the pages that mailed links lead to, and of asking for such mails (RL-8, REC-7). */
export const linkCeilings = {
  /** Uses of links that are no good, from one address of the network. */
  uses: { tries: 30, windowSeconds: 900 },
  /** New passwords tried with one person's links: each costs a hash, and "the same as now" is a hint. */
  passwords: { tries: 20, windowSeconds: 3600 },
  /** Mails asked for from one address of the network, whoever they are for. */
  asks: { tries: 30, windowSeconds: 3600 },
  /** Mails to one account. */
  mails: { tries: 3, windowSeconds: 3600 },
  /**
   * And within the life of a link to a new password. With one fewer here, three strangers' wishes can't leave the owner without a link
   * for half of every hour: whoever is over either limit has one in the mailbox that works.
   */
  mailsInALinksLife: { tries: 2, windowSeconds: linkLifetimes.passwordReset / 1000 },
  /** Unlock links to one account. */
  unlocks: { tries: 3, windowSeconds: 86_400 },
} as const satisfies Record<string, Ceiling>;

/** Counts one wish for a mail; false: over a limit, and nothing may be queued. The answer is the same. */
export async function mayAskForMail(throttle: Throttle, who: { address: string; account: string }): Promise<boolean> {
  const asked = await throttle.take(['link-mails', 'address', addressKey(who.address)], linkCeilings.asks);
  if (!asked.allowed) return false;
  const account = ['link-mails', 'account', who.account];
  const marks = await throttle.takeInOrder([
    [account, linkCeilings.mailsInALinksLife],
    [account, linkCeilings.mails],
  ]);
  if (marks.every((mark) => mark.allowed)) return true;
  // Nothing is mailed: what was counted for it must not stand in for a mail.
  for (const mark of marks) if (mark.allowed) await mark.giveBack();
  return false;
}

/** The live link that a form is sent with; null where it is no good. Counted before the look-up; a right one takes its mark back. */
export async function countedLink(
  ports: { throttle: Throttle; links: Links },
  request: { req: Request; res: Response; purpose: LinkPurpose | 'emailUndo'; token: string | null },
): Promise<FoundLink | null> {
  const { req, res, purpose, token } = request;
  const mark = await ports.throttle.take(['link-uses', addressKey(req.ip ?? '')], linkCeilings.uses);
  if (!mark.allowed) throw throttledUntil(mark.retryAt, res, 'throttled');
  const found = await liveLink(ports.links, purpose, token);
  if (found) await mark.giveBack();
  return found;
}

/** The link of a token, if it can be used now. */
export async function liveLink(
  links: Links,
  purpose: LinkPurpose | 'emailUndo',
  token: string | null,
): Promise<FoundLink | null> {
  const found = token === null ? null : await links.find(purpose, token);
  return found?.inTime === true ? found : null;
}

/** Counts one password for a person; throws where the ceiling is reached. */
export async function countNewPassword(throttle: Throttle, res: Response, personId: string): Promise<void> {
  const mark = await throttle.take(['link-passwords', personId], linkCeilings.passwords);
  if (!mark.allowed) throw throttledUntil(mark.retryAt, res, 'throttled');
}
