import { getCountries } from 'libphonenumber-js/max';
import { z } from 'zod';

const most = (fallback: number, sentence: string) =>
  z.coerce.number().int().min(1).max(1_000_000).default(fallback).describe(sentence);

/** Where a message costs cents and fraud pays little: the European Economic Area, Switzerland, the United Kingdom, North America, Australia, New Zealand. */
const usualCountries =
  'AT AU BE BG CA CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO NZ PL PT RO SE SI SK US';

/** The guard's part of the factor's settings. */
export const guardSettings = {
  SMS_COUNTRIES: z
    .string()
    .trim()
    .default(usualCountries)
    .describe(
      'Countries that text messages go to, as ISO codes with spaces or commas. `*`: all; refused in production.',
    ),
  SMS_UNCONFIRMED_PER_HOUR: most(
    5,
    'Messages an hour to a person, and to a number, whose code was not given back yet. A number’s set-ups are counted apart from what follows them.',
  ),
  SMS_UNCONFIRMED_PER_DAY: most(10, 'The same a day.'),
  SMS_MESSAGES_PER_HOUR: most(20, 'Messages with codes an hour to a person, and to a number, all together.'),
  SMS_MESSAGES_PER_DAY: most(40, 'The same a day.'),
  SMS_ADDRESS_PER_HOUR: most(
    40,
    'Messages an hour that are asked for from one network address, whose code was not given back yet: a company behind one address signs in as often as it likes.',
  ),
  SMS_ADDRESS_PER_DAY: most(120, 'The same a day.'),
  SMS_PREFIX_PER_HOUR: most(
    20,
    'Messages an hour for set-ups of numbers that begin alike (the country and four more digits), whose code was not given back yet.',
  ),
  SMS_PREFIX_PER_DAY: most(60, 'The same a day.'),
  SMS_COUNTRY_PER_HOUR: most(200, 'Messages to one country in an hour by the clock.'),
  SMS_COUNTRY_PER_DAY: most(800, 'Messages to one country in a day (UTC).'),
  SMS_DAILY_BUDGET: most(
    1000,
    'Messages of the whole portal in a day (UTC). Beyond it no code leaves, and staff are told by mail; notices to a number that goes still do.',
  ),
  SMS_CONFIRMED_SHARE: z.coerce
    .number()
    .int()
    .min(0)
    .max(100)
    .default(20)
    .describe(
      'Of the last day’s codes to a country (at least 20), so many percent must have been given back; else staff are told. 0: not watched.',
    ),
  SMS_PUMPING: z
    .enum(['record', 'stop'])
    .default('record')
    .describe(
      'What follows where too few codes come back from a country: `record` tells staff, `stop` also stops the country.',
    ),
};

/** So many in any hour, and in any day. */
export interface Pace {
  hour: number;
  day: number;
}

export interface GuardSettings {
  countries: ReadonlySet<string> | 'all';
  unconfirmed: Pace;
  messages: Pace;
  address: Pace;
  prefix: Pace;
  country: Pace;
  budget: number;
  confirmedShare: number;
  pumping: 'record' | 'stop';
}

type GuardValues = z.infer<z.ZodObject<typeof guardSettings>>;

/** Puts the settings into shape; throws with a sentence where they don't fit. */
export function readGuardSettings(values: GuardValues, portal: { production: boolean }): GuardSettings {
  const pace = (name: 'UNCONFIRMED' | 'MESSAGES' | 'ADDRESS' | 'PREFIX' | 'COUNTRY'): Pace => {
    const { [`SMS_${name}_PER_HOUR` as const]: hour, [`SMS_${name}_PER_DAY` as const]: day } = values;
    if (day < hour) throw new Error(`SMS_${name}_PER_DAY must not be less than SMS_${name}_PER_HOUR.`);
    return { hour, day };
  };
  return {
    countries: readCountries(values.SMS_COUNTRIES, portal),
    unconfirmed: pace('UNCONFIRMED'),
    messages: pace('MESSAGES'),
    address: pace('ADDRESS'),
    prefix: pace('PREFIX'),
    country: pace('COUNTRY'),
    budget: values.SMS_DAILY_BUDGET,
    confirmedShare: values.SMS_CONFIRMED_SHARE,
    pumping: values.SMS_PUMPING,
  };
}

function readCountries(text: string, { production }: { production: boolean }): ReadonlySet<string> | 'all' {
  if (text === '*') {
    // Some ranges pay whoever fills them: a list that somebody thought about is the first wall against it.
    if (production) throw new Error('SMS_COUNTRIES must name the countries in production; "*" is for development.');
    return 'all';
  }
  const named = text
    .toUpperCase()
    .split(/[\s,]+/)
    .filter(Boolean);
  const known = new Set<string>(getCountries());
  const unknown = named.find((one) => !known.has(one));
  if (unknown !== undefined) throw new Error(`SMS_COUNTRIES has "${unknown}", which is no country’s ISO code.`);
  if (named.length === 0) throw new Error('SMS_COUNTRIES must name at least one country.');
  return new Set(named);
}
