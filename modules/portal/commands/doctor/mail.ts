import type { Connection } from 'mongoose';
import type { Config } from '../../../../config/index.ts';
import type { Clock } from '../../../kernel/ports.ts';
import { smtpTransport } from '../../../platform/mailer.ts';
import { ok, warning, wrong, type Finding } from './finding.ts';

const longestWaitMs = 15 * 60_000;

const sentences: Readonly<Record<string, string>> = {
  EAUTH: 'It refuses the name or the password.',
  ETLS: 'It offers no STARTTLS, or its certificate is not good for this host.',
  EDNS: 'Its name is not known.',
  ECONNECTION: 'Nobody answers there.',
  ESOCKET: 'Nobody answers there, or not as this kind of server (smtp: or smtps:), or its certificate is not good.',
  ETIMEDOUT: 'It does not answer in time.',
};

/** Connects to the mail server, greets it, turns on TLS and signs in, as the portal does; sends nothing. */
export async function lookAtMailServer(config: Config, limitMs = 5000): Promise<Finding> {
  const { smtp } = config;
  if (!smtp)
    return config.production
      ? warning('SMTP_URL is not set: mails wait, and nobody gets them.', 'Set SMTP_URL and MAIL_FROM.')
      : ok('none: /dev/outbox shows what would be sent');
  const transport = smtpTransport(smtp, {
    connectionTimeout: limitMs,
    greetingTimeout: limitMs,
    dnsTimeout: limitMs,
    socketTimeout: limitMs,
  });
  const server = `${smtp.host}:${String(smtp.port)}`;
  try {
    await transport.verify();
    return ok(`${server} takes mails from us`);
  } catch (error) {
    // By its code: a server's own words may repeat what it was told.
    const { code = 'unknown', responseCode } = error as { code?: string; responseCode?: number };
    const said = [code, responseCode].filter((part) => part !== undefined).join(' ');
    return wrong(
      `The mail server ${server} can’t be used (${said}). ${sentences[code] ?? ''}`.trim(),
      'Correct SMTP_URL, or mend the server; mails wait for it for a day.',
    );
  } finally {
    transport.close();
  }
}

/** Mails that were given up, and mails and other work that wait for longer than they should. */
export async function lookAtOutbox(connection: Connection, clock: Clock): Promise<Finding[]> {
  const outbox = connection.collection('outbox');
  const late = new Date(clock.now().getTime() - longestWaitMs);
  const waiting = { state: { $in: ['queued', 'sending'] } };
  const [dead, queued, old, tasks] = [
    await outbox.countDocuments({ state: 'dead' }),
    await outbox.countDocuments(waiting),
    await outbox.countDocuments({ ...waiting, createdAt: { $lte: late } }),
    await connection.collection('tasks').countDocuments({ dueAt: { $lte: late } }),
  ];
  const findings: Finding[] = [];
  if (dead > 0)
    findings.push(
      warning(
        `${String(dead)} messages were given up after a day of tries.`,
        'Their lines in the log (“message given up”) say why. Tell those people in another way.',
      ),
    );
  if (old > 0)
    findings.push(
      warning(
        `${String(old)} messages have waited for more than a quarter of an hour.`,
        'Look for “message not sent yet” in the log. Does a process run with JOBS=on?',
      ),
    );
  if (tasks > 0)
    findings.push(
      warning(
        `${String(tasks)} pieces of work in the background are overdue.`,
        'Look for errors in the log. Does a process run with JOBS=on?',
      ),
    );
  return findings.length > 0 ? findings : [ok(`${String(queued)} messages wait, none was given up`)];
}
