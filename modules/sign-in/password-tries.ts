import type { Request, Response } from 'express';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { Audit, Ceiling, Mark, PasswordProof, Throttle } from '../kernel/ports.ts';
import { throttledUntil } from '../platform/http/throttled.ts';
import { addressKey } from '../platform/throttle.ts';

/** Ceilings of password tries. The account's is the one that guards; the address's is wide, for offices behind one address. */
export const passwordCeilings = {
  account: { tries: 10, windowSeconds: 900 },
  address: { tries: 100, windowSeconds: 900 },
} as const satisfies Record<string, Ceiling>;

type AllowedMark = Extract<Mark, { allowed: true }>;
export type CountedTry =
  { marks: AllowedMark[]; retryAt: null } | { marks: null; retryAt: Date; full: 'address' | 'account' };

interface CountPorts {
  throttle: Throttle;
  audit: Audit;
  accountOf(emailKey: string): Promise<{ id: string } | null>;
  /** Hears once in each window that an account's tries are used up, whether there is such an account or not. */
  onAccountFull?(emailKey: string): Promise<void>;
}

const accountKey = (account: string) => ['password', 'account', account];
const deviceKey = (device: string, account: string) => ['password', 'device', device, account];

/** Lifts the limit on tries for an account: a mailed link, or staff (RL-7). `devices`: browsers of it whose own tries are free again, too. False: none was used. */
export async function unlockPassword(
  throttle: Throttle,
  emailKey: string,
  devices: readonly string[] = [],
): Promise<boolean> {
  const keys = [accountKey(emailKey), ...devices.map((device) => deviceKey(device, emailKey))];
  const freed = await Promise.all(keys.map((key) => throttle.clear(key, passwordCeilings.account)));
  return freed.includes(true);
}

/** Until when the account's tries are used up; null where they are not. */
export function passwordLockedUntil(throttle: Throttle, emailKey: string): Promise<Date | null> {
  return throttle.fullUntil(accountKey(emailKey), passwordCeilings.account);
}

/** Until when the tries of one of the account's own browsers are used up: the last of them; null where none is. */
export async function devicesLockedUntil(
  throttle: Throttle,
  emailKey: string,
  devices: readonly string[],
): Promise<Date | null> {
  const full = await Promise.all(
    devices.map((device) => throttle.fullUntil(deviceKey(device, emailKey), passwordCeilings.account)),
  );
  return full.reduce((last, until) => (until && (!last || until > last) ? until : last), null);
}

async function recordThrottled(ports: CountPorts, account: string, reason: string): Promise<void> {
  const found = await ports.accountOf(account);
  await ports.audit.record({
    event: 'sign-in.throttled',
    outcome: 'failure',
    actor: { kind: 'anonymous' },
    reason,
    ...(found === null ? {} : { target: { kind: 'person', id: found.id } }),
  });
}

/** Counts one try before the hash is computed, for known and unknown accounts alike (RL-6, ENUM-3). */
export async function countPasswordTry(
  ports: CountPorts,
  who: { address: string; account: string; device: string | null },
): Promise<CountedTry> {
  const marks = await ports.throttle.takeInOrder([
    [['password', 'address', addressKey(who.address)], passwordCeilings.address],
    // A browser that signed in here before has tries of its own: a stranger's can't lock its owner out (RL-7).
    [who.device === null ? accountKey(who.account) : deviceKey(who.device, who.account), passwordCeilings.account],
  ]);
  const allowed = marks.filter((mark) => mark.allowed);
  const refused = marks.find((mark) => !mark.allowed);
  if (!refused) return { marks: allowed, retryAt: null };
  const full = allowed.length === 0 ? 'address' : 'account';
  if (refused.isFirst) {
    await recordThrottled(ports, who.account, full === 'account' && who.device !== null ? 'device' : full);
    if (full === 'account') await ports.onAccountFull?.(who.account);
  }
  return { marks: null, retryAt: refused.retryAt, full };
}

/** Takes marks back for a try that was right, or that was never checked. */
export async function giveBack(marks: readonly AllowedMark[]): Promise<void> {
  await Promise.all(marks.map((mark) => mark.giveBack()));
}

/** Step-up by password: the same door as sign-in, so the same limits (RL-8). */
export function createPasswordProof(
  ports: CountPorts & {
    emailKey(email: string): string;
    deviceOf(req: Request, account: string): Promise<string | null>;
    verify(person: Person, password: string): Promise<boolean>;
  },
): PasswordProof {
  return {
    async check(req: Request, res: Response, person, password) {
      const account = ports.emailKey(person.email);
      const device = await ports.deviceOf(req, account);
      const counted = await countPasswordTry(ports, { address: req.ip ?? '', account, device });
      if (counted.marks === null) return [throttledUntil(counted.retryAt, res, 'password-throttled')];
      const right = await ports.verify(person, password).catch(async (error: unknown) => {
        await giveBack(counted.marks);
        throw error;
      });
      await ports.audit.record({
        event: right ? 'challenge.accepted' : 'challenge.refused',
        outcome: right ? 'success' : 'failure',
        actor: { kind: 'person', id: person.id },
        target: { kind: 'person', id: person.id },
        detail: { purpose: 'stepUp' },
        reason: 'password',
      });
      if (!right) return [new Refused('password-wrong', { field: 'password' })];
      await giveBack(counted.marks);
      return [];
    },
  };
}
