import { Router } from 'express';
import { localOnly } from '../platform/http/local-only.ts';
import type { DurableOutbox, KeptMessage } from '../platform/outbox/outbox.ts';

const shown = 200;

/** What a portal under development would have sent, links and codes included: for the machine itself alone. */
export function devOutboxRoutes(outbox: DurableOutbox): Router {
  const router = Router({ caseSensitive: true });

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

function linksOf({ text }: KeptMessage): string[] {
  return [...new Set(text.match(/https?:\/\/[^\s<>"]+/g) ?? [])];
}
