import { z } from 'zod';
import { defineFactor } from '../../kernel/factor.ts';
import { setSizes } from './codes.ts';
import { leftSentence } from './pages.ts';
import { afterwardsRoutes, enrolmentRoutes } from './routes.ts';
import { seedCodes } from './seed.ts';
import { backupCodesState, codesLeft, currentSet, type BackupCodesState } from './state.ts';
import { BackupCodesStrategy } from './strategy.ts';

const settings = z.object({
  BACKUP_CODES: z
    .union([z.literal('off'), z.coerce.number().int().min(setSizes.fewest).max(setSizes.most)], {
      error: `must be a number from ${String(setSizes.fewest)} to ${String(setSizes.most)}, or "off"`,
    })
    .default(setSizes.usual)
    .describe('How many backup codes a person gets at a time, 5 to 16; each works once. `off`: there are none.'),
});

const policy = z.object({
  count: z
    .number()
    .int()
    .min(setSizes.fewest)
    .max(setSizes.most)
    .optional()
    .describe('How many codes a person gets at a time (C7). Not given: as many as BACKUP_CODES says.'),
});

interface BackupCodesOptions {
  count: number;
}

/** Codes on paper, each for one sign-in, for when the usual second step is lost (look-up secrets, NIST SP 800-63B-4 3.1.2). */
export default defineFactor<BackupCodesState, typeof settings, BackupCodesOptions>({
  id: 'backup-codes',
  traits: { role: 'recovery', order: 90, phishingResistant: false, restricted: false },
  state: backupCodesState,
  settings,
  policy,
  configure: ({ BACKUP_CODES }) => (BACKUP_CODES === 'off' ? 'off' : { count: BACKUP_CODES }),
  // BC-5: a counter of its own.
  limits: { verify: { tries: 10, windowSeconds: 900 } },
  events: {
    made: 'A set of codes was made and shown.',
    used: 'A code was used up.',
    reused: 'A right code was given again that was used already; somebody may have a copy of the list.',
    downloaded: 'The set was downloaded as a text file, within ten minutes of its making.',
  },
  start: (host, { count }) => ({
    strategy: new BackupCodesStrategy(host),
    field: 'proof.ejs',
    enrolment: enrolmentRoutes({ host, count }),
    afterwards: afterwardsRoutes({ host, count }),
    seed: (person) => seedCodes({ host, count }, person),
    // A set that is used up is not offered at sign-in.
    sound: (enrolment) => codesLeft(enrolment.state as BackupCodesState) > 0,
    summarise: async (personId) => {
      const set = await currentSet(host, personId);
      return set && leftSentence(set.state);
    },
  }),
});
