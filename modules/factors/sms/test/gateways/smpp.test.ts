import assert from 'node:assert/strict';
import type { DeliveryReport, Gateway, GatewayAnswer, GatewayMessage } from '../../gateways/gateway.ts';
import { createSmpp } from '../../gateways/smpp.ts';
import { carry, nobody, someNumber, someText } from './carrying.ts';
import { startSmsc, type Smsc } from './smsc.ts';

const times = { bindMs: 300, enquireMs: 60, enquireAnswerMs: 60, firstBackoffMs: 30 };
const now = new Date('2026-03-01T12:00:00Z');

describe('The gateway for SMPP', () => {
  let smsc: Smsc;
  const started: { stop(): Promise<void> }[] = [];

  /** The gateway alone, with short waits. */
  function open(over: { port?: number; password?: string; enquireMs?: number } = {}) {
    const reports: DeliveryReport[] = [];
    const logged: string[] = [];
    const log = (about: object, message: string) => logged.push(`${message} ${JSON.stringify(about)}`);
    const gateway: Gateway = createSmpp(
      {
        ...{ kind: 'smpp', host: '127.0.0.1', port: over.port ?? smsc.port, secure: false, systemType: '' },
        ...{ systemId: 'portal', password: over.password ?? 'p4ss', from: 'Portal' },
      },
      { now: () => now, log: { info: log, warn: log } },
      { ...times, enquireMs: over.enquireMs ?? times.enquireMs },
    );
    gateway.onReport?.(async (report) => void reports.push(report));
    started.push({ stop: async () => gateway.stop?.() });
    return {
      gateway,
      reports,
      logged,
      send: (message: Partial<GatewayMessage> = {}): Promise<GatewayAnswer> =>
        gateway.send(
          { id: 'message-1', to: someNumber, text: someText, kind: 'code', ...message },
          { connected: AbortSignal.timeout(200), answered: AbortSignal.timeout(400) },
        ),
    };
  }

  beforeEach(async () => {
    smsc = await startSmsc();
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((one) => one.stop()));
    await smsc.stop();
  });

  it('binds with its first message, and keeps that bind for the next', async () => {
    const { send, gateway } = open();
    assert.equal(smsc.binds.asked, 0);
    assert.equal(gateway.isUp?.(), true);
    assert.deepEqual(await Promise.all([send(), send()]), [
      { fate: 'accepted', late: false, reference: 'id-1' },
      { fate: 'accepted', late: false, reference: 'id-1' },
    ]);
    assert.equal(smsc.binds.asked, 1);
    const [pdu] = smsc.submitted;
    assert.equal(pdu?.['destination_addr'], someNumber.slice(1));
    assert.deepEqual([pdu['dest_addr_ton'], pdu['source_addr_ton'], pdu['source_addr']], [1, 5, 'Portal']);
    assert.equal(pdu['registered_delivery'], 1);
    assert.deepEqual(pdu['short_message'], { message: someText });
  });

  it('sends in the alphabet of phones or in UCS-2, with its time of expiry, and nothing that needs two parts', async () => {
    const { send } = open();
    await send({ text: 'Grüße {€}', until: new Date(now.getTime() + 290_000) });
    await send({ text: 'Код 402917' });
    assert.deepEqual(
      smsc.submitted.map((pdu) => [pdu['data_coding'], pdu['short_message']]),
      [
        [0, { message: 'Grüße {€}' }],
        [8, { message: 'Код 402917' }],
      ],
    );
    const expiry = (smsc.submitted[0]?.['validity_period'] as Date).getTime() - Date.now();
    assert.ok(expiry > 280_000 && expiry < 300_000, String(expiry));
    assert.equal((await send({ text: 'a'.repeat(160) })).fate, 'accepted');
    const tooLong: GatewayAnswer = { fate: 'refused', fault: 'smpp:too-long', permanent: true };
    assert.deepEqual(await send({ text: 'a'.repeat(161) }), tooLong);
    assert.deepEqual(await send({ text: 'К'.repeat(71) }), tooLong);
    assert.equal(smsc.submitted.length, 3);
  });

  it('tells a wrong number from an SMSC that is busy', async () => {
    const { send } = open();
    smsc.treat.next = { status: 0x0b };
    assert.deepEqual(await send(), { fate: 'refused', fault: 'smpp:11', permanent: true });
    smsc.treat.next = { status: 0x58 };
    assert.deepEqual(await send(), { fate: 'refused', fault: 'smpp:88', permanent: false });
  });

  it('says that nobody has a message that could not leave', async () => {
    const wrong = open({ password: 'wrong' });
    const unreached = { fate: 'refused', permanent: false, unreached: true } as const;
    assert.deepEqual(await wrong.send(), { ...unreached, fault: 'connect:bind-14' });
    assert.ok(!wrong.logged.join('').includes('wrong'));
    const gone = open({ port: Number(new URL(await nobody()).port) });
    assert.deepEqual(await gone.send(), { ...unreached, fault: 'connect:ECONNREFUSED' });
    assert.equal(gone.gateway.isUp?.(), false);
    smsc.treat.bind = 'silent';
    const mute = open();
    assert.deepEqual(await mute.send(), { ...unreached, fault: 'connect:timeout' });
    assert.equal(smsc.submitted.length, 0);
  });

  it('says that nobody knows where a message left and no answer came', async () => {
    const { send } = open();
    smsc.treat.next = 'silent';
    assert.deepEqual(await send(), { fate: 'unknown', fault: 'lost:timeout' });
    smsc.treat.next = 'hang-up';
    assert.deepEqual(await send(), { fate: 'unknown', fault: 'lost:closed' });
    assert.equal(smsc.submitted.length, 2, 'each of them once');
  });

  it('passes on an answer that came too late, and the receipt for it', async () => {
    const { send, reports } = open();
    smsc.treat.next = 'silent';
    await send({ id: 'message-7' });
    smsc.answerLate('id-7');
    await holds(() => reports.length === 1);
    await smsc.deliver({ esm_class: 4, short_message: 'id:id-7 stat:DELIVRD err:000' });
    assert.deepEqual(reports, [
      { message: { id: 'message-7' }, state: 'late' },
      { message: { id: 'message-7' }, state: 'delivered' },
    ]);
  });

  it('lets more than ten messages at once wait for a place, and sends them all', async () => {
    const { send } = open();
    smsc.treat.next = 'silent';
    const sending = Promise.all(Array.from({ length: 25 }, (_, index) => send({ id: `message-${String(index)}` })));
    await holds(() => smsc.submitted.length === 10);
    smsc.treat.next = { status: 0 };
    for (let count = 0; count < 10; count += 1) smsc.answerLate('id-1');
    assert.deepEqual(new Set((await sending).map(({ fate }) => fate)), new Set(['accepted']));
    assert.equal(smsc.submitted.length, 25);
  });

  it('has ten messages under way at most', async () => {
    const { send } = open();
    smsc.treat.next = 'silent';
    const answers = await Promise.all(Array.from({ length: 12 }, () => send()));
    assert.equal(answers.filter(({ fate }) => fate === 'unknown').length, 10);
    assert.equal(answers.filter(({ fate }) => fate === 'refused').length, 2);
    assert.equal(smsc.submitted.length, 10);
    smsc.answerLate('id-1');
    smsc.treat.next = { status: 0 };
    await holds(async () => (await send()).fate === 'accepted');
  });

  it('reads receipts by their parameters or their text, and answers them once they are noted', async () => {
    const { send, reports } = open();
    await send();
    const text = 'id:id-1 sub:001 dlvrd:001 submit date:2603011200 done date:2603011200 stat:UNDELIV err:027 text:';
    assert.equal(await smsc.deliver({ esm_class: 4, short_message: text }), 0);
    assert.equal(await smsc.deliver({ esm_class: 4, receipted_message_id: 'id-2', message_state: 2 }), 0);
    assert.equal(await smsc.deliver({ esm_class: 4, short_message: 'id:id-3 stat:ENROUTE err:000' }), 0);
    assert.equal(
      await smsc.deliver({ esm_class: 0, short_message: 'STOP id:id-1 stat:DELIVRD' }),
      0,
      'what people write',
    );
    assert.deepEqual(reports, [
      { message: { gateway: 'smpp', reference: 'id-1' }, state: 'undelivered', fault: 'smpp:UNDELIV:027' },
      { message: { gateway: 'smpp', reference: 'id-2' }, state: 'delivered' },
    ]);
  });

  it('asks the SMSC to bring a receipt again that could not be noted', async () => {
    const { send, gateway } = open();
    gateway.onReport?.(() => Promise.reject(new Error('the database is down')));
    await send();
    assert.equal(await smsc.deliver({ esm_class: 4, short_message: 'id:id-1 stat:DELIVRD' }), 0x64);
  });

  it('binds again when the connection was cut, without a message to wait for it', async () => {
    const { send, gateway } = open();
    await send();
    smsc.cut();
    await holds(() => smsc.binds.asked === 2 && smsc.binds.open === 1);
    smsc.unbind();
    await holds(() => smsc.binds.asked === 3 && smsc.binds.open === 1);
    await smsc.enquire();
    assert.equal((await send()).fate, 'accepted');
    assert.equal(gateway.isUp?.(), true);
  });

  it('asks the SMSC whether it is there, and ends a connection that says nothing', async () => {
    const { send } = open();
    await send();
    await holds(() => smsc.enquired.count >= 2);
    assert.equal(smsc.binds.asked, 1);
    smsc.treat.enquire = 'silent';
    await holds(() => smsc.binds.asked === 2);
  });

  it('unbinds when the portal stops, and does not come back', async () => {
    const { send, gateway } = open();
    await send();
    await gateway.stop?.();
    await holds(() => smsc.binds.open === 0);
    assert.equal((await send()).fate, 'refused');
    assert.equal(smsc.binds.asked, 1);
  });

  it('stops at once while an SMSC lets it wait', async () => {
    smsc.treat.bind = 'silent';
    const { send, gateway } = open();
    const sending = send();
    await holds(() => smsc.binds.asked === 1);
    const start = performance.now();
    await gateway.stop?.();
    assert.ok(performance.now() - start < 100);
    assert.equal((await sending).fate, 'refused');
  });

  it('is not misled by what is no SMPP', async () => {
    const { send, logged } = open({ enquireMs: 60_000 });
    await send();
    smsc.treat.next = 'silent';
    const sending = send();
    await holds(() => smsc.submitted.length === 2);
    smsc.rubbish();
    assert.deepEqual(await sending, { fate: 'unknown', fault: 'lost:closed' });
    await holds(() => smsc.binds.asked === 2);
    assert.ok(!logged.join('').includes(someNumber.slice(1)));
  });

  it('works behind the carrier: a receipt that overtakes its answer finds the message', async () => {
    const order: string[] = [];
    const carrying = await carry(
      {
        ...{ SMS_GATEWAYS: 'smpp', SMS_SMPP_URL: smsc.url, SMS_SMPP_FROM: '+12025550100' },
        ...{ SMS_SMPP_SYSTEM_ID: 'portal', SMS_SMPP_PASSWORD: 'p4ss' },
      },
      {
        onAnswer: async ({ id }, { reference = '' }) => {
          await smscTold;
          // In order on one connection: what answers this has read the receipt.
          await smsc.enquire();
          order.push(`answer ${id} ${reference}`);
        },
        onReport: async ({ message }) => void order.push(`report ${JSON.stringify(message)}`),
      },
    );
    started.push(carrying);
    const smscTold = holds(() => smsc.submitted.length === 1).then(() => {
      void smsc.deliver({ esm_class: 4, short_message: 'id:id-1 stat:DELIVRD' });
    });
    assert.equal((await carrying.send()).fate, 'accepted');
    await holds(() => order.length === 2);
    assert.deepEqual(order, ['answer message-1 id-1', 'report {"gateway":"smpp","reference":"id-1"}']);
    assert.deepEqual([smsc.submitted[0]?.['source_addr_ton'], smsc.submitted[0]?.['source_addr']], [1, '12025550100']);
  });
});

async function holds(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 3000;
  while (!(await what())) {
    if (performance.now() > end) assert.fail('it did not come to that in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
