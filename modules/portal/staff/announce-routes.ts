import { randomUUID } from 'node:crypto';
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { Refused } from '../../kernel/errors.ts';
import type { Language } from '../../kernel/person.ts';
import { translateOf } from '../../mfa/engine.ts';
import { readForm, readQuery, type FormView } from '../../platform/http/forms.ts';
import type { Announcements } from './announcement.ts';
import { listHref, listQuery, type Selection } from './customers-page.ts';
import type { CustomersPorts } from './customers-ports.ts';

const path = '/staff/customers/announce';
const longestAheadMs = 731 * 86_400_000;

const announceQuery = listQuery.omit({ after: true }).extend({ from: z.string().max(40).default('') });
const announceForm = z.object({
  q: listQuery.shape.q,
  state: listQuery.shape.state,
  from: z.string().max(40),
  id: z.string().regex(/^[0-9a-f-]{36}$/),
});

/** The notice that goes out before a second step is required: who gets it and what it says are seen before it is sent (D16). */
export function announceRoutes(
  ports: Pick<CustomersPorts, 'access' | 'flash' | 'clock'> & { announcements: Announcements; siteName: string },
): Router {
  const router = Router();
  const { access, announcements, clock, flash } = ports;
  const guard = [access.allow('customers.read'), access.allow('mfa.require.user')];

  router.get(path, guard, async (req: Request, res: Response) => {
    const { q, state, from } = readQuery(req, announceQuery);
    await show(res, { selection: { q, state }, from });
  });

  router.post(path, guard, async (req: Request, res: Response) => {
    const form = readForm(req, announceForm);
    // Nobody types these: what is wrong here is forged.
    if (!form.ok) throw new Refused('bad-request');
    const { q, state, from, id } = form.fields;
    const selection = { q, state };
    const count = await announcements.countOf(selection);
    if (count === 0 || !isComing(from)) {
      res.status(422);
      await show(res, { selection, from });
      return;
    }
    await announcements.announce({ id, selection, from: from === '' ? null : from }, access.visitor(req).person.id);
    flash.set(res, { kind: 'success', key: 'staff.announce.done', params: { count } });
    res.redirect(303, listHref('/staff/customers', selection));
  });

  /** Empty, or a day between today and two years from now. */
  function isComing(from: string): boolean {
    if (from === '') return true;
    const day = /^\d{4}-\d{2}-\d{2}$/.test(from) ? new Date(`${from}T00:00:00Z`) : new Date(NaN);
    const now = clock.now();
    return (
      !Number.isNaN(day.getTime()) &&
      day.toISOString().startsWith(from) &&
      from >= now.toISOString().slice(0, 10) &&
      day.getTime() - now.getTime() < longestAheadMs
    );
  }

  async function show(res: Response, { selection, from }: { selection: Selection; from: string }): Promise<void> {
    const t = translateOf(res);
    const fine = isComing(from);
    const form: FormView = {
      values: { from },
      errors: fine ? [] : [{ field: 'from', text: t('staff.announce.refusedDay') }],
    };
    const text = await announcements.textIn(res.locals['lang'] as Language, t, fine && from !== '' ? from : null);
    res.render('staff/announce', {
      selection,
      stateLabel: selection.state === '' ? null : t(`staff.state.${selection.state}`),
      count: await announcements.countOf(selection),
      from,
      fine,
      id: randomUUID(),
      subject: `${ports.siteName}: ${text.heading}`,
      text,
      listHref: listHref('/staff/customers', selection),
      form,
    });
  }

  return router;
}
