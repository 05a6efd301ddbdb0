import type { Request } from 'express';
import type { Handover, TextMessage } from '../../../kernel/ports.ts';

/** A text message, with the moment after which it is worth nothing: gateways pass that on where their protocol can say it. */
export type GatewayMessage = TextMessage & { until?: Date | null };

/** What a gateway answered, with its own name for the message where it gave one. */
export type GatewayAnswer = Handover & {
  reference?: string;
  /** No connection came about. A gateway that says so several times is asked last for a while. */
  unreached?: true;
  /** Nobody else is to be asked: the person told this provider to stop, say, and another one must not get round that. */
  final?: true;
};

/** How long a gateway may take, in two steps: what was not connected by then can go another way, what has left can't. */
export interface Limits {
  /** Aborts when the connection ought to stand. What failed until then is `refused` and `unreached`. */
  connected: AbortSignal;
  /** Aborts when the answer ought to be there. */
  answered: AbortSignal;
}

/** A provider's later word on a message. */
export interface DeliveryReport {
  /** Our id of the message where the provider repeats it, else its own reference. */
  message: { id: string } | { gateway: string; reference: string };
  state: 'delivered' | 'undelivered' | 'late';
  /** The provider's code, in a few characters; never a text. */
  fault?: string;
}

/** One way to hand text messages over. */
export interface Gateway {
  /** As in SMS_GATEWAYS; lands in routes, lists and the log. */
  name: string;
  /**
   * Hands one message over. Resolves soon after a limit is over, with `unknown` where anything may have left.
   * `refused` is only for what certainly nobody took: a refusal in the protocol, or a connection that never was.
   */
  send(message: GatewayMessage, within: Limits): Promise<GatewayAnswer>;
  /** Reads a provider's call at /callbacks/sms/<name>. 'forged': its signature is not right. 'ignored': nothing to note. */
  readReport?(req: Request): DeliveryReport | 'forged' | 'ignored';
  /** Hears reports that come by another way than HTTP. */
  onReport?(listen: (report: DeliveryReport) => Promise<void>): void;
  /** Whether it could take a message now, where it knows without sending one. */
  isUp?(): boolean;
  stop?(): Promise<void>;
}

/** What gateways need of the portal. */
export interface GatewayPorts {
  /** The address that providers call, without a slash at its end. */
  baseUrl(): string;
  /** A keyed fingerprint in letters, digits, - and _, for addresses of callbacks that nobody else can make up. */
  fingerprint(text: string): string;
  now(): Date;
  log: { info(about: object, message: string): void; warn(about: object, message: string): void };
}

/** Where the portal hears a provider: the factor's callbacks, then the gateway's name. */
export function callbackUrl(ports: Pick<GatewayPorts, 'baseUrl'>, gateway: string): string {
  return `${ports.baseUrl()}/callbacks/sms/${gateway}`;
}
