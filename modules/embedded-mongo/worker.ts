import { parentPort, workerData } from 'node:worker_threads';

import { serve } from './server.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs in a worker thread only');
const send = (message: FromWorker): void => {
  port.postMessage(message);
};

const serving = await serve({
  ...(workerData as WorkerOptions),
  log: (message, error) => {
    send({ kind: 'log', message, error: error instanceof Error ? (error.stack ?? error.message) : error });
  },
});

port.on('message', (message: ToWorker) => {
  if (message.kind === 'backup') {
    serving.engine.storage.backup(message.file).then(
      () => {
        send({ kind: 'backedUp', file: message.file });
      },
      (error: unknown) => {
        send({ kind: 'backedUp', file: message.file, error: String(error) });
      },
    );
    return;
  }
  void serving.close().then(() => {
    send({ kind: 'closed' });
    port.close();
  });
});

send({ kind: 'ready', port: serving.port });
