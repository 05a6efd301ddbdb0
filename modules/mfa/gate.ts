import type { Gate } from '../kernel/ports.ts';
import type { Person } from '../kernel/person.ts';
import { hasProvenFactor, pageAfterSignIn, trustedDeviceMethod, type Visitor } from '../kernel/sign-in.ts';
import { Refused } from '../kernel/errors.ts';
import type { Engine } from './engine.ts';
import { decide, decideAfterRetired, missingRecovery, requirementOf } from './policy/decide.ts';
import type { Decision } from '../kernel/ports.ts';

/** The decision for a visitor in the middle of their sign-in: a proof with a retired factor counts once. */
export async function decideFor(engine: Engine, visitor: Visitor): Promise<Decision> {
  const facts = await engine.facts(visitor.person);
  const decision = decide(facts);
  return decision.outcome === 'verify' && decision.retired && hasProvenFactor(visitor.signIn)
    ? decideAfterRetired(facts)
    : decision;
}

/** The page of what is left after a proof. */
export const lastStepsPage = '/sign-in/done';

const stepPages = { verify: '/sign-in/challenge', enrol: '/sign-in/enrol', blocked: '/sign-in/blocked' } as const;

/** Passwords shorter than this are for people who are always asked for a second factor (NIST SP 800-63B-4 3.1.1.2). */
export const passwordLengths = { alone: 15, withFactor: 8 } as const;

/** The policy's doorkeeper. */
export function createGate(engine: Engine): Gate & { minimumPasswordLength(person: Person): Promise<number> } {
  const { signIns, audit } = engine.ports;

  // Short only where a factor is asked at every single sign-in: no grace, no trusted browser, no word that one click takes away.
  async function minimumPasswordLength(person: Person): Promise<number> {
    const policy = await engine.policies.of(person.kind);
    if (person.kind === 'staff' || policy.graceDays > 0 || policy.trustedDeviceDays > 0) return passwordLengths.alone;
    const groupWords = person.companyId === null ? [] : await engine.groups.wordsOf(person.companyId);
    const { requirement, by } = requirementOf({ ...person, groupWords, policy });
    return requirement === 'required' && by !== 'staff' && by !== 'company'
      ? passwordLengths.withFactor
      : passwordLengths.alone;
  }

  return {
    minimumPasswordLength,
    async open(req) {
      const visitor = signIns.visitor(req);
      if (!visitor) throw new Refused('sign-in-expired');
      const decision = await decideFor(engine, visitor);
      const who = { kind: 'person' as const, id: visitor.person.id };
      if (decision.outcome === 'satisfied') {
        const signIn = await signIns.satisfy(req, null, { reason: decision.reason });
        if (!signIn) throw new Refused('challenge-expired');
        return pageAfterSignIn(signIn, visitor.person);
      }
      if (
        decision.outcome === 'verify' &&
        !decision.retired &&
        // What everybody must have comes after a proof; a trusted browser would put it off for good.
        missingRecovery(await engine.facts(visitor.person)).length === 0 &&
        (await engine.trustedDevices?.use(req, visitor.person))
      ) {
        const signIn = await signIns.satisfy(req, trustedDeviceMethod, { reason: decision.reason, fresh: 'not' });
        if (!signIn) throw new Refused('challenge-expired');
        return pageAfterSignIn(signIn, visitor.person);
      }
      if (decision.outcome === 'enrol') {
        const [only, ...others] = decision.factors;
        if (only !== undefined && others.length === 0) await engine.factors.get(only)?.running.beginSetUp?.(req);
      }
      if (decision.outcome === 'verify') {
        const [first] = decision.factors;
        if (first !== undefined) await engine.moveTo(req, first, 'signIn');
      }
      if (decision.outcome === 'blocked') {
        await engine.recordUnreadable(visitor);
        await audit.record({
          event: 'sign-in.blocked',
          outcome: 'failure',
          actor: who,
          target: who,
          reason: decision.reason,
          signInId: visitor.signIn.id,
        });
      }
      return stepPages[decision.outcome];
    },
    async nextStep(req, visitor) {
      const { person, signIn } = visitor;
      if (signIn.state === 'password') {
        const decision = await decideFor(engine, visitor);
        if (decision.outcome === 'verify' && signIn.lastSteps && hasProvenFactor(signIn)) return lastStepsPage;
        if (decision.outcome !== 'satisfied') return stepPages[decision.outcome];
        // Let in by a change of policy since the password: a new sign-in is the one place that lets people in.
        await signIns.end(req, 'policy-changed');
        return '/sign-in';
      }
      // "Signed in" means that the policy was satisfied at sign-in; for staff it is asked again at every request.
      if (person.kind === 'staff') {
        const decision = await decideFor(engine, visitor);
        const fine =
          decision.outcome === 'satisfied' || (decision.outcome === 'verify' && hasProvenFactor(visitor.signIn));
        if (!fine) {
          await signIns.end(req, 'policy-changed');
          return '/sign-in';
        }
      }
      if (person.passwordShort && (await minimumPasswordLength(person)) > passwordLengths.withFactor)
        return '/sign-in/new-password';
      return null;
    },
  };
}
