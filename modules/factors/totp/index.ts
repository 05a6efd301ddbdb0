import { z } from 'zod';
import { defineFactor } from '../../kernel/factor.ts';
import { totpPolicy } from './policy.ts';
import { enrolmentRoutes } from './routes.ts';
import { seedAuthenticator } from './seed.ts';
import { policyOf, runningSetUp, startSetUp } from './set-up.ts';
import { isSound } from './secret.ts';
import { maxAuthenticators } from './set-up.ts';
import { totpState, type TotpState } from './state.ts';
import { TotpStrategy } from './strategy.ts';

const settings = z.object({
  TOTP: z.enum(['on', 'off']).default('on').describe('Whether authenticator apps can be set up and used.'),
  TOTP_ISSUER: z
    .string()
    .trim()
    .max(64)
    .default('')
    .describe('The name that authenticator apps show for this portal. Empty: the name of the site.'),
});

interface TotpOptions {
  /** Empty: the name of the site. */
  issuer: string;
}

/** Codes of an authenticator app (RFC 6238). */
export default defineFactor<TotpState, typeof settings, TotpOptions>({
  id: 'totp',
  traits: { role: 'primary', order: 20, phishingResistant: false, restricted: false },
  state: totpState,
  settings,
  policy: totpPolicy,
  configure: ({ TOTP, TOTP_ISSUER }) => {
    if (TOTP === 'off') return 'off';
    if (TOTP_ISSUER.includes(':'))
      throw new Error('TOTP_ISSUER must not contain a colon: authenticator apps read it as the end of the name.');
    return { issuer: TOTP_ISSUER };
  },
  // RL-2, RL-3.
  limits: { verify: { tries: 10, windowSeconds: 900 }, enrolments: maxAuthenticators },
  events: {
    'set-up-started': 'A new secret was made and shown; it counts once a first code confirms it.',
    'secret-unreadable':
      'The secret of an authenticator could not be opened: its key is gone, or the data was changed.',
    'clock-hint': 'A code of another time was given, and the person was told that the phone’s clock is off.',
    'code-reused': 'A right code was given again that was used up already.',
    'clock-behind': 'The server’s clock is behind the last accepted code: no code is accepted until it has caught up.',
  },
  start: (host, { issuer }) => ({
    strategy: new TotpStrategy(host),
    field: 'proof.ejs',
    enrolment: enrolmentRoutes({ host, issuer: issuer === '' ? host.siteName : issuer }),
    beginSetUp: async (req) => {
      if ((await policyOf(host, req)).start === 'atOnce' && !(await runningSetUp(host, req)))
        await startSetUp(host, req);
    },
    seed: (person, options) => seedAuthenticator(host, person, options?.secret),
    sound: (enrolment) => isSound(host, enrolment),
    summarise: async (personId) => {
      const authenticators = await host.enrolments.list(personId);
      const [first] = authenticators;
      if (!first) return null;
      if (authenticators.length === 1) return { key: 'totp.summary.one', params: { name: first.name } };
      return { key: 'totp.summary.many', params: { count: authenticators.length } };
    },
  }),
});
