import type { Directory } from '../../accounts/directory.ts';
import type { Accounts } from '../../accounts/people.ts';
import type { Standing } from '../../accounts/standing.ts';
import type { Audit, Throttle } from '../../kernel/ports.ts';
import type { Engine } from '../../mfa/engine.ts';
import type { Flash } from '../../platform/http/flash.ts';
import type { SignInService } from '../../sign-in/sign-ins.ts';
import type { Invite } from '../recovery/invite.ts';
import type { CompanyAccess } from './company-access.ts';

/** What the pages of a company's administrators work with. */
export interface CompanyPorts {
  access: CompanyAccess;
  accounts: Accounts;
  directory: Directory;
  standing: Standing;
  signIns: SignInService;
  engine: Engine;
  invite: Invite;
  throttle: Throttle;
  audit: Audit;
  flash: Flash;
}
