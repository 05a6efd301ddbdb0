import type { Request, Response } from 'express';
import type { Directory } from '../../accounts/directory.ts';
import type { PersonKind } from '../../kernel/person.ts';
import type { Clock } from '../../kernel/ports.ts';
import { translateOf, type Engine } from '../../mfa/engine.ts';
import type { PolicyVersion } from '../../mfa/policy/policy-store.ts';
import { bodyField } from '../../platform/http/forms.ts';
import { choiceOf, differences, isWeakForStaff, policyFrom, refusalOf, type PolicyChoice } from './policy-choice.ts';
import { policyEffect } from './policy-effect.ts';
import { differenceRows, effectSentences } from './settings-page.ts';

/** The page of each audience's policy. */
export const pageOf = { contact: '/staff/settings/policy', staff: '/staff/settings/staff' } as const;

/** Why a form that was shown of another version than the one in force is not taken as it is; null where it was of this one. */
export function refusalOfSeen(req: Request, current: PolicyVersion): string | null {
  return String(current.version) === bodyField(req, 'seen') ? null : 'settings.refused.changed';
}

/** Shows what a choice would change, and what that means to people; nothing is saved yet. */
export async function showPreview(
  ports: { engine: Engine; directory: Directory; clock: Clock },
  res: Response,
  at: { audience: PersonKind; current: PolicyVersion; choice: PolicyChoice; reason: string; refusal: string | null },
): Promise<void> {
  const t = translateOf(res);
  const { engine } = ports;
  const { audience, current, choice, reason } = at;
  const refusal = at.refusal ?? refusalOf(engine, audience, choice);
  const changes = differences(engine, choiceOf(current.policy), choice);
  const after = policyFrom(current.policy, choice, ports.clock.now());
  const effect = await policyEffect(ports, audience, { before: current.policy, after });
  res.status(refusal === null ? 200 : 422).render('staff/settings-preview', {
    action: `/staff/settings/${audience}/save`,
    cancelHref: pageOf[audience],
    changes: differenceRows(t, engine, changes),
    presetName: choice.preset === null ? null : t(`settings.preset.${choice.preset}.name`),
    effects: effectSentences(t, effect, after.enrolmentEpoch > current.policy.enrolmentEpoch),
    // Staff without a factor are one stolen password from everybody's account: said aloud, and confirmed.
    warnStaff: isWeakForStaff(audience, choice),
    hidden: { choice: JSON.stringify(choice), seen: String(current.version), reason },
    form: { values: {}, errors: refusal === null ? [] : [{ field: '', text: t(refusal) }] },
  });
}
