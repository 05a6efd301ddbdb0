import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { openSmtpSink, until, type SmtpSink } from '../../../../test/support/smtp-sink.ts';
import { TestClock } from '../../../../test/support/portal.ts';
import { startProcess, type RunningProcess } from '../../../../test/support/processes.ts';
import { databaseUri } from '../../../../test/support/store.ts';
import type { Channel, Handover, OutgoingMessage } from '../../../kernel/ports.ts';
import { createLog, type Log } from '../../log.ts';
import { createMailer } from '../../mailer.ts';
import { ensureIndexes, openDatabase, type Database } from '../../mongo.ts';
import { createSealer } from '../../sealer.ts';
import { backoffMs, createOutbox, longestSeries, type DurableOutbox, type LeasedMessage } from '../outbox.ts';
import { createWorker } from '../worker.ts';

const secret = 'https://portal.example/reset/canary-of-a-link';
const mail = (to = 'ada@example.com') => ({
  channel: 'mail' as Channel,
  kind: 'test',
  to,
  subject: 'Portal: a link',
  text: `Here it is: ${secret}\n`,
  html: `<p><a href="${secret}">Here it is</a></p>`,
});

/** Holds up whoever waits for it until it is opened. */
function gate(): { passed: Promise<void>; open: () => void } {
  const opened = new AbortController();
  const passed = new Promise<void>((resolve) => {
    opened.signal.addEventListener('abort', () => {
      resolve();
    });
  });
  return {
    passed,
    open: () => {
      opened.abort();
    },
  };
}

const outboxProcess = fileURLToPath(new URL('./outbox-process.ts', import.meta.url));

describe('The outbox', () => {
  const key = randomBytes(32);
  let database: Database;
  let name: string;
  let clock: TestClock;
  let outbox: DurableOutbox;
  const accepted = { fate: 'accepted', late: false } as const;
  let lines: string[];
  let log: Log;

  const another = (options: { keeps?: boolean; leaseMs?: number } = {}, on: Database = database) =>
    createOutbox(on.connection, {
      sealer: createSealer([{ id: 'test', bytes: key }]),
      clock,
      domain: 'portal.example',
      keeps: () => options.keeps ?? false,
      ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    });
  const connect = async () => openDatabase({ uri: await databaseUri(), dataDir: '', log, name });
  const rows = () => database.connection.collection('outbox').find().toArray();

  beforeEach(async () => {
    lines = [];
    log = createLog(
      'debug',
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          lines.push(chunk.toString());
          done();
        },
      }),
    );
    name = `test-${randomUUID().slice(0, 18)}`;
    clock = new TestClock();
    database = await connect();
    outbox = another();
    await ensureIndexes(database.connection);
  });
  afterEach(async () => {
    await database.connection.dropDatabase();
    await database.close();
  });

  it('gives each of 200 messages to one of two workers with connections of their own, once', async () => {
    for (let count = 0; count < 200; count += 1) await outbox.enqueue(mail(`person.${String(count)}@example.com`));
    const second = await connect();
    try {
      const sent: Record<'one' | 'two', string[]> = { one: [], two: [] };
      const worker = (who: 'one' | 'two', on: Database) =>
        createWorker({
          outbox: on === database ? outbox : another({}, on),
          channel: 'mail',
          log,
          deliver: async (message) => {
            await new Promise((resolve) => setImmediate(resolve));
            sent[who].push(message.to);
            return accepted;
          },
        });
      await Promise.all([worker('one', database).work(), worker('two', second).work()]);
      const all = [...sent.one, ...sent.two];
      assert.equal(all.length, 200);
      assert.equal(new Set(all).size, 200);
      assert.ok(sent.one.length > 0 && sent.two.length > 0, 'both had work');
      assert.deepEqual(new Set((await rows()).map((row) => row['state'] as string)), new Set(['sent']));
      assert.equal(new Set((await rows()).map((row) => row['messageId'] as string)).size, 200);
    } finally {
      await second.close();
    }
  });

  it('leaves a channel to its own worker', async () => {
    await outbox.enqueue({ ...mail(), channel: 'text', to: '+4930123456', subject: '', html: null });
    assert.equal(await outbox.lease('mail'), null);
    assert.equal((await outbox.lease('text'))?.to, '+4930123456');
  });

  it('seals what messages say, and drops it once they are sent', async () => {
    await outbox.enqueue(mail());
    const [stored] = await rows();
    assert.doesNotMatch(JSON.stringify(stored), /canary|Portal: a link|Here it is/);
    const leased = await outbox.lease('mail');
    assert.equal(leased?.text, mail().text);
    assert.equal(leased.html, mail().html);
    await outbox.sent(leased);
    const [after] = await rows();
    assert.equal(after?.['sealed'], null);
    assert.ok(after['forgetAt'] instanceof Date, 'and it is forgotten one day');
  });

  it('sends nothing whose recipient was changed in the database', async () => {
    await outbox.enqueue(mail());
    await database.connection.collection('outbox').updateOne({}, { $set: { to: 'eve@example.com' } });
    assert.equal(await outbox.lease('mail'), null);
    const [dead] = await outbox.list('dead', 10);
    assert.equal(dead?.lastFault, 'cannot-be-opened');
  });

  it('refuses recipients and subjects that would add a header or a recipient (INJ-6)', async () => {
    for (const to of [
      'a@b.example\r\nBcc: eve@c.example',
      'a@b.example, eve@c.example',
      'a@b.example\n',
      '<a@b.example>',
      'nobody',
      '',
    ])
      await assert.rejects(outbox.enqueue(mail(to)), /one plain recipient/, JSON.stringify(to));
    for (const subject of ['x\r\nBcc: eve@c.example', 'x\ny', 'x\u2028y', 'x\0', 'x'.repeat(201)])
      await assert.rejects(outbox.enqueue({ ...mail(), subject }), /one line/, JSON.stringify(subject));
    assert.equal((await rows()).length, 0);
  });

  it('waits longer after each failure, up to a quarter of an hour, and gives up after a bounded number of tries', async () => {
    await outbox.enqueue(mail());
    let tries = 0;
    const refuse = createWorker({
      outbox,
      channel: 'mail',
      log,
      deliver: async () => {
        tries += 1;
        throw Object.assign(new Error(`550 no: ${secret}`), { code: 'EENVELOPE', responseCode: 550 });
      },
    });
    await refuse.work();
    assert.equal(tries, 1);
    clock.advance({ seconds: 4 });
    await refuse.work();
    assert.equal(tries, 1, 'not before its time');
    for (let round = 1; round < longestSeries; round += 1) {
      clock.advance({ seconds: backoffMs(round) / 1000 });
      await refuse.work();
      assert.equal(tries, round + 1);
    }
    assert.deepEqual([1, 2, 3, 8, 9, 99].map(backoffMs), [5000, 10_000, 20_000, 640_000, 900_000, 900_000]);
    clock.advance({ hours: 24 });
    await refuse.work();
    assert.equal(tries, longestSeries);
    const [dead] = await outbox.list('dead', 10);
    assert.equal(dead?.lastFault, 'EENVELOPE 550');
    assert.doesNotMatch(lines.join(''), /canary/);

    assert.equal(await outbox.retry(dead.id), true);
    assert.equal(await outbox.retry(dead.id), false, 'it is no dead letter any more');
    const sent: LeasedMessage[] = [];
    await createWorker({
      outbox,
      channel: 'mail',
      log,
      deliver: (message) => Promise.resolve((sent.push(message), accepted)),
    }).work();
    assert.equal(sent[0]?.text, mail().text);
  });

  it('takes a message up again whose worker fell silent, under the same Message-ID, and heeds the late word that it was sent', async () => {
    await outbox.enqueue(mail());
    const first = await outbox.lease('mail');
    assert.ok(first);
    clock.advance({ seconds: 59 });
    await outbox.renew(first);
    clock.advance({ seconds: 59 });
    assert.equal(await outbox.lease('mail'), null, 'a renewed lease holds');
    clock.advance({ seconds: 1 });
    const second = await outbox.lease('mail');
    assert.equal(second?.messageId, first.messageId);
    await outbox.failed(first, 'too late');
    assert.equal((await outbox.list('sending', 10)).length, 1, 'who lost the lease can’t put it back');
    await outbox.sent(first);
    await outbox.failed(second, 'ETIMEDOUT');
    assert.equal((await outbox.list('sent', 10)).length, 1);
  });

  it('records a yes of the server however long the database is away', async () => {
    await outbox.enqueue(mail());
    let failures = 2;
    const stumbling: DurableOutbox = {
      ...outbox,
      sent: async (message) => {
        if (failures-- > 0) throw new Error('away');
        await outbox.sent(message);
      },
    };
    let deliveries = 0;
    await createWorker({
      outbox: stumbling,
      channel: 'mail',
      log,
      deliver: () => Promise.resolve(((deliveries += 1), accepted)),
    }).work();
    assert.equal(deliveries, 1);
    assert.equal((await outbox.list('sent', 10)).length, 1);
  });

  it('finishes the message in hand when it stops, and takes up no other', async () => {
    await outbox.enqueue(mail('first@example.com'));
    let answer: () => void = () => undefined;
    const taken: string[] = [];
    const worker = createWorker({
      outbox,
      channel: 'mail',
      log,
      deliver: (message) => {
        taken.push(message.to);
        return new Promise((resolve) => {
          answer = () => {
            resolve(accepted);
          };
        });
      },
    });
    worker.start();
    await until('it is in hand', () => taken.length === 1);
    const stopped = worker.stop();
    await outbox.enqueue(mail('second@example.com'));
    answer();
    await stopped;
    assert.deepEqual(taken, ['first@example.com']);
    assert.equal((await outbox.list('sent', 10)).length, 1);
    assert.equal((await outbox.list('queued', 10)).length, 1);
  });

  it('sends what comes later, in this process or another, while one message hangs', async () => {
    const sent: string[] = [];
    const hanging = gate();
    const worker = createWorker({
      outbox,
      channel: 'mail',
      log,
      pollMs: 50,
      deliver: async ({ to }) => {
        if (to === 'hangs@example.com') await hanging.passed;
        sent.push(to);
        return accepted;
      },
    });
    worker.start();
    const second = await connect();
    try {
      await outbox.enqueue(mail('hangs@example.com'));
      await until('it hangs', async () => (await outbox.count('sending')) === 1);
      await outbox.enqueue(mail('later@example.com'));
      await until('the later one is sent', () => sent.includes('later@example.com'), 2000);
      await another({}, second).enqueue(mail('elsewhere@example.com'));
      await until('another process’s is sent', () => sent.includes('elsewhere@example.com'), 2000);
      assert.equal(sent.length, 2);
      hanging.open();
      await until('the first one is sent at last', () => sent.length === 3);
    } finally {
      hanging.open();
      await worker.stop();
      await second.close();
    }
  });

  it('has no more messages in hand at once than there are lanes, and none waits for a lane that is free', async () => {
    const hanging = gate();
    let inHand = 0;
    const worker = createWorker({
      outbox,
      channel: 'text',
      log,
      deliver: async () => {
        inHand += 1;
        await hanging.passed;
        return accepted;
      },
    });
    const text = (count: number) => ({ ...mail(`+4930123456${String(count)}`), channel: 'text' as Channel });
    worker.start();
    try {
      await Promise.all(Array.from({ length: 20 }, (_, count) => outbox.enqueue(text(count))));
      await until('all lanes are full', () => inHand === 12, 2000);
      assert.equal(await outbox.count('queued', 'text'), 8);
      hanging.open();
      await until('all are sent', async () => (await outbox.count('sent', 'text')) === 20, 2000);
    } finally {
      hanging.open();
      await worker.stop();
    }
  });

  describe('with text messages', () => {
    const number = '+4930123456';
    const text = (more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
      channel: 'text',
      kind: 'test.code',
      to: number,
      subject: '',
      text: 'Your code is canary',
      html: null,
      ...more,
    });
    const soon = (minutes: number) => new Date(clock.now().getTime() + minutes * 60_000);
    const deliver = (handover: Handover) =>
      createWorker({ outbox, channel: 'text', log, deliver: () => Promise.resolve(handover) });
    const faults = async () => (await outbox.list('dead', 10, 'text')).map(({ lastFault }) => lastFault);

    it('keeps neither number nor text in clear, and drops both once sent, refused for good or not known', async () => {
      for (const handover of [
        accepted,
        { fate: 'refused', fault: 'E1', permanent: true },
        { fate: 'unknown', fault: 'E2' },
      ] as const) {
        await outbox.enqueue(text());
        assert.doesNotMatch(JSON.stringify(await rows()), /30123456|canary/);
        await deliver(handover).work();
      }
      assert.deepEqual(
        (await rows()).map((row): unknown => row['sealed']),
        [null, null, null],
      );
      assert.equal(await outbox.retryAll(10), 0, 'texts are not sent again by hand either');
    });

    it('never hands one over twice: whoever held it and fell silent may have', async () => {
      await outbox.enqueue(text());
      const first = await outbox.lease('text');
      assert.equal(first?.to, number);
      clock.advance({ seconds: 61 });
      assert.equal(await outbox.lease('text'), null);
      assert.deepEqual(await faults(), ['unknown']);
      assert.equal(await outbox.settle(first.id, 0), 'unknown');
    });

    it('tries again only what nobody has, and as often as was said', async () => {
      await outbox.enqueue(text({ tries: 2 }));
      let deliveries = 0;
      const worker = createWorker({
        outbox,
        channel: 'text',
        log,
        deliver: () =>
          Promise.resolve(((deliveries += 1), { fate: 'refused', fault: 'down', permanent: false } as const)),
      });
      await worker.work();
      clock.advance({ minutes: 20 });
      await worker.work();
      clock.advance({ minutes: 20 });
      await worker.work();
      assert.equal(deliveries, 2);
      assert.deepEqual(await faults(), ['down']);
    });

    it('drops what came too late to be of use', async () => {
      await outbox.enqueue(text({ until: soon(5) }));
      clock.advance({ minutes: 5 });
      let deliveries = 0;
      await createWorker({
        outbox,
        channel: 'text',
        log,
        deliver: () => Promise.resolve(((deliveries += 1), accepted)),
      }).work();
      assert.equal(deliveries, 0);
      assert.deepEqual(await faults(), ['expired']);
    });

    it('tells who waits what became of it, in whichever process it was sent', async () => {
      const second = await connect();
      const elsewhere = another({}, second);
      try {
        for (const [handover, sending] of [
          [accepted, 'accepted'],
          [{ fate: 'accepted', late: true }, 'late'],
          [{ fate: 'refused', fault: 'x', permanent: false }, 'refused'],
          [{ fate: 'unknown', fault: 'x' }, 'unknown'],
        ] as const) {
          const id = await outbox.enqueue(text({ tries: 1, until: soon(5) }));
          const settled = outbox.settle(id, 5000);
          await createWorker({
            outbox: elsewhere,
            channel: 'text',
            log,
            deliver: () => Promise.resolve(handover),
          }).work();
          assert.equal(await settled, sending);
        }
      } finally {
        await second.close();
      }
    });

    it('withdraws what nobody took up in time, and then nobody takes it up', async () => {
      const id = await outbox.enqueue(text({ tries: 1, until: soon(5) }));
      assert.equal(await outbox.settle(id, 50), 'withdrawn');
      assert.equal(await outbox.lease('text'), null);
      const taken = await outbox.enqueue(text({ tries: 1, until: soon(5) }));
      assert.ok(await outbox.lease('text'));
      assert.equal(await outbox.settle(taken, 50), 'unknown', 'one that is in somebody’s hand is not');
    });
  });

  it('keeps what would have been sent, and never sends it later', async () => {
    const second = await connect();
    try {
      await another({ keeps: true }, second).enqueue(mail());
    } finally {
      await second.close();
    }
    assert.equal(await outbox.lease('mail'), null);
    const [kept] = await outbox.kept(10);
    assert.equal(kept?.text, mail().text);
  });

  describe('with a mail server', function () {
    this.timeout(60_000);
    let sink: SmtpSink;
    const children: RunningProcess[] = [];
    beforeEach(async () => {
      sink = await openSmtpSink();
    });
    afterEach(async () => {
      for (const child of children.splice(0)) await child.stop('SIGKILL');
      sink.release();
      await sink.close();
    });

    const mailer = () =>
      createMailer({ host: '127.0.0.1', port: sink.port, secure: false, auth: null }, 'Portal <portal@example.com>');

    it('sends both parts to one recipient, marked as made by a machine', async () => {
      await outbox.enqueue({ ...mail(), subject: 'Pörtal: “ein Link”' });
      await createWorker({ outbox, channel: 'mail', deliver: mailer(), log }).work();
      const [received] = sink.received;
      assert.deepEqual(received?.to, ['ada@example.com']);
      assert.equal(received.from, 'portal@example.com');
      assert.match(received.raw, /^Auto-Submitted: auto-generated/m);
      assert.match(received.raw, /multipart\/alternative[\s\S]*text\/plain[\s\S]*text\/html/);
      assert.match(received.messageId, /^<[0-9a-f-]{36}@portal\.example>$/);
    });

    it('sends nothing in clear text to another machine', async () => {
      const far = createMailer(
        { host: '127.0.0.1.nip.example', port: sink.port, secure: false, auth: null },
        'portal@example.com',
      );
      await assert.rejects(far({ ...mail(), id: '1', messageId: '<1@x>', lease: 'x', tries: 1, most: 1, until: null }));
      assert.equal(sink.received.length, 0);
    });

    it('loses nothing and repeats nothing while the server refuses, defers or is down', async () => {
      const worker = createWorker({ outbox, channel: 'mail', deliver: mailer(), log });
      for (const mode of ['reject', 'defer'] as const) {
        sink.mode = mode;
        await outbox.enqueue(mail(`${mode}@example.com`));
        await worker.work();
      }
      const { port } = sink;
      await sink.close();
      await outbox.enqueue(mail('down@example.com'));
      await worker.work();
      const faults = (await outbox.list('queued', 10)).map(({ lastFault }) => lastFault ?? '');
      assert.equal(faults.length, 3);
      assert.ok(
        faults.every((fault) => fault !== ''),
        faults.join(),
      );
      sink = await openSmtpSink(port);
      clock.advance({ minutes: 1 });
      await worker.work();
      clock.advance({ hours: 1 });
      await worker.work();
      assert.deepEqual(sink.received.flatMap(({ to }) => to).sort(), [
        'defer@example.com',
        'down@example.com',
        'reject@example.com',
      ]);
    });

    it('sends each mail once through kill -9: while deferred, while down, between two and before the yes', async () => {
      const uri = await databaseUri();
      const start = async () => {
        const env = {
          TEST_URI: uri,
          TEST_DATABASE: name,
          TEST_KEY: key.toString('base64'),
          TEST_PORT: String(sink.port),
        };
        const child = startProcess(outboxProcess, [], { env });
        children.push(child);
        await child.line(/^ready$/);
        return child;
      };
      // Due at the children's time, which is the real one.
      const enqueue = (to: string) => outbox.enqueue(mail(to));
      const expected: string[] = [];
      const add = async (what: string) => {
        for (let count = 0; count < 5; count += 1) {
          expected.push(`${what}.${String(count)}@example.com`);
          await enqueue(expected.at(-1) ?? '');
        }
      };
      const state = async (wanted: string) => (await rows()).filter((row) => row['state'] === wanted).length;

      sink.mode = 'defer';
      await add('deferred');
      let child = await start();
      await until('all were tried', async () =>
        (await rows()).every((row) => Number(row['tries']) > 0 && row['state'] === 'queued'),
      );
      await child.stop('SIGKILL');

      sink.mode = 'hold';
      await add('held');
      child = await start();
      await until('some are with the server', () => sink.held() > 0);
      await child.stop('SIGKILL');
      assert.ok((await state('sending')) > 0, 'they are leased by nobody alive');
      assert.equal(sink.received.length, 0);
      // The server drops what it took without its yes: their connections are gone.
      const { port } = sink;
      await sink.close();
      sink = await openSmtpSink(port);

      child = await start();
      await add('between');
      await until('some are sent', () => sink.received.length >= 3);
      await child.stop('SIGKILL');
      const inHand = new Set(
        (await rows()).filter((row) => row['state'] === 'sending').map((row) => row['messageId'] as string),
      );
      await start();
      await until('all are sent', async () => (await state('sent')) === expected.length, 30_000);

      const ids = sink.received.map(({ messageId }) => messageId);
      assert.equal(new Set(ids).size, expected.length, 'none is lost');
      assert.deepEqual([...new Set(sink.received.flatMap(({ to }) => to))].sort(), expected.toSorted());
      const repeated = ids.filter((id, index) => ids.indexOf(id) !== index);
      assert.ok(repeated.length <= 3, 'at most a worker’s lanes are between the yes and the record of it');
      assert.deepEqual(
        repeated.filter((id) => !inHand.has(id)),
        [],
        'none is repeated but what was in hand at the kill',
      );
    });
  });
});
