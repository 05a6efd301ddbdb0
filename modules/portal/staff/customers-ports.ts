import type { Request, RequestHandler } from 'express';
import type { Companies, Company } from '../../accounts/companies.ts';
import type { Directory } from '../../accounts/directory.ts';
import type { Links } from '../../accounts/links.ts';
import type { Accounts } from '../../accounts/people.ts';
import type { Standing } from '../../accounts/standing.ts';
import type { AuditTrail } from '../../audit/audit-trail.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Permission, Person } from '../../kernel/person.ts';
import type { AuditEntry, Clock, Throttle } from '../../kernel/ports.ts';
import type { Engine } from '../../mfa/engine.ts';
import type { Flash } from '../../platform/http/flash.ts';
import type { KnownDevices } from '../../sign-in/known-devices.ts';
import type { SignInService } from '../../sign-in/sign-ins.ts';
import type { Mails } from '../mails.ts';
import type { Invite } from '../recovery/invite.ts';
import { assertMayActOn, type StaffAccess } from './staff-access.ts';

/** What the pages of the Customers tab work with. */
export interface CustomersPorts {
  access: StaffAccess;
  accounts: Accounts;
  companies: Companies;
  directory: Directory;
  links: Links;
  standing: Standing;
  signIns: SignInService;
  engine: Engine;
  throttle: Throttle;
  knownDevices: Pick<KnownDevices, 'ofAccount'>;
  audit: AuditTrail;
  flash: Flash;
  clock: Clock;
  invite: Invite;
  mails: Mails;
}

/** The contact of the address. Staff, somebody missing and what is no id at all are the same 404 (AZ-2). */
export async function contactOf(ports: Pick<CustomersPorts, 'accounts'>, req: Request): Promise<Person> {
  const person = await ports.accounts.byId(String(req.params['id']));
  if (person?.kind !== 'contact') throw new Refused('not-found');
  return person;
}

/** The company of the address; one that is missing and what is no id are the same 404. */
export async function companyOf(ports: Pick<CustomersPorts, 'companies'>, req: Request): Promise<Company> {
  const company = await ports.companies.byId(String(req.params['id']));
  if (!company) throw new Refused('not-found');
  return company;
}

/** In front of every page about one contact: first whether the profile allows it, then whether there is such a contact, so that nothing leaks. */
export function forContact(ports: CustomersPorts, permission: Permission): RequestHandler[] {
  const isThere: RequestHandler = async (req, _res, next) => {
    assertMayActOn(ports.access.visitor(req).person, await contactOf(ports, req));
    next();
  };
  return [ports.access.allow('customers.read'), ports.access.allow(permission), isThere];
}

/** In front of what changes who can sign in, or how: a fresh proof besides (SES-12). */
export function forContactFreshly(ports: CustomersPorts, permission: Permission): RequestHandler[] {
  return [...forContact(ports, permission), ports.engine.freshly];
}

/** Notes what the request's member of staff did. */
export function recordBy(
  ports: Pick<CustomersPorts, 'access' | 'audit'>,
  req: Request,
  done: Pick<AuditEntry, 'event' | 'reason' | 'detail'> & { target: NonNullable<AuditEntry['target']> },
): Promise<void> {
  const { person, signIn } = ports.access.visitor(req);
  return ports.audit.record({
    outcome: 'success',
    actor: { kind: 'person', id: person.id },
    signInId: signIn.id,
    ...done,
  });
}
