/** What the worker is started with. */
export interface WorkerOptions {
  folder: string;
  socket: string;
  listen?: { host: string; port: number } | undefined;
}

/** What the process asks of the worker. */
export type ToWorker = { kind: 'close' } | { kind: 'backup'; file: string };

/** What the worker tells the process. */
export type FromWorker =
  | { kind: 'ready'; port: number | undefined }
  | { kind: 'closed' }
  | { kind: 'backedUp'; file: string; error?: string }
  | { kind: 'log'; message: string; error: unknown };
