import { Router, type Request, type Response } from 'express';
import { Refused } from '../../kernel/errors.ts';
import type { Audit, AuditEntry } from '../../kernel/ports.ts';
import { translateOf } from '../../mfa/engine.ts';
import type { Flash } from '../../platform/http/flash.ts';
import type { DurableOutbox } from '../../platform/outbox/outbox.ts';
import { mailPage } from './mail-page.ts';
import type { StaffAccess } from './staff-access.ts';

/** So many at once: a mail server that just came back is not flooded. */
const mostAtOnce = 200;

/** The Mail tab: what could not be sent, what waits, and another try. */
export function mailRoutes(ports: {
  access: StaffAccess;
  outbox: DurableOutbox;
  audit: Audit;
  flash: Flash;
  /** What becomes of mails here: they leave, are kept for developers, or wait for a mail server to be set. */
  delivery: 'sent' | 'kept' | 'nowhere';
}): Router {
  const router = Router();
  const { access, outbox, audit, flash } = ports;
  const see = access.allow('audit.read');
  const retry = [see, access.allow('users.manage')];

  router.get('/staff/mail', see, async (req, res) => {
    res.render('staff/mail', {
      ...(await mailPage(outbox, translateOf(res))),
      delivery: ports.delivery,
      mayRetry: access.visitor(req).person.permissions.includes('users.manage'),
    });
  });

  router.post('/staff/mail/retry', retry, async (req: Request, res: Response) => {
    const mails = await outbox.retryAll(mostAtOnce);
    if (mails > 0) await record(req, { mails });
    flash.set(
      res,
      mails > 0
        ? { kind: 'success', key: mails === 1 ? 'mailbox.retry.done' : 'mailbox.retry.allDone', params: { mails } }
        : { kind: 'warning', key: 'mailbox.retry.none' },
    );
    res.redirect(303, '/staff/mail');
  });

  router.post('/staff/mail/:id/retry', retry, async (req: Request, res: Response) => {
    const id = String(req.params['id']);
    const found = await outbox.find(id);
    if (!found) throw new Refused('not-found');
    if (await outbox.retry(id)) {
      await record(req, { kind: found.kind, reference: id });
      flash.set(res, { kind: 'success', key: 'mailbox.retry.done' });
    } else flash.set(res, { kind: 'warning', key: 'mailbox.retry.none' });
    res.redirect(303, '/staff/mail');
  });

  // Not the address: the audit outlives the person (LOG-4).
  function record(req: Request, detail: NonNullable<AuditEntry['detail']>): Promise<void> {
    const { person, signIn } = access.visitor(req);
    return audit.record({
      event: 'outbox.retried',
      outcome: 'success',
      actor: { kind: 'person', id: person.id },
      target: { kind: 'portal', id: 'outbox' },
      signInId: signIn.id,
      detail,
    });
  }

  return router;
}
