import type { PasswordHasher, PasswordRecord } from '../accounts/passwords/password-hasher.ts';
import { checkNewPassword } from '../accounts/passwords/password-rules.ts';
import { countCodePoints } from '../accounts/passwords/password-text.ts';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import { passwordLengths } from '../mfa/gate.ts';

/** Why a person may not take this password; null: they may. What they have now (`seen`) is no new one. */
export async function refuseNewPassword(
  ports: { hasher: Pick<PasswordHasher, 'verify'>; siteName: string },
  wanted: { password: string; person: Person; minLength: number; seen: PasswordRecord | null },
): Promise<Refused | null> {
  const { password, person, minLength, seen } = wanted;
  const context = [ports.siteName, person.name, person.email, person.companyName ?? ''];
  const field = 'newPassword';
  const refused = checkNewPassword({ password, minLength, context, field });
  if (refused || !seen) return refused;
  const { right } = await ports.hasher.verify(seen, password);
  return right ? new Refused('password-unchanged', { field }) : null;
}

/** The password as it is stored, and whether it counts as a short one. */
export async function storedPassword(
  hasher: Pick<PasswordHasher, 'hash'>,
  password: string,
): Promise<{ password: PasswordRecord; short: boolean }> {
  return {
    password: await hasher.hash(password),
    short: countCodePoints(password.normalize('NFC')) < passwordLengths.alone,
  };
}
