import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import express from 'express';
import { formBody } from '../../../../platform/http/request-guards.ts';
import { createApp } from '../../../../platform/http/views.ts';
import { createCarrier, type Carrier, type CarrierPorts, type Patience } from '../../gateways/carrier.ts';
import type { DeliveryReport, GatewayAnswer } from '../../gateways/gateway.ts';
import { readGateways } from '../../gateways/read-gateways.ts';
import type { GatewayValues } from '../../gateways/settings.ts';

/** A number that nobody has. */
export const someNumber = '+12025550123';
export const someText = 'portal.example: your code is 402917';

/** A carrier over the given settings, with a clock to move, and all that it told. */
export interface Carrying {
  carrier: Carrier;
  answers: (GatewayAnswer & { gateway: string; id: string })[];
  reports: DeliveryReport[];
  logged: string[];
  clock: { now: number };
  /** Where providers call, behind the portal's own form parser. */
  baseUrl: string;
  send: (over?: { id?: string; to?: string; text?: string; until?: Date }) => ReturnType<Carrier['deliver']>;
  stop: () => Promise<void>;
}

/** Opens a carrier and its callbacks on loopback. */
export async function carry(
  values: Partial<GatewayValues>,
  options: Partial<Pick<CarrierPorts, 'onReport' | 'onAnswer' | 'countryOf' | 'isStopped'>> & {
    patience?: Patience;
  } = {},
): Promise<Carrying> {
  const app = createApp({ trustProxy: 0, cacheViews: false });
  const server = createServer(app);
  const baseUrl = await listen(server);
  const settings = readGateways({ SMS_HTTP_METHOD: 'POST', ...values }, { production: false });
  assert.ok(settings);
  const [answers, reports, logged]: [Carrying['answers'], DeliveryReport[], string[]] = [[], [], []];
  const clock = { now: Date.parse('2026-03-01T12:00:00Z') };
  const log = (about: object, message: string) => logged.push(`${message} ${JSON.stringify(about)}`);
  const carrier = createCarrier(
    settings,
    {
      baseUrl: () => baseUrl,
      fingerprint: (text) => createHmac('sha256', 'key of this test').update(text).digest('base64url'),
      now: () => new Date(clock.now),
      log: { info: log, warn: log },
      countryOf: options.countryOf ?? (() => null),
      isStopped: options.isStopped ?? (() => Promise.resolve(false)),
      onAnswer: options.onAnswer ?? (async ({ id }, answer) => void answers.push({ id, ...answer })),
      onReport: options.onReport ?? (async (report) => void reports.push(report)),
    },
    options.patience,
  );
  app.use(formBody);
  app.use('/callbacks/sms', carrier.callbacks);
  app.use(((_error, _req, res, _next) => res.status(500).end()) as express.ErrorRequestHandler);
  return {
    ...{ carrier, answers, reports, logged, clock, baseUrl },
    send: (over = {}) => carrier.deliver({ id: 'message-1', to: someNumber, text: someText, kind: 'code', ...over }),
    async stop() {
      await carrier.stop();
      await close(server);
    },
  };
}

/** What a stand-in was sent. */
export interface Received {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A provider on loopback. `answer` may also say nothing, or end the connection. */
export async function provider(
  answer: (received: Received, res: ServerResponse, req: IncomingMessage) => void,
): Promise<{ url: string; received: Received[]; stop(): Promise<void> }> {
  const received: Received[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const one = {
        method: req.method ?? '',
        path: req.url ?? '',
        headers: req.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      received.push(one);
      answer(one, res, req);
    });
  });
  const url = await listen(server);
  return { url, received, stop: () => close(server) };
}

/** Starts a server on a free port of loopback, and gives its address. */
export async function listen(server: NetServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** Ends a server that holds connections open. */
export async function closeNet(server: NetServer, sockets: Iterable<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
}

/** An address that nobody listens at. */
export async function nobody(): Promise<string> {
  const server = createServer();
  const url = await listen(server);
  await close(server);
  return url;
}
