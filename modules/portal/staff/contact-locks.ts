import { emailKey } from '../../accounts/passwords/email.ts';
import type { Person } from '../../kernel/person.ts';
import type { Throttle } from '../../kernel/ports.ts';
import type { Engine } from '../../mfa/engine.ts';
import type { KnownDevices } from '../../sign-in/known-devices.ts';
import { devicesLockedUntil, passwordLockedUntil, unlockPassword } from '../../sign-in/password-tries.ts';

/** What keeps a contact out at the moment. */
export interface Locks {
  password: Date | null;
  /** The tries of a browser that the person signed in with before are used up: it has its own (RL-7). */
  device: Date | null;
  /** Factors whose tries are used up, until when. */
  windows: { factor: string; until: Date }[];
  /** Factors that a hundred wrong codes in a row locked: only a reset helps. */
  locked: string[];
}

interface LockPorts {
  throttle: Throttle;
  knownDevices: Pick<KnownDevices, 'ofAccount'>;
  engine: Engine;
}

const ceilingsOf = (engine: Engine) =>
  [...engine.factors.values()].map(({ definition }) => ({
    factor: definition.id,
    ceiling: definition.limits.verify,
  }));

/** Every limit that a contact has run into. */
export async function locksOf({ throttle, knownDevices, engine }: LockPorts, { id, email }: Person): Promise<Locks> {
  const account = emailKey(email);
  const windows = await Promise.all(
    ceilingsOf(engine).map(async ({ factor, ceiling }) => ({
      factor,
      until: await engine.attempts.fullUntil({ personId: id, factor, ceiling }),
    })),
  );
  const held = (await engine.enrolments.activeOf(id)).map((row) => row.factor);
  return {
    password: await passwordLockedUntil(throttle, account),
    device: await devicesLockedUntil(throttle, account, await knownDevices.ofAccount(account)),
    windows: windows.flatMap(({ factor, until }) => (until ? [{ factor, until }] : [])),
    locked: [...(await engine.attempts.locked(id, [...new Set(held)]))],
  };
}

/** True where somebody has something to unlock. */
export const canUnlock = ({ password, device, windows }: Locks) =>
  password !== null || device !== null || windows.length > 0;

/** Gives a contact all tries back, but for factors that a hundred wrong codes locked. False: none was used. */
export async function unlock({ throttle, knownDevices, engine }: LockPorts, { id, email }: Person): Promise<boolean> {
  const account = emailKey(email);
  const freed = await Promise.all([
    unlockPassword(throttle, account, await knownDevices.ofAccount(account)),
    ...ceilingsOf(engine).map((one) => engine.attempts.free({ personId: id, ...one })),
  ]);
  return freed.includes(true);
}
