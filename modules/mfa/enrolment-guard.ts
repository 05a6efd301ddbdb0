import type { RequestHandler } from 'express';
import { Refused } from '../kernel/errors.ts';
import { translateOf, type Engine } from './engine.ts';
import { abilitiesOf, decide } from './policy/decide.ts';
import { reasonText } from './reason-text.ts';

/** In front of a factor's set-up pages: the factor must be on for this person, and the policy must let them set one up. */
export function enrolmentGuard(engine: Engine, factor: string): RequestHandler {
  return async (req, res, next) => {
    const visitor = engine.ports.signIns.visitor(req);
    if (!visitor) throw new Refused('sign-in-expired');
    const facts = await engine.facts(visitor.person);
    if (!engine.offered(facts).includes(factor)) throw new Refused('not-found');
    if (!abilitiesOf(facts).mayEnrol) throw new Refused('enrolment-not-allowed');
    const isPrimary = engine.roleOf(factor) === 'primary';
    const replaced = isPrimary
      ? await engine.enrolments.replacedBy(visitor.person.id, visitor.signIn.id, factor)
      : null;
    if (isPrimary && !abilitiesOf(facts).mayAddAnother && visitor.signIn.state === 'satisfied') {
      // One at a time: what is there goes first, or the new one takes its place (C6, W3).
      if (!replaced) throw new Refused('deactivate-first');
    }
    // Said on the pages of the set-up: who only wants another one beside it must not lose the old one unawares.
    res.locals['replaces'] = replaced && translateOf(res)('enrolment.replaces', { name: replaced.name });
    // After the proof only recovery factors are left to set up; another primary one is for whoever is in.
    if (visitor.signIn.lastSteps && engine.roleOf(factor) !== 'recovery') throw new Refused('enrolment-not-allowed');
    // A forced set-up has no menu to leave by, and says why it is asked for.
    if (visitor.signIn.state === 'password') {
      const why = reasonText(translateOf(res), visitor.person, decide(facts));
      Object.assign(res.locals, { pageMode: 'narrow', forced: true, why });
    }
    next();
  };
}
