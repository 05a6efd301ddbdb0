import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Visitor } from '../../../../test/support/http.ts';
import type { TestPortal } from '../../../../test/support/portal.ts';
import { createMailViews } from '../../../platform/mail-views.ts';
import { folders } from '../../../platform/http/views.ts';
import { readTexts } from '../../../platform/i18n.ts';
import { createMails, type Mails } from '../../mails.ts';

export const emailPath = '/account/email';

/** An address that nobody has. */
export function freshEmail(): string {
  return `new.${randomBytes(4).toString('hex')}@example.com`;
}

/** Types a new address into the form. */
export function askFor(visitor: Visitor, email: string) {
  return visitor.submit(emailPath, { email }, { from: emailPath });
}

/** The link that was mailed to an address; undefined where none was. */
export async function linkTo(
  portal: TestPortal,
  email: string,
  kind: 'confirm' | 'undo' = 'confirm',
): Promise<string | undefined> {
  const pattern = new RegExp(`http\\S+(/email/${kind}/[A-Za-z0-9_-]{43})`);
  const mail = (await portal.mails()).find(({ to, text }) => to === email && pattern.test(text));
  return pattern.exec(mail?.text ?? '')?.[1];
}

/** Opens a mailed link in a browser and presses the button behind it. */
export async function openAndPress(visitor: Visitor, link: string | undefined) {
  const page = await visitor.follow(await visitor.get(link ?? '/no-link'));
  return visitor.submit(page.url.pathname, {}, { from: page.url.pathname });
}

/** What staff's pages send mails with. */
export function mailsOf({ outbox, config, url }: TestPortal): Mails {
  const { siteName, brandColour, helpContact } = config;
  return createMails({
    outbox,
    render: createMailViews({ siteName, brandColour, cacheViews: false }),
    texts: readTexts({ locales: [join(folders.views, 'locales')], presets: [] }),
    siteName,
    helpContact,
    baseUrl: () => url,
  });
}
