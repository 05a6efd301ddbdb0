import pino, { type DestinationStream, type Logger } from 'pino';
import { requestContext } from './request-context.ts';

export type Log = Logger;

const secretNames = [
  'password',
  'secret',
  'code',
  'token',
  'cookie',
  'authorization',
  '_csrf',
  'csrf',
  'otpauth',
  'hash',
  'pepper',
  'uri',
];

/** One JSON object a line, UTC, with the request's id and address. Fields named like secrets are cut; what is logged is chosen by name anyway. */
export function createLog(level: string, destination: DestinationStream | 'stdout' | 'stderr' = 'stdout'): Log {
  return pino(
    {
      level,
      base: { app: 'gatehouse', pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[cut]' },
      serializers: { err: describeError },
      mixin: () => {
        const context = requestContext();
        return context ? { requestId: context.requestId, address: context.address } : {};
      },
    },
    typeof destination === 'string'
      ? pino.destination({ fd: destination === 'stdout' ? 1 : 2, sync: true })
      : destination,
  );
}

/** A path for a log or the audit: a link's token is a part of its path, and has no business there. Cut before it is shortened. */
export function plainPath(path: string): string {
  return path.replace(/[A-Za-z0-9_-]{32,}/g, '[cut]').slice(0, 200);
}

// Drivers put queries, documents and addresses with passwords into messages and fields: only name, code and a cleaned message are kept.
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code } = error as Error & { code?: unknown };
  return {
    type: error.name,
    message: clean(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { errorCode: code } : {}),
    stack: clean(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

function clean(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, '$1[cut]@').slice(0, 4000);
}
