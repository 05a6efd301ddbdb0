import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as setTimer } from 'node:timers';
import { setTimeout } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { bareSecurityHeaders } from './security-headers.ts';

const statusOf: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Opens the port. Slow clients meet Node's own time limits (AV-1); what Node answers by itself carries our headers too. */
export async function listenOn(
  app: RequestListener,
  at: { host: string; port: number; secure: boolean },
): Promise<{ server: Server; url: string }> {
  const headers = { ...bareSecurityHeaders(at.secure), Connection: 'close' };
  const limits = {
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 16_384,
  };
  // A request without Host is refused by us, with our headers, instead of by Node without any.
  const server = createServer({ ...limits, keepAliveTimeout: 5000, requireHostHeader: false }, (req, res) => {
    if (req.headers.host === undefined) answer(res, 400, headers);
    else app(req, res);
  });
  server.on('checkExpectation', (_req, res: ServerResponse) => {
    answer(res, 417, headers);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const status = statusOf[error.code ?? ''] ?? '400 Bad Request';
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${status}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  const { address, family, port } = server.address() as AddressInfo;
  return { server, url: `http://${family === 'IPv6' ? `[${address}]` : address}:${String(port)}` };
}

function answer(res: ServerResponse, status: number, headers: Readonly<Record<string, string>>): void {
  res.writeHead(status, headers).end(`${String(status)}\n`);
}

/** What a stop has to bring to its end. */
export interface Stoppable {
  log: Log;
  jobs: { stop(): Promise<void> };
  close(): Promise<void>;
}

/** SIGTERM and SIGINT: stop accepting, answer what is in flight for at most seven seconds, close the database, exit 0 within ten (AV-6). */
export function stopGracefully(server: Server, portal: Stoppable): void {
  let stopping = false;
  const finish = async () => {
    await Promise.race([portal.jobs.stop(), setTimeout(2000)]);
    await Promise.race([portal.close(), setTimeout(1000)]);
  };
  // A browser that keeps its connection open, or opens one ahead, would hold up the end: Node counts neither as idle.
  const open = new Set<Socket>();
  const busy = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.on('request', ({ socket }, res) => {
    busy.add(socket);
    if (stopping) res.shouldKeepAlive = false;
    res.once('close', () => {
      busy.delete(socket);
      if (stopping) socket.end();
    });
  });
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    portal.log.info({ signal }, 'stopping');
    // At once, beside the answers in flight: the mails in hand have until these are out.
    void portal.jobs.stop();
    const force = setTimer(() => {
      server.closeAllConnections();
    }, 6500);
    server.close(() => {
      clearTimeout(force);
      finish()
        .catch((error: unknown) => {
          portal.log.error({ err: error }, 'closing the database');
        })
        .finally(() => process.exit(0));
    });
    for (const socket of open) if (!busy.has(socket)) socket.destroy();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** Ends the process when its database is gone for good, or after an error that nobody caught: a supervisor starts it anew (AV-5). */
export function exitOnFailure(database: { failed: Promise<Error> }, log: Log): void {
  void database.failed.then((error) => {
    log.fatal({ err: error }, 'the database is gone; the portal ends');
    process.exit(1);
  });
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event);
      process.exit(1);
    });
  }
}
