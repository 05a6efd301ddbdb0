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

  // Words only: what can't be read here is refused where it decides something.
  const read = () => presetOf().catch(() => null);

  async function know(res: Response, preset: Promise<string | null> | undefined): Promise<void> {
    if (preset !== undefined) res.locals['preset'] = await preset;
  }

  return {
    ask: (_req, res, next) => {
      asked.set(res, read());
      next();
    },
    wait: async (_req, res, next) => {
      await know(res, asked.get(res));
      next();
    },
    // A form that was refused before anything was asked for is told of in the same words.
    waitRefused: async (error: unknown, _req, res, next) => {
      await know(res, asked.get(res) ?? read());
      next(error);
    },
  };
}
