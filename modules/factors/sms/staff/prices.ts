import { Schema } from 'mongoose';
import type { FactorHost } from '../../../kernel/factor.ts';

/** What a message to a country costs, in millionths of the currency: sums of decimal fractions would be off. */
export interface Prices {
  /** ISO 4217; '' until staff have entered any. */
  currency: string;
  millionths: Readonly<Record<string, number>>;
}

interface PricesRow extends Prices {
  _id: 'prices';
}

/** The prices that staff entered; the portal knows no provider's. */
export function createPrices(host: Pick<FactorHost<unknown>, 'model'>) {
  const rows = host.model<PricesRow>(
    'prices',
    new Schema<PricesRow>(
      {
        _id: { type: String, required: true },
        currency: { type: String, required: true },
        millionths: { type: Schema.Types.Mixed, required: true },
      },
      { minimize: false },
    ),
  );
  return {
    async read(): Promise<Prices> {
      const row = await rows.findById('prices').lean<PricesRow>();
      return { currency: row?.currency ?? '', millionths: row?.millionths ?? {} };
    },
    async save({ currency, millionths }: Prices): Promise<void> {
      await rows.updateOne({ _id: 'prices' }, { $set: { currency, millionths } }, { upsert: true });
    },
  };
}

const decimal = /^(\d{1,4})(?:[.,](\d{1,6}))?$/;

/** Reads a price as people type it, with a point or a comma; null where it is none. */
export function readPrice(text: string): number | null {
  const [, whole, fraction = ''] = decimal.exec(text) ?? [];
  return whole === undefined ? null : Number(whole) * 1_000_000 + Number(fraction.padEnd(6, '0'));
}

/** A price as the form shows it. */
export function writePrice(millionths: number): string {
  const [whole = '', fraction = ''] = (millionths / 1_000_000).toFixed(6).split('.');
  const short = fraction.replace(/0+$/, '');
  return short === '' ? whole : `${whole}.${short.padEnd(2, '0')}`;
}

/** True for a currency's code, such as EUR. */
export function isCurrency(text: string): boolean {
  return Intl.supportedValuesOf('currency').includes(text);
}

/** An amount in words. */
export function amountWords(millionths: number, currency: string, lang: string): string {
  const format = new Intl.NumberFormat(lang === 'en' ? 'en-GB' : lang, { style: 'currency', currency });
  return format.format(millionths / 1_000_000);
}
