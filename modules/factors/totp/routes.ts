import type { Request, Response, Router } from 'express';
import { z } from 'zod';
import { nameField, nameLimit } from '../../kernel/enrolment-name.ts';
import { isRefused, Refused } from '../../kernel/errors.ts';
import {
  activate,
  confirmSetUp,
  policyOf,
  runningSetUp,
  startSetUp,
  type Confirmation,
  type RunningSetUp,
} from './set-up.ts';
import { sendPicture, showSetUp, showStep, type PageRefusal, type SetUpPages } from './set-up-page.ts';
import { clockRefusal } from './strategy.ts';

/** Where the engine mounts these pages, and where a person comes from and goes back to. */
const setUpPath = '/account/factors/totp';
const securityPath = '/account/security';

// A code of any shape goes to the code check: one answer, and one counted try, for all that is not right (TOTP-11).
const confirmForm = z.object({ code: z.unknown().optional(), name: nameField });

/** The pages under /account/factors/totp. The engine has checked visitor, permission, freshness and form token. */
export function enrolmentRoutes(pages: SetUpPages): Router {
  const { host } = pages;
  const router = host.router();

  router.get('/', (req, res) => showSetUp(pages, req, res));
  router.get('/qr.svg', (req, res) => sendPicture(pages, req, res));

  // A second press of "Set up" keeps the key that may be in the app already.
  router.post('/', async (req, res) => {
    if ((await runningSetUp(host, req)) || (await startSetUp(host, req))) res.redirect(303, setUpPath);
    else await showSetUp(pages, req, res, { key: 'totp.enrol.full' });
  });

  router.post('/start-again', async (req, res) => {
    if (await startSetUp(host, req)) res.redirect(303, setUpPath);
    else await showSetUp(pages, req, res, { key: 'totp.enrol.full' });
  });

  router.post('/confirm', (req, res) => confirm(pages, req, res));

  // The steps of a set-up that the policy splits: the key stays the same from one to the next.
  router.post('/next', (_req, res) => {
    res.redirect(303, `${setUpPath}/code`);
  });

  router.get('/code', async (req, res) => {
    if (await runningSetUp(host, req)) await showStep(pages, req, res, { view: 'code' });
    else res.redirect(303, setUpPath);
  });

  router.post('/verify', (req, res) => verify(pages, req, res));

  router.get('/enable', async (req, res) => {
    const setUp = await runningSetUp(host, req);
    if (setUp?.authenticator.state.verified) await showStep(pages, req, res, { view: 'enable' });
    else res.redirect(303, setUpPath);
  });

  router.post('/enable', async (req, res) => {
    const setUp = await runningSetUp(host, req);
    const confirmation: Confirmation = setUp ? await activate(host, setUp.authenticator) : { outcome: 'gone' };
    if (confirmation.outcome === 'confirmed') await host.enrolled(req, res, confirmation.authenticator);
    else await showSetUp(pages, req, res, { key: 'enrolment.refused.expired' });
  });

  router.post('/cancel', async (req, res) => {
    await host.enrolments.discard(host.owner(req));
    res.redirect(303, securityPath);
  });

  return router;
}

async function confirm(pages: SetUpPages, req: Request, res: Response): Promise<void> {
  const { host } = pages;
  const setUp = await runningSetUp(host, req);
  // Where turning on is a step of its own, a code alone does not.
  if (!setUp || (await policyOf(host, req)).activation === 'explicit') {
    await showSetUp(pages, req, res, { key: 'enrolment.refused.expired' });
    return;
  }
  const form = confirmForm.safeParse(req.body ?? {});
  if (!form.success) {
    await showSetUp(pages, req, res, nameRefusal(form.error));
    return;
  }
  const confirmation = await confirmWithinLimits(pages, req, { setUp, code: form.data.code, name: form.data.name });
  if (confirmation instanceof Refused) await showSetUp(pages, req, res, asPageRefusal(confirmation, form.data.name));
  else await answer(pages, req, res, { confirmation, setUp, name: form.data.name });
}

async function verify(pages: SetUpPages, req: Request, res: Response): Promise<void> {
  const { host } = pages;
  const setUp = await runningSetUp(host, req);
  if (!setUp) {
    await showSetUp(pages, req, res, { key: 'enrolment.refused.expired' });
    return;
  }
  const { code } = confirmForm.pick({ code: true }).parse(req.body ?? {});
  const confirmation = await confirmWithinLimits(pages, req, { setUp, code, name: '' }, 'explicit');
  if (confirmation instanceof Refused) {
    await showStep(pages, req, res, { view: 'code', refusal: asPageRefusal(confirmation, '') });
  } else if (confirmation.outcome === 'verified') {
    res.redirect(303, `${setUpPath}/enable`);
  } else if (confirmation.outcome === 'clock-hint') {
    await host.audit(req, 'clock-hint', { outcome: 'failure', enrolmentId: setUp.authenticator.id });
    await showStep(pages, req, res, {
      view: 'code',
      refusal: { ...clockRefusal(confirmation.offsetSteps), field: 'code' },
    });
  } else {
    // The second of two clicks on one right code: the first has verified it.
    const again = await runningSetUp(host, req);
    if (again?.authenticator.state.verified) res.redirect(303, `${setUpPath}/enable`);
    else await showStep(pages, req, res, { view: 'code', refusal: { key: 'challenge.refused.code', field: 'code' } });
  }
}

interface Typed {
  setUp: RunningSetUp;
  code: unknown;
  name: string;
}

/** RL-8: this door has the limits of the challenge page. A refusal by them is shown in the form. */
async function confirmWithinLimits(
  { host }: SetUpPages,
  req: Request,
  typed: Typed,
  activation: 'onVerify' | 'explicit' = 'onVerify',
): Promise<Confirmation | Refused> {
  let confirmation: Confirmation = { outcome: 'wrong' };
  try {
    await host.attempt(req, async () => {
      confirmation = await confirmSetUp(host, typed.setUp, typed, activation);
      return ['confirmed', 'verified'].includes(confirmation.outcome) ? confirmation : null;
    });
  } catch (error) {
    if (isRefused(error, 'code-throttled')) return error;
    throw error;
  }
  return confirmation;
}

interface Answered {
  confirmation: Confirmation;
  setUp: RunningSetUp;
  name: string;
}

async function answer(
  pages: SetUpPages,
  req: Request,
  res: Response,
  { confirmation, setUp, name }: Answered,
): Promise<void> {
  const { host } = pages;
  const enrolmentId = setUp.authenticator.id;
  switch (confirmation.outcome) {
    case 'confirmed':
      await host.enrolled(req, res, confirmation.authenticator);
      return;
    case 'gone': {
      // The browser shows the answer to the second of two clicks: what the first one did holds, and is shown.
      const active = await host.enrolments.list(host.person(req).id);
      if (active.some(({ id }) => id === enrolmentId)) res.redirect(303, securityPath);
      else await showSetUp(pages, req, res, { key: 'enrolment.refused.expired' });
      return;
    }
    case 'clock-hint':
      await host.audit(req, 'clock-hint', { outcome: 'failure', enrolmentId });
      await showSetUp(pages, req, res, { ...clockRefusal(confirmation.offsetSteps), field: 'code', name });
      return;
    case 'verified':
    case 'wrong':
      await showSetUp(pages, req, res, { key: 'challenge.refused.code', field: 'code', name });
  }
}

function nameRefusal(error: z.ZodError): PageRefusal {
  const key = error.issues[0]?.message ?? 'form.refused.characters';
  return { key, params: { max: nameLimit }, field: 'name' };
}

function asPageRefusal(refused: Refused, name: string): PageRefusal {
  const { key, params, status, retryAfterSeconds } = refused;
  return {
    key,
    params,
    status,
    field: 'code',
    name,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}
