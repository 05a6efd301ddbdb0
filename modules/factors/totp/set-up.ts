import type { Request } from 'express';
import { nameLimit } from '../../kernel/enrolment-name.ts';
import { generateSecret } from 'otplib';
import { totpPolicy, type TotpPolicy } from './policy.ts';
import { openSecret, type Authenticator, type TotpHost } from './secret.ts';
import { stateAfterUse, unusedState } from './state.ts';
import { checkCode, readCode } from './verify.ts';

/**
 * Each authenticator adds three codes that a guess can hit. Ten tries in 15 minutes against three of them stay below
 * one percent a day (RFC 4226 7.3, RL-3); a fourth would not.
 */
export const maxAuthenticators = 3;

/** RFC 4226 4 R6: 160 bits. */
export const secretBytes = 20;

/** A running set-up whose secret can be opened. */
export interface RunningSetUp {
  authenticator: Authenticator;
  secret: string;
}

export type Confirmation =
  | { outcome: 'confirmed'; authenticator: Authenticator }
  /** The code was right, and turning on is still to come. */
  | { outcome: 'verified' }
  | { outcome: 'wrong' }
  | { outcome: 'clock-hint'; offsetSteps: number }
  /** Another request confirmed, replaced or dropped this set-up meanwhile. */
  | { outcome: 'gone' };

/** The person's running set-up, unless there is none, it is over, or its secret cannot be opened. */
export async function runningSetUp(host: TotpHost, req: Request): Promise<RunningSetUp | null> {
  const authenticator = await host.enrolments.pending(host.owner(req));
  if (!authenticator) return null;
  const secret = await openSecret(host, req, authenticator);
  return secret === null ? null : { authenticator, secret };
}

/** Starts a set-up with a new secret; an earlier pending one is dead (TOTP-8). False: the person has as many as may be. */
export async function startSetUp(host: TotpHost, req: Request): Promise<boolean> {
  const person = host.person(req);
  const others = await host.enrolments.list(person.id);
  if (others.length >= maxAuthenticators) return false;
  const name = freeName(host.translate(req)('totp.enrol.defaultName'), others);
  const makeState = (enrolmentId: string) =>
    unusedState(host.seal(enrolmentId, person.id, generateSecret({ length: secretBytes })));
  const started = await host.enrolments.begin(person, makeState, name, host.owner(req).signInId);
  await host.audit(req, 'set-up-started', { outcome: 'success', enrolmentId: started.id });
  return true;
}

/** Confirms a set-up with a code, whose step is used up by that: the same code does not sign in afterwards (TOTP-3). */
export async function confirmSetUp(
  host: TotpHost,
  setUp: RunningSetUp,
  typed: { code: unknown; name: string },
  activation: TotpPolicy['activation'] = 'onVerify',
): Promise<Confirmation> {
  const { authenticator, secret } = setUp;
  const code = readCode(typed.code);
  if (code === null) return { outcome: 'wrong' };
  const { state } = authenticator;
  const verdict = checkCode({
    secret,
    code,
    lastStep: state.lastStep,
    hintedSteps: state.hintedSteps,
    now: host.now(),
  });
  // No step is used up by a hint here: whoever sets up sees the secret, there is nothing left to guess.
  if (verdict.outcome === 'clock-hint') return verdict;
  if (verdict.outcome !== 'right') return { outcome: 'wrong' };
  const used = stateAfterUse(state, { step: verdict.step, sealedSecret: state.sealedSecret, now: host.now() });
  if (activation === 'explicit')
    return { outcome: (await host.enrolments.swap(authenticator, used)) ? 'verified' : 'gone' };
  return activate(host, { ...authenticator, state: used }, typed.name);
}

/** Turns a verified set-up on; the last of its steps where the policy makes it one (Z9). */
export async function activate(host: TotpHost, authenticator: Authenticator, name = ''): Promise<Confirmation> {
  if (!authenticator.state.verified) return { outcome: 'gone' };
  const others = await host.enrolments.list(authenticator.personId);
  const confirmed = await host.enrolments.confirm(authenticator, {
    state: authenticator.state,
    name: freeName(name === '' ? authenticator.name : name, others),
  });
  return confirmed ? { outcome: 'confirmed', authenticator: confirmed } : { outcome: 'gone' };
}

/** What the policy says of set-ups, for the visitor of an enrolment page. */
export async function policyOf(host: TotpHost, req: Request): Promise<TotpPolicy> {
  return totpPolicy.parse(await host.policy(host.person(req)));
}

/** A name that none of the others has: numbered from 2 where it is taken. */
export function freeName(wanted: string, others: readonly { name: string }[]): string {
  const taken = new Set(others.map(({ name }) => name.toLowerCase()));
  let name = wanted;
  for (let number = 2; taken.has(name.toLowerCase()); number += 1) {
    const suffix = ` ${String(number)}`;
    name =
      Array.from(wanted)
        .slice(0, nameLimit - suffix.length)
        .join('')
        .trimEnd() + suffix;
  }
  return name;
}
