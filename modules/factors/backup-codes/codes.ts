import { randomBytes } from 'node:crypto';

/** Crockford's base32: no I, L, O, U, which people misread or make words of. */
export const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** 13 characters of five bits are 65: a recovery code needs 64 (NIST SP 800-63B-4 4.2.1.1). */
export const codeLength = 13;

/** How many codes a set may have. Every index up to the most must be readable in front of a code. */
export const setSizes = { fewest: 5, usual: 5, most: 16 } as const;

/** A code as a person typed it: the index says which one of the set it claims to be, so that a try costs one hash. */
export interface TypedCode {
  index: number;
  text: string;
}

const longestTyped = 64;
const typedForm = new RegExp(`^([1-9]|1[0-6])([${alphabet}]{${String(codeLength)}})$`);

/** A new code, without its index. 256 is a multiple of 32: no character is more likely than another. */
export function newCode(): string {
  return Array.from(randomBytes(codeLength), (byte) => alphabet.charAt(byte & 31)).join('');
}

/** A code as it is shown: `3-8F2KQ-77XW-M0DP`. */
export function showCode({ index, text }: TypedCode): string {
  return [String(index), text.slice(0, 5), text.slice(5, 9), text.slice(9)].join('-');
}

/** Reads what was typed: case, spaces and dashes do not matter, O is 0, I and L are 1. Null: it can be no code at all. */
export function readCode(typed: unknown): TypedCode | null {
  if (typeof typed !== 'string' || typed.length > longestTyped) return null;
  const plain = typed
    .normalize('NFKC')
    .toUpperCase()
    // Every dash there is: word processors and phones put in longer ones.
    .replace(/[\s\p{Pd}\u2212]/gu, '')
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1');
  const found = typedForm.exec(plain);
  return found ? { index: Number(found[1]), text: found[2] ?? '' } : null;
}
