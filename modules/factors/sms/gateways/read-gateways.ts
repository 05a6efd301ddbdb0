import type { HttpOptions } from './http.ts';
import { readHttp } from './http-settings.ts';
import type { KannelOptions } from './kannel.ts';
import type { GatewayValues } from './settings.ts';
import type { SmppOptions } from './smpp-options.ts';
import type { TwilioOptions } from './twilio.ts';

export type GatewayOptions = KannelOptions | TwilioOptions | HttpOptions | SmppOptions;

/** The gateways in their order, and the way of each country. */
export interface GatewaysOptions {
  /** True for `log`: nothing is sent. */
  keeps: boolean;
  gateways: readonly GatewayOptions[];
  /** Names of gateways by country (`*`: any other). A country without a route and without `*` has all. */
  routes: ReadonlyMap<string, readonly string[]>;
}

type Kind = GatewayOptions['kind'];
const kinds: readonly Kind[] = ['kannel', 'twilio', 'http', 'smpp'];
const isKind = (name: string): name is Kind => kinds.some((kind) => kind === name);

/** Null where no gateway is set. Throws an Error with one sentence for what is missing or not safe, never with a value of a secret. */
export function readGateways(values: GatewayValues, portal: { production: boolean }): GatewaysOptions | null {
  const names = listOf(values.SMS_GATEWAYS ?? '');
  if (names.length === 0) return null;
  if (names.includes('log')) {
    if (portal.production) throw new Error('SMS_GATEWAYS: log sends nothing. In production name a real gateway.');
    if (names.length > 1) throw new Error('SMS_GATEWAYS: log stands alone, for it keeps every message.');
    return { keeps: true, gateways: [], routes: new Map() };
  }
  const repeated = names.find((name, place) => names.indexOf(name) !== place);
  if (repeated !== undefined) throw new Error(`SMS_GATEWAYS names ${repeated} twice.`);
  const gateways = names.map((name) => {
    if (!isKind(name))
      throw new Error(`SMS_GATEWAYS: choose from log, ${kinds.join(', ')}; "${name}" is none of them.`);
    return read[name](values, portal);
  });
  return { keeps: false, gateways, routes: readRoutes(values.SMS_ROUTES ?? '', names) };
}

const read: Record<Kind, (values: GatewayValues, portal: { production: boolean }) => GatewayOptions> = {
  kannel: (values, portal) => ({
    kind: 'kannel',
    url: readUrl(values, 'SMS_KANNEL_URL', ['https:', 'http:'], portal).href,
    username: needed(values, 'SMS_KANNEL_USERNAME'),
    password: needed(values, 'SMS_KANNEL_PASSWORD'),
    from: readSender(values, 'SMS_KANNEL_FROM'),
  }),
  twilio: (values, portal) => {
    const accountSid = needed(values, 'SMS_TWILIO_ACCOUNT_SID');
    if (!/^AC[0-9a-f]{32}$/i.test(accountSid))
      throw new Error('SMS_TWILIO_ACCOUNT_SID: an account’s name is AC and 32 more letters and digits.');
    const api = readUrl(
      { ...values, SMS_TWILIO_API: values.SMS_TWILIO_API ?? 'https://api.twilio.com' },
      'SMS_TWILIO_API',
      ['https:', 'http:'],
      portal,
    );
    return {
      kind: 'twilio',
      api: api.origin,
      accountSid,
      authToken: needed(values, 'SMS_TWILIO_AUTH_TOKEN'),
      from: /^MG[0-9a-f]{32}$/i.test(values.SMS_TWILIO_FROM ?? '')
        ? needed(values, 'SMS_TWILIO_FROM')
        : readSender(values, 'SMS_TWILIO_FROM'),
    };
  },
  http: (values, portal) => readHttp(values, readUrl(values, 'SMS_HTTP_URL', ['https:', 'http:'], portal)),
  smpp: (values, portal) => {
    const url = readUrl(values, 'SMS_SMPP_URL', ['smpps:', 'smpp:'], portal);
    const secure = url.protocol === 'smpps:';
    return {
      kind: 'smpp',
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (secure ? 3550 : 2775)),
      secure,
      systemId: ofLength(needed(values, 'SMS_SMPP_SYSTEM_ID'), 15, 'SMS_SMPP_SYSTEM_ID'),
      password: ofLength(needed(values, 'SMS_SMPP_PASSWORD'), 8, 'SMS_SMPP_PASSWORD'),
      systemType: ofLength(values.SMS_SMPP_SYSTEM_TYPE ?? '', 12, 'SMS_SMPP_SYSTEM_TYPE'),
      from: readSender(values, 'SMS_SMPP_FROM'),
    };
  },
};

function readRoutes(text: string, names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const routes = new Map<string, readonly string[]>();
  for (const part of text.split(';').filter((one) => one.trim() !== '')) {
    const [country = '', ways = ''] = part.split(':').map((half) => half.trim());
    const key = country.toUpperCase();
    const route = listOf(ways);
    if (!/^(?:[A-Z]{2}|\*)$/.test(key) || route.length === 0 || part.split(':').length !== 2)
      throw new Error('SMS_ROUTES: write countries and gateways as in DE:kannel,twilio; US:twilio; *:kannel.');
    if (routes.has(key)) throw new Error(`SMS_ROUTES has two routes for ${key}.`);
    const stranger = route.find((name) => !names.includes(name));
    if (stranger !== undefined)
      throw new Error(`SMS_ROUTES sends ${key} to "${stranger}", which SMS_GATEWAYS does not name.`);
    routes.set(key, [...new Set(route)]);
  }
  return routes;
}

const listOf = (text: string) =>
  text
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');

function needed(values: GatewayValues, name: keyof GatewayValues): string {
  const value = values[name];
  if (value === undefined || value === '')
    throw new Error(`${name} is not set, and a gateway in SMS_GATEWAYS needs it.`);
  // In a header or a PDU a line break would begin something new.
  if (/[\u0000-\u001f\u007f]/.test(value))
    throw new Error(`${name}: leave out line breaks and other control characters.`);
  return value;
}

function ofLength(value: string, most: number, name: string): string {
  if (!/^[\u0020-\u007e]*$/.test(value) || value.length > most)
    throw new Error(`${name}: SMPP takes ${String(most)} plain characters at most.`);
  return value;
}

function readSender(values: GatewayValues, name: keyof GatewayValues): string {
  const sender = needed(values, name);
  if (!/^(?:\+?[0-9]{3,15}|[A-Za-z0-9 ._-]{1,11})$/.test(sender))
    throw new Error(`${name}: phones show a number, or 11 letters and digits at most.`);
  return sender;
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/i;

function readUrl(
  values: GatewayValues,
  name: keyof GatewayValues,
  [secure, clear]: readonly [string, string],
  portal: { production: boolean },
): URL {
  const text = needed(values, name);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || ![secure, clear].includes(url.protocol) || url.hostname === '')
    throw new Error(`${name}: an address that begins with ${secure}// (or ${clear}// on this machine).`);
  if (url.username !== '' || url.password !== '')
    throw new Error(`${name}: no name and no password in the address, for addresses are logged on the way.`);
  if (portal.production && url.protocol === clear && !loopback.test(url.hostname))
    throw new Error(
      `${name}: ${clear}// is read by anybody on the way. Use ${secure}//, or an end of a tunnel on this machine.`,
    );
  return url;
}
