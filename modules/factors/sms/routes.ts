import type { Request, Response, Router } from 'express';
import { z } from 'zod';
import { nameField, nameLimit } from '../../kernel/enrolment-name.ts';
import { isRefused, Refused } from '../../kernel/errors.ts';
import { checkCode, typed } from './challenge.ts';
import { readNumber, type NumberFault } from './numbers.ts';
import { showSetUp, type PageRefusal } from './pages.ts';
import { sendCode, type Question, type Sms } from './sending.ts';
import { activate, activePhone, policyOf, runningSetUp, saveNumber, setUpPace } from './set-up.ts';
import type { Phone } from './state.ts';

/** Where the engine mounts these pages, and where a person comes from and goes back to. */
const setUpPath = '/account/factors/sms';
const securityPath = '/account/security';

const faultTexts: Readonly<Record<NumberFault, string>> = {
  missing: 'sms.number.missing',
  form: 'sms.number.form',
  unknown: 'sms.number.unknown',
  notMobile: 'sms.number.notMobile',
  country: 'sms.number.countryRefused',
};

/** How many numbers a person may save. */
const saves = { tries: 20, windowSeconds: 3600 };

const numberField = z.string().max(60).default('');
const countryField = z.string().max(2).default('');

/** The pages under /account/factors/sms. The engine has checked visitor, permission, freshness and form token. */
export function enrolmentRoutes(sms: Sms): Router {
  const { host } = sms;
  const router = host.router();

  router.get('/', async (req, res) => {
    // There is a number: another one takes its place, where the policy has that.
    if ((await activePhone(host, host.person(req).id)) && (await host.enrolments.renewing(req)) === null)
      res.redirect(303, (await policyOf(host, req)).userMayChangeNumber ? `${setUpPath}/change` : securityPath);
    else await showSetUp(sms, req, res);
  });

  // "Save": the number is kept, and nothing is sent (W4, W5).
  router.post('/', async (req, res) => {
    const refusal = await save(sms, req);
    if (refusal) await showSetUp(sms, req, res, refusal);
    else res.redirect(303, setUpPath);
  });

  // "Send Code", and again: the only way for a message out of a set-up.
  router.post('/send', async (req, res) => {
    const phone = await runningSetUp(host, req);
    if (phone?.state.verified === 'no') {
      await sendCode(sms, req, {
        question: questionOf(sms, req),
        phone,
        before: phone.state.sent,
        again: phone.state.sent?.phone === phone.id,
        pace: () => setUpPace.take(host, phone.personId),
        store: storeIn(sms, phone),
        update: updateIn(sms, req, phone),
      });
    }
    res.redirect(303, setUpPath);
  });

  router.post('/confirm', (req, res) => confirm(sms, req, res));

  router.post('/enable', async (req, res) => {
    const phone = await runningSetUp(host, req);
    const enabled = phone && (await activate(host, req, phone));
    if (enabled) await host.enrolled(req, res, enabled);
    else await goneOrDone(sms, req, res, phone);
  });

  router.post('/cancel', async (req, res) => {
    await host.enrolments.discard(host.owner(req));
    res.redirect(303, securityPath);
  });

  return router;
}

/** Another number in the place of the one there is, which goes on protecting until then (W8); its proof was by the old one (SMS-7). */
export function changeRoutes(sms: Sms): Router {
  const { host } = sms;
  const router = host.router();

  async function changeable(req: Request): Promise<Phone> {
    const phone = await activePhone(host, host.person(req).id);
    // With a policy that has it fixed there is no such page (S14).
    if (!phone || !(await policyOf(host, req)).userMayChangeNumber) throw new Refused('not-found');
    return phone;
  }

  router.get('/change', host.freshly, async (req, res) => {
    res.set('Cache-Control', 'no-store').render('change', { number: (await changeable(req)).state.masked });
  });

  router.post('/change', host.freshly, async (req, res) => {
    const phone = await changeable(req);
    await host.enrolments.discard(host.owner(req));
    if (!(await host.enrolments.renew(req, phone.id))) throw new Refused('not-found');
    res.redirect(303, setUpPath);
  });

  return router;
}

const questionOf = ({ host }: Sms, req: Request): Question => {
  const { personId, signInId } = host.owner(req);
  return { personId, signInId: signInId ?? '', purpose: 'setUp' };
};

/** Compare-and-set of a running set-up, time after time from what was stored last. */
function storeIn({ host }: Sms, phone: Phone, verified: Phone['state']['verified'] = 'no') {
  let seen = phone;
  return async (sent: Phone['state']['sent']): Promise<boolean> => {
    const isVerified = verified === 'code' && sent?.hash === null;
    const state = {
      ...seen.state,
      ...(isVerified ? { verified, fingerprint: seen.state.numberKey } : {}),
      sent,
    };
    if (!(await host.enrolments.swap(seen, state))) return false;
    seen = { ...seen, state, rev: seen.rev + 1 };
    return true;
  };
}

/** Changes what a running set-up keeps of its message, as it is by then. */
function updateIn({ host }: Sms, req: Request, phone: Phone) {
  return async (change: (sent: Phone['state']['sent']) => Phone['state']['sent']): Promise<void> => {
    for (let round = 0; round < 5; round += 1) {
      const now = await host.enrolments.pending(host.owner(req));
      const sent = now?.id === phone.id ? change(now.state.sent) : null;
      if (!now || sent === null || (await host.enrolments.swap(now, { ...now.state, sent }))) return;
    }
  };
}

async function save(sms: Sms, req: Request): Promise<PageRefusal | null> {
  const values = {
    country: countryField.safeParse(typed(req, 'country')).data ?? '',
    number: numberField.safeParse(typed(req, 'number')).data ?? '',
  };
  const name = nameField.safeParse(typed(req, 'name'));
  const kept = { ...values, name: name.success ? name.data : '' };
  const read = readNumber(values, sms.allowed);
  if ('fault' in read) return { key: faultTexts[read.fault], field: 'number', values: kept };
  if (!name.success) {
    const key = name.error.issues[0]?.message ?? 'form.refused.characters';
    return { key, params: { max: nameLimit }, field: 'name', values: kept };
  }
  // Whether a colleague has a number shows here (W9): that must not be looked up for one number after another.
  const mark = await sms.host.throttle.take(['save', sms.host.person(req).id], saves);
  if (!mark.allowed) return { key: 'sms.number.tooMany', field: 'number', values: kept, status: 429 };
  await saveNumber(sms, req, { number: read.ok, name: name.data });
  return null;
}

async function confirm(sms: Sms, req: Request, res: Response): Promise<void> {
  const { host } = sms;
  const phone = await runningSetUp(host, req);
  if (phone?.state.verified !== 'no') {
    await goneOrDone(sms, req, res, phone);
    return;
  }
  const checked: { refusal: string | null } = { refusal: 'sms.refused.code' };
  try {
    // RL-8: this door has the limits of the challenge page. A refusal by them is shown in the form.
    await host.attempt(req, async () => {
      checked.refusal = await check(sms, req, phone);
      return checked.refusal === null ? true : null;
    });
  } catch (error) {
    if (!isRefused(error, 'code-throttled')) throw error;
    const { key, params, status, retryAfterSeconds } = error;
    const retry = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
    await showSetUp(sms, req, res, { key, params, status, field: 'code', ...retry });
    return;
  }
  if (checked.refusal !== null) {
    await showSetUp(sms, req, res, { key: checked.refusal, field: 'code' });
    return;
  }
  await setUpPace.clear(host, phone.personId);
  if (phone.state.sent?.messageId) await sms.sender.confirmed(phone.state.sent.messageId);
  const verified = await runningSetUp(host, req);
  if ((await policyOf(host, req)).activation === 'explicit') {
    res.redirect(303, setUpPath);
    return;
  }
  const enabled = verified && (await activate(host, req, verified));
  if (enabled) await host.enrolled(req, res, enabled);
  else await goneOrDone(sms, req, res, verified);
}

function check(sms: Sms, req: Request, phone: Phone): Promise<string | null> {
  return checkCode(sms, {
    question: questionOf(sms, req),
    sent: phone.state.sent,
    typed: typed(req, 'code'),
    store: storeIn(sms, phone, 'code'),
  });
}

/** The second of two clicks: what the first one did holds, and is shown. Else it is over, and the page says so. */
async function goneOrDone(sms: Sms, req: Request, res: Response, seen: Phone | null): Promise<void> {
  const active = await activePhone(sms.host, sms.host.person(req).id);
  if (active && (seen === null || active.id === seen.id)) res.redirect(303, securityPath);
  else if (seen && (await runningSetUp(sms.host, req))) res.redirect(303, setUpPath);
  else await showSetUp(sms, req, res, { key: 'enrolment.refused.expired' });
}
