/** One way to read a password: a core, and what stands before and after it. */
export interface Reading {
  core: string;
  padding: string;
}

// From 64 on (the length NIST wants accepted) nobody's guesses follow a pattern to its end; only a single character is still refused.
const longestPattern = 63;
const shortestPiece = 3;
const longestUnit = 5;

const walks = [
  '1234567890'.repeat(4),
  'abcdefghijklmnopqrstuvwxyz'.repeat(2),
  'qwertyuiopasdfghjklzxcvbnm'.repeat(2),
  'qwertzuiopasdfghjklyxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
  '1q2w3e4r5t6y7u8i9o0p',
  'q1w2e3r4t5y6u7i8o9p0',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  'qazwsxedcrfvtgbyhnujmikolp',
  'asdfghjkl',
  'zxcvbnm',
  '!@#$%^&*()',
  '!"§$%&/()=',
].flatMap((walk) => [walk, Array.from(walk).reverse().join('')]);

/** For comparing only: compatibility forms and case folded away. Never for hashing. */
export function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** True for one character over and over, short units repeated, and walks along the alphabet, the digits or the keyboard. */
export function isPattern(folded: string): boolean {
  // Fifteen emoji count as fifteen (PW-1); guess lists do not repeat them.
  if (/\p{Extended_Pictographic}/u.test(folded)) return false;
  if (new Set(folded).size === 1) return true;
  if (folded.length > longestPattern) return false;
  const unit = repeatedUnit(folded);
  const joined = folded.replace(/[\s._-]/g, '');
  const hasLetters = /\p{L}/u.test(folded);
  return (
    (unit !== null && unit.length <= longestUnit) ||
    pieces(folded) <= (hasLetters ? 3 : longestPattern) ||
    pieces(joined) <= 2
  );
}

/** The shortest text that the whole is made of by repetition (the last time perhaps in part), or null. */
export function repeatedUnit(text: string): string | null {
  if (text.length > longestPattern) return null;
  for (let size = 1; size <= text.length / 2; size += 1) {
    if (text.startsWith(text.slice(size))) return text.slice(0, size);
  }
  return null;
}

/** True when next to nothing remains of it once walks and repetitions are taken out: "2024!", "123456789", "--". */
export function isTrivial(text: string): boolean {
  if (text.length > longestPattern) return false;
  const rest = withoutPieces(text);
  const letters = rest.replace(/\P{L}/gu, '');
  return letters.length <= 3 && rest.length <= 6;
}

/** The ways somebody may have dressed up a word: digits and punctuation at its ends, digits for letters. */
export function readings(folded: string): Reading[] {
  const head = /^\P{L}*/u.exec(folded)?.[0] ?? '';
  const tail = head.length === folded.length ? '' : folded.slice(lastLetterEnd(folded));
  const stripped = [
    { start: 0, end: folded.length },
    { start: head.length, end: folded.length },
    { start: 0, end: folded.length - tail.length },
    { start: head.length, end: folded.length - tail.length },
  ];
  return stripped.flatMap(({ start, end }) => {
    const core = folded.slice(start, end);
    const padding = folded.slice(0, start) + folded.slice(end);
    return [core, unleet(core, 'i'), unleet(core, 'l')].map((reading) => ({ core: reading, padding }));
  });
}

function lastLetterEnd(text: string): number {
  let end = 0;
  for (const match of text.matchAll(/\p{L}/gu)) end = match.index + match[0].length;
  return end;
}

function unleet(text: string, one: 'i' | 'l'): string {
  const letters: Partial<Record<string, string>> = {
    ...{ '0': 'o', '1': one, '!': one, '|': 'l', '3': 'e', '€': 'e', '4': 'a', '@': 'a' },
    ...{ '5': 's', $: 's', '7': 't', '+': 't', '8': 'b', '9': 'g' },
  };
  return text.replace(/[01!|3€4@5$7+89]/g, (sign) => letters[sign] ?? sign);
}

function pieceAt(text: string, start: number): number {
  let longest = 1;
  while (text[start + longest] === text[start] && start + longest < text.length) longest += 1;
  for (const walk of walks) {
    while (start + longest < text.length && walk.includes(text.slice(start, start + longest + 1))) longest += 1;
  }
  return longest >= shortestPiece ? longest : 0;
}

/** How many walks and repetitions cover the whole text, up to two characters at its end; infinite when they do not. */
function pieces(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; count += 1) {
    const length = pieceAt(text, at);
    if (length === 0) return count > 0 && text.length - at <= 2 ? count : Infinity;
    at += length;
  }
  return count;
}

function withoutPieces(text: string): string {
  let rest = '';
  for (let at = 0; at < text.length;) {
    const length = pieceAt(text, at);
    if (length === 0) rest += text[at] ?? '';
    at += length || 1;
  }
  return rest;
}
