import { getCountryCallingCode, isSupportedCountry } from 'libphonenumber-js/max';

function callingCode(number: string, country: string): string {
  const code = isSupportedCountry(country) ? getCountryCallingCode(country) : '';
  return number.startsWith(`+${code}`) && code !== '' ? code : number.slice(1, 2);
}

/** The beginning that a range of numbers shares: the country's digits and four more. Whoever is paid for messages owns a range. */
export function prefixOf(number: string, country: string): string {
  return number.slice(0, 1 + callingCode(number, country).length + 4);
}

/** A number as lists show it: `+1******06` (SMS-8). */
export function maskNumber(number: string, country: string): string {
  return `+${callingCode(number, country)}******${number.slice(-2)}`;
}
