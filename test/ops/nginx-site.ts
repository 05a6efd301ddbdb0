// docs/ops/nginx-gatehouse.conf, run by a real nginx on loopback with a certificate of this run. What the file says of the machine
// (ports, certificate, folders) is replaced; all the rest is what operators install.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';

export const host = 'portal.example.com';
const site = fileURLToPath(new URL('../../docs/ops/nginx-gatehouse.conf', import.meta.url));

/** True where nginx and openssl are installed. */
export function nginxIsInstalled(): boolean {
  return ['nginx', 'openssl'].every((program) => !spawnSync(program, ['-v'], { stdio: 'ignore' }).error);
}

export interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Each header as often as it came. */
  names: string[];
  body: string;
}

interface Question {
  method?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string;
  /** Over plain http. */
  plain?: boolean;
  tls?: https.RequestOptions;
}

/** A running nginx with the site. */
export interface NginxSite {
  /** One request; throws where the connection ends without an answer. */
  ask(path: string, question?: Question): Promise<Reply>;
  /** Sends half of the headers and no more; gives the seconds until nginx ends the connection. */
  stall(): Promise<number>;
  /** Access and error log. */
  logs(): string;
  stop(): Promise<void>;
}

/** Starts nginx in front of a port of loopback, in a folder of its own. */
export async function startNginx(folder: string, upstreamPort: number): Promise<NginxSite> {
  const ports = { plain: await freePort(), tls: await freePort() };
  const ca = makeCertificate(folder);
  writeFileSync(join(folder, 'nginx.conf'), mainConf(folder));
  writeFileSync(join(folder, 'site.conf'), siteConf(folder, ports, upstreamPort));
  mkdirSync(join(folder, 'temp'));
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'start.log')];
  execFileSync('nginx', ['-t', '-q', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  const child = spawn('nginx', args, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  process.once('exit', () => child.kill('SIGTERM'));
  await untilOpen(ports.tls);

  return {
    ask(path, { method = 'GET', headers = {}, body, plain = false, tls = {} } = {}) {
      const options = { host: '127.0.0.1', port: plain ? ports.plain : ports.tls, path, method, agent: false as const };
      const all = { host, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }), ...headers };
      const request = plain
        ? http.request({ ...options, headers: all })
        : https.request({ ...options, servername: host, ca, ...tls, headers: all });
      return answerTo(request, body);
    },
    async stall() {
      const begun = performance.now();
      const socket = connectTls({ host: '127.0.0.1', port: ports.tls, servername: host, ca });
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n`);
      // nginx resets it instead of waiting for the other side.
      socket.on('error', () => undefined).resume();
      await new Promise((resolve) => socket.once('close', resolve));
      return (performance.now() - begun) / 1000;
    },
    logs: () => ['access', 'error'].map((name) => readFileSync(join(folder, `gatehouse.${name}.log`), 'utf8')).join(''),
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function answerTo(request: http.ClientRequest, body: string | undefined): Promise<Reply> {
  const incoming = once(request, 'response') as Promise<[http.IncomingMessage]>;
  request.end(body);
  const [message] = await incoming;
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const names = message.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const text = Buffer.concat(chunks).toString('utf8');
  return { status: message.statusCode ?? 0, headers: message.headers, names, body: text };
}

// As Debian's: its http block sets TLS 1.0 and gzip, which the site has to undo for itself.
function mainConf(folder: string): string {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/temp;`);
  return `${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/main.log;
    events { worker_connections 1024; }
    http {
      access_log ${folder}/main.access.log; gzip on; ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
      ${temp.join('\n')}
      include ${folder}/site.conf;
    }`;
}

function siteConf(folder: string, ports: { plain: number; tls: number }, upstreamPort: number): string {
  const changes: [RegExp, string][] = [
    [/listen \[::\]:\d+[^;]*;/g, ''],
    [/listen 80\b/g, `listen 127.0.0.1:${String(ports.plain)}`],
    [/listen 443\b/g, `listen 127.0.0.1:${String(ports.tls)}`],
    [/server 127\.0\.0\.1:3000;/, `server 127.0.0.1:${String(upstreamPort)};`],
    [/\/etc\/letsencrypt\/live\/portal\.example\.com\//g, `${folder}/`],
    [/\/var\/log\/nginx\//g, `${folder}/`],
    [/\/var\/www\/html/, folder],
  ];
  return changes.reduce(
    (text, [from, to]) => {
      assert.match(text, from);
      return text.replace(from, to);
    },
    readFileSync(site, 'utf8'),
  );
}

function makeCertificate(folder: string): Buffer {
  const chain = join(folder, 'fullchain.pem');
  const key = join(folder, 'privkey.pem');
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', chain], { stdio: 'ignore' });
  return readFileSync(chain);
}

async function untilOpen(port: number): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    assert.ok(tries < 200, 'nginx listens');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Between nginx and the portal: hands every byte on, and keeps what nginx asked. */
export class Tap {
  readonly requests: string[] = [];
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private readonly target: number;

  constructor(target: number) {
    this.target = target;
    this.server = createServer((near) => {
      this.pass(near);
    });
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  /** The headers of the last request, by name in small letters. */
  lastHeaders(): Map<string, string> {
    const [, ...lines] = (this.requests.at(-1) ?? '').split('\r\n\r\n')[0]?.split('\r\n') ?? [];
    return new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
    );
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private pass(near: Socket): void {
    const index = this.requests.push('') - 1;
    const far = connect(this.target, '127.0.0.1');
    near.on('data', (chunk) => {
      this.requests[index] = (this.requests[index] ?? '') + chunk.toString('latin1');
    });
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      this.sockets.add(socket);
      socket.on('error', () => {
        near.destroy();
        far.destroy();
      });
      socket.once('close', () => this.sockets.delete(socket));
    }
  }
}
