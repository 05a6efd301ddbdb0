import { Refused } from '../../kernel/errors.ts';
import { isCommonPassword, isListed } from './common-passwords.ts';
import { fold, isTrivial, readings } from './password-patterns.ts';
import { countCodePoints, longestPassword, normalisePassword } from './password-text.ts';

export interface NewPassword {
  password: string;
  /** In code points: 15, or 8 where a second factor is always asked (NIST SP 800-63B-4 3.1.1.2). */
  minLength: number;
  /** What an attacker knows of the person and the place: site name, company, e-mail address, the person's name. Taken apart here. */
  context: readonly string[];
  /** The form field that the refusal belongs to. */
  field?: string;
}

interface ContextWord {
  shown: string;
  folded: string;
}

const shippedContext = ['Gatehouse', 'customer', 'portal'];

// Control characters and lone surrogates cannot be typed again elsewhere; invalid bytes all arrive as U+FFFD, so that
// different passwords would be one.
const unusable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\ufffd]/u;

/** The reason why this may not become a password, or null. No rule about kinds of characters (PW-2, ASVS 6.2.5). */
export function checkNewPassword({ password, minLength, context, field = 'password' }: NewPassword): Refused | null {
  const text = normalisePassword(password);
  if (text === null) return new Refused('password-too-long', { field, params: { max: longestPassword } });
  if (unusable.test(text)) return new Refused('field-characters', { field });
  if (countCodePoints(text) < minLength)
    return new Refused('password-too-short', { field, params: { min: minLength } });
  const word = contextWordIn(text, [...context, ...shippedContext]);
  if (word !== null) return new Refused('password-context', { field, params: { word } });
  return isCommonPassword(text) ? new Refused('password-common', { field }) : null;
}

/** The whole password is compared (ASVS 6.2.11): a context word is found only when next to nothing remains without them. */
function contextWordIn(text: string, context: readonly string[]): string | null {
  const words = context.flatMap(contextWords).sort((a, b) => b.folded.length - a.folded.length);
  for (const { core, padding } of readings(fold(text))) {
    let rest = joined(core);
    let found: string | null = null;
    for (const { shown, folded } of words) {
      if (!rest.includes(folded)) continue;
      // The mark keeps what stood on both sides from growing together into another word.
      rest = rest.replaceAll(folded, ' ');
      found ??= shown;
    }
    rest = rest.replaceAll(' ', '');
    if (found !== null && (isTrivial(rest + padding) || (isListed(rest) && isTrivial(padding)))) return found;
  }
  return null;
}

function contextWords(entry: string): ContextWord[] {
  const parts = entry.split(/[^\p{L}\p{N}\p{M}]+/u);
  return [entry.trim(), ...parts]
    .map((shown) => ({ shown, folded: joined(fold(shown)) }))
    .filter(({ folded }) => countCodePoints(folded) >= (/^[a-z0-9]*$/.test(folded) ? 3 : 2));
}

function joined(folded: string): string {
  return folded.replace(/[^\p{L}\p{N}\p{M}]/gu, '');
}
