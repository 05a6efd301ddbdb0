import { z } from 'zod';

/** What the policy decides about text messages. The defaults are a fresh portal's. */
export const smsPolicy = z.object({
  activation: z
    .enum(['onVerify', 'explicit'])
    .default('onVerify')
    .describe('Whether a right code turns the factor on, or one more step after it does (C10).'),
  userMayChangeNumber: z
    .boolean()
    .default(true)
    .describe('Whether people may put another number in the place of theirs (C9).'),
  trustVerifiedAccountNumbers: z
    .boolean()
    .default(false)
    .describe('Whether a number that a colleague of the same company uses already needs no message of its own (C8).'),
});

export type SmsPolicy = z.infer<typeof smsPolicy>;
