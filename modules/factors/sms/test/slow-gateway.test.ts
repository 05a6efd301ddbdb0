import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { newNumber } from './driver.ts';
import { challenge, give, sendAgain, setUp } from './people.ts';

describe('A gateway that takes its time', () => {
  let portal: TestPortal;
  let provider: Server;
  let answer = { status: 200, afterMs: 0 };
  let texts: string[] = [];
  before(async () => {
    provider = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        texts.push((JSON.parse(body) as { text: string }).text);
        const { status, afterMs } = answer;
        setTimeout(() => res.writeHead(status).end('{}'), afterMs);
      });
    });
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    const { port } = provider.address() as AddressInfo;
    portal = await openTestPortal({
      environment: {
        SMS_GATEWAYS: 'http',
        SMS_HTTP_URL: `http://127.0.0.1:${String(port)}/messages`,
        SMS_HTTP_HEADERS: '{"content-type":"application/json"}',
        SMS_HTTP_BODY: '{"to":"{to}","text":"{text}"}',
      },
    });
  });
  after(async () => {
    await portal.close();
    provider.close();
  });
  beforeEach(() => {
    answer = { status: 200, afterMs: 0 };
    texts = [];
    portal.clock.advance({ minutes: 61 });
  });

  const newest = () => /^[0-9]{6}/.exec(texts.at(-1) ?? '')?.[0] ?? '';

  /** Somebody with a phone. */
  async function enrolled() {
    const person = await portal.addPerson();
    const visitor = portal.visitor();
    await signInWith(visitor, person.email);
    await visitor.submit(setUp, { number: newNumber() }, { from: setUp });
    await visitor.submit(`${setUp}/send`, {}, { from: setUp });
    const done = await visitor.submit(`${setUp}/confirm`, { code: newest() }, { from: setUp });
    assert.equal(done.status, 303, done.text);
    return person;
  }

  /** People at the challenge page, whose next message may leave. */
  async function asked(count: number) {
    const people = [];
    for (let number = 0; number < count; number += 1) people.push(await enrolled());
    portal.clock.advance({ minutes: 61 });
    const found = [];
    for (const person of people) {
      const visitor = portal.visitor();
      assert.equal((await signInWith(visitor, person.email)).location, challenge);
      found.push({ person, visitor });
    }
    portal.clock.advance({ seconds: 61 });
    return found;
  }

  it('is waited for, and what became of the message is said although somebody clicked again meanwhile', async () => {
    const [{ visitor } = assert.fail()] = await asked(1);
    answer = { status: 400, afterMs: 600 };
    const before = texts.length;
    const first = sendAgain(visitor.clone());
    await pause(200);
    await sendAgain(visitor.clone());
    await first;
    assert.equal(texts.length, before + 1, 'the second click sends nothing');
    assert.match((await visitor.get(challenge)).text, /could not be sent\. Send it again/);
  });

  it('keeps nobody else from signing in, however many wait for their message', async () => {
    const owners = await asked(8);
    const ended: string[] = [];
    answer = { status: 200, afterMs: 3000 };
    const waiting = owners.map(async ({ visitor }) => {
      await sendAgain(visitor);
      ended.push('their message');
    });
    const known = texts.length;
    while (texts.length < known + owners.length) await pause(20);
    const other = await portal.addPerson();
    await signInWith(portal.visitor(), other.email);
    ended.push('somebody else');
    await Promise.all(waiting);
    assert.equal(ended[0], 'somebody else');
  });

  it('has its message noted as confirmed although a wrong code was tried while it was on its way', async () => {
    const [{ person, visitor } = assert.fail()] = await asked(1);
    answer = { status: 200, afterMs: 600 };
    const sending = sendAgain(visitor.clone());
    await pause(300);
    const right = newest();
    assert.equal((await give(visitor.clone(), String((Number(right) + 1) % 1_000_000).padStart(6, '0'))).status, 422);
    await sending;
    assert.equal((await give(visitor, right)).status, 303);
    const rows = await portal.database.connection
      .collection('factor.sms.messages')
      .find({ personId: person.id, purpose: 'signIn' })
      .sort({ createdAt: -1 })
      .toArray();
    assert.ok(rows[0]?.['confirmedAt'], 'it no longer counts as one that nobody gave back');
  });
});
