import { Router, type Response } from 'express';
import type { Directory } from '../../accounts/directory.ts';
import type { Links } from '../../accounts/links.ts';
import type { Person } from '../../kernel/person.ts';
import { signedIn } from '../../kernel/sign-in.ts';
import { translateOf, type Engine } from '../../mfa/engine.ts';
import { securityPage } from '../../mfa/security-page.ts';
import type { SignInService } from '../../sign-in/sign-ins.ts';

const mostNames = 3;

export interface SecurityRoutePorts {
  signIns: SignInService;
  engine: Engine;
  links: Links;
  directory: Directory;
  helpContact: string;
}

/** A person's security page: the second step, and the ways to everything else that guards the account. */
export function securityRoutes(ports: SecurityRoutePorts): Router {
  const router = Router();
  const { signIns, engine, links } = ports;

  router.get('/account/security', async (req, res) => {
    const { person } = signedIn(signIns, req);
    const page = await securityPage(engine, person, res);
    const wanted = await links.wantedEmailOf(person.id);
    res.render('account/security', {
      ...page,
      whomToAsk: page.keptOnBy === null ? null : await whomToAsk(res, person, page.keptOnBy),
      password: { changedAt: person.passwordSetAt },
      email: { address: person.email, confirmed: person.emailConfirmed, pending: wanted?.email ?? null },
      sessions: (await signIns.listOf(person)).length,
      preferences: { language: person.language },
    });
  });

  /** Whose word it is can take it back: the company's administrators by name, else whoever runs the portal. */
  async function whomToAsk(res: Response, { id, companyId }: Person, by: 'company' | 'operator'): Promise<string> {
    const t = translateOf(res);
    if (by === 'company' && companyId !== null) {
      const query = { kind: 'contact' as const, companyId, canSignIn: true, companyAdmins: true };
      const found = await ports.directory.page(query, { after: null, count: mostNames + 1 });
      const names = found.filter((admin) => admin.id !== id).map(({ name }) => name);
      if (names.length > 0) return t('account.security.askCompany', { names: names.slice(0, mostNames).join(', ') });
    }
    return ports.helpContact === ''
      ? t('account.security.askOperator')
      : t('account.security.ask', { contact: ports.helpContact });
  }

  return router;
}
