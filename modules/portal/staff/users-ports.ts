import type { Request, RequestHandler } from 'express';
import type { Profiles } from '../../accounts/own-profiles.ts';
import type { Profile } from '../../accounts/profiles.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Permission, Person } from '../../kernel/person.ts';
import type { DurableOutbox } from '../../platform/outbox/outbox.ts';
import type { CustomersPorts } from './customers-ports.ts';
import { assertMayActOn } from './staff-access.ts';

/** What the pages of the Users tab work with. */
export interface UsersPorts extends CustomersPorts {
  outbox: DurableOutbox;
  profiles: Profiles;
}

/** The member of staff of the address. A contact, somebody missing and what is no id at all are the same 404 (AZ-2). */
export async function userOf(ports: Pick<UsersPorts, 'accounts'>, req: Request): Promise<Person> {
  const person = await ports.accounts.byId(String(req.params['id']));
  if (person?.kind !== 'staff') throw new Refused('not-found');
  return person;
}

/**
 * In front of whatever is done to a member of staff: first whether the profile allows it, then whether there is such a person, then
 * whether this one may act on that one (AZ-3), then a fresh proof (SES-12).
 */
export function forUser(ports: UsersPorts, permission: Permission = 'users.manage'): RequestHandler[] {
  const mayAct: RequestHandler = async (req, _res, next) => {
    assertMayActOn(ports.access.visitor(req).person, await userOf(ports, req));
    next();
  };
  return [ports.access.allow('users.manage'), ports.access.allow(permission), mayAct, ports.engine.freshly];
}

/** True where the one may give the profile: nobody gives more than they have, and only a Master Admin makes one (AZ-3). */
export function mayGive(actor: Person, profile: Profile): boolean {
  return (
    (actor.masterAdmin || !profile.masterAdmin) &&
    profile.permissions.every((permission) => actor.permissions.includes(permission))
  );
}

/** The profiles that the person may give: the built-in ones, the smallest first, then the portal's own. */
export async function profilesOf({ profiles }: Pick<UsersPorts, 'profiles'>, actor: Person): Promise<Profile[]> {
  return (await profiles.list()).filter((profile) => mayGive(actor, profile));
}

/** The chosen profile. Refuses one that there is not, and one that the actor may not give. */
export async function chosenProfile(
  { profiles }: Pick<UsersPorts, 'profiles'>,
  actor: Person,
  id: string,
): Promise<Profile> {
  const profile = await profiles.byId(id);
  if (!profile) throw new Refused('field-choice', { field: 'profile' });
  if (!mayGive(actor, profile)) throw new Refused('higher-profile');
  return profile;
}
