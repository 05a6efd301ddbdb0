import { readFileSync } from 'node:fs';
import { fold, isPattern, isTrivial, readings, repeatedUnit } from './password-patterns.ts';

let listed: ReadonlySet<string> | undefined;

/** True when the folded text is on the list, as a whole. The list is read once, at the first question. */
export function isListed(folded: string): boolean {
  listed ??= new Set(
    readFileSync(new URL('./common-passwords.txt', import.meta.url), 'utf8')
      .trimEnd()
      .split('\n'),
  );
  return listed.has(folded) || listed.has(folded.replace(/[\s._-]/g, ''));
}

/** True for a password that guessing programs try early: listed, a listed one dressed up or repeated, or a mere pattern. */
export function isCommonPassword(password: string): boolean {
  const text = fold(password);
  return isPattern(text) || readings(text).some(({ core, padding }) => isTrivial(padding) && isListedOrRepeats(core));
}

function isListedOrRepeats(core: string): boolean {
  if (isListed(core)) return true;
  const unit = repeatedUnit(core);
  return unit !== null && readings(unit).some((reading) => isTrivial(reading.padding) && isListed(reading.core));
}
