import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { carry, provider, someNumber, someText, type Carrying } from './carrying.ts';
import { sign } from '../../gateways/twilio.ts';

const accountSid = `AC${'0123456789abcdef'.repeat(2)}`;
const authToken = 'the auth token';
/** Twilio's own magic numbers, and what its API answers to them. */
const refused: Readonly<Record<string, number>> = {
  '+15005550001': 21211,
  '+15005550002': 21612,
  '+15005550003': 21408,
  '+15005550004': 21610,
  '+15005550009': 21614,
};

/** The Messages API as documented: Basic auth, a form, 201 with a sid, errors with a code. */
function messagesApi() {
  return provider(({ method, path, headers, body }, res) => {
    const say = (status: number, answer: object) => {
      res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    };
    const basic = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
    if (method !== 'POST' || path !== `/2010-04-01/Accounts/${accountSid}/Messages.json`) {
      say(404, { code: 20404, status: 404 });
      return;
    }
    if (headers.authorization !== basic) {
      say(401, { code: 20003, message: 'Authenticate', status: 401 });
      return;
    }
    const form = new URLSearchParams(body);
    const code = refused[form.get('To') ?? ''];
    if (code === undefined) say(201, { sid: 'SM0001', status: 'queued', error_code: null });
    else say(400, { code, message: `The number ${form.get('To') ?? ''} is refused`, status: 400 });
  });
}

/** A status callback as Twilio makes it, signed by the rule of its documentation. */
async function report(address: string, parameters: Record<string, string>, how: { token?: string; as?: string } = {}) {
  const signed = Object.entries(parameters)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .reduce((text, [name, value]) => text + name + value, how.as ?? address);
  const signature = createHmac('sha1', how.token ?? authToken)
    .update(signed)
    .digest('base64');
  const response = await fetch(address, {
    method: 'POST',
    headers: { 'X-Twilio-Signature': signature },
    body: new URLSearchParams(parameters),
  });
  return response.status;
}

describe('The gateway for Twilio', () => {
  let api: Awaited<ReturnType<typeof messagesApi>>;
  let carrying: Carrying;

  beforeEach(async () => {
    api = await messagesApi();
    carrying = await carry({
      ...{ SMS_GATEWAYS: 'twilio', SMS_TWILIO_API: api.url, SMS_TWILIO_FROM: '+15005550006' },
      ...{ SMS_TWILIO_ACCOUNT_SID: accountSid, SMS_TWILIO_AUTH_TOKEN: authToken },
    });
  });
  afterEach(() => Promise.all([carrying.stop(), api.stop()]));

  it('sends a form, and keeps Twilio’s name for the message', async () => {
    const until = new Date(carrying.clock.now + 300_000);
    assert.deepEqual(await carrying.send({ until }), { fate: 'accepted', late: false });
    assert.equal(carrying.answers[0]?.reference, 'SM0001');
    assert.deepEqual(Object.fromEntries(new URLSearchParams(api.received[0]?.body)), {
      ...{ To: someNumber, From: '+15005550006', Body: someText, ValidityPeriod: '300' },
      StatusCallback: `${carrying.baseUrl}/callbacks/sms/twilio?id=message-1`,
    });
  });

  it('tells numbers that can’t be reached from what may be mended', async () => {
    for (const [to, code] of Object.entries(refused))
      assert.deepEqual(await carrying.send({ to }), {
        fate: 'refused',
        fault: `twilio:${String(code)}`,
        permanent: true,
      });
    assert.ok(!/1500555|refused\?|402917/.test(carrying.logged.join('\n')), carrying.logged.join('\n'));
  });

  it('says what is wrong with the account by its code alone', async () => {
    const stranger = await carry({
      ...{ SMS_GATEWAYS: 'twilio', SMS_TWILIO_API: api.url, SMS_TWILIO_FROM: `MG${'0'.repeat(32)}` },
      ...{ SMS_TWILIO_ACCOUNT_SID: accountSid, SMS_TWILIO_AUTH_TOKEN: 'an older token' },
    });
    assert.deepEqual(await stranger.send(), { fate: 'refused', fault: 'twilio:20003', permanent: false });
    assert.equal(new URLSearchParams(api.received[0]?.body).get('MessagingServiceSid'), `MG${'0'.repeat(32)}`);
    assert.ok(!stranger.logged.join('').includes('older'));
    await stranger.stop();
  });

  it('does not get round a STOP by another provider', async () => {
    const other = await provider((_received, res) => res.writeHead(200).end());
    const both = await carry({
      ...{ SMS_GATEWAYS: 'twilio,http', SMS_TWILIO_API: api.url, SMS_TWILIO_FROM: '+15005550006' },
      ...{ SMS_TWILIO_ACCOUNT_SID: accountSid, SMS_TWILIO_AUTH_TOKEN: authToken },
      ...{ SMS_HTTP_URL: other.url, SMS_HTTP_BODY: 'to={to}&text={text}' },
    });
    assert.equal((await both.send({ to: '+15005550004' })).fate, 'refused');
    assert.equal(other.received.length, 0);
    assert.equal((await both.send({ to: '+15005550002' })).fate, 'accepted');
    await Promise.all([both.stop(), other.stop()]);
  });

  it('hears Twilio’s reports, and nobody else’s', async () => {
    const address = `${carrying.baseUrl}/callbacks/sms/twilio?id=message-1`;
    const told = { AccountSid: accountSid, MessageSid: 'SM0001', To: someNumber };
    const delivered = { ...told, MessageStatus: 'delivered' };
    assert.equal(await report(address, { ...told, MessageStatus: 'sent' }), 204);
    assert.ok(carrying.reports.length < 1);
    assert.equal(await report(address, delivered), 204);
    assert.equal(await report(address, { ...told, MessageStatus: 'undelivered', ErrorCode: '30003' }), 204);
    assert.deepEqual(carrying.reports, [
      { message: { id: 'message-1' }, state: 'delivered' },
      { message: { id: 'message-1' }, state: 'undelivered', fault: 'twilio:30003' },
    ]);
    const later = carrying.reports.length;
    assert.equal(await report(address, delivered, { token: 'guessed' }), 403);
    assert.equal(await report(address, { ...delivered, AccountSid: `AC${'0'.repeat(32)}` }), 403, 'another account');
    // What was signed for one message counts for no other, nor for another status.
    assert.equal(await report(address.replace('message-1', 'message-2'), delivered, { as: address }), 403);
    const response = await fetch(address, { method: 'POST', body: new URLSearchParams(delivered) });
    assert.equal(response.status, 403);
    assert.equal((await fetch(address)).status, 403);
    assert.equal(carrying.reports.length, later);
    // The same again says the same of the same message.
    assert.equal(await report(address, delivered), 204);
    assert.deepEqual(carrying.reports.at(-1), carrying.reports[0]);
  });

  it('checks the address that it gave to Twilio, whatever a request says of the host', async () => {
    const signed = `https://elsewhere.example/callbacks/sms/twilio?id=message-1`;
    const address = `${carrying.baseUrl}/callbacks/sms/twilio?id=message-1`;
    const parameters = { AccountSid: accountSid, MessageStatus: 'delivered' };
    assert.equal(await report(address, parameters, { as: signed }), 403);
    assert.equal(await report(address, parameters, { as: address.replace(/:\d+\/callbacks/, '/callbacks') }), 204);
  });

  it('signs as in Twilio’s own example', () => {
    const parameters = {
      ...{ CallSid: 'CA1234567890ABCDE', Caller: '+14158675309', Digits: '1234' },
      ...{ From: '+14158675309', To: '+18005551212' },
    };
    const signature = sign('12345', 'https://mycompany.com/myapp.php?foo=1&bar=2', parameters);
    assert.equal(signature, 'RSOYDt4T1cUTdK1PDd93/VVr8B8=');
  });
});
