import { createHmac } from 'node:crypto';

const stepMs = 30_000;
const digits = 6;

/** The time step of a moment (RFC 6238 4.2). */
export function stepAt(ms: number): number {
  return Math.floor(ms / stepMs);
}

/** What an authenticator app shows in a step: RFC 4226 5.3 at the counter that RFC 6238 gives, with SHA-1 and six digits. */
export function codeOf(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}
