// A browser's half of HTTP, and nothing more: cookies, forms, the headers that a browser adds by itself.
// It speaks node:http because fetch can neither hold back the last byte of a body nor set Sec-Fetch-Site.
import http from 'node:http';
import https from 'node:https';
import { readForms, readText, type Form } from './html.ts';

export type Fields = Readonly<Record<string, string | readonly string[]>>;

/** An answer as it came: redirects are not followed. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly url: URL;
  /** Path and query of a redirect, or undefined. */
  readonly location: string | undefined;
  readonly html: string;
  /** What a reader sees, white space folded. */
  readonly text: string;
  readonly forms: readonly Form[];
}

/** A request that the server has in full but for its last byte. */
export interface HeldRequest {
  /** Sends the last byte. */
  release: () => Promise<Answer>;
}

interface RequestOptions {
  readonly headers?: http.OutgoingHttpHeaders;
}

interface SubmitOptions extends RequestOptions {
  /** The page that holds the form, where it is not the page the form posts to. */
  readonly from?: string;
  /** false leaves the form's hidden fields out, `_csrf` among them: fields are then sent as they are given. */
  readonly hidden?: boolean;
}

interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: http.OutgoingHttpHeaders;
}

/** One person's browser: a cookie jar that walks from form to form. */
export class Visitor {
  readonly cookies = new Map<string, string>();
  /** Sent with every request; a test can pretend to come through a proxy. */
  readonly headers: http.OutgoingHttpHeaders = {};
  private readonly base: URL;
  private lastPage: Answer | undefined;

  constructor(baseUrl: string | URL) {
    this.base = new URL(baseUrl);
  }

  /** Another browser with a copy of this one's cookies. */
  /** The same browser with another window; `base`: at another process of the portal. */
  clone(base: string | URL = this.base): Visitor {
    const copy = new Visitor(base);
    Object.assign(copy.headers, this.headers);
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    copy.lastPage = this.lastPage;
    return copy;
  }

  async get(path: string, options: RequestOptions = {}): Promise<Answer> {
    return this.request({ method: 'GET', path, ...options });
  }

  /** Follows a redirect, as often as it goes on. */
  async follow(answer: Answer): Promise<Answer> {
    let current = answer;
    for (let hops = 0; current.location !== undefined; hops += 1) {
      if (hops === 10) throw new Error(`${answer.url.pathname} redirects in a circle`);
      current = await this.get(current.location);
    }
    return current;
  }

  /** Fills in the form that posts to `path` and sends it with its hidden fields. */
  async submit(path: string, fields: Fields = {}, options: SubmitOptions = {}): Promise<Answer> {
    return this.request(await this.fillIn(path, fields, options));
  }

  /** Like `submit`, but keeps back the last byte until `release()`. */
  async holdSubmit(path: string, fields: Fields = {}, options: SubmitOptions = {}): Promise<HeldRequest> {
    const request = await this.fillIn(path, fields, options);
    const body = Buffer.from(request.body ?? '');
    // "Expect" makes the server say that it has begun with the request: without, the bytes may still lie in a queue.
    const { outgoing, answered } = this.open({ ...request, headers: { ...request.headers, expect: '100-continue' } });
    outgoing.flushHeaders();
    await new Promise<void>((resolve) => {
      outgoing.once('continue', resolve);
      // A refusal may come early (413, 503): whoever releases gets it.
      answered.then(
        () => {
          resolve();
        },
        () => {
          resolve();
        },
      );
    });
    if (body.length > 1) outgoing.write(body.subarray(0, -1));
    return {
      release: () => {
        outgoing.end(body.subarray(-1));
        return answered;
      },
    };
  }

  /** Sends anything at all, for the attacks that no form would send. */
  async request(request: RawRequest): Promise<Answer> {
    const { outgoing, answered } = this.open(request);
    outgoing.end(request.body);
    return answered;
  }

  private async fillIn(path: string, fields: Fields, options: SubmitOptions): Promise<RawRequest> {
    const hidden = options.hidden === false ? [] : (await this.findForm(path, options.from)).hidden;
    const form = new URLSearchParams();
    for (const [name, value] of hidden) if (!(name in fields)) form.append(name, value);
    for (const [name, value] of Object.entries(fields)) {
      for (const one of typeof value === 'string' ? [value] : value) form.append(name, one);
    }
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...options.headers };
    return { method: 'POST', path, body: form.toString(), headers };
  }

  private async findForm(path: string, from?: string): Promise<Form> {
    const target = new URL(path, this.base).pathname;
    const posts = (page: Answer): Form | undefined =>
      page.forms.find((form) => form.method === 'post' && new URL(form.action, page.url).pathname === target);
    const known = from === undefined && this.lastPage ? posts(this.lastPage) : undefined;
    if (known) return known;
    const page = await this.get(from ?? path);
    const found = posts(page);
    if (!found) throw new Error(`${page.url.pathname} (status ${page.status}) has no form that posts to ${target}`);
    return found;
  }

  private open(request: RawRequest): { outgoing: http.ClientRequest; answered: Promise<Answer> } {
    const url = new URL(request.path, this.base);
    const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
      method: request.method,
      // A connection of its own for each request: a shared one would queue what must race.
      agent: false,
      headers: this.composeHeaders(url, request),
    });
    return { outgoing, answered: this.receive(outgoing, url) };
  }

  private composeHeaders(url: URL, request: RawRequest): http.OutgoingHttpHeaders {
    const unsafe = !['GET', 'HEAD'].includes(request.method);
    return {
      accept: 'text/html',
      'sec-fetch-site': 'same-origin',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      ...(unsafe ? { origin: url.origin, 'content-length': Buffer.byteLength(request.body ?? '') } : {}),
      ...(this.cookies.size > 0 ? { cookie: this.cookieHeader() } : {}),
      ...this.headers,
      ...request.headers,
    };
  }

  private cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  private async receive(outgoing: http.ClientRequest, url: URL): Promise<Answer> {
    const incoming = await new Promise<http.IncomingMessage>((resolve, reject) => {
      outgoing.on('response', resolve);
      outgoing.on('error', reject);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const html = Buffer.concat(chunks).toString('utf8');
    for (const line of incoming.headers['set-cookie'] ?? []) this.keepCookie(line);
    const { location } = incoming.headers;
    const isPage = incoming.headers['content-type']?.startsWith('text/html') ?? false;
    const answer: Answer = {
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      url,
      location: location === undefined ? undefined : relative(new URL(location, url), url),
      html,
      text: isPage ? readText(html) : html,
      forms: isPage ? readForms(html) : [],
    };
    this.lastPage = answer;
    return answer;
  }

  /** Domain, path and Secure are not looked at: the visitor knows one site, and tests of them read the header. */
  private keepCookie(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals);
    const expired = attributes.some((attribute) => {
      const [key = '', value = ''] = attribute.split(/=(.*)/s);
      if (key.toLowerCase() === 'max-age') return Number(value) <= 0;
      return key.toLowerCase() === 'expires' && Date.parse(value) <= Date.parse('1971-01-01');
    });
    if (expired) this.cookies.delete(name);
    else this.cookies.set(name, pair.slice(equals + 1));
  }
}

function relative(target: URL, from: URL): string {
  return target.origin === from.origin ? `${target.pathname}${target.search}${target.hash}` : target.href;
}

/** Prepares n requests up to their last byte, then lets them all go in one turn of the event loop. */
export async function burst(n: number, makeRequest: (index: number) => Promise<HeldRequest>): Promise<Answer[]> {
  const held = await Promise.all(Array.from({ length: n }, (_, index) => makeRequest(index)));
  return Promise.all(held.map(({ release }) => release()));
}
