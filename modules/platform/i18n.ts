import { readFileSync } from 'node:fs';
import type { MessageParams } from '../kernel/errors.ts';
import type { Translate } from '../kernel/ports.ts';

/** Texts of one language: the portal's own and every factor's, in one table. */
export type Catalogue = ReadonlyMap<string, string>;

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

/** A moment in words ("in 4 minutes"), exactly, and for machines. */
export function dateTimeFormatter(options: { lang: string; timeZone: string; now: () => Date }) {
  const relative = new Intl.RelativeTimeFormat(options.lang, { numeric: 'auto' });
  const exact = new Intl.DateTimeFormat(options.lang, {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: options.timeZone,
  });
  return (date: Date) => {
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
