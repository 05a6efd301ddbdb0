import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MessageParams } from '../kernel/errors.ts';
import type { Language } from '../kernel/person.ts';
import type { Translate } from '../kernel/ports.ts';

/** Texts of one language: the portal's own and every factor's, in one table. */
export type Catalogue = ReadonlyMap<string, string>;
export type Catalogues = Readonly<Record<Language, Catalogue>>;

/** The catalogue files of one language in a `locales` folder: `en.json`, or every file in `en/`. */
export function catalogueFiles(folder: string, language: Language): string[] {
  const single = join(folder, `${language}.json`);
  if (existsSync(single)) return [single];
  const several = join(folder, language);
  return existsSync(several)
    ? readdirSync(several)
        .filter((name) => name.endsWith('.json'))
        .sort()
        .map((name) => join(several, name))
    : [];
}

/** Reads catalogues; a later file may add keys, never take over one that is there. Throws on a clash. */
export function readCatalogue(files: readonly string[]): Catalogue {
  const texts = new Map<string, string>();
  for (const file of files) {
    const entries = Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>);
    for (const [key, text] of entries) {
      if (typeof text !== 'string') throw new Error(`The text ${key} in ${file} is not a string.`);
      if (texts.has(key)) throw new Error(`The text ${key} is in two catalogues.`);
      texts.set(key, text);
    }
  }
  return texts;
}

/** Every language's texts, of all `locales` folders together. A text that a language lacks is English: a factor may bring no other. */
export function readCatalogues(folders: readonly string[]): Catalogues {
  const read = (language: Language) => readCatalogue(folders.flatMap((folder) => catalogueFiles(folder, language)));
  const en = read('en');
  return { en, de: new Map([...en, ...read('de')]) };
}

/** Looks a text up and fills `{name}` places. A missing key shows as itself, so that a page still works; tests refuse it. */
export function translator(catalogue: Catalogue): Translate {
  return (key: string, params: MessageParams = {}) => {
    const text = catalogue.get(key);
    if (text === undefined) return key;
    return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
      Object.hasOwn(params, name) ? String(params[name]) : whole,
    );
  };
}

/** Gives the translator of a language, in the words of a preset; null: in the portal's own. */
export type Texts = (language: Language, preset?: string | null) => Translate;

/**
 * The words of every preset lie over the portal's own: `<preset>.<language>.json` in a presets folder replaces texts that are there,
 * and brings none of its own. Throws for a key that nobody knows.
 */
export function readTexts(folders: { locales: readonly string[]; presets: readonly string[] }): Texts {
  const base = readCatalogues(folders.locales);
  const made = new Map<string, Translate>();

  function over(language: Language, preset: string): Catalogue {
    const texts = new Map(base[language]);
    for (const folder of folders.presets) {
      const file = join(folder, `${preset}.${language}.json`);
      if (!existsSync(file)) continue;
      for (const [key, text] of readCatalogue([file])) {
        if (!texts.has(key)) throw new Error(`The text ${key} in ${file} replaces none.`);
        texts.set(key, text);
      }
    }
    return texts;
  }

  return (language, preset = null) => {
    const name = `${language} ${preset ?? ''}`;
    const known = made.get(name);
    if (known) return known;
    const t = translator(preset === null ? base[language] : over(language, preset));
    made.set(name, t);
    return t;
  };
}

const exactFormats = new Map<string, Intl.DateTimeFormat>();

/** Made once for each language and zone: making one costs more than a page. */
function exactFormat(lang: string, timeZone: string): Intl.DateTimeFormat {
  const key = `${lang} ${timeZone}`;
  const known = exactFormats.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(lang === 'en' ? 'en-GB' : lang, {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone,
  });
  exactFormats.set(key, made);
  return made;
}

/** A zone that this machine knows: one chosen on another machine, or before an upgrade, must not break every page and mail. */
export function knownZone(timeZone: string | null): string {
  if (timeZone === null) return 'UTC';
  try {
    exactFormat('en', timeZone);
    return timeZone;
  } catch {
    return 'UTC';
  }
}

/** A moment for mails and sentences: exact, in the zone, which is named. */
export function exactTime(date: Date, options: { lang: string; timeZone: string }): string {
  return `${exactFormat(options.lang, options.timeZone).format(date)} ${options.timeZone}`;
}

/** A moment in words ("in 4 minutes"), exactly, and for machines. */
export function dateTimeFormatter(options: { lang: string; timeZone: string; now: () => Date }) {
  const exact = exactFormat(options.lang, options.timeZone);
  return (date: Date) => {
    const relative = new Intl.RelativeTimeFormat(options.lang, { numeric: 'auto' });
    const seconds = (date.getTime() - options.now().getTime()) / 1000;
    const size = Math.abs(seconds);
    const steps: [number, number, Intl.RelativeTimeFormatUnit][] = [
      [60, 1, 'second'],
      [3600, 60, 'minute'],
      [86_400, 3600, 'hour'],
      [2_592_000, 86_400, 'day'],
      [31_536_000, 2_592_000, 'month'],
      [Infinity, 31_536_000, 'year'],
    ];
    const [, unitSeconds, unit] = steps.find(([limit]) => size < limit) ?? [0, 31_536_000, 'year' as const];
    const amount = Math.trunc(seconds / unitSeconds) || 0;
    return { relative: relative.format(amount, unit), exact: exact.format(date), iso: date.toISOString() };
  };
}
