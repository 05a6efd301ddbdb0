import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Fingerprint, Sealer } from '../kernel/ports.ts';
import type { Key } from './keys.ts';

/** AES-256-GCM with a random 96-bit nonce and the context as associated data (ASVS 11.3.2, 11.3.3). Text form: `v1.keyId.base64url(nonce|tag|cipher)`. */
export function createSealer(keys: readonly [Key, ...Key[]]): Sealer {
  const byId = new Map(keys.map((key) => [key.id, key]));
  return {
    seal(plain, context) {
      const [key] = keys;
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce);
      cipher.setAAD(associated(context));
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      return `v1.${key.id}.${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')}`;
    },
    open(sealed, context) {
      const [version, id, body] = sealed.split('.');
      const key = byId.get(id ?? '');
      if (version !== 'v1' || !key || !body) throw new Error('A sealed text has an unknown form or key.');
      const bytes = Buffer.from(body, 'base64url');
      if (bytes.length < 28) throw new Error('A sealed text is too short.');
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(associated(context));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
    },
    isStale: (sealed) => sealed.split('.')[1] !== keys[0].id,
  };
}

// JSON keeps the parts apart: ["a","bc"] and ["ab","c"] are different contexts.
function associated(context: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(context), 'utf8');
}

/** Keyed fingerprints of the newest look-up key, separated by purpose. */
export function createFingerprint(key: Key, purpose: string): Fingerprint {
  const derived = Buffer.from(hkdfSync('sha256', key.bytes, Buffer.alloc(0), purpose, 32));
  return { of: (...parts) => createHmac('sha256', derived).update(JSON.stringify(parts)).digest('base64url') };
}
