import assert from 'node:assert/strict';
import { carry, provider, someNumber } from './carrying.ts';
import type { GatewayValues } from '../../gateways/settings.ts';

const text = 'Grüße "x" {to}\n& a=b \\ +1';

async function send(values: Partial<GatewayValues>, answer: [number, string] = [200, '{}']) {
  const server = await provider((_received, res) => res.writeHead(answer[0]).end(answer[1]));
  const url = `${server.url}${values.SMS_HTTP_URL ?? '/'}`;
  const carrying = await carry({ SMS_GATEWAYS: 'http', ...values, SMS_HTTP_URL: url });
  const result = await carrying.send({ text });
  await Promise.all([carrying.stop(), server.stop()]);
  return { result, received: server.received[0], answer: carrying.answers[0] };
}

describe('The gateway for any provider by HTTP', () => {
  it('fills a JSON body in, whatever the text holds', async () => {
    const { received, result } = await send({
      SMS_HTTP_METHOD: 'PUT',
      SMS_HTTP_URL: '/messages/{id}',
      SMS_HTTP_HEADERS: '{"Authorization":"Bearer abc","Idempotency-Key":"{id}"}',
      SMS_HTTP_BODY: '{"to":["{to}"],"msisdn":{digits},"body":"{text}"}',
    });
    assert.deepEqual(result, { fate: 'accepted', late: false });
    assert.equal(`${String(received?.method)} ${String(received?.path)}`, 'PUT /messages/message-1');
    assert.deepEqual(JSON.parse(received?.body ?? ''), { to: [someNumber], msisdn: 12025550123, body: text });
    assert.equal(received?.headers['content-type'], 'application/json');
    assert.equal(received.headers.authorization, 'Bearer abc');
    assert.equal(received.headers['idempotency-key'], 'message-1');
  });

  it('fills a form in, whatever the text holds', async () => {
    const { received } = await send({ SMS_HTTP_BODY: 'to={to}&text={text}&from=Portal' });
    assert.deepEqual(
      [...new URLSearchParams(received?.body)],
      [
        ['to', someNumber],
        ['text', text],
        ['from', 'Portal'],
      ],
    );
    assert.equal(received?.headers['content-type'], 'application/x-www-form-urlencoded');
  });

  it('takes the provider’s word for what was taken, and its name for the message', async () => {
    const body = 'to={to}&text={text}';
    const rule = { SMS_HTTP_BODY: body, SMS_HTTP_OK: '/"status":\\s*"0"/', SMS_HTTP_REFERENCE: '/"id":"([^"]+)"/' };
    const taken = await send(rule, [200, '{"status": "0","id":"a-1"}']);
    assert.equal(taken.answer?.reference, 'a-1');
    const not = await send(rule, [200, '{"status": "9","error":"no credit"}']);
    assert.deepEqual(not.result, { fate: 'refused', fault: 'http:not-ok', permanent: false });
    assert.equal((await send({ SMS_HTTP_BODY: body, SMS_HTTP_OK: '201, 202' }, [202, ''])).result.fate, 'accepted');
    assert.equal((await send({ SMS_HTTP_BODY: body, SMS_HTTP_OK: '201' }, [200, ''])).result.fate, 'unknown');
    assert.equal((await send({ SMS_HTTP_BODY: body }, [302, ''])).result.fate, 'refused');
  });
});
