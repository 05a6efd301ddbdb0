import http from 'node:http';
import type { Visitor } from '../../support/http.ts';

export interface RawAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** Sends an address exactly as it is written (a URL class would tidy it up), with a browser's cookies. */
export function sendRaw(
  url: string,
  request: { method?: string; path: string; headers?: http.OutgoingHttpHeaders; body?: string | Buffer; as?: Visitor },
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const cookie = [...(request.as?.cookies ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
  return new Promise((resolve, reject) => {
    const outgoing = http.request({
      hostname,
      port,
      path: request.path,
      method: request.method ?? 'GET',
      agent: false,
      headers: {
        ...(cookie === '' ? {} : { cookie }),
        ...(request.body === undefined ? {} : { 'content-length': Buffer.byteLength(request.body) }),
        ...request.headers,
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    outgoing.end(request.body);
  });
}
