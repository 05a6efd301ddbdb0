import { z } from 'zod';
import type { AuditTrail } from '../../audit/audit-trail.ts';
import { contactStates, keyOf, type Directory } from '../../accounts/directory.ts';
import type { Language } from '../../kernel/person.ts';
import type { Translate } from '../../kernel/ports.ts';
import type { Engine } from '../../mfa/engine.ts';
import type { Tasks } from '../../platform/tasks.ts';
import type { Mails, Words, Wording } from '../mails.ts';
import { queryOf, type Selection } from './customers-page.ts';

const kind = 'mfa-announcement';
/** Mails in one step: well within a task's lease, so that no second process begins with the same people. */
const batch = 100;

/** What staff announce: that a second step will be asked of the selected contacts, and from which day. */
export interface Announcement {
  /** Made with the page: however often it is sent from there, each person gets one mail. */
  id: string;
  selection: Selection;
  /** A day as 2026-03-31; null: none is named. */
  from: string | null;
}

const todoForm = z.object({
  id: z.string(),
  actorId: z.string(),
  q: z.string(),
  state: z.enum([...contactStates, '']),
  from: z.string().nullable(),
  after: z.object({ nameKey: z.string(), id: z.string() }).nullable(),
  count: z.number(),
});
type Todo = z.infer<typeof todoForm>;

/** What the mail says, in the reader's language; the preview shows the same. */
export interface AnnouncementText {
  heading: string;
  paragraphs: string[];
  advice: string;
  /** Null where nobody can set a second step up before it is required. */
  action: string | null;
}

export interface Announcements {
  /** How many would get it: those of the selection who can sign in. */
  countOf(selection: Selection): Promise<number>;
  textIn(lang: Language, t: Translate, from: string | null): Promise<AnnouncementText>;
  /** Durable once it resolves; the mails are written in the background. */
  announce(announcement: Announcement, actorId: string): Promise<void>;
}

interface AnnouncementPorts {
  tasks: Tasks;
  directory: Directory;
  mails: Mails;
  audit: AuditTrail;
  engine: Engine;
  siteName: string;
  helpContact: string;
}

/** Tells contacts by mail that a second step will be required of them, before it is (D16). */
export function createAnnouncements(ports: AnnouncementPorts): Announcements {
  const { tasks, directory, mails, audit } = ports;
  const selected = async (selection: Selection) => ({ ...(await queryOf(ports, selection)), canSignIn: true });

  /** One step: the next people by name, then the rest as a task of its own. Done twice, it mails nobody twice. */
  async function step(todo: Todo): Promise<void> {
    const people = await directory.page(await selected(todo), { after: todo.after, count: batch });
    const mayPrepare = await mayPrepareOn(ports);
    for (const person of people) {
      const once = `${kind} ${todo.id} ${person.id}`;
      if (await mails.has(once)) continue;
      const { email } = person;
      const values = {
        lang: person.language ?? 'en',
        from: todo.from,
        mayPrepare,
        helpContact: ports.helpContact,
        email,
      };
      await mails.send({ kind, person, once }, (words) => writeAnnouncement(words, values));
    }
    const last = people.at(-1);
    const count = todo.count + people.length;
    if (last && people.length === batch) await tasks.add(kind, { ...todo, after: keyOf(last), count });
    else await noteDone({ ...todo, count });
  }

  async function noteDone({ id, actorId, q, state, from, count }: Todo): Promise<void> {
    const noted = await audit.latest({ event: 'mfa.announced', personId: actorId }, 20);
    if (noted.some(({ detail }) => detail?.['announcement'] === id)) return;
    await audit.record({
      event: 'mfa.announced',
      outcome: 'success',
      actor: { kind: 'person', id: actorId },
      // Not what was searched for: it may be somebody's name, and the audit outlives them (LOG-4).
      detail: { announcement: id, count, state: state === '' ? null : state, searched: q !== '', from },
    });
  }

  tasks.handle(kind, ({ payload }) => step(todoForm.parse(payload)));
  return {
    countOf: async (selection) => directory.count(await selected(selection)),
    textIn: async (lang, t, from) => {
      const { siteName, helpContact } = ports;
      return textOf({ t, siteName }, { lang, from, mayPrepare: await mayPrepareOn(ports), helpContact });
    },
    announce: ({ id, selection, from }, actorId) =>
      tasks.add(kind, { id, actorId, ...selection, from, after: null, count: 0 }),
  };
}

/** True where people can set a second step up before it is required of them. */
async function mayPrepareOn({ engine }: Pick<AnnouncementPorts, 'engine'>): Promise<boolean> {
  return (await engine.policies.of('contact')).mode !== 'off';
}

/** What decides the words of an announcement. */
export interface AnnouncementValues {
  lang: Language;
  /** A day as 2026-03-31; null: none is named. */
  from: string | null;
  /** Whether the reader can set a second step up before it is required. */
  mayPrepare: boolean;
  /** Empty where there is none. */
  helpContact: string;
}

/** Writes the announcement to one person. */
export function writeAnnouncement(words: Words, values: AnnouncementValues & { email: string }): Wording {
  const text = textOf(words, values);
  return {
    ...text,
    facts: [],
    action: text.action === null ? null : { label: text.action, href: words.link('/account/security') },
    closing: words.t('mail.announce.closing', { site: words.siteName, email: values.email }),
  };
}

function textOf(
  { t, siteName: site }: Pick<Words, 't' | 'siteName'>,
  { lang, from, mayPrepare, helpContact: contact }: AnnouncementValues,
): AnnouncementText {
  return {
    heading: t('mail.announce.heading'),
    paragraphs: [
      from === null ? t('mail.announce.soon', { site }) : t('mail.announce.from', { site, date: dayIn(lang, from) }),
      t('mail.announce.how'),
      t(mayPrepare ? 'mail.announce.prepare' : 'mail.announce.wait'),
    ],
    advice: contact === '' ? t('mail.announce.askOperator') : t('mail.announce.ask', { contact }),
    action: mayPrepare ? t('mail.announce.action') : null,
  };
}

/** A day in words. */
function dayIn(lang: Language, from: string): string {
  const format = new Intl.DateTimeFormat(lang === 'en' ? 'en-GB' : lang, { dateStyle: 'long', timeZone: 'UTC' });
  return format.format(new Date(`${from}T00:00:00Z`));
}
