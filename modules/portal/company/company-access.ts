import type { Request, RequestHandler } from 'express';
import type { Accounts } from '../../accounts/people.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import { signedIn, type SignIns } from '../../kernel/sign-in.ts';
import type { PolicyStore } from '../../mfa/policy/policy-store.ts';

/** A company administrator at work. */
export interface CompanyAdministrator {
  person: Person;
  companyId: string;
  /** The policy lets companies require a second factor of their own people. */
  mayRequire: boolean;
}

export interface CompanyAccess {
  /** For everybody else, and while the policy has no company administrators, these pages are not there. */
  guard: RequestHandler;
  administrator(req: Request): Promise<CompanyAdministrator>;
  /** A contact of the administrator's own company; any other id, malformed ones too, is the same 404 (ASVS 8.2.2). */
  user(req: Request): Promise<Person>;
}

/** Who may open the Admin tab of a company, and whom they see there (P8, C12). */
export function createCompanyAccess(ports: {
  signIns: Pick<SignIns, 'visitor'>;
  policies: PolicyStore;
  accounts: Pick<Accounts, 'byId'>;
}): CompanyAccess {
  async function administrator(req: Request): Promise<CompanyAdministrator> {
    const { person } = signedIn(ports.signIns, req);
    const { companyAdmins } = await ports.policies.of('contact');
    if (person.kind !== 'contact' || !person.companyAdmin || person.companyId === null || companyAdmins === 'off')
      throw new Refused('not-found');
    return { person, companyId: person.companyId, mayRequire: companyAdmins === 'manageAndRequire' };
  }
  return {
    administrator,
    guard: async (req, _res, next) => {
      await administrator(req);
      next();
    },
    async user(req) {
      const { companyId } = await administrator(req);
      const found = await ports.accounts.byId(String(req.params['id']));
      if (found?.kind !== 'contact' || found.companyId !== companyId) throw new Refused('not-found');
      return found;
    },
  };
}
