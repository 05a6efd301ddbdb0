import type { Router } from 'express';
import type { Handover, TextCarrier } from '../../../kernel/ports.ts';
import { callbackRoutes } from './callbacks.ts';
import { createGateways } from './create-gateways.ts';
import type { DeliveryReport, GatewayAnswer, GatewayMessage, GatewayPorts } from './gateway.ts';
import { codeOf } from './http-call.ts';
import type { GatewaysOptions } from './read-gateways.ts';
import { Standing, type GatewayHealth } from './standing.ts';

/** What the carrier needs besides what its gateways do. */
export interface CarrierPorts extends GatewayPorts {
  /** Two capital letters; null where no country is known. */
  countryOf(to: string): string | null;
  /** Whether staff, or the watch, stopped what goes to a country: also what was taken before. */
  isStopped(country: string | null): Promise<boolean>;
  /** Hears each gateway's answer, one after the other where several were asked. */
  onAnswer(message: GatewayMessage, answer: GatewayAnswer & { gateway: string }): Promise<void>;
  onReport(report: DeliveryReport): Promise<void>;
}

/** Hands text messages over by the gateways of their country. */
export interface Carrier extends TextCarrier {
  deliver(message: GatewayMessage): Promise<Handover>;
  /** For /callbacks/sms. */
  callbacks: Router;
  health(): GatewayHealth[];
  stop(): Promise<void>;
}

/** How long the gateways may take in all, and one of them for its connection where others wait. */
export interface Patience {
  allMs: number;
  connectMs: number;
}

const usualPatience: Patience = { allMs: 4400, connectMs: 2000 };
/** A gateway gets this much at least, or is not asked any more. */
const leastMs = 250;
/** Writing down what became of a message must not make the person wait. */
const noteMs = 400;

const e164 = /^\+[1-9]\d{6,14}$/;
/** What goes into addresses of reports: Kannel reads % in them. */
const plainId = /^[\w-]{1,100}$/;

/** Every process has one: connections, and what was seen of each gateway, are its own. */
export function createCarrier(options: GatewaysOptions, ports: CarrierPorts, patience = usualPatience): Carrier {
  const standings = createGateways(options.gateways, ports).map((gateway) => new Standing(gateway));
  const running = new Set<Promise<unknown>>();

  for (const { gateway } of standings) {
    // A receipt may overtake the answer that tells whose it is: first what is under way is written down.
    gateway.onReport?.(async (report) => {
      await Promise.allSettled([...running]);
      await ports.onReport(report);
    });
  }

  function wayOf(country: string | null): Standing[] {
    const route = options.routes.get(country ?? '*') ?? options.routes.get('*');
    const listed = route
      ? route.flatMap((name) => standings.filter(({ gateway }) => gateway.name === name))
      : [...standings];
    const now = ports.now();
    return listed.sort((one, other) => Number(other.isPromising(now)) - Number(one.isPromising(now)));
  }

  async function note(standing: Standing, message: GatewayMessage, answer: GatewayAnswer): Promise<void> {
    const gateway = standing.gateway.name;
    const turn = standing.note(answer, ports.now());
    if (answer.fate !== 'accepted')
      ports.log.warn(
        { gateway, message: message.id, kind: message.kind, fate: answer.fate, fault: answer.fault },
        'text message not handed over',
      );
    if (turn === 'ended') ports.log.info({ gateway }, 'gateway for text messages works again');
    const noted = ports.onAnswer(message, { ...answer, gateway }).catch((error: unknown) => {
      ports.log.warn({ err: error, gateway, message: message.id }, 'what became of a text message was not noted');
    });
    await within(noteMs, noted, undefined);
  }

  async function deliver(message: GatewayMessage): Promise<Handover> {
    // SMS-6: one receiver. What is more than a number never leaves, whatever let it come this far.
    if (!e164.test(message.to)) return { fate: 'refused', fault: 'number', permanent: true };
    if (!plainId.test(message.id)) return { fate: 'refused', fault: 'id', permanent: true };
    const end = performance.now() + patience.allMs;
    const country = ports.countryOf(message.to);
    // A stop is for what waits in the outbox too. What is no code waits on, within its day, for the stop to be over.
    if (await ports.isStopped(country)) return { fate: 'refused', fault: 'stopped', permanent: false };
    const way = wayOf(country);
    let refusal: Handover & { fate: 'refused' } = { fate: 'refused', fault: 'no-gateway', permanent: false };
    for (const [place, standing] of way.entries()) {
      const leftMs = end - performance.now();
      if (place > 0 && leftMs < leastMs) return { ...refusal, permanent: false };
      const answer = await ask(standing, message, {
        connectMs: Math.min(patience.connectMs, leftMs / (way.length - place)),
        answerMs: leftMs,
      });
      await note(standing, message, answer);
      if (answer.fate === 'accepted') return { fate: 'accepted', late: answer.late };
      if (answer.fate === 'unknown') return { fate: 'unknown', fault: answer.fault };
      const permanent: boolean = answer.permanent && (place === 0 || refusal.permanent);
      refusal = { fate: 'refused', fault: answer.fault, permanent: answer.final === true || permanent };
      if (answer.final) break;
    }
    return refusal;
  }

  async function ask(
    { gateway }: Standing,
    message: GatewayMessage,
    limits: { connectMs: number; answerMs: number },
  ): Promise<GatewayAnswer> {
    const connected = new AbortController();
    const answered = new AbortController();
    const timers = [
      setTimeout(() => {
        connected.abort();
      }, limits.connectMs),
      setTimeout(() => {
        answered.abort();
      }, limits.answerMs),
    ];
    const answer = gateway
      .send(message, { connected: connected.signal, answered: answered.signal })
      .catch((error: unknown): GatewayAnswer => {
        ports.log.warn({ err: error, gateway: gateway.name, message: message.id }, 'gateway failed');
        return { fate: 'unknown', fault: codeOf(error) };
      });
    try {
      return await within(limits.answerMs + 100, answer, { fate: 'unknown', fault: 'lost:timeout' });
    } finally {
      timers.forEach(clearTimeout);
    }
  }

  return {
    keeps: options.keeps,
    deliver(message) {
      const delivery = deliver(message);
      running.add(delivery);
      const done = () => running.delete(delivery);
      delivery.then(done, done);
      return delivery;
    },
    callbacks: callbackRoutes(
      standings.map(({ gateway }) => gateway),
      ports,
    ),
    health: () => standings.map((standing) => standing.health()),
    async stop() {
      await Promise.allSettled(standings.map(async ({ gateway }) => gateway.stop?.()));
    },
  };
}

/** The promise's value, or the other one where it takes longer. */
async function within<Value>(ms: number, promise: Promise<Value>, otherwise: Value): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Value>((resolve) => {
    timer = setTimeout(resolve, ms, otherwise);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
