import type { Request, Response } from 'express';
import { nameLimit } from '../../kernel/enrolment-name.ts';
import type { MessageParams } from '../../kernel/errors.ts';
import { describe, waitText } from './challenge.ts';
import { countryChoices } from './numbers.ts';
import type { Sms } from './sending.ts';
import { activePhone, policyOf, runningSetUp, setUpPace, stepOf } from './set-up.ts';

/** A refusal as a set-up page shows it: at its field, with what was typed kept. */
export interface PageRefusal {
  key: string;
  params?: MessageParams;
  field?: string;
  status?: number;
  values?: Record<string, string>;
  retryAfterSeconds?: number;
}

/** Where somebody probably is, by the language of their browser; the first of the list where that tells nothing. */
function likelyCountry(req: Request, countries: readonly string[]): string {
  for (const tag of req.acceptsLanguages()) {
    const region = /-([A-Za-z]{2})$/.exec(tag)?.[1]?.toUpperCase();
    if (region !== undefined && countries.includes(region)) return region;
  }
  const [language] = req.acceptsLanguages();
  const same = language?.slice(0, 2).toUpperCase() ?? '';
  return countries.includes(same) ? same : (countries[0] ?? '');
}

/** How long to wait where another set-up of this person, which may be gone, sent a message just now; null: not at all. */
async function waitOf({ host }: Sms, req: Request): Promise<string | null> {
  const until = await setUpPace.fullUntil(host, host.person(req).id);
  return until && waitText(host.translate(req), Math.ceil((until.getTime() - host.now().getTime()) / 1000));
}

/** Answers with the step that the set-up is at. A GET changes nothing, and sends nothing (W5). */
export async function showSetUp(sms: Sms, req: Request, res: Response, refusal?: PageRefusal): Promise<void> {
  const { host } = sms;
  const t = host.translate(req);
  const phone = await runningSetUp(host, req);
  const active = await activePhone(host, host.person(req).id);
  // "Use another number" shows the empty form again; the number that was saved goes when another one is.
  const step = req.query['number'] === 'other' || refusal?.field === 'number' ? 'number' : stepOf(phone);
  res.status(refusal ? (refusal.status ?? 422) : 200).set('Cache-Control', 'no-store');
  if (refusal?.retryAfterSeconds !== undefined) res.set('Retry-After', String(refusal.retryAfterSeconds));
  const errors = refusal ? [{ field: refusal.field ?? '', text: t(refusal.key, refusal.params) }] : [];
  const common = { form: { values: refusal?.values ?? {}, errors }, changing: active?.state.masked ?? null };
  if (step === 'number' || !phone) {
    const lang = String(res.locals['lang'] ?? 'en');
    const choices = countryChoices(sms.allowed, lang);
    const values = {
      country: likelyCountry(
        req,
        choices.map(({ value }) => value),
      ),
      ...refusal?.values,
    };
    res.render('number', { ...common, form: { values, errors }, countries: choices, nameLimit, back: phone !== null });
    return;
  }
  const { masked, verified, sent } = phone.state;
  if (step === 'enable') {
    res.render('enable', { ...common, number: masked, byColleague: verified === 'colleague' });
  } else if (step === 'send') {
    // What was sent for a number before: its wait holds for this one too.
    const before = sent && describe(sms, req, { sent, masked });
    const usedUp = before?.again === null;
    const hint = usedUp ? null : (before?.again?.hint ?? (await waitOf(sms, req)));
    res.render('verify', { ...common, number: masked, hint, usedUp });
  } else {
    const explicit = (await policyOf(host, req)).activation === 'explicit';
    const { locals: shown, again } = describe(sms, req, { sent, masked });
    const hint = again && (again.hint ?? (await waitOf(sms, req)));
    res.render('code', { ...common, ...shown, again: again && { ...again, hint }, number: masked, explicit });
  }
}
