import express, { Router, type ErrorRequestHandler, type Request, type Response } from 'express';
import type { DeliveryReport, Gateway, GatewayPorts } from './gateway.ts';

const oneLineEveryMs = 60_000;

/**
 * Providers' calls at /callbacks/sms/<gateway>: 204 for what is noted or has nothing to note, 403 for what is not signed, 404 for
 * anybody else, 503 where it could not be noted. No body: whoever calls here gets nothing to read.
 */
export function callbackRoutes(
  gateways: readonly Gateway[],
  ports: Pick<GatewayPorts, 'log' | 'now'> & { onReport(report: DeliveryReport): Promise<void> },
): Router {
  const router = Router();
  // The portal has read a form already; then this does nothing.
  router.use(express.urlencoded({ extended: false, limit: '16kb', parameterLimit: 50, inflate: false }));
  let loggedAt = -oneLineEveryMs;

  async function hear(req: Request, res: Response): Promise<void> {
    const gateway = gateways.find(({ name }) => name === req.params['gateway']);
    if (!gateway?.readReport) {
      res.status(404).end();
      return;
    }
    const report = gateway.readReport(req);
    if (report === 'forged') {
      // Anybody can call: a line each would fill the disk.
      if (ports.now().getTime() - loggedAt >= oneLineEveryMs) {
        loggedAt = ports.now().getTime();
        ports.log.warn({ gateway: gateway.name }, 'a report about a text message was not signed and is refused');
      }
      res.status(403).end();
      return;
    }
    if (report !== 'ignored') await ports.onReport(report);
    res.status(204).end();
  }

  router.get('/:gateway', hear);
  router.post('/:gateway', hear);
  router.use((_req, res) => res.status(404).end());
  const onError: ErrorRequestHandler = (error: unknown, _req, res, _next) => {
    const status = (error as { status?: unknown } | null)?.status;
    const isTheirs = typeof status === 'number' && status >= 400 && status < 500;
    if (!isTheirs) ports.log.warn({ err: error }, 'a report about a text message was not noted');
    res.status(isTheirs ? status : 503).end();
  };
  router.use(onError);
  return router;
}
