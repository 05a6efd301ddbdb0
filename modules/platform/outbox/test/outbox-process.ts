// A worker as a process of its own, for the test that kills it. Settings come in the environment; it ends when it is told to.
import { createSealer } from '../../sealer.ts';
import { systemClock } from '../../clock.ts';
import { createLog } from '../../log.ts';
import { createMailer } from '../../mailer.ts';
import { openDatabase } from '../../mongo.ts';
import { createOutbox } from '../outbox.ts';
import { createWorker } from '../worker.ts';

const setting = (name: string) => process.env[name] ?? '';
const log = createLog('info');
const database = await openDatabase({ uri: setting('TEST_URI'), dataDir: '', log, name: setting('TEST_DATABASE') });
const sealer = createSealer([{ id: 'test', bytes: Buffer.from(setting('TEST_KEY'), 'base64') }]);
const outbox = createOutbox(database.connection, {
  sealer,
  clock: systemClock,
  domain: 'portal.example',
  keeps: () => false,
  leaseMs: 1200,
});
const server = { host: '127.0.0.1', port: Number(setting('TEST_PORT')), secure: false, auth: null };
const worker = createWorker({
  outbox,
  channel: 'mail',
  deliver: createMailer(server, 'Portal <portal@example.com>'),
  log,
  pollMs: 100,
  renewMs: 300,
});
worker.start();
// The worker's timers keep no process alive; this does.
setInterval(() => undefined, 1000);
process.on('SIGTERM', () => void worker.stop().then(() => process.exit(0)));
process.stdout.write('ready\n');
