import type { Request, Response } from 'express';
import type { MessageParams } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import type { MadeCodes } from './make-codes.ts';
import { sealCodes, type Keepsake } from './keepsake.ts';
import { codesLeft, currentSet, fewCodes, type BackupCodesHost, type BackupCodesState } from './state.ts';

/** What the pages work with: the host, and how many codes a set has where the policy does not say. */
export interface BackupCodesPages {
  host: BackupCodesHost;
  count: number;
}

/** How many codes the person's next set has (C7). */
export async function countFor({ host, count }: BackupCodesPages, person: Person): Promise<number> {
  const { count: wanted } = await host.policy(person);
  return typeof wanted === 'number' ? wanted : count;
}

/** How many codes are left, in a sentence. */
export function leftSentence(state: BackupCodesState): { key: string; params: MessageParams } {
  const left = codesLeft(state);
  return { key: leftKey(left), params: { left, total: state.codes.length } };
}

function leftKey(left: number): string {
  if (left === 0) return 'backup-codes.summary.none';
  if (left === 1) return 'backup-codes.summary.one';
  return left <= fewCodes ? 'backup-codes.summary.few' : 'backup-codes.summary.left';
}

/** The page with the one button: the codes come in the answer to its POST, for a GET changes nothing (CSRF-4). */
export async function showStart(pages: BackupCodesPages, req: Request, res: Response, refusal?: string): Promise<void> {
  const { host } = pages;
  const set = await currentSet(host, host.person(req).id);
  const t = host.translate(req);
  const left = set && leftSentence(set.state);
  res
    .status(refusal === undefined ? 200 : 422)
    .set('Cache-Control', 'no-store')
    .render('start', {
      count: await countFor(pages, host.person(req)),
      setId: set?.state.setId ?? '',
      left: left && t(left.key, left.params),
      isLow: set !== null && codesLeft(set.state) <= fewCodes,
      form: { values: {}, errors: refusal === undefined ? [] : [{ field: '', text: t(refusal) }] },
    });
}

/** The one answer that shows codes: it is kept nowhere, and a reload does not bring them back. */
export function showCodes(
  { host }: BackupCodesPages,
  req: Request,
  res: Response,
  { set, codes, first }: MadeCodes,
): void {
  res
    .status(200)
    .set('Cache-Control', 'no-store')
    .render('codes', {
      codes,
      sealed: sealCodes(host, set, codes),
      isFirst: first,
      email: host.person(req).email,
      made: dateIn(res, host.now()),
    });
}

/** Answers with the codes as a text file. */
export function sendFile({ host }: BackupCodesPages, req: Request, res: Response, { codes, made }: Keepsake): void {
  const t = host.translate(req);
  const { email } = host.person(req);
  const lines = [
    t('backup-codes.file.heading', { site: host.siteName }),
    t('backup-codes.file.account', { email }),
    t('backup-codes.file.made', { date: dateIn(res, made) }),
    '',
    ...codes,
    '',
    t('backup-codes.file.use'),
    t('backup-codes.file.keep'),
  ];
  res
    .set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
    .attachment(`${fileName(host.siteName)}backup-codes.txt`)
    .type('text/plain; charset=utf-8')
    // Windows' own editor, too, shows one code a line.
    .send(`${lines.join('\r\n')}\r\n`);
}

function fileName(siteName: string): string {
  const plain = siteName
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return plain === '' ? '' : `${plain}-`;
}

function dateIn(res: Response, date: Date): string {
  const { lang, timeZone } = res.locals as { lang?: string; timeZone?: string };
  return new Intl.DateTimeFormat(lang ?? 'en', { dateStyle: 'long', timeZone: timeZone ?? 'UTC' }).format(date);
}
