import {
  getCountries,
  getCountryCallingCode,
  isSupportedCountry,
  parsePhoneNumberWithError,
} from 'libphonenumber-js/max';
import type { CountryCode, PhoneNumber } from 'libphonenumber-js/max';
import { maskNumber } from './guard/number-parts.ts';

/** A number that a text message can go to. */
export interface MobileNumber {
  /** E.164. */
  number: string;
  /** ISO 3166. */
  country: string;
  masked: string;
}

/** Why a number is not taken; each has a sentence `sms.number.<why>`. */
export type NumberFault = 'missing' | 'form' | 'unknown' | 'notMobile' | 'country';

/** Digits with what people put between them, one + in front at most: two numbers in one field are not one (SMS-6). */
const form = /^\+?[0-9(][0-9 ().\-/\u00a0\u2010-\u2013]{3,30}$/u;

/**
 * Reads what somebody typed as a mobile number: free E.164, or as it is written in the chosen country. `countries` is the allow-list;
 * 'all' is for development. Types by libphonenumber's own metadata; where a country does not tell mobile from fixed lines, both pass.
 */
export function readNumber(
  typed: { number: string; country: string },
  countries: ReadonlySet<string> | 'all',
): { ok: MobileNumber } | { fault: NumberFault } {
  const text = typed.number.normalize('NFKC').trim();
  if (text === '') return { fault: 'missing' };
  if (!form.test(text)) return { fault: 'form' };
  const parsed = parse(text.replace(/[\u00a0\u2010-\u2013]/gu, ' '), typed.country);
  if (!parsed?.isValid()) return { fault: 'unknown' };
  const { country } = parsed;
  const type = parsed.getType();
  if (country === undefined || (type !== 'MOBILE' && type !== 'FIXED_LINE_OR_MOBILE')) return { fault: 'notMobile' };
  if (countries !== 'all' && !countries.has(country)) return { fault: 'country' };
  return { ok: { number: parsed.number, country, masked: maskNumber(parsed.number, country) } };
}

function parse(text: string, country: string): PhoneNumber | null {
  try {
    const options = isSupportedCountry(country) ? { defaultCountry: country } : {};
    return parsePhoneNumberWithError(text, { ...options, extract: false });
  } catch {
    return null;
  }
}

/** The country of a number in E.164, for the routes of gateways. */
export function countryOf(number: string): string | null {
  return parse(number, '')?.country ?? null;
}

export interface CountryChoice {
  value: string;
  label: string;
}

const names = new Map<string, Intl.DisplayNames>();

/** The countries to choose from, by their names in the reader's language, each with its calling code. */
export function countryChoices(countries: ReadonlySet<string> | 'all', lang: string): CountryChoice[] {
  let inWords = names.get(lang);
  if (!inWords) names.set(lang, (inWords = new Intl.DisplayNames([lang], { type: 'region' })));
  return (countries === 'all' ? getCountries() : [...countries])
    .filter((code): code is CountryCode => isSupportedCountry(code))
    .map((value) => ({ value, label: `${inWords.of(value) ?? value} (+${getCountryCallingCode(value)})` }))
    .sort((one, other) => one.label.localeCompare(other.label, lang));
}
