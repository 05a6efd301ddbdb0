import { Router } from 'express';
import type { Links } from '../../accounts/links.ts';
import { signedIn } from '../../kernel/sign-in.ts';
import { translateOf, type Engine } from '../../mfa/engine.ts';
import { securityPage } from '../../mfa/security-page.ts';
import type { SignInService } from '../../sign-in/sign-ins.ts';

/** A person's security page: the second step, and the ways to everything else that guards the account. */
export function securityRoutes(ports: {
  signIns: SignInService;
  engine: Engine;
  links: Links;
  helpContact: string;
}): Router {
  const router = Router();
  const { signIns, engine, links, helpContact } = ports;

  router.get('/account/security', async (req, res) => {
    const { person } = signedIn(signIns, req);
    const t = translateOf(res);
    const page = await securityPage(engine, person, res);
    const pending = await links.wantedEmailOf(person.id);
    const whom =
      helpContact === '' ? t('account.security.askOperator') : t('account.security.ask', { contact: helpContact });
    res.render('account/security', {
      ...page,
      whomToAsk: page.keepsOn ? whom : null,
      password: { changedAt: person.passwordSetAt },
      email: { address: person.email, confirmed: person.emailConfirmed, pending: pending?.email ?? null },
      sessions: (await signIns.listOf(person)).length,
      preferences: { language: person.language },
    });
  });

  return router;
}
