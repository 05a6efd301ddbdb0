import { Router, type Request, type Response } from 'express';
import { Refused } from '../../kernel/errors.ts';
import { languages, type Language } from '../../kernel/person.ts';
import type { Translate } from '../../kernel/ports.ts';
import { localOnly } from '../../platform/http/local-only.ts';
import type { Texts } from '../../platform/i18n.ts';
import { kindWords } from '../staff/mail-page.ts';
import type { Gallery } from './gallery.ts';
import type { SampleMail } from './mail-samples.ts';

const home = '/dev/gallery';

/** A mail's own styles and nothing else: no script, no image, no form, no way out of its frame, framed by the portal alone. */
const mailPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox";

/** What a portal under development can send, in both languages, with nothing in it that works: for the machine itself alone. */
export function galleryRoutes({ gallery, texts }: { gallery: Gallery; texts: Texts }): Router {
  const router = Router({ caseSensitive: true });

  router.get(home, localOnly, async (req, res) => {
    const { lang, t } = speak(req, res, texts);
    const lines = await Promise.all(
      gallery.mails(lang).map(async (sample) => {
        const { subject } = await gallery.write(sample, lang);
        return [
          { text: subject, href: addressOf(sample, lang) },
          { text: kindWords(sample.kind, t), quiet: sample.id },
        ];
      }),
    );
    res.render('dev/gallery', {
      ...frame(home, lang, t),
      table: {
        caption: t('gallery.page.mails'),
        count: String(lines.length),
        columns: [t('gallery.page.subject'), t('gallery.page.about')],
        rows: lines,
      },
      // Messages are written in the portal's own words, as mails are.
      messages: gallery.texts(texts(lang)),
    });
  });

  router.get(`${home}/:sample.html`, localOnly, async (req, res) => {
    const { lang } = speak(req, res, texts);
    const { html } = await gallery.write(find(gallery.mails(lang), req), lang);
    res.set({ 'Content-Security-Policy': mailPolicy, 'X-Frame-Options': 'SAMEORIGIN' });
    // By the HTML standard, a sandboxed page with an opener policy is a network error in a tab of its own.
    res.removeHeader('Cross-Origin-Opener-Policy');
    res.send(html);
  });

  router.get(`${home}/:sample`, localOnly, async (req, res) => {
    const { lang, t } = speak(req, res, texts);
    const all = gallery.mails(lang);
    const sample = find(all, req);
    const next = all[all.indexOf(sample) + 1];
    res.set(
      'Content-Security-Policy',
      `${res.get('Content-Security-Policy') ?? "default-src 'none'"};frame-src 'self'`,
    );
    res.render('dev/gallery-mail', {
      ...frame(`${home}/${sample.id}`, lang, t),
      mail: await gallery.write(sample, lang),
      to: sample.to,
      about: kindWords(sample.kind, t),
      source: `${home}/${sample.id}.html?lang=${lang}`,
      home: `${home}?lang=${lang}`,
      next: next ? addressOf(next, lang) : null,
    });
  });

  return router;
}

/** The page is in the language of its mails. */
function speak(req: Request, res: Response, texts: Texts): { lang: Language; t: Translate } {
  const { locals } = res as { locals: Record<string, unknown> };
  const lang = languages.find((one) => one === req.query['lang']) ?? (locals['lang'] as Language);
  const t = texts(lang, locals['preset'] as string | null | undefined);
  Object.assign(locals, { lang, t });
  return { lang, t };
}

function find(samples: readonly SampleMail[], req: Request): SampleMail {
  const found = samples.find(({ id }) => id === req.params['sample']);
  if (!found) throw new Refused('not-found');
  return found;
}

function addressOf({ id }: SampleMail, lang: Language): string {
  return `${home}/${id}?lang=${lang}`;
}

/** Nobody's page, whoever is signed in, with a tab for each language. */
function frame(path: string, lang: Language, t: Translate) {
  const labels = { en: t('account.preferences.en'), de: t('account.preferences.de') };
  const tabs = languages.map((one) => ({
    href: `${path}?lang=${one}`,
    label: labels[one],
    current: one === lang,
  }));
  return { pageMode: 'customer', account: null, tabs };
}
