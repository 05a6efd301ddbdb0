import assert from 'node:assert/strict';
import { toGsm, toUcs2 } from '../../gateways/gsm.ts';
import { readGateways } from '../../gateways/read-gateways.ts';
import { gatewaySettings, type GatewayValues } from '../../gateways/settings.ts';

const secret = 'p4ssword';
const kannel = {
  ...{ SMS_GATEWAYS: 'kannel', SMS_KANNEL_URL: 'https://kannel.example/send', SMS_KANNEL_FROM: 'Portal' },
  ...{ SMS_KANNEL_USERNAME: 'portal', SMS_KANNEL_PASSWORD: secret },
};
const twilio = {
  ...{ SMS_GATEWAYS: 'twilio', SMS_TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`, SMS_TWILIO_AUTH_TOKEN: secret },
  SMS_TWILIO_FROM: '+15005550006',
};
const http = {
  ...{ SMS_GATEWAYS: 'http', SMS_HTTP_URL: 'https://sms.example/send', SMS_HTTP_BODY: 'to={to}&text={text}' },
  SMS_HTTP_HEADERS: '{"Authorization":"Bearer abc"}',
};
const smpp = {
  ...{ SMS_GATEWAYS: 'smpp', SMS_SMPP_URL: 'smpps://smsc.example', SMS_SMPP_FROM: '12345' },
  ...{ SMS_SMPP_SYSTEM_ID: 'portal', SMS_SMPP_PASSWORD: secret },
};

const read = (values: Partial<GatewayValues>, production = true) =>
  readGateways({ SMS_HTTP_METHOD: 'POST', ...values }, { production });

describe('The settings of the gateways', () => {
  it('give each gateway what it needs', () => {
    assert.equal(read({}), null);
    const all = read({ ...kannel, ...twilio, ...http, ...smpp, SMS_GATEWAYS: 'smpp, Kannel,twilio,http' });
    assert.deepEqual(
      all?.gateways.map(({ kind }) => kind),
      ['smpp', 'kannel', 'twilio', 'http'],
    );
    assert.deepEqual(all.gateways[0], {
      ...{ kind: 'smpp', host: 'smsc.example', port: 3550, secure: true },
      ...{ systemId: 'portal', password: secret, systemType: '', from: '12345' },
    });
    assert.equal(read({ SMS_GATEWAYS: 'log' }, false)?.keeps, true);
  });

  it('are each told in one sentence', () => {
    for (const [name, { description }] of Object.entries(gatewaySettings)) {
      assert.match(name, /^SMS_[A-Z_]+$/);
      assert.match(description ?? '', /^[A-Z].+\.$/, name);
    }
  });

  it('are refused with a sentence where something is missing or not safe', () => {
    const cases: [RegExp, Partial<GatewayValues>][] = [
      [/log sends nothing/, { SMS_GATEWAYS: 'log' }],
      [/"pigeon" is none/, { SMS_GATEWAYS: 'pigeon' }],
      [/kannel twice/, { ...kannel, SMS_GATEWAYS: 'kannel,kannel' }],
      [/SMS_KANNEL_PASSWORD is not set/, { ...kannel, SMS_KANNEL_PASSWORD: undefined }],
      [/read by anybody/, { ...kannel, SMS_KANNEL_URL: 'http://kannel.example/send' }],
      [/read by anybody/, { ...kannel, SMS_KANNEL_URL: 'http://127.0.0.1.example/send' }],
      [/no password in the address/, { ...kannel, SMS_KANNEL_URL: 'https://a:b@kannel.example/send' }],
      [/begins with https/, { ...kannel, SMS_KANNEL_URL: 'ftp://kannel.example/' }],
      [/line breaks/, { ...kannel, SMS_KANNEL_PASSWORD: `${secret}\r\nX-Kannel-To: +1` }],
      [/11 letters/, { ...kannel, SMS_KANNEL_FROM: 'A very long sender' }],
      [/does not name/, { ...kannel, SMS_ROUTES: 'DE:twilio' }],
      [/write countries/, { ...kannel, SMS_ROUTES: 'Germany:kannel' }],
      [/two routes for DE/, { ...kannel, SMS_ROUTES: 'DE:kannel;de:kannel' }],
      [/AC and 32/, { ...twilio, SMS_TWILIO_ACCOUNT_SID: 'AC1' }],
      [/read by anybody/, { ...twilio, SMS_TWILIO_API: 'http://api.twilio.example' }],
      [/put \{text\}, \{to\}/, { ...http, SMS_HTTP_URL: 'https://sms.example/?text={text}' }],
      [/put \{text\}, \{to\}/, { ...http, SMS_HTTP_URL: 'https://sms.example/%7Bto%7D' }],
      [/keys and passwords/, { ...http, SMS_HTTP_URL: 'https://sms.example/?api_key=abc' }],
      [/where \{text\} goes/, { ...http, SMS_HTTP_BODY: 'to={to}' }],
      [/not JSON/, { ...http, SMS_HTTP_BODY: '{"to":"{to}","text":{text}}' }],
      [/a JSON object of texts/, { ...http, SMS_HTTP_HEADERS: 'Authorization: abc' }],
      [/put \{text\} into/, { ...http, SMS_HTTP_HEADERS: '{"X":"{text}"}' }],
      [/leave Host/, { ...http, SMS_HTTP_HEADERS: '{"Host":"x"}' }],
      [/Content-Type is/, { ...http, SMS_HTTP_HEADERS: '{"content-type":"text/xml"}' }],
      [/SMS_HTTP_OK/, { ...http, SMS_HTTP_OK: '200,404' }],
      [/between two slashes/, { ...http, SMS_HTTP_OK: '/(/' }],
      [/between two slashes/, { ...http, SMS_HTTP_REFERENCE: 'id' }],
      [/read by anybody/, { ...smpp, SMS_SMPP_URL: 'smpp://smsc.example' }],
      [/8 plain characters/, { ...smpp, SMS_SMPP_PASSWORD: `${secret}-longer` }],
    ];
    for (const [sentence, values] of cases)
      assert.throws(
        () => read(values),
        (error: Error) => {
          assert.match(error.message, sentence);
          assert.match(error.message, /\.$/);
          assert.ok(!error.message.includes(secret), error.message);
          return true;
        },
      );
    assert.equal(read({ ...kannel, SMS_KANNEL_URL: 'http://[::1]:13013/send' })?.gateways.length, 1);
    assert.equal(read({ ...kannel, SMS_KANNEL_URL: 'http://kannel.example/' }, false)?.gateways.length, 1);
  });
});

describe('The alphabet of phones', () => {
  it('has umlauts and the euro, which counts twice, and no Cyrillic', () => {
    assert.deepEqual([...(toGsm('@Aaß€') ?? [])], [0x00, 0x41, 0x61, 0x1e, 0x1b, 0x65]);
    assert.equal(toGsm('Код'), null);
    assert.equal(toGsm('\u001b'), null);
    assert.equal(toUcs2('К').toString('hex'), '041a');
  });
});
