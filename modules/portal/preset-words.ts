import type { ErrorRequestHandler, RequestHandler, Response } from 'express';

/**
 * In whose words pages speak: those of the contacts' preset. It is asked for beside the session, for each wait of a request is one more
 * turn in the queue of a busy process, and is known before anything is said, refusals included.
 */
export function createPresetWords(presetOf: () => Promise<string | null>): {
  ask: RequestHandler;
  wait: RequestHandler;
  waitRefused: ErrorRequestHandler;
} {
  const asked = new WeakMap<Response, Promise<string | null>>();

  async function know(res: Response): Promise<void> {
    const preset = await asked.get(res);
    if (preset !== undefined) res.locals['preset'] = preset;
  }

  return {
    ask: (_req, res, next) => {
      // Words only: what can't be read here is refused where it decides something.
      asked.set(
        res,
        presetOf().catch(() => null),
      );
      next();
    },
    wait: async (_req, res, next) => {
      await know(res);
      next();
    },
    waitRefused: async (error: unknown, _req, res, next) => {
      await know(res);
      next(error);
    },
  };
}
