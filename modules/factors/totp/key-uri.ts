import { generateURI } from 'otplib';

/** What an authenticator app shows for an account: who it belongs to and whose it is. */
export interface KeyLabel {
  issuer: string;
  account: string;
}

/** The otpauth address that a QR code carries and a phone opens: SHA-1, six digits, 30 seconds, as every app knows them. */
export function keyUri(key: { secret: string; label: KeyLabel }): string {
  return generateURI({ issuer: key.label.issuer, label: key.label.account, secret: key.secret });
}

/** A label that apps read as meant: a colon would shift the border between issuer and account. */
export function keyLabel(label: KeyLabel): KeyLabel {
  return { issuer: plain(label.issuer), account: plain(label.account) };
}

function plain(text: string): string {
  // Lone surrogates have no UTF-8 and would make percent-encoding throw.
  const wellFormed = Buffer.from(text, 'utf8').toString('utf8');
  return wellFormed.replaceAll(':', ' ').replace(/\s+/gu, ' ').trim();
}
