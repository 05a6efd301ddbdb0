// Written from the RFC texts on node:crypto alone. The product makes its codes with a library;
// a test that took them from the same library would only prove that it agrees with itself.
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';

type Algorithm = 'sha1' | 'sha256' | 'sha512';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Decodes RFC 4648 base32 as people type it: any case, with spaces, dashes or padding. */
export function decodeBase32(text: string): Buffer {
  const symbols = text.toUpperCase().replace(/[\s-]|=+$/g, '');
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const symbol of symbols) {
    const value = BASE32.indexOf(symbol);
    if (value < 0) throw new Error(`"${symbol}" is not a base32 symbol`);
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >>> bits) & 0xff);
    }
  }
  return Buffer.from(bytes);
}

/** RFC 4226 section 5.3: the code for one value of the counter. */
export function hotpCode(options: { key: Buffer; counter: number; digits?: number; algorithm?: Algorithm }): string {
  const { key, counter, digits = 6, algorithm = 'sha1' } = options;
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac(algorithm, key).update(message).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const truncated = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(truncated % 10 ** digits).padStart(digits, '0');
}

/** RFC 6238 section 4.2: the code that an authenticator shows at a time, 30 seconds a step. */
export function totpCode(options: {
  secret: string | Buffer;
  at: Date | number;
  stepOffset?: number;
  stepSeconds?: number;
  digits?: number;
  algorithm?: Algorithm;
}): string {
  const { secret, at, stepOffset = 0, stepSeconds = 30, ...rest } = options;
  const key = typeof secret === 'string' ? decodeBase32(secret) : secret;
  const counter = Math.floor(Number(at) / 1000 / stepSeconds) + stepOffset;
  return hotpCode({ key, counter, ...rest });
}

/** The code of a second implementation: oathtool where it is installed, else the one above. */
export function authenticatorCode(options: { secret: string; at: Date | number }): string {
  return oathtoolCode(options) ?? totpCode(options);
}

/** What oathtool says, or undefined where it is not installed. */
export function oathtoolCode(options: { secret: string; at: Date | number }): string | undefined {
  const seconds = Math.floor(Number(options.at) / 1000);
  // The secret goes in by stdin: arguments can be read by every user of the machine.
  const result = spawnSync('oathtool', ['--totp', '-b', '--now', `@${seconds}`, '-'], {
    input: options.secret.replace(/[\s-]/g, ''),
    encoding: 'utf8',
  });
  if (result.error) return undefined;
  if (result.status !== 0) throw new Error(`oathtool refused: ${result.stderr}`);
  return result.stdout.trim();
}
