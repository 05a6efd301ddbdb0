import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Request, Response } from 'express';
import type { MessageParams } from '../../kernel/errors.ts';
import type { Key } from '../keys.ts';
import type { Cookies } from './cookies.ts';

/** One sentence that the next page says once. */
export interface FlashMessage {
  kind: 'success' | 'warning';
  key: string;
  params?: MessageParams;
  /** Where to go on. */
  link?: { href: string; key: string };
}

export interface Flash {
  set(res: Response, message: FlashMessage): void;
  /** Reads the message and forgets it. */
  take(req: Request, res: Response): FlashMessage | null;
}

const cookie = 'gatehouse-notice';

/** Carries the sentence in a signed cookie of one page's life: pages write nothing to the database, and nobody else can put words there. */
export function createFlash(key: Key, cookies: Cookies): Flash {
  const sign = (body: string) =>
    createHmac('sha256', key.bytes)
      .update(JSON.stringify(['flash', body]))
      .digest('base64url');
  return {
    set(res, message) {
      const body = Buffer.from(JSON.stringify(message), 'utf8').toString('base64url');
      cookies.write(res, cookie, `${body}.${sign(body)}`);
    },
    take(req, res) {
      const value = cookies.read(req, cookie);
      if (value === null) return null;
      cookies.expire(res, cookie);
      const [body = '', signature = ''] = value.split('.');
      const given = Buffer.from(signature);
      const right = Buffer.from(sign(body));
      if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
      return JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as FlashMessage;
    },
  };
}
