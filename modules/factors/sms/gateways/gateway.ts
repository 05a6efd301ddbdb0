import type { Request } from 'express';
import type { Handover, TextMessage } from '../../../kernel/ports.ts';

/** What a gateway answered, with its own name for the message where it gave one. */
export type GatewayAnswer = Handover & { reference?: string };

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
   * Hands one message over. Resolves when `within` aborts at the latest, then with `unknown` where anything may have left.
   * `refused` is only for what certainly nobody took: a refusal in the protocol, or a connection that never was.
   */
  send(message: TextMessage, within: AbortSignal): Promise<GatewayAnswer>;
  /** Reads a provider's call at /callbacks/sms/<name>. 'forged': its signature is not right. 'ignored': nothing to note. */
  readReport?(req: Request): DeliveryReport | 'forged' | 'ignored';
  /** Hears reports that come by another way than HTTP. */
  onReport?(listen: (report: DeliveryReport) => void): void;
  /** Whether it could take a message now, where it knows without sending one. */
  isUp?(): boolean;
  stop?(): Promise<void>;
}

/** What gateways need of the portal. */
export interface GatewayPorts {
  /** The address that providers call, without a slash at its end. */
  baseUrl(): string;
  /** A keyed fingerprint, for addresses of callbacks that nobody else can make up. */
  fingerprint(text: string): string;
  log: { info(about: object, message: string): void; warn(about: object, message: string): void };
}
