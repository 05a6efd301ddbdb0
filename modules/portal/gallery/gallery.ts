import type { Language } from '../../kernel/person.ts';
import type { Clock, Translate } from '../../kernel/ports.ts';
import type { Engine } from '../../mfa/engine.ts';
import type { Mails, WrittenMail } from '../mails.ts';
import { sampleMails, type SampleMail } from './mail-samples.ts';

/** A text message of the gallery. `fits`: it leaves, and is paid, as one message. */
export interface SampleText {
  factor: string;
  kind: string;
  text: string;
  length: number;
  most: number;
  fits: boolean;
}

export interface Gallery {
  mails(lang: Language): SampleMail[];
  /** Writes a sample as a mail is written, and sends nothing. */
  write(sample: SampleMail, lang: Language): Promise<WrittenMail>;
  texts(t: Translate): SampleText[];
}

// What one message holds: septets of the phones' alphabet, or UCS-2 units where a character is not in it (3GPP TS 23.040 9.2.3.16).
const mostSeptets = 160;
const mostUnits = 70;

/** Every mail and text that this portal can send, with made-up values. */
export function createGallery(ports: { engine: Engine; mails: Mails; clock: Clock; helpContact: string }): Gallery {
  const { engine, mails, clock, helpContact } = ports;
  const installed = () => [...engine.factors.values()];

  function firstOf(role: 'primary' | 'recovery'): string | null {
    const found = installed().find(({ definition }) => definition.traits.role === role) ?? installed()[0];
    return found?.definition.id ?? null;
  }

  return {
    mails: (lang) =>
      sampleMails({
        now: clock.now(),
        lang,
        helpContact,
        factors: { primary: firstOf('primary'), recovery: firstOf('recovery') },
        ofFactors: installed().flatMap(({ definition: { id: factor }, running }) =>
          (running.mailSamples?.() ?? []).map((one) => ({ ...one, factor })),
        ),
      }),
    write: (sample, lang) =>
      mails.write({ person: { email: sample.to, language: lang, timeZone: null } }, (words) => sample.write(words)),
    texts: (t) =>
      installed().flatMap(({ definition: { id: factor }, running }) =>
        (running.samples?.(t) ?? []).map(({ kind, text, septets }) => {
          const length = septets ?? text.length;
          const most = septets === null ? mostUnits : mostSeptets;
          return { factor, kind, text, length, most, fits: length <= most };
        }),
      ),
  };
}
