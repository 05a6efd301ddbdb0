export interface EmailAddress {
  /** As typed, without the blanks around it: for sending and showing. */
  email: string;
  /** For look-ups and uniqueness. Never send to it. */
  key: string;
}

// RFC 5321 4.5.3.1, in octets.
const longestAddress = 254;
const longestLocalPart = 64;

// No quoted local parts: whatever separates addresses or headers (RFC 5322 specials) stays out.
const localPart = /^[^\s@()<>[\]:;,\\"]+$/u;
const label = /^[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}-]{0,61}[\p{L}\p{N}\p{M}])?$/u;
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The key of an address that `parseEmail` accepts. NFC, not NFKC: two mailboxes that differ only in compatibility characters must not become one. */
export function emailKey(email: string): string {
  return email.trim().normalize('NFC').toLowerCase();
}

/** Reads what somebody typed as an e-mail address; null when it is none. */
export function parseEmail(text: string): EmailAddress | null {
  // Before the trim: a line break at the end is header injection, not a slip of the finger.
  if (text.length > 2 * longestAddress || invisible.test(text) || foldsToAscii(text)) return null;
  const email = text.trim().normalize('NFC');
  if (Buffer.byteLength(email) > longestAddress) return null;
  const [local, domain, ...more] = email.split('@');
  if (local === undefined || domain === undefined || more.length > 0) return null;
  if (!localPart.test(local) || Buffer.byteLength(local) > longestLocalPart || !isDomain(domain)) return null;
  return { email, key: emailKey(email) };
}

function isDomain(domain: string): boolean {
  const labels = domain.split('.');
  const top = labels.at(-1) ?? '';
  return labels.length >= 2 && labels.every((part) => label.test(part)) && !/^\p{N}+$/u.test(top);
}

// "miKe" with a Kelvin sign or "ﬁ" would share a key, or a mail server's folding, with somebody else's plain address.
function foldsToAscii(text: string): boolean {
  return Array.from(text).some((character) => {
    if (character <= '\u007f') return false;
    return /[\u0021-\u007e]/.test(character.normalize('NFKC').toLowerCase());
  });
}
