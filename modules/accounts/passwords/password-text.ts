/** The longest password that is accepted, in code points after normalisation (NIST SP 800-63B-4 3.1.1.2: at least 64). */
export const longestPassword = 1024;

const longestBytes = 4096;
// A decomposed text has at most four code units for each unit of its NFC form here; beyond that we do not even normalise.
const longestRaw = 8192;

/** NFC, once, in the one place that sign-in and new passwords share. No trim, no case, no truncation (PW-5). Null: over-long. */
export function normalisePassword(plain: string): string | null {
  if (plain.length > longestRaw) return null;
  const text = plain.normalize('NFC');
  return countCodePoints(text) > longestPassword || Buffer.byteLength(text) > longestBytes ? null : text;
}

/** Length as people count it: an emoji outside the basic plane is one, not two. */
export function countCodePoints(text: string): number {
  return Array.from(text).length;
}
