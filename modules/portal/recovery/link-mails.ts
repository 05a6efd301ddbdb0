import type { IssuedLink } from '../../accounts/links.ts';
import { requestContext } from '../../platform/request-context.ts';
import type { Mails, Words } from '../mails.ts';
import { whereFrom } from '../notices.ts';

interface LinkMail {
  link: IssuedLink;
  askedAt: Date;
  once: string;
}

/** Mails the link to a new password. */
export function mailPasswordReset(mails: Mails, mail: LinkMail): Promise<void> {
  const { person, token } = mail.link;
  return mails.send({ kind: 'password-reset', person, once: mail.once }, (words) => {
    const { t, siteName: site } = words;
    return {
      heading: t('mail.passwordReset.heading'),
      paragraphs: [t('mail.passwordReset.text', { site, email: person.email })],
      facts: facts(mail, words),
      advice: t('mail.passwordReset.advice'),
      action: { label: t('mail.passwordReset.action'), href: words.link(`/reset-password/${token}`) },
      closing: t('mail.passwordReset.closing', { site, email: person.email }),
    };
  });
}

/** Mails the link that lifts the limit on password tries. */
export function mailUnlock(mails: Mails, mail: LinkMail): Promise<void> {
  const { person, token } = mail.link;
  return mails.send({ kind: 'unlock', person, once: mail.once }, (words) => {
    const { t, siteName: site } = words;
    return {
      heading: t('mail.unlock.heading'),
      paragraphs: [t('mail.unlock.text', { site, email: person.email })],
      facts: facts(mail, words),
      advice: t('mail.unlock.advice'),
      action: { label: t('mail.unlock.action'), href: words.link(`/unlock/${token}`) },
      closing: t('mail.unlock.closing', { site, email: person.email }),
    };
  });
}

// When and from where, so that people can tell their own wish from a stranger's.
function facts({ link, askedAt }: LinkMail, words: Words) {
  const { t } = words;
  const context = requestContext();
  return [
    { term: t('mail.notice.when'), text: words.time(askedAt) },
    ...(context === null ? [] : [{ term: t('mail.notice.from'), text: whereFrom(context, t) }]),
    { term: t('mail.passwordReset.until'), text: words.time(link.until) },
  ];
}
