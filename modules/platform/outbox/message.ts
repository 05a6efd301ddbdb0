import type { Channel, OutgoingMessage } from '../../kernel/ports.ts';

// Line breaks and their kin, in headers and commands, are how one mail becomes another (INJ-6).
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}]/u;
const recipients: Readonly<Record<Channel, RegExp>> = {
  mail: /^[^\s@()<>[\]:;,\\"]+@[^\s@()<>[\]:;,\\"]+$/u,
  text: /^\+[0-9]{6,15}$/,
};
const longestSubject = 200;

/** Refuses what could add a recipient or a header: one plain recipient, one line of subject. What it refuses is a bug of who made it. */
export function assertPlainMessage(message: OutgoingMessage): void {
  if (unsafe.test(message.to) || !recipients[message.channel].test(message.to)) {
    throw new Error('A message must go to exactly one plain recipient.');
  }
  if (unsafe.test(message.subject) || message.subject.length > longestSubject) {
    throw new Error('The subject of a message must be one line.');
  }
}
