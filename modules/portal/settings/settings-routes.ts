import { Router, type Request, type Response } from 'express';
import type { Directory } from '../../accounts/directory.ts';
import { Refused } from '../../kernel/errors.ts';
import type { PersonKind } from '../../kernel/person.ts';
import type { Audit, Clock } from '../../kernel/ports.ts';
import { translateOf, type Engine } from '../../mfa/engine.ts';
import { presetNames } from '../../mfa/policy/policy.ts';
import type { PolicyVersion } from '../../mfa/policy/policy-store.ts';
import type { Flash } from '../../platform/http/flash.ts';
import { bodyField } from '../../platform/http/forms.ts';
import type { StaffAccess } from '../staff/staff-access.ts';
import {
  choiceOf,
  differences,
  forAudience,
  isWeakForStaff,
  policyChoice,
  policyFrom,
  presetChoice,
  readChoice,
  refusalOf,
  type PolicyChoice,
} from './policy-choice.ts';
import { pageOf, refusalOfSeen, showPreview } from './policy-preview.ts';
import { policyFormPage, presetCards, switchPage } from './settings-page.ts';

export interface SettingsPorts {
  engine: Engine;
  directory: Directory;
  access: StaffAccess;
  audit: Audit;
  flash: Flash;
  clock: Clock;
  /** Names of people by id, for the history. */
  nameOf(id: string): Promise<string | null>;
}

const home = '/staff/settings';

/** The portal-wide two-factor policy: presets, single settings, what a change means before it is saved, and the way back. */
export function settingsRoutes(ports: SettingsPorts): Router {
  const router = Router();
  const { engine, access, flash } = ports;
  const guard = access.allow('mfa.policy');
  // A page asks for the proof that its form takes: asked only at the button, it would cost what was chosen.
  const change = [guard, engine.freshly];

  router.get(home, guard, async (_req, res) => {
    const { policy } = await engine.policies.current('contact');
    res.render('staff/settings', { preset: policy.preset, mode: policy.mode });
  });

  for (const audience of ['contact', 'staff'] as const) {
    const page = pageOf[audience];

    router.get(page, ...change, async (_req, res) => {
      const current = await engine.policies.current(audience);
      const choice = choiceOf(current.policy);
      showForm(res, { audience, current, choice, wrong: [], seen: String(current.version) });
    });

    // Whoever proves themselves at a preview's button, or loads it anew, comes back by its address: to the form that it is of.
    router.get(`${page}/preview`, guard, (_req, res) => {
      res.redirect(303, page);
    });

    // A preview changes nothing; what it shows is sent back whole by the button that saves it.
    router.post(`${page}/preview`, guard, async (req, res) => {
      const current = await engine.policies.current(audience);
      const seen = choiceOf(current.policy);
      const refusal = refusalOfSeen(req, current);
      const preset = presetNames.find((name) => name === bodyField(req, 'preset'));
      if (preset && audience === 'contact') {
        const choice = presetChoice(engine, preset);
        await showPreview(ports, res, { audience, current, choice, reason: `preset ${preset}`, refusal });
        return;
      }
      const body = (req.body ?? {}) as Record<string, unknown>;
      const { choice, wrong } = readChoice(engine, { audience, seen }, body);
      if (wrong.length === 0) {
        const own = forAudience(engine, audience, { seen, choice });
        await showPreview(ports, res, { audience, current, choice: own, reason: 'settings', refusal });
        return;
      }
      // What was changed meanwhile is still to be told once the values are right.
      const shown = bodyField(req, 'seen');
      showForm(res.status(422), { audience, current, choice, wrong, seen: typeof shown === 'string' ? shown : '' });
    });
  }

  router.get(`${home}/:audience/save`, guard, (req, res) => {
    res.redirect(303, pageOf[audienceOf(req.params['audience'])]);
  });

  router.post(`${home}/:audience/save`, ...change, async (req, res) => {
    const audience = audienceOf(req.params['audience']);
    const current = await engine.policies.current(audience);
    const choice = forAudience(engine, audience, {
      seen: choiceOf(current.policy),
      choice: parseChoice(bodyField(req, 'choice')),
    });
    // Who may change the sign-in rules alone must not open the door to whoever may do more than they (AZ-3).
    if (isWeakForStaff(audience, choice) && !access.visitor(req).person.masterAdmin)
      throw new Refused('higher-profile');
    const given = bodyField(req, 'reason');
    const reason = typeof given === 'string' ? given.slice(0, 200) : '';
    const changed = refusalOfSeen(req, current);
    if (changed !== null) {
      await showPreview(ports, res, { audience, current, choice, reason, refusal: changed });
      return;
    }
    const refusal = refusalOf(engine, audience, choice) ?? weakStaff(req, audience, choice);
    if (refusal !== null) {
      await showPreview(ports, res, { audience, current, choice, reason, refusal });
      return;
    }
    await save(req, res, { audience, current, choice, reason });
    res.redirect(303, pageOf[audience]);
  });

  // The one switch, under the words of the preset (S3, Z1).
  router.get(`${home}/portal`, ...change, async (_req, res) => {
    const current = await engine.policies.current('contact');
    res.render('staff/settings-portal', switchPage(current, null));
  });

  router.post(`${home}/portal`, ...change, async (req, res) => {
    const current = await engine.policies.current('contact');
    const seen = choiceOf(current.policy);
    const on = bodyField(req, 'required') === 'yes';
    // A switch that was not on can't be switched off: saved untouched, "optional" stays what it is.
    const unticked = seen.mode === 'required' ? 'off' : seen.mode;
    const choice: PolicyChoice = { ...seen, mode: on ? 'required' : unticked };
    const refusal = refusalOfSeen(req, current) ?? refusalOf(engine, 'contact', choice);
    if (refusal !== null) {
      res.status(422).render('staff/settings-portal', switchPage(current, translateOf(res)(refusal)));
      return;
    }
    if (choice.mode !== seen.mode)
      await save(req, res, { audience: 'contact', current, choice, reason: on ? 'on' : 'off' });
    else flash.set(res, { kind: 'success', key: 'settings.done.unchanged' });
    res.redirect(303, `${home}/portal`);
  });

  async function save(
    req: Request,
    res: Response,
    at: { audience: PersonKind; current: PolicyVersion; choice: PolicyChoice; reason: string },
  ): Promise<void> {
    const { person } = access.visitor(req);
    const now = ports.clock.now();
    const { audience, current, choice, reason } = at;
    const policy = policyFrom(current.policy, choice, now);
    if (!(await engine.policies.replace(audience, { seen: current.version, policy, at: now, by: person.id, reason })))
      throw new Refused('busy', { retryAfterSeconds: 1 });
    // Whoever has to enrol anew was enrolled before: a deadline of their own would leave them with the password alone.
    if (policy.enrolmentEpoch > current.policy.enrolmentEpoch) await engine.beginEpoch(audience);
    if (audience === 'contact' && policy.trustedDeviceDays === 0) await engine.trustedDevices?.forgetEverybody();
    const changes = differences(engine, choiceOf(current.policy), choice);
    await ports.audit.record({
      event: 'policy.changed',
      outcome: 'success',
      actor: { kind: 'person', id: person.id },
      target: { kind: 'policy', id: audience },
      reason,
      detail: Object.fromEntries(
        changes.map(({ factor, field, from, to }) => [
          factor === '' ? field : `${factor}:${field}`,
          `${String(from)} -> ${String(to)}`,
        ]),
      ),
    });
    flash.set(res, { kind: 'success', key: 'settings.done.saved' });
  }

  function showForm(
    res: Response,
    at: { audience: PersonKind; current: PolicyVersion; choice: PolicyChoice; wrong: readonly string[]; seen: string },
  ): void {
    const t = translateOf(res);
    const { audience, current, choice, wrong, seen } = at;
    const form = policyFormPage(t, engine, { audience, choice, wrong });
    if (audience === 'staff') res.render('staff/settings-staff', { form, seen });
    else res.render('staff/settings-policy', { cards: presetCards(t, engine, choiceOf(current.policy)), form, seen });
  }

  return router;
}

function audienceOf(text: unknown): PersonKind {
  if (text !== 'contact' && text !== 'staff') throw new Refused('not-found');
  return text;
}

function parseChoice(text: unknown): PolicyChoice {
  try {
    const parsed = policyChoice.safeParse(JSON.parse(String(text)));
    if (parsed.success) return parsed.data;
  } catch {
    // Not what the page sent.
  }
  throw new Refused('bad-request');
}

function weakStaff(req: Request, audience: PersonKind, choice: PolicyChoice): string | null {
  return isWeakForStaff(audience, choice) && bodyField(req, 'sure') !== 'yes' ? 'settings.refused.sure' : null;
}
