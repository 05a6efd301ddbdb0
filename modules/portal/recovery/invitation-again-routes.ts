import { Router } from 'express';
import type { Links } from '../../accounts/links.ts';
import { emailKey } from '../../accounts/passwords/email.ts';
import type { Throttle } from '../../kernel/ports.ts';
import { translateOf } from '../../mfa/engine.ts';
import type { Tasks } from '../../platform/tasks.ts';
import type { LinkCookie } from './link-cookie.ts';
import { mayAskForMail } from './link-limits.ts';

/**
 * A new invitation for whoever holds an old one. It goes to the person's own address and to no other; for a link that was used, taken
 * back or never was, the answer is the same and nothing is sent.
 */
export function invitationAgainRoutes(ports: {
  links: Links;
  tasks: Tasks;
  throttle: Throttle;
  cookie: LinkCookie;
}): Router {
  const router = Router();

  router.post('/invitation/again', async (req, res) => {
    const token = ports.cookie.read(req);
    const found = token === null ? null : await ports.links.find('invitation', token);
    const who = { address: req.ip ?? '', account: found ? emailKey(found.person.email) : (token ?? '') };
    if ((await mayAskForMail(ports.throttle, who)) && found)
      await ports.tasks.add('invitation-again', { personId: found.person.id });
    res.redirect(303, '/invitation/again');
  });

  router.get('/invitation/again', (_req, res) => {
    res.render('recovery/sent', { text: translateOf(res)('recovery.sent.invitation'), pageMode: 'narrow' });
  });

  return router;
}
