import { Router, type Response } from 'express';
import { z } from 'zod';
import type { Accounts } from '../../accounts/people.ts';
import { languages, type Person } from '../../kernel/person.ts';
import type { Audit, Clock } from '../../kernel/ports.ts';
import { signedIn } from '../../kernel/sign-in.ts';
import { translateOf } from '../../mfa/engine.ts';
import type { Flash } from '../../platform/http/flash.ts';
import { readForm, refusedForm, refusedStatus, type FormView } from '../../platform/http/forms.ts';
import type { SignInService } from '../../sign-in/sign-ins.ts';
import { timeZoneGroups, timeZones } from './time-zones.ts';

const path = '/account/preferences';
// Only what is on the list, or was: the values go into every page and mail of the person.
const preferenceForm = (person: Person) =>
  z.object({
    language: z.enum(['', ...languages], { error: 'field-choice' }),
    timeZone: z
      .string()
      .refine((zone) => zone === '' || zone === person.timeZone || timeZones.has(zone), { error: 'field-choice' }),
  });

/** In which language and time zone a person reads pages and mails. */
export function preferenceRoutes(ports: {
  accounts: Accounts;
  signIns: SignInService;
  audit: Audit;
  clock: Clock;
  flash: Flash;
}): Router {
  const router = Router();
  const { accounts, signIns } = ports;

  router.get(path, (req, res) => {
    const { person } = signedIn(signIns, req);
    show(res, person, {
      values: { language: person.language ?? '', timeZone: person.timeZone ?? '' },
      errors: [],
    });
  });

  router.post(path, async (req, res) => {
    const { person, signIn } = signedIn(signIns, req);
    const form = readForm(req, preferenceForm(person));
    if (!form.ok) {
      refusedStatus(res, form.refusals);
      const keep = ['language', 'timeZone'];
      show(res, person, refusedForm({ req, keep, refusals: form.refusals, t: translateOf(res) }));
      return;
    }
    const [language, timeZone] = [form.fields.language || null, form.fields.timeZone || null];
    if (language !== person.language || timeZone !== person.timeZone) {
      await accounts.setPreferences(person.id, { language, timeZone });
      const who = { kind: 'person' as const, id: person.id };
      await ports.audit.record({
        event: 'person.preferences-changed',
        outcome: 'success',
        actor: who,
        target: who,
        signInId: signIn.id,
      });
    }
    ports.flash.set(res, { kind: 'success', key: 'account.preferences.done' });
    res.redirect(303, path);
  });

  function show(res: Response, person: Person, form: FormView): void {
    const { timeZone, lang } = res.locals as { timeZone: string; lang: string };
    res.render('account/preferences', {
      form,
      zones: timeZoneGroups(person.timeZone),
      // No date: with it one could not tell at a glance whether the zone is right.
      now: new Intl.DateTimeFormat(lang === 'en' ? 'en-GB' : lang, { timeStyle: 'short', timeZone }).format(
        ports.clock.now(),
      ),
      zone: timeZone,
    });
  }

  return router;
}
