import type { IssuedLink } from '../../accounts/links.ts';
import { requestContext } from '../../platform/request-context.ts';
import type { Mails, Words, Wording } from '../mails.ts';
import { whereFrom, type Whereabouts } from '../notices.ts';

interface LinkMail {
  link: IssuedLink;
  askedAt: Date;
  once: string;
}

/** What a mail with a link says: whose it is, until when it works, and when and from where it was asked for. */
export interface LinkValues {
  email: string;
  token: string;
  until: Date;
  askedAt: Date;
  from: Whereabouts | null;
}

/** Mails the link to a new password. */
export function mailPasswordReset(mails: Mails, mail: LinkMail): Promise<void> {
  const { person } = mail.link;
  return mails.send({ kind: 'password-reset', person, once: mail.once }, (words) =>
    writePasswordReset(words, valuesOf(mail)),
  );
}

/** Mails the link that lifts the limit on password tries. */
export function mailUnlock(mails: Mails, mail: LinkMail): Promise<void> {
  const { person } = mail.link;
  return mails.send({ kind: 'unlock', person, once: mail.once }, (words) => writeUnlock(words, valuesOf(mail)));
}

/** Writes the link to a new password. */
export function writePasswordReset(words: Words, values: LinkValues): Wording {
  const { t, siteName: site } = words;
  const { email, token } = values;
  return {
    heading: t('mail.passwordReset.heading'),
    paragraphs: [t('mail.passwordReset.text', { site, email })],
    facts: facts(values, words),
    advice: t('mail.passwordReset.advice'),
    action: { label: t('mail.passwordReset.action'), href: words.link(`/reset-password/${token}`) },
    closing: t('mail.passwordReset.closing', { site, email }),
  };
}

/** Writes the link that lifts the limit on password tries. */
export function writeUnlock(words: Words, values: LinkValues): Wording {
  const { t, siteName: site } = words;
  const { email, token } = values;
  return {
    heading: t('mail.unlock.heading'),
    paragraphs: [t('mail.unlock.text', { site, email })],
    facts: facts(values, words),
    advice: t('mail.unlock.advice'),
    action: { label: t('mail.unlock.action'), href: words.link(`/unlock/${token}`) },
    closing: t('mail.unlock.closing', { site, email }),
  };
}

function valuesOf({ link: { person, token, until }, askedAt }: LinkMail): LinkValues {
  return { email: person.email, token, until, askedAt, from: requestContext() };
}

// When and from where, so that people can tell their own wish from a stranger's.
function facts({ askedAt, from, until }: LinkValues, words: Words) {
  const { t } = words;
  return [
    { term: t('mail.notice.when'), text: words.time(askedAt) },
    ...(from === null ? [] : [{ term: t('mail.notice.from'), text: whereFrom(from, t) }]),
    { term: t('mail.passwordReset.until'), text: words.time(until) },
  ];
}
