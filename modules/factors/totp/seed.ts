import { generateSecret, ScureBase32Plugin } from 'otplib';
import type { Person } from '../../kernel/person.ts';
import type { TotpHost } from './secret.ts';
import { secretBytes } from './set-up.ts';
import { unusedState } from './state.ts';

/** Sets up an authenticator for a person of the seeded example; gives the secret, as the person's app would hold it. */
export async function seedAuthenticator(
  host: TotpHost,
  person: Person,
  bytes?: Uint8Array,
): Promise<{ totpSecret: string }> {
  const secret = bytes ? encode(bytes) : generateSecret({ length: secretBytes });
  const begun = await host.enrolments.begin(
    person,
    (id) => unusedState(host.seal(id, person.id, secret)),
    'Authenticator app',
  );
  const confirmed = await host.enrolments.confirm(begun, { state: begun.state, name: begun.name });
  if (!confirmed) throw new Error('The example could not be set up.');
  return { totpSecret: secret };
}

function encode(bytes: Uint8Array): string {
  if (bytes.length !== secretBytes) throw new Error(`A secret has ${String(secretBytes)} bytes.`);
  return new ScureBase32Plugin().encode(bytes);
}
