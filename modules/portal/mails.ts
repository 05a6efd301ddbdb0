import type { Person } from '../kernel/person.ts';
import type { Outbox, Translate } from '../kernel/ports.ts';
import { exactTime, knownZone, type Texts } from '../platform/i18n.ts';
import type { MailContent, RenderMail } from '../platform/mail-views.ts';

/** What a mail is written with, in the language of whoever gets it. */
export interface Words {
  t: Translate;
  /** Exact, in the reader's time zone, which is named. */
  time(date: Date): string;
  siteName: string;
  /** A whole address from a path of the portal; always of the configured base, never of a request (REC-4). */
  link(path: string): string;
  /** "If this was you ... If not: ...": whom to ask. */
  whomToAsk: string;
}

/** What one mail says. Default of `closing`: the one of mails about one's sign-in. */
export type Wording = Omit<MailContent, 'closing' | 'lang'> & { closing?: string };

export interface Letter {
  /** For lists and the log: `invitation`, say. */
  kind: string;
  /** Whose mail it is; decides language and time zone. */
  person: Pick<Person, 'email' | 'language' | 'timeZone'>;
  /** Default: the person's address. */
  to?: string;
  /** A second one with the same words here is not sent. */
  once?: string;
}

/** A mail as it leaves. */
export interface WrittenMail {
  subject: string;
  text: string;
  html: string;
}

export interface Mails {
  /** Writes one mail in the brand, and sends nothing. */
  write(letter: Pick<Letter, 'person' | 'to'>, write: (words: Words) => Wording): Promise<WrittenMail>;
  /** Writes one mail in the brand and puts it into the outbox; durable once it resolves. The subject is the site's name and the heading. */
  send(letter: Letter, write: (words: Words) => Wording): Promise<void>;
  /** True where a mail with these words in `once` was taken already. Asked before a new link: it would end the one in that mail. */
  has(once: string): Promise<boolean>;
}

/** Every mail of the portal goes through here. */
export function createMails(ports: {
  outbox: Outbox;
  render: RenderMail;
  texts: Texts;
  siteName: string;
  helpContact: string;
  baseUrl(): string;
}): Mails {
  const { siteName, helpContact } = ports;
  const mails: Mails = {
    has: (once) => ports.outbox.has(once),
    async write({ person, to = person.email }, write) {
      const lang = person.language ?? 'en';
      const t = ports.texts(lang);
      const content = write({
        t,
        time: (date) => exactTime(date, { lang, timeZone: knownZone(person.timeZone) }),
        siteName,
        link: (path) => `${ports.baseUrl()}${path}`,
        whomToAsk: helpContact === '' ? t('mail.notice.askOperator') : t('mail.notice.ask', { contact: helpContact }),
      });
      const closing = content.closing ?? t('mail.notice.closing', { site: siteName, email: to });
      const parts = await ports.render({ ...content, closing, lang });
      return { subject: `${siteName}: ${content.heading}`, ...parts };
    },
    async send({ kind, person, to = person.email, once }, write) {
      const written = await mails.write({ person, to }, write);
      await ports.outbox.enqueue({
        channel: 'mail',
        kind,
        to,
        ...written,
        ...(once === undefined ? {} : { once }),
      });
    },
  };
  return mails;
}
