import { z } from 'zod';

/** The longest name of an enrolment, in code points. */
export const nameLimit = 60;

/** The name that a person gives to what they set up; nothing where they give none. Refused with keys of the catalogue. */
export const nameField = z
  .string({ error: 'form.refused.characters' })
  .normalize('NFC')
  .trim()
  // Bidirectional overrides would let one name pass for another in a list.
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u, { error: 'form.refused.characters' })
  .refine((name) => Array.from(name).length <= nameLimit, { error: 'form.refused.tooLong' })
  .default('');
