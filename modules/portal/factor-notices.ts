import { keyOf, type Directory } from '../accounts/directory.ts';
import type { Permission, Person } from '../kernel/person.ts';
import type { FactorNotice, Notifier } from '../kernel/ports.ts';
import type { Mails, Words, Wording } from './mails.ts';

const atOnce = 100;

/** Mails that factors ask for, to staff about the portal. */
export function createNotifier(ports: { mails: Mails; directory: Directory }): Notifier {
  const { mails, directory } = ports;

  async function* staffWho(permission: Permission): AsyncGenerator<Person> {
    let last: Person | undefined;
    do {
      const page = await directory.page(
        { kind: 'staff', canSignIn: true },
        { after: last ? keyOf(last) : null, count: atOnce },
      );
      yield* page.filter((one) => one.permissions.includes(permission));
      last = page.length < atOnce ? undefined : page.at(-1);
    } while (last);
  }

  return {
    async tellStaff(permission, notice) {
      const { once } = notice;
      for await (const person of staffWho(permission)) {
        const letter = {
          kind: 'alert.factor',
          person,
          ...(once === undefined ? {} : { once: `${once} ${person.id}` }),
        };
        await mails.send(letter, (words) => writeFactorAlert(words, notice));
      }
    },
  };
}

/** Writes to staff what a factor saw, with the page to look at. */
export function writeFactorAlert(
  words: Words,
  { heading, text, params = {}, path }: Omit<FactorNotice, 'once'>,
): Wording {
  return {
    heading: words.t(heading, params),
    paragraphs: [words.t(text, { ...params, site: words.siteName })],
    facts: [],
    advice: null,
    action: { label: words.t('mail.alert.action'), href: words.link(path) },
    closing: words.t('mail.alert.closing', { site: words.siteName }),
  };
}
