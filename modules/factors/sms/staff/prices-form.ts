import { Refused } from '../../../kernel/errors.ts';
import type { Translate } from '../../../kernel/ports.ts';
import { isCurrency, readPrice, writePrice, type Prices } from './prices.ts';

/** A form as its page shows it. */
export interface FormView {
  values: Record<string, string>;
  errors: { field: string; text: string }[];
}

export const noForm: FormView = { values: {}, errors: [] };

/** The field of a country's price. */
export function priceField(country: string): string {
  return `price_${country}`;
}

/** One field of a body, as typed; a field given twice or left out is a forged form. */
export function textField(body: unknown, name: string): string {
  const fields = (body ?? {}) as Readonly<Record<string, unknown>>;
  const value: unknown = Object.hasOwn(fields, name) ? fields[name] : '';
  if (typeof value !== 'string') throw new Refused('bad-request');
  return value.slice(0, 1000).trim();
}

/** What the prices look like in the form. */
export function pricesView({ currency, millionths }: Prices): FormView {
  const prices = Object.entries(millionths).map(
    ([country, price]) => [priceField(country), writePrice(price)] as const,
  );
  return { values: { currency, ...Object.fromEntries(prices) }, errors: [] };
}

/** Reads the form: an empty price is none. */
export function readPrices(
  body: unknown,
  countries: readonly string[],
  t: Translate,
): { prices: Prices } | { refused: FormView } {
  const typed = textField(body, 'currency');
  const currency = typed.toUpperCase();
  const values: Record<string, string> = { currency: typed };
  const errors: FormView['errors'] = [];
  if (!isCurrency(currency)) errors.push({ field: 'currency', text: t('sms.prices.wrongCurrency') });
  const millionths: Record<string, number> = {};
  for (const country of countries) {
    const field = priceField(country);
    const text = (values[field] = textField(body, field));
    if (text === '') continue;
    const price = readPrice(text);
    if (price === null) errors.push({ field, text: t('sms.prices.wrongPrice') });
    else millionths[country] = price;
  }
  return errors.length > 0 ? { refused: { values, errors } } : { prices: { currency, millionths } };
}
