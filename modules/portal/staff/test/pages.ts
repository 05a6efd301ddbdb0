// What tests read of staff's pages, and who reads them.
import { addMember, signInFully, type Member } from '../../../../test/attacks/support/people.ts';
import { decodeEntities } from '../../../../test/support/html.ts';
import type { Answer, Visitor } from '../../../../test/support/http.ts';
import type { TestPortal } from '../../../../test/support/portal.ts';

export interface Link {
  href: string;
  text: string;
}

/** The links of a page whose address begins so, in order. */
export function linksOf(page: Answer, start: string): Link[] {
  return [...page.html.matchAll(/<a\b[^>]*href="([^"]*)"[^>]*>([\s\S]*?)<\/a>/g)]
    .map(([, href = '', text = '']) => ({
      href: decodeEntities(href),
      text: decodeEntities(text.replace(/<[^>]*>/g, '')).trim(),
    }))
    .filter(({ href }) => href.startsWith(start));
}

/** What a field of the page holds. */
export function valueOf(page: Answer, name: string): string {
  return decodeEntities(new RegExp(`name="${name}"[^>]*value="([^"]*)"`).exec(page.html)?.[1] ?? '');
}

/** A page without what differs from one answer to the next. */
export function plain(page: Answer): string {
  return page.html.replace(/name="_csrf" value="[^"]*"/g, '');
}

/** A form token of the visitor's session, for forms that no page of theirs shows. */
export async function tokenOf(visitor: Visitor): Promise<string> {
  return (await visitor.get('/account/security')).forms[0]?.hidden.get('_csrf') ?? '';
}

/** Gives members of staff by their profile, with a proof that is fresh enough for a change. */
export function staffOf(portal: TestPortal): (profile: string) => Promise<Visitor> {
  const known = new Map<string, { member: Member; visitor: Visitor; since: Date }>();
  return async (profile) => {
    const before = known.get(profile);
    if (before && portal.clock.now().getTime() - before.since.getTime() < 240_000) return before.visitor;
    const member =
      before?.member ??
      (await addMember(portal, { kind: 'staff', profile, name: `The ${profile}`, email: `${profile}@staff.example` }));
    const visitor = await signInFully(portal, member);
    known.set(profile, { member, visitor, since: portal.clock.now() });
    return visitor;
  };
}
