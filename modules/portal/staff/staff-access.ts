import type { Request, RequestHandler } from 'express';
import { Refused } from '../../kernel/errors.ts';
import type { Permission, Person } from '../../kernel/person.ts';
import type { SignIns, Visitor } from '../../kernel/sign-in.ts';

export interface StaffAccess {
  /** The member of staff who asks. For customers staff's pages are not there at all. */
  visitor(req: Request): Visitor;
  /** Lets a request pass only with this permission; read anew at each request (SES-14). */
  allow(permission: Permission): RequestHandler;
}

/** Who may open staff's pages. */
export function createStaffAccess(signIns: SignIns): StaffAccess {
  function visitor(req: Request): Visitor {
    const found = signIns.visitor(req);
    if (found?.signIn.state !== 'satisfied') throw new Refused('sign-in-expired');
    if (found.person.kind !== 'staff') throw new Refused('not-found');
    return found;
  }
  return {
    visitor,
    allow: (permission) => (req, _res, next) => {
      if (!visitor(req).person.permissions.includes(permission)) throw new Refused('forbidden');
      next();
    },
  };
}

/** True where the one may act on the other: never on themselves, and on nobody who may do more than they (AZ-3). */
export function mayActOn(actor: Person, target: Person): boolean {
  return (
    actor.id !== target.id &&
    (actor.masterAdmin || !target.masterAdmin) &&
    target.permissions.every((permission) => actor.permissions.includes(permission))
  );
}

/** Refuses with the reason where `mayActOn` says no. */
export function assertMayActOn(actor: Person, target: Person): void {
  if (actor.id === target.id) throw new Refused('own-account');
  if (!mayActOn(actor, target)) throw new Refused('higher-profile');
}
