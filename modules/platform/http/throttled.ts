import type { Response } from 'express';
import { Refused, type RefusalCode } from '../../kernel/errors.ts';

/** A refusal that tells when the next try is free, in the words of the page's language. */
export function throttledUntil(retryAt: Date, res: Response, code: RefusalCode): Refused {
  const { now, dateTime } = res.locals as { now: () => Date; dateTime: (date: Date) => { relative: string } };
  const seconds = Math.max(1, Math.ceil((retryAt.getTime() - now().getTime()) / 1000));
  return new Refused(code, { params: { when: dateTime(retryAt).relative }, retryAfterSeconds: seconds });
}
