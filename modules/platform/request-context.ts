import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';

/** Who is calling, for the audit and the log; carried along so that no function needs to pass it on. */
export interface RequestContext {
  requestId: string;
  address: string;
  userAgent: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** The running request's context, or that of the request which asked for the work under way; null in other jobs and commands. */
export function requestContext(): RequestContext | null {
  return storage.getStore() ?? null;
}

/** Does work that a request asked for in that request's name: the audit and mails tell who it was. */
export function inRequestContext<T>(context: RequestContext | null, work: () => T): T {
  return context === null ? work() : storage.run(context, work);
}

/** Opens a context for each request. The request id is ours: one that a client sends is not believed. */
export const withRequestContext: RequestHandler = (req, _res, next) => {
  const userAgent = (req.get('user-agent') ?? '').replace(/[^\x20-\x7e]/g, '?').slice(0, 300);
  storage.run({ requestId: randomUUID(), address: req.ip ?? '', userAgent }, next);
};
