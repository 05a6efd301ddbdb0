import type { Request, Response, Router } from 'express';
import { z } from 'zod';
import { Refused } from '../../kernel/errors.ts';
import { openCodes } from './keepsake.ts';
import { makeCodes } from './make-codes.ts';
import { countFor, sendFile, showCodes, showStart, type BackupCodesPages } from './pages.ts';
import { currentSet } from './state.ts';
import { Turns } from './turns.ts';

const makeForm = z.object({ set: z.string().max(64).default('') });
const downloadForm = z.object({ sealed: z.string().max(8192) });

/** The pages under /account/factors/backup-codes. The engine has checked visitor, permission, freshness and form token. */
export function enrolmentRoutes(pages: BackupCodesPages): Router {
  const { host } = pages;
  const router = host.router();
  const turns = new Turns();

  router.get('/', (req, res) => showStart(pages, req, res));

  router.post('/', async (req, res) => {
    const form = makeForm.safeParse(req.body ?? {});
    if (!form.success) throw new Refused('bad-request');
    const person = host.person(req);
    const name = host.translate(req)('backup-codes.name');
    const wanted = { person, name, count: await countFor(pages, person), seen: form.data.set };
    const made = await turns.take(person.id, () => makeCodes(host, wanted));
    // A reload, a second click or another window: the codes that were shown there go on working.
    if (!made) {
      await showStart(pages, req, res, 'backup-codes.start.already');
      return;
    }
    await host.audit(req, 'made', { enrolmentId: made.set.id });
    if (made.first) await host.noteEnrolled(req, made.set);
    else await host.noteRenewed(req, made.set.id);
    showCodes(pages, req, res, made);
  });

  return router;
}

/** The download, for which nobody is asked for a fresh proof: the envelope is one, of the person, for ten minutes. */
export function afterwardsRoutes(pages: BackupCodesPages): Router {
  const router = pages.host.router();
  router.post('/download', (req, res) => download(pages, req, res));
  return router;
}

async function download(pages: BackupCodesPages, req: Request, res: Response): Promise<void> {
  const { host } = pages;
  const set = await currentSet(host, host.person(req).id);
  if (!set) throw new Refused('not-found');
  const form = downloadForm.safeParse(req.body ?? {});
  const keepsake = form.success ? openCodes(host, set, form.data.sealed) : null;
  if (!keepsake) {
    await showStart(pages, req, res, 'backup-codes.start.downloadOver');
    return;
  }
  await host.audit(req, 'downloaded', { enrolmentId: set.id });
  sendFile(pages, req, res, keepsake);
}
