// What tests read of staff's pages, and who reads them.
import { addMember, signInFully, type Member } from '../../../../test/attacks/support/people.ts';
import { decodeEntities, readTags } from '../../../../test/support/html.ts';
import type { Answer, Fields, Visitor } from '../../../../test/support/http.ts';
import type { TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';

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

/** The address of a contact's page, or of one below it. */
export function pathOf({ id }: Person, rest = ''): string {
  return `/staff/contacts/${id}${rest}`;
}

/** A field's tag. */
export function boxOf(page: Answer, name: string) {
  return readTags(page.html).find((tag) => tag.name === 'input' && tag.attributes.get('name') === name);
}

/** Opens the form of the login details as a browser would, changes some fields ('' unticks), and presses OK. */
export async function editDetails(visitor: Visitor, person: Person, fields: Fields): Promise<Answer> {
  const path = pathOf(person, '/login-details');
  const page = await visitor.get(path);
  const typed = { name: valueOf(page, 'name'), email: valueOf(page, 'email') };
  const ticked = ['requireMfa', 'neverAsk'].flatMap((name): [string, string][] => {
    const box = boxOf(page, name)?.attributes;
    return box?.has('checked') && !box.has('disabled') ? [[name, 'yes']] : [];
  });
  const sent = Object.entries({ ...typed, ...Object.fromEntries(ticked), ...fields });
  return visitor.submit(path, Object.fromEntries(sent.filter(([, value]) => value.length > 0)), { from: path });
}
