import type { HttpOptions } from './http.ts';
import { fill } from './template.ts';
import type { GatewayValues } from './settings.ts';

const example = { to: '+491700000000', digits: '491700000000', text: 'A "text"\nof two lines & more', id: 'id' };

/** The settings of the gateway `http`, tried with an example, so that a slip stops the start and not the first sign-in. */
export function readHttp(values: GatewayValues, url: URL): HttpOptions {
  const address = values.SMS_HTTP_URL ?? '';
  if (/\{(?:text|to|digits)\}/.test(decode(address)))
    throw new Error(
      'SMS_HTTP_URL: put {text}, {to} and {digits} into SMS_HTTP_BODY, for addresses are logged on the way.',
    );
  if ([...url.searchParams.keys()].some((name) => /key|token|secret|passw|pwd|auth/i.test(name)))
    throw new Error(
      'SMS_HTTP_URL: put keys and passwords into SMS_HTTP_HEADERS or SMS_HTTP_BODY, for addresses are logged on the way.',
    );
  const headers = readHeaders(values.SMS_HTTP_HEADERS ?? '{}');
  const body = values.SMS_HTTP_BODY ?? '';
  if (!body.includes('{text}') || !/\{(?:to|digits)\}/.test(body + Object.values(headers).join(' ')))
    throw new Error('SMS_HTTP_BODY: say where {text} goes, and {to} or {digits}.');
  const format = formatOf(headers, body);
  if (format === 'json' && !isJson(fill(body, example, 'json')))
    throw new Error(
      'SMS_HTTP_BODY is not JSON once it is filled in: texts stand in quotation marks, as in {"text":"{text}"}.',
    );
  return {
    kind: 'http',
    method: values.SMS_HTTP_METHOD,
    url: address,
    headers,
    body,
    format,
    taken: readTaken(values.SMS_HTTP_OK ?? ''),
    reference: values.SMS_HTTP_REFERENCE ? readPattern('SMS_HTTP_REFERENCE', values.SMS_HTTP_REFERENCE) : null,
  };
}

function readHeaders(text: string): Record<string, string> {
  const sentence = 'SMS_HTTP_HEADERS: a JSON object of texts, such as {"Authorization":"Bearer abc"}.';
  const headers = isJson(text) ? (JSON.parse(text) as unknown) : null;
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) throw new Error(sentence);
  return Object.fromEntries(
    Object.entries(headers as Record<string, unknown>).map(([name, value]) => {
      if (typeof value !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(name) || !/^[\t\u0020-\u007e]*$/.test(value))
        throw new Error(sentence);
      if (/^(?:host|content-length|transfer-encoding|connection)$/i.test(name))
        throw new Error(`SMS_HTTP_HEADERS: leave ${name} to the portal.`);
      if (value.includes('{text}'))
        throw new Error('SMS_HTTP_HEADERS: put {text} into SMS_HTTP_BODY, for headers are logged more often.');
      return [name, value];
    }),
  );
}

function formatOf(headers: Readonly<Record<string, string>>, body: string): HttpOptions['format'] {
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  if (type === undefined)
    return body.trimStart().startsWith('{') && !/^\{\w+\}/.test(body.trimStart()) ? 'json' : 'form';
  if (/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) return 'json';
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return 'form';
  throw new Error('SMS_HTTP_HEADERS: the Content-Type is application/json or application/x-www-form-urlencoded.');
}

function readTaken(text: string): HttpOptions['taken'] {
  if (text === '') return { statuses: null };
  if (text.startsWith('/')) return { pattern: readPattern('SMS_HTTP_OK', text) };
  const statuses = text.split(',').map((status) => status.trim());
  if (!statuses.every((status) => /^2\d\d$/.test(status)))
    throw new Error('SMS_HTTP_OK: statuses from 200 to 299 with commas, or a /pattern/.');
  return { statuses: statuses.map(Number) };
}

function readPattern(name: keyof GatewayValues, text: string): RegExp {
  try {
    const [, source, flags] = /^\/(.+)\/([ims]*)$/s.exec(text) ?? [];
    if (source !== undefined) return new RegExp(source, `${flags ?? ''}u`);
  } catch {
    // What is not a pattern is told below.
  }
  throw new Error(`${name}: a /pattern/ between two slashes, as JavaScript has them.`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function decode(address: string): string {
  return address.replaceAll(/%7b/gi, '{').replaceAll(/%7d/gi, '}');
}
