import { Router, type Response } from 'express';
import type { Person } from '../../kernel/person.ts';
import { translateOf } from '../../mfa/engine.ts';
import { auditRows, choiceOf, eventGroups, peopleCalled, type AuditPagePorts } from './audit-page.ts';
import { auditHref, filterOf, readAuditQuery, type AuditQuery } from './audit-query.ts';
import type { StaffAccess } from './staff-access.ts';

/** The Audit tab: what happened, newest first, narrowed by a form that is its own address. */
export function auditRoutes(ports: AuditPagePorts & { access: StaffAccess }): Router {
  const router = Router();
  const { access, audit, directory } = ports;

  router.get('/staff/audit', access.allow('audit.read'), async (req, res) => {
    const query = readAuditQuery(req, audit.events());
    const { values } = query;
    const called = values.who === '' ? null : await peopleCalled(ports, values.who);
    const [only] = called ?? [];
    if (only && called?.length === 1) {
      res.redirect(303, auditHref({ ...values, who: '', person: only.id }));
      return;
    }
    const [person = null] = values.person === '' ? [] : await directory.byIds([values.person]);
    await show(res, { query, called, person, reader: access.visitor(req).person });
  });

  async function show(
    res: Response,
    page: { query: AuditQuery; called: Person[] | null; person: Person | null; reader: Person },
  ): Promise<void> {
    const { query, called, person } = page;
    const { values } = query;
    const t = translateOf(res);
    const timeZone = res.locals['timeZone'] as string;
    const { filter, errors } = filterOf(query, { t, timeZone });
    if (called?.length === 0) errors.push({ field: 'who', text: t('audit.filter.nobody') });
    const isList = errors.length === 0 && called === null;
    if (errors.length > 0) res.status(422);
    res.render('staff/audit', {
      form: { values, errors },
      groups: eventGroups(t, audit.events()),
      // Somebody who was removed is an id, and nothing else is known of them (LOG-4).
      person:
        values.person === ''
          ? null
          : { id: values.person, name: person?.name ?? values.person, clear: auditHref({ ...values, person: '' }) },
      narrowed: Object.values(values).some((value) => value !== ''),
      choice: errors.length === 0 && called ? choiceOf(called, query) : null,
      list: isList ? await auditRows(ports, { t, reader: page.reader, query, filter }) : null,
    });
  }

  return router;
}
