import type { Translate } from '../../kernel/ports.ts';
import { toGsm } from './gateways/gsm.ts';

/** One message of the GSM 7-bit alphabet (3GPP TS 23.038 6.2.1); longer ones are sent, and paid, in parts. */
export const longestText = 160;

export interface TextWords {
  t: Translate;
  siteName: string;
  /** As people type it. */
  baseUrl: string;
}

/**
 * The text of a code: what it is for, whose site it is, not to give it away (SMS-8). With https the last line binds it to the site for
 * browsers that fill it in (WICG, Origin-bound one-time codes): a look-alike site gets nothing.
 */
export function codeText({ t, siteName, baseUrl }: TextWords, code: string): string {
  const { host, hostname, protocol } = new URL(baseUrl);
  const bound = protocol === 'https:' ? `\n\n@${hostname} #${code}` : '';
  const named = t('sms.text.code', { code, site: `${siteName} (${host})` }) + bound;
  if (fits(named)) return named;
  const short = t('sms.text.code', { code, site: host }) + bound;
  return fits(short) ? short : `${code} ${host}`.slice(0, longestText);
}

/** The text to a number that gets no more codes. */
export function goneText({ t, siteName, baseUrl }: TextWords): string {
  const { host } = new URL(baseUrl);
  const named = t('sms.text.gone', { site: `${siteName} (${host})` });
  return fits(named) ? named : t('sms.text.gone', { site: host });
}

function fits(text: string): boolean {
  const septets = toGsm(text)?.length;
  return septets !== undefined && septets <= longestText;
}
