import { join } from 'node:path';
import ejs from 'ejs';
import { textOn } from './http/brand.ts';
import { folders } from './http/views.ts';

/** What every mail says: texts only, whatever the mail is about. */
export interface MailContent {
  heading: string;
  paragraphs: readonly string[];
  facts: readonly { term: string; text: string }[];
  /** The one thing to do, in words. */
  advice: string | null;
  action: { label: string; href: string } | null;
  closing: string;
  lang: string;
}

export type RenderMail = (content: MailContent) => Promise<{ text: string; html: string }>;

/** Renders a mail's two parts in the brand: no image, no address but the action's, nothing that tells it was opened. */
export function createMailViews(options: { siteName: string; brandColour: string; cacheViews: boolean }): RenderMail {
  const brand = { colour: options.brandColour, text: textOn(options.brandColour) };
  const render = (file: string, locals: object, own: ejs.Options = {}) =>
    ejs.renderFile(join(folders.views, 'mail', file), locals, {
      views: [folders.views],
      cache: options.cacheViews,
      ...own,
    });
  return async (content) => {
    const locals = { ...content, siteName: options.siteName, brand };
    const [text, html] = await Promise.all([
      // Plain text has nothing to escape.
      render('message-text.ejs', locals, { escape: (text?: string) => text ?? '' }),
      render('message.ejs', locals),
    ]);
    return { text: `${text.replace(/\n{3,}/g, '\n\n').trim()}\n`, html };
  };
}
