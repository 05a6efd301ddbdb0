import { Router, type Request } from 'express';
import { Refused } from '../../kernel/errors.ts';
import { translateOf } from '../../mfa/engine.ts';
import type { PolicyVersion } from '../../mfa/policy/policy-store.ts';
import { choiceOf, differences, forAudience } from './policy-choice.ts';
import { pageOf, refusalOfSeen, showPreview } from './policy-preview.ts';
import { differenceRows } from './settings-page.ts';
import type { SettingsPorts } from './settings-routes.ts';

const shownVersions = 100;

/** Every version of each audience's policy, and the way back to it: by a preview, and as one more version. */
export function historyRoutes(ports: SettingsPorts): Router {
  const router = Router();
  const { engine, access } = ports;
  const guard = access.allow('mfa.policy');

  for (const audience of ['contact', 'staff'] as const) {
    const path = audience === 'contact' ? '/staff/settings/history' : '/staff/settings/staff/history';

    router.get(path, guard, engine.freshly, async (_req, res) => {
      const t = translateOf(res);
      const versions = await engine.policies.history(audience, shownVersions);
      const rows = await Promise.all(
        versions.map(async (version, index) => ({
          version: version.version,
          at: version.at,
          by: version.by === null ? null : await ports.nameOf(version.by),
          reason: version.reason,
          current: index === 0,
          changes: differenceRows(t, engine, changesOf(versions, index)),
        })),
      );
      res.render('staff/settings-history', {
        heading: t(audience === 'contact' ? 'settings.history.heading' : 'settings.history.staffHeading'),
        policy: {
          href: pageOf[audience],
          label: audience === 'contact' ? t('settings.policy.heading') : t('settings.staff.heading'),
        },
        path,
        seen: versions[0]?.version ?? 0,
        versions: rows,
      });
    });

    async function versionOf(req: Request): Promise<{ wanted: PolicyVersion; current: PolicyVersion }> {
      const versions = await engine.policies.history(audience, shownVersions);
      const wanted = versions.find(({ version }) => String(version) === req.params['version']);
      const current = versions[0];
      if (!wanted || !current) throw new Refused('not-found');
      return { wanted, current };
    }

    // Where the proof that saving takes leads back to, and a page that is loaded anew.
    router.get(`${path}/:version/preview`, guard, async (req, res) => {
      await versionOf(req);
      res.redirect(303, path);
    });

    router.post(`${path}/:version/preview`, guard, async (req, res) => {
      const { wanted, current } = await versionOf(req);
      await showPreview(ports, res, {
        audience,
        current,
        choice: forAudience(engine, audience, { seen: choiceOf(current.policy), choice: choiceOf(wanted.policy) }),
        reason: `version ${String(wanted.version)}`,
        refusal: refusalOfSeen(req, current),
      });
    });
  }

  function changesOf(versions: readonly PolicyVersion[], index: number) {
    const [now, before] = [versions[index], versions[index + 1]];
    return now && before ? differences(engine, choiceOf(before.policy), choiceOf(now.policy)) : [];
  }

  return router;
}
