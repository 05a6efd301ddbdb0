import { emailKey } from '../../accounts/passwords/email.ts';
import type { Person } from '../../kernel/person.ts';
import type { Throttle } from '../../kernel/ports.ts';
import type { Engine } from '../../mfa/engine.ts';
import { passwordLockedUntil, unlockPassword } from '../../sign-in/password-tries.ts';

/** What keeps a contact out at the moment. */
export interface Locks {
  password: Date | null;
  /** Factors whose tries are used up, until when. */
  windows: { factor: string; until: Date }[];
  /** Factors that a hundred wrong codes in a row locked: only a reset helps. */
  locked: string[];
}

interface LockPorts {
  throttle: Throttle;
  engine: Engine;
}

const ceilingsOf = (engine: Engine) =>
  [...engine.factors.values()].map(({ definition }) => ({
    factor: definition.id,
    ceiling: definition.limits.verify,
  }));

/** Every limit that a contact has run into. */
export async function locksOf({ throttle, engine }: LockPorts, { id, email }: Person): Promise<Locks> {
  const windows = await Promise.all(
    ceilingsOf(engine).map(async ({ factor, ceiling }) => ({
      factor,
      until: await engine.attempts.fullUntil({ personId: id, factor, ceiling }),
    })),
  );
  const held = (await engine.enrolments.activeOf(id)).map((row) => row.factor);
  return {
    password: await passwordLockedUntil(throttle, emailKey(email)),
    windows: windows.flatMap(({ factor, until }) => (until ? [{ factor, until }] : [])),
    locked: [...(await engine.attempts.locked(id, [...new Set(held)]))],
  };
}

/** Gives a contact all tries back, but for factors that a hundred wrong codes locked. False: none was used. */
export async function unlock({ throttle, engine }: LockPorts, { id, email }: Person): Promise<boolean> {
  const freed = await Promise.all([
    unlockPassword(throttle, emailKey(email)),
    ...ceilingsOf(engine).map((one) => engine.attempts.free({ personId: id, ...one })),
  ]);
  return freed.includes(true);
}
