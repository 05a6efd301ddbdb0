import assert from 'node:assert/strict';
import type { KeptMessage } from '../../modules/platform/outbox/outbox.ts';
import type { Answer, Visitor } from './http.ts';
import type { TestPortal } from './portal.ts';

/** The public pages that mailed links lead to. */
export type LinkPage = 'reset-password' | 'invitation' | 'unlock';

/** The mails with a link to one of those pages that somebody got, newest first. */
export async function linkMails(portal: TestPortal, page: LinkPage, email?: string): Promise<KeptMessage[]> {
  const mails = await portal.mails();
  return mails.filter(({ to, text }) => (email === undefined || to === email) && text.includes(`/${page}/`));
}

/** The path of a mail's link. */
export function linkIn({ text }: KeptMessage): string {
  const [, path] = /^https?:\/\/[^/\s]+(\/\S+\/[A-Za-z0-9_-]{43})$/m.exec(text) ?? [];
  assert.ok(path !== undefined, text);
  return path;
}

/** The token in a link's path. */
export const tokenIn = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** The path of the newest link that somebody got. */
export async function newestLink(portal: TestPortal, page: LinkPage, email: string): Promise<string> {
  const [mail] = await linkMails(portal, page, email);
  assert.ok(mail, `no ${page} mail to ${email}`);
  return linkIn(mail);
}

/** Types an address into the page for forgotten passwords. */
export function forgetPassword(visitor: Visitor, email: string) {
  return visitor.submit('/forgot-password', { email }, { from: '/forgot-password' });
}

/** Opens a link and sends the password that is chosen behind it, also where the page has no form for it (any more). */
export async function choosePassword(visitor: Visitor, link: string, newPassword: string): Promise<Answer> {
  const page = link.slice(0, link.lastIndexOf('/'));
  const shown = await visitor.follow(await visitor.get(link));
  if (shown.status === 200) return visitor.submit(page, { newPassword });
  return visitor.submit(page, { newPassword, _csrf: await anyFormToken(visitor) }, { hidden: false });
}

/** A form token of this browser, for a POST that no page has a form for. */
export async function anyFormToken(visitor: Visitor): Promise<string> {
  return (await visitor.get('/forgot-password')).forms[0]?.hidden.get('_csrf') ?? '';
}
