import type { RequestHandler } from 'express';
import type { SignIns } from '../kernel/sign-in.ts';
import type { Engine } from '../mfa/engine.ts';
import { requirementOf } from '../mfa/policy/decide.ts';

/** What the account menu offers: to turn the second factor on, or off where the person may (P1, P4, P5); and whether there is an Admin tab (P8). */
export function accountMenu(ports: { signIns: SignIns; engine: Engine }): RequestHandler {
  return async (req, res, next) => {
    const visitor = ports.signIns.visitor(req);
    if (visitor?.signIn.state === 'satisfied') {
      const { person } = visitor;
      const { groups, policies } = ports.engine;
      const [policy, groupWords] = await Promise.all([
        policies.of(person.kind),
        person.companyId === null ? [] : groups.wordsOf(person.companyId),
      ]);
      const { requirement } = requirementOf({ ...person, groupWords, policy });
      const enrolled = person.mfaState === 'enrolled';
      res.locals['menu'] = {
        enable: !enrolled && (requirement === 'optional' || requirement === 'required'),
        company: person.companyAdmin && policy.companyAdmins !== 'off',
        disable: enrolled && requirement === 'optional' && policy.userMayDisable !== 'never',
      };
    }
    next();
  };
}
