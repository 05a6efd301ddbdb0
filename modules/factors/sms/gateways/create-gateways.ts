import type { Gateway, GatewayPorts } from './gateway.ts';
import { createHttp } from './http.ts';
import { createKannel } from './kannel.ts';
import type { GatewayOptions } from './read-gateways.ts';
import { createSmpp } from './smpp.ts';
import { createTwilio } from './twilio.ts';

/** The gateways of the settings, in their order. */
export function createGateways(options: readonly GatewayOptions[], ports: GatewayPorts): Gateway[] {
  return options.map((one) => {
    switch (one.kind) {
      case 'kannel':
        return createKannel(one, ports);
      case 'twilio':
        return createTwilio(one, ports);
      case 'http':
        return createHttp(one);
      case 'smpp':
        return createSmpp(one, ports);
    }
  });
}
