import type { Response } from 'express';
import type { Person } from '../../kernel/person.ts';
import { translateOf } from '../../mfa/engine.ts';
import { decide } from '../../mfa/policy/decide.ts';
import { namesOf } from './audit-names.ts';
import { eventWords } from './audit-words.ts';
import { canUnlock, locksOf, type Locks } from './contact-locks.ts';
import { factorsOf, nextSignIn, notesOf, type Exact } from './contact-page.ts';
import { mayActOn } from './staff-access.ts';
import { allowed, userBadge } from './users-page.ts';
import type { UsersPorts } from './users-ports.ts';

const eventsShown = 20;

/** Everything that is shown of a member of staff: facts, what locks them out, what may be done, what happened. Never a secret. */
export async function userPage(
  ports: UsersPorts,
  page: { res: Response; user: Person; reader: Person },
): Promise<object> {
  const { res, user, reader } = page;
  const { engine, links, signIns, audit, clock } = ports;
  const t = translateOf(res);
  const facts = await engine.facts(user);
  const events = await audit.latest({ personId: user.id }, eventsShown);
  const names = await namesOf(events, ports);
  const invitation = user.hasPassword ? null : await links.invitationOf(user.id);
  const locks = await locksOf(ports, user);
  return {
    user: { name: user.name, email: user.email, profile: user.profileName ?? t('staff.home.noProfile') },
    badge: userBadge(user, t),
    notes: notesOf(user, locks, { t, dateTime: res.locals['dateTime'] as (date: Date) => Exact }),
    allows: allowed(user, t),
    mfa: {
      confirmed: user.emailConfirmed,
      factors: await factorsOf(ports, user, { t, facts }),
      next: nextSignIn(user, facts, { t, lang: res.locals['lang'] as string }),
      stranded: decide(facts).outcome === 'blocked',
    },
    access: {
      lastSignIn: user.lastSignInAt,
      signIns: (await signIns.listOf(user)).length,
      passwordSetAt: user.passwordSetAt,
      invitation: user.hasPassword
        ? null
        : { until: invitation?.until ?? null, open: invitation !== null && invitation.until > clock.now() },
    },
    // Said at once, not only when an action is refused.
    refused: mayActOn(reader, user)
      ? null
      : t(reader.id === user.id ? 'staff.refused.ownAccount' : 'staff.refused.higherProfile'),
    actions: actionsOf(user, reader, { locks, invited: invitation !== null }),
    auditHref: reader.permissions.includes('audit.read') ? `/staff/audit?person=${user.id}` : null,
    events: events.map((row) => ({
      ...eventWords(row, { t, names, reader }),
      at: row.at,
      failed: row.outcome === 'failure',
    })),
  };
}

/** What the reader may do here now; what they may not is not shown. */
function actionsOf(
  user: Person,
  reader: Person,
  { locks, invited }: { locks: Locks; invited: boolean },
): Record<string, boolean> {
  const may = mayActOn(reader, user);
  const waits = !user.hasPassword && !user.disabled;
  return {
    edit: may,
    profile: may,
    reset: may && user.hasPassword && reader.permissions.includes('mfa.reset.user'),
    disable: may && !user.disabled,
    enable: may && user.disabled,
    endSignIns: may && !user.disabled && user.hasPassword,
    unlock: may && canUnlock(locks),
    resend: may && waits,
    revoke: may && waits && invited,
    remove: may,
  };
}
