import { z } from 'zod';
import { defineFactor } from '../../kernel/factor.ts';
import type { Person } from '../../kernel/person.ts';
import { beginChallenge, describeChallenge, SmsStrategy } from './challenge.ts';
import { createCarrier } from './gateways/carrier.ts';
import { readGateways, type GatewaysOptions } from './gateways/read-gateways.ts';
import { gatewaySettings } from './gateways/settings.ts';
import { guardEvents } from './guard/events.ts';
import { createGuard } from './guard/guard.ts';
import { createLedger } from './guard/ledger.ts';
import { createSender } from './guard/sender.ts';
import { guardSettings, readGuardSettings, type GuardSettings } from './guard/settings.ts';
import { countryOf } from './numbers.ts';
import { smsPolicy } from './policy.ts';
import { changeRoutes, enrolmentRoutes } from './routes.ts';
import { mailSamples, textSamples } from './samples.ts';
import type { Sms } from './sending.ts';
import { activePhone } from './set-up.ts';
import { staffRoutes } from './staff/routes.ts';
import { numberOf, smsState, type Phone, type SmsState } from './state.ts';
import { createTrouble, healthOf } from './trouble.ts';
import { goneText } from './texts.ts';

const settings = z.object({
  SMS: z
    .enum(['on', 'off'])
    .default('on')
    .describe('Whether codes by text message can be set up and used. In production this needs SMS_GATEWAYS.'),
  ...gatewaySettings,
  ...guardSettings,
});

interface SmsOptions {
  gateways: GatewaysOptions;
  guard: GuardSettings;
}

/** Codes by text message: a restricted authenticator (NIST SP 800-63B-4 3.1.3.3), better than a password alone. */
export default defineFactor<SmsState, typeof settings, SmsOptions>({
  id: 'sms',
  traits: { role: 'primary', order: 40, phishingResistant: false, restricted: true },
  state: smsState,
  settings,
  policy: smsPolicy,
  configure: (values, portal) => {
    if (values.SMS === 'off') return 'off';
    // Under development messages are kept for /dev/outbox; in production nothing is as good as a real gateway.
    const usual = portal.production ? {} : { SMS_GATEWAYS: 'log' };
    const gateways = readGateways({ ...values, ...(values.SMS_GATEWAYS ? {} : usual) }, portal);
    return gateways === null ? 'off' : { gateways, guard: readGuardSettings(values, portal) };
  },
  // RL-2. What may be sent is the guard's.
  limits: { verify: { tries: 10, windowSeconds: 900 }, enrolments: 1 },
  events: {
    'number-added': 'A number was given for a set-up; it counts once a code to it is confirmed.',
    sent: 'A code was handed over to a gateway, or may have been.',
    'not-sent': 'A code that was asked for, or a notice to a number, was not sent.',
    ...guardEvents,
  },
  start: (host, options) => {
    const guard = createGuard(host, options.guard);
    const ledger = createLedger(host);
    const trouble = createTrouble(host);
    const carrier = createCarrier(options.gateways, {
      baseUrl: () => host.baseUrl(),
      fingerprint: (text) => host.fingerprint(text),
      now: () => host.now(),
      log: host.log,
      countryOf,
      isStopped: (country) => guard.isStopped(country),
      onAnswer: async ({ id }, answer) => {
        const seen = carrier.health().find(({ name }) => name === answer.gateway);
        await Promise.all([ledger.answered(id, answer), seen && trouble.answered(seen)]);
      },
      onReport: (report) => ledger.reported(report),
    });
    const { keeps } = carrier;
    const sender = createSender({ host, guard, ledger, keeps, onWithdrawn: () => trouble.withdrawn() });
    const going = () => trouble.going(carrier.health());
    const sms: Sms = { host, sender, allowed: options.guard.countries };
    const mayChange = async (person: Person) => smsPolicy.parse(await host.policy(person)).userMayChangeNumber;
    return {
      strategy: new SmsStrategy(sms),
      field: 'proof.ejs',
      begin: (req) => beginChallenge(sms, req),
      describe: (req) => describeChallenge(sms, req),
      enrolment: enrolmentRoutes(sms),
      afterwards: changeRoutes(sms),
      staff: {
        router: staffRoutes({ host, guard, ledger, going }),
        permission: 'reports.read',
      },
      callbacks: carrier.callbacks,
      sound: (enrolment) => numberOf(host, enrolment as Phone) !== null,
      summarise: async (personId) => {
        const phone = await activePhone(host, personId);
        return phone && { key: 'sms.summary', params: { number: phone.state.masked } };
      },
      mayRenew: mayChange,
      actions: async (person) =>
        (await mayChange(person)) ? [{ key: 'sms.change.link', href: '/account/factors/sms/change' }] : [],
      // SMS-7: whoever holds the number learns that it guards nothing any more.
      release: async (person, enrolment) => {
        const phone = enrolment as Phone;
        const number = numberOf(host, phone);
        // A number that nobody showed to be theirs is told nothing.
        if (number === null || phone.state.verified === 'no') return;
        // The same number was set up anew: it guards as before.
        const left = (await host.enrolments.list(person.id)) as Phone[];
        if (left.some((other) => other.state.numberKey === phone.state.numberKey)) return;
        const text = goneText({ t: host.textsFor(person), siteName: host.siteName, baseUrl: host.baseUrl() });
        const { numberKey: fingerprint, country } = phone.state;
        await sender.notify({ person, number, fingerprint, country, text });
      },
      forget: (personId) => ledger.forget(personId),
      texts: carrier,
      health: async () => healthOf(await going()),
      samples: (t) => textSamples({ t, siteName: host.siteName, baseUrl: host.baseUrl() }),
      mailSamples,
      stop: () => carrier.stop(),
    };
  },
});
