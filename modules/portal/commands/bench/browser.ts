import { Agent, request, type IncomingHttpHeaders } from 'node:http';

/** An answer as it came. */
export interface Answer {
  status: number;
  path: string;
  location: string | null;
  html: string;
}

const tokenField = /name="_csrf" value="([^"]+)"/;

/** As much of a browser as a sign-in takes: connections that are kept open, a cookie jar, form tokens, redirects. */
export class Browser {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly cookies = new Map<string, string>();
  private readonly base: URL;
  private token = '';

  constructor(baseUrl: string, cookies = '') {
    this.base = new URL(baseUrl);
    for (const cookie of cookies.split('; ').filter(Boolean)) this.keep(cookie);
  }

  get cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path, null);
  }

  /** Sends the form of the page that was loaded last. */
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Answer> {
    return this.send('POST', path, new URLSearchParams({ _csrf: this.token, ...fields }).toString());
  }

  /** Loads where a redirect leads to, as often as it goes on. */
  async follow(answer: Answer): Promise<Answer> {
    let current = answer;
    for (let hops = 0; current.location !== null && hops < 10; hops += 1) current = await this.get(current.location);
    return current;
  }

  close(): void {
    this.agent.destroy();
  }

  private send(method: 'GET' | 'POST', path: string, body: string | null): Promise<Answer> {
    const headers = {
      accept: 'text/html',
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      'sec-fetch-site': 'same-origin',
      ...(this.cookies.size > 0 ? { cookie: this.cookieHeader } : {}),
      ...(body === null
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) }),
    };
    const { hostname, port } = this.base;
    return new Promise((resolve, reject) => {
      const sent = request({ hostname, port, method, path, headers, agent: this.agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const html = Buffer.concat(chunks).toString('utf8');
          this.remember(response.headers, html);
          const { location } = response.headers;
          resolve({ status: response.statusCode ?? 0, path, location: location ?? null, html });
        });
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // The portal closed a connection that had been idle just when it was taken again: browsers ask once more.
        const isStale = method === 'GET' && sent.reusedSocket && error.code === 'ECONNRESET';
        if (isStale) this.get(path).then(resolve, reject);
        else reject(error);
      });
      sent.end(body ?? undefined);
    });
  }

  private remember(headers: IncomingHttpHeaders, html: string): void {
    for (const line of headers['set-cookie'] ?? []) {
      const [pair = '', ...attributes] = line.split('; ');
      const isOver = attributes.some((attribute) => attribute === 'Expires=Thu, 01 Jan 1970 00:00:00 GMT');
      if (isOver) this.cookies.delete(pair.slice(0, pair.indexOf('=')));
      else this.keep(pair);
    }
    this.token = tokenField.exec(html)?.[1] ?? this.token;
  }

  private keep(pair: string): void {
    const equals = pair.indexOf('=');
    this.cookies.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
}
