import type { Request, Response, Router } from 'express';
import { Refused } from '../../../kernel/errors.ts';
import { figureRows, gatewaysOf, messagesPage, spans, stopsOf, type Span } from './overview.ts';
import { createPrices, type Prices } from './prices.ts';
import { pricesView, readPrices, type FormView } from './prices-form.ts';
import type { StaffPorts } from './staff-ports.ts';
import { addSwitchRoutes } from './switch-routes.ts';
import { doneWords, wordsOf } from './words.ts';

const base = '/staff/factors/sms';

/** Staff's pages about text messages: what left, where to, what it cost, what was refused, and the switch. */
export function staffRoutes(ports: StaffPorts): Router {
  const { host, guard, ledger } = ports;
  const router = host.router();
  const see = host.allow('reports.read');
  const change = [host.allow('mfa.policy'), host.freshly];
  const prices = createPrices(host);

  router.get('/', see, async (req, res) => {
    const words = wordsOf(host, req, res);
    const span = spanOf(req);
    const reader = host.person(req);
    const [state, going, figures, paid, messages] = await Promise.all([
      guard.state(),
      ports.going(),
      ledger.figures(span),
      prices.read(),
      messagesPage(ports, { after: null, reader, words }),
    ]);
    const done = doneWords(req.query['done'], words.t);
    // No word of what was done by somebody else: only where the answer to a change leads.
    if (done !== null) res.locals['flash'] = { kind: 'success', text: done, link: null };
    res.render('staff/overview', {
      base,
      mayChange: reader.permissions.includes('mfa.policy'),
      stops: await stopsOf(ports, state.stops, words),
      gateways: gatewaysOf(going.gateways, words),
      isUnattended: going.unattendedSince !== null,
      budget: { ...state.budget, usedText: words.count(state.budget.used), mostText: words.count(state.budget.most) },
      span,
      spans,
      figures: figureRows(figures, paid, words),
      messages: messages.rows,
      pager: { first: null, next: messages.next === null ? null : `${base}/messages?after=${messages.next}` },
    });
  });

  router.get('/messages', see, async (req, res) => {
    const after = afterOf(req);
    const messages = await messagesPage(ports, { after, reader: host.person(req), words: wordsOf(host, req, res) });
    res.render('staff/messages', {
      base,
      messages: messages.rows,
      pager: {
        first: after === null ? null : `${base}/messages`,
        next: messages.next === null ? null : `${base}/messages?after=${messages.next}`,
      },
    });
  });

  router.get('/prices', change, async (req: Request, res: Response) => {
    const paid = await prices.read();
    await showPrices(req, res, { paid, form: pricesView(paid) });
  });

  router.post('/prices', change, async (req: Request, res: Response) => {
    const paid = await prices.read();
    const read = readPrices(req.body, await pricedCountries(paid), host.translate(req));
    if ('refused' in read) {
      res.status(422);
      await showPrices(req, res, { paid, form: read.refused });
      return;
    }
    await prices.save(read.prices);
    await host.audit(req, 'prices-changed');
    res.redirect(303, `${base}?done=prices`);
  });

  async function showPrices(req: Request, res: Response, { paid, form }: { paid: Prices; form: FormView }) {
    const words = wordsOf(host, req, res);
    const countries = (await pricedCountries(paid))
      .map((code) => ({ code, name: words.country(code) }))
      .sort((one, other) => one.name.localeCompare(other.name, words.lang));
    res.render('staff/prices', { base, countries, form });
  }

  /** Where messages may go, went, or once had a price. */
  async function pricedCountries({ millionths }: Prices): Promise<string[]> {
    const sent = [...(await ledger.figures(30))].filter(([, { sent: count }]) => count > 0).map(([country]) => country);
    const allowed = guard.countries === 'all' ? [] : [...guard.countries];
    return [...new Set([...allowed, ...sent, ...Object.keys(millionths)])];
  }

  addSwitchRoutes(router, ports, { base, change });
  return router;
}

function spanOf(req: Request): Span {
  const asked = req.query['days'] ?? '1';
  const span = spans.find((days) => String(days) === asked);
  if (span === undefined) throw new Refused('bad-request');
  return span;
}

function afterOf(req: Request): { at: Date; id: string } | null {
  const asked = req.query['after'];
  if (asked === undefined) return null;
  const [, time, id] = (typeof asked === 'string' ? /^(\d{1,15})\.([\w-]{1,100})$/.exec(asked) : null) ?? [];
  if (time === undefined || id === undefined) throw new Refused('bad-request');
  return { at: new Date(Number(time)), id };
}
