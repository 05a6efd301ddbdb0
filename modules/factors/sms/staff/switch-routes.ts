import type { Request, RequestHandler, Response, Router } from 'express';
import { Refused } from '../../../kernel/errors.ts';
import type { Translate } from '../../../kernel/ports.ts';
import { noForm, textField, type FormView } from './prices-form.ts';
import type { StaffPorts } from './staff-ports.ts';
import { wordsOf } from './words.ts';

const longestReason = 200;

/** Adds the pages in front of a stop and of its end: what it is about, and why, for the audit. */
export function addSwitchRoutes(
  router: Router,
  ports: StaffPorts,
  at: { base: string; change: RequestHandler[] },
): void {
  const { host, guard, ledger } = ports;
  const { base, change } = at;

  router.get('/stop', change, async (req: Request, res: Response) => {
    await show(req, res, { resumes: false, country: null, form: noForm });
  });

  router.post('/stop', change, async (req: Request, res: Response) => {
    const t = host.translate(req);
    const typed = textField(req.body, 'country');
    const country = typed === '' ? null : typed;
    const { reason, errors } = readReason(req, t);
    if (country !== null && !(await countries()).includes(country))
      errors.unshift({ field: 'country', text: t('form.refused.choice') });
    if (errors.length > 0) {
      res.status(422);
      await show(req, res, { resumes: false, country, form: { values: { reason, country: typed }, errors } });
      return;
    }
    if (await guard.stop({ country, by: host.person(req).id, reason })) await note(req, 'stopped', country, reason);
    res.redirect(303, `${base}?done=stopped`);
  });

  router.get('/resume', change, async (req: Request, res: Response) => {
    const country = await stoppedCountry(req.query['country'] ?? '');
    if (country === undefined) res.redirect(303, base);
    else await show(req, res, { resumes: true, country, form: noForm });
  });

  router.post('/resume', change, async (req: Request, res: Response) => {
    const country = await stoppedCountry(textField(req.body, 'country'));
    if (country === undefined) {
      res.redirect(303, base);
      return;
    }
    const { reason, errors } = readReason(req, host.translate(req));
    if (errors.length > 0) {
      res.status(422);
      await show(req, res, { resumes: true, country, form: { values: { reason }, errors } });
      return;
    }
    if (await guard.resume({ country, by: host.person(req).id, reason })) await note(req, 'resumed', country, reason);
    res.redirect(303, `${base}?done=resumed`);
  });

  async function note(req: Request, what: 'stopped' | 'resumed', country: string | null, reason: string) {
    if (country === null) await host.audit(req, what, { reason });
    else await host.audit(req, `country-${what}`, { reason: `${country}: ${reason}` });
  }

  /** Which stop is meant, null for that of everything; undefined where none is in force. */
  async function stoppedCountry(asked: unknown): Promise<string | null | undefined> {
    if (typeof asked !== 'string') throw new Refused('bad-request');
    const country = asked === '' ? null : asked;
    const { stops } = await guard.state();
    return stops.some((stop) => stop.country === country) ? country : undefined;
  }

  /** Countries that something may leave to. */
  async function countries(): Promise<string[]> {
    return guard.countries === 'all' ? [...(await ledger.figures(30)).keys()] : [...guard.countries];
  }

  async function show(
    req: Request,
    res: Response,
    { resumes, country, form }: { resumes: boolean; country: string | null; form: FormView },
  ): Promise<void> {
    const words = wordsOf(host, req, res);
    const choices = resumes ? [] : (await countries()).map((code) => ({ value: code, label: words.country(code) }));
    res.render('staff/switch', {
      base,
      resumes,
      country,
      name: country === null ? null : words.country(country),
      choices: choices.sort((one, other) => one.label.localeCompare(other.label, words.lang)),
      form,
    });
  }
}

// Control signs, and those that turn the reading direction: with them a line of the audit passes for another.
const unreadable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

function readReason(req: Request, t: Translate): { reason: string; errors: FormView['errors'] } {
  const reason = textField(req.body, 'reason').normalize('NFC');
  const refused = (text: string) => ({ reason, errors: [{ field: 'reason', text }] });
  if (reason === '') return refused(t('form.refused.required'));
  if ([...reason].length > longestReason) return refused(t('form.refused.tooLong', { max: longestReason }));
  return unreadable.test(reason) ? refused(t('form.refused.characters')) : { reason, errors: [] };
}
