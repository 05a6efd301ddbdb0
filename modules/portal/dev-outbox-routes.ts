import { Router, type Request, type RequestHandler } from 'express';
import { Refused } from '../kernel/errors.ts';
import type { DurableOutbox, KeptMessage } from '../platform/outbox/outbox.ts';

const shown = 200;
const forwarded = /^(?:x-forwarded-|forwarded$|x-real-ip$)/;

/**
 * What a portal under development would have sent, links and codes included: for the machine itself alone. The socket's own peer
 * counts, and whoever comes through a proxy is a stranger, so that no TRUST_PROXY and no tunnel opens it.
 */
export function devOutboxRoutes(outbox: DurableOutbox): Router {
  const router = Router({ caseSensitive: true });

  const localOnly: RequestHandler = (req, _res, next) => {
    const direct = !Object.keys(req.headers).some((name) => forwarded.test(name));
    // A page whose host name was pointed at this machine (DNS rebinding) reads nothing either.
    const own = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(req.hostname);
    next(direct && own && isLoopback(req) ? undefined : new Refused('not-found'));
  };

  router.get('/dev/outbox', localOnly, async (_req, res) => {
    const messages = await outbox.kept(shown);
    res.render('dev/outbox', {
      messages: messages.map((one) => ({ ...one, links: linksOf(one) })),
      pageMode: 'customer',
      account: null,
    });
  });

  router.get('/dev/outbox.json', localOnly, async (_req, res) => {
    res.json(await outbox.kept(shown));
  });

  return router;
}

function isLoopback(req: Request): boolean {
  const address = (req.socket.remoteAddress ?? '').replace(/^::ffff:/i, '');
  return address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address);
}

function linksOf({ text }: KeptMessage): string[] {
  return [...new Set(text.match(/https?:\/\/[^\s<>"]+/g) ?? [])];
}
