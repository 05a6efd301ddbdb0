import type { RequestHandler } from 'express';
import { Refused } from '../kernel/errors.ts';
import type { Engine } from './engine.ts';

/** In front of every page that a factor has for people: one that is off for them has none, neither to set up nor to change what they have (D17). */
export function availabilityGuard(engine: Engine, factor: string): RequestHandler {
  return async (req, res, next) => {
    const visitor = engine.ports.signIns.visitor(req);
    if (!visitor) throw new Refused('sign-in-expired');
    const facts = await engine.facts(visitor.person);
    const isForced = visitor.signIn.state === 'password';
    if (facts.available.includes(factor) || facts.recovery.includes(factor)) {
      // A forced set-up has no menu; where there is another factor to set up instead, its pages lead back to the choice.
      res.locals['choice'] = isForced && !visitor.signIn.lastSteps && facts.available.length > 1;
      next();
      return;
    }
    if (!isForced) throw new Refused('not-found');
    // Switched off under a set-up that they are forced to: a dead end for them, so on to what is asked of them now.
    res.redirect(303, '/');
  };
}
