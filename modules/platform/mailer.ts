import { createTransport } from 'nodemailer';
import type { Deliver } from './outbox/worker.ts';

/** Where mails are handed over. */
export interface SmtpServer {
  host: string;
  port: number;
  /** TLS from the first byte (smtps). */
  secure: boolean;
  auth: { user: string; pass: string } | null;
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/i;

/** The right half of Message-IDs: the sender's domain. */
export function domainOf(from: string): string {
  return /@([^\s<>@]+?)>?$/.exec(from)?.[1] ?? 'localhost';
}

// RFC 5321 4.5.3.2.6: who gives up on the last answer sooner sends mails twice.
const patience = { connectionTimeout: 10_000, greetingTimeout: 10_000, dnsTimeout: 10_000, socketTimeout: 600_000 };

/**
 * The way to the mail server. Beyond loopback nothing goes out in clear text: smtp:// demands STARTTLS there and fails without it;
 * on loopback it stays plain, for a relay of the same machine.
 */
export function smtpTransport(server: SmtpServer, limits: Partial<typeof patience> = {}) {
  const isLocal = loopback.test(server.host);
  return createTransport({
    host: server.host.replace(/^\[|\]$/g, ''),
    port: server.port,
    secure: server.secure,
    requireTLS: !server.secure && !isLocal,
    ignoreTLS: !server.secure && isLocal,
    ...(server.auth ? { auth: server.auth } : {}),
    ...patience,
    ...limits,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** Sends mails over SMTP, a connection each. */
export function createMailer(server: SmtpServer, from: string): Deliver {
  const transport = smtpTransport(server);
  return async ({ to, subject, text, html, messageId }) => {
    await transport.sendMail({
      from,
      to: [{ name: '', address: to }],
      subject,
      text,
      ...(html === null ? {} : { html }),
      messageId,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    });
    return { fate: 'accepted', late: false };
  };
}
