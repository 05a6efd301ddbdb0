import type { Request, RequestHandler } from 'express';
import { Refused } from '../../kernel/errors.ts';

const forwarded = /^(?:x-forwarded-|forwarded$|x-real-ip$)/;

/**
 * For the machine itself alone. The socket's own peer counts, and whoever comes through a proxy is a stranger, so that no TRUST_PROXY
 * and no tunnel opens it. A page whose host name was pointed at this machine (DNS rebinding) reads nothing either.
 */
export const localOnly: RequestHandler = (req, _res, next) => {
  const direct = !Object.keys(req.headers).some((name) => forwarded.test(name));
  const own = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(req.hostname);
  next(direct && own && isLoopback(req) ? undefined : new Refused('not-found'));
};

function isLoopback(req: Request): boolean {
  const address = (req.socket.remoteAddress ?? '').replace(/^::ffff:/i, '');
  return address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address);
}
