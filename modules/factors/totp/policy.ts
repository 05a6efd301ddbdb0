import { z } from 'zod';

/** What the policy decides about setting an app up. The defaults are a fresh portal's. */
export const totpPolicy = z.object({
  start: z
    .enum(['atOnce', 'onRequest'])
    .default('atOnce')
    .describe('Whether a forced set-up begins with the key, or with a page whose button leads to it.'),
  qrReveal: z
    .enum(['immediate', 'onRequest'])
    .default('immediate')
    .describe('Whether the QR code is shown at once, or after a press of a button (C11).'),
  activation: z
    .enum(['onVerify', 'explicit'])
    .default('onVerify')
    .describe('Whether a right code turns the factor on, or one more step after it does (C10).'),
});

export type TotpPolicy = z.infer<typeof totpPolicy>;
