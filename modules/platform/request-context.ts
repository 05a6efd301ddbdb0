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
// What each running request has read. What is done later in its name is not among them, and reads anew.
const reads = new WeakMap<RequestContext, Map<string, Promise<unknown>>>();

// The place that a request holds where only so many may be in work at a time.
const places = new WeakMap<RequestContext, () => void>();

/** Notes how the running request gives its place to the next one. */
export function holdPlace(free: () => void): void {
  const context = storage.getStore();
  if (context) places.set(context, free);
}

/** Gives the running request's place away: from here on it waits for something outside, and costs nobody anything. */
export function freePlace(): void {
  const context = storage.getStore();
  if (context) places.get(context)?.();
}

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
  const context = { requestId: randomUUID(), address: req.ip ?? '', userAgent };
  reads.set(context, new Map());
  storage.run(context, next);
};

/**
 * Reads once in a request what its guards, routes and pages each ask for: nothing is kept from one request to the next. Whoever
 * changes what was read calls `readAnew`, and what must not be missed is a condition of the write itself.
 */
export async function readOnce<T>(key: string, read: () => PromiseLike<T>): Promise<T> {
  const context = storage.getStore();
  const known = context && reads.get(context);
  if (!known) return read();
  const before = known.get(key) as Promise<T> | undefined;
  if (before) return before;
  // A query is no promise: each `then` would ask again.
  const now = Promise.resolve(read());
  known.set(key, now);
  now.catch(() => known.delete(key));
  return now;
}

/** Forgets what this request has read under keys that begin so. */
export function readAnew(prefix: string): void {
  const context = storage.getStore();
  const known = context && reads.get(context);
  for (const key of known?.keys() ?? []) if (key.startsWith(prefix)) known?.delete(key);
}
