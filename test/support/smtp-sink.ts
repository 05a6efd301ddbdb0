// A mail server of the test: a real one, on loopback, that does what the test says.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** `hold` takes the mail and says nothing until `release`. */
export type SinkMode = 'ok' | 'reject' | 'defer' | 'hold';

export interface Received {
  from: string;
  to: string[];
  raw: string;
  messageId: string;
}

export interface SmtpSink {
  port: number;
  url: string;
  /** What it said yes to. */
  received: Received[];
  mode: SinkMode;
  /** How many mails it has in full and has not answered. */
  held(): number;
  /** Answers those it holds. */
  release(): void;
  close(): Promise<void>;
}

/** Starts a mail server on a free port, or on one it had before. */
export async function openSmtpSink(port = 0): Promise<SmtpSink> {
  const waiting: (() => void)[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString('utf8');
        const accept = () => {
          sink.received.push({
            from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
            to: session.envelope.rcptTo.map(({ address }) => address),
            raw,
            messageId: /^message-id:\s*(\S+)/im.exec(raw)?.[1] ?? '',
          });
          done(null);
        };
        if (sink.mode === 'ok') accept();
        else if (sink.mode === 'hold') waiting.push(accept);
        else done(Object.assign(new Error('not now'), { responseCode: sink.mode === 'reject' ? 550 : 451 }));
      });
    },
  });
  server.on('error', () => undefined);
  server.listen(port, '127.0.0.1');
  await once(server.server, 'listening');
  const bound = (server.server.address() as AddressInfo).port;
  const sink: SmtpSink = {
    port: bound,
    url: `smtp://127.0.0.1:${String(bound)}`,
    received: [],
    mode: 'ok',
    held: () => waiting.length,
    release() {
      for (const answer of waiting.splice(0)) answer();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
  return sink;
}

/** Asks again and again until it is true; fails at the deadline with what was hoped for. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`Not within ${String(timeoutMs)} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
