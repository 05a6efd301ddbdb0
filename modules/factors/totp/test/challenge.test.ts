import assert from 'node:assert/strict';
import { burst, Visitor } from '../../../../test/support/http.ts';
import type { RunningFactor } from '../../../kernel/factor.ts';
import { driver } from './driver.ts';
import { ada, FakeEngine } from './fake-host.ts';

describe('signing in with a code', () => {
  let engine: FakeEngine;
  let visitor: Visitor;
  let url: string;
  let running: RunningFactor;
  let close: () => void;

  beforeEach(async () => {
    engine = new FakeEngine();
    ({ url, running, close } = await engine.listen());
    visitor = new Visitor(url);
  });
  afterEach(() => {
    close();
  });

  const enrol = async (name?: string) => {
    const phone = await driver.enrol(visitor, engine.now, name);
    engine.pass(30);
    return phone;
  };
  const send = async (code: string | string[]) => {
    const answer = await visitor.submit('/challenge', { code }, { hidden: false });
    return {
      status: answer.status,
      info: JSON.parse(answer.html) as { enrolmentId?: string; key?: string; params?: object },
    };
  };
  const refused = { status: 422, info: { key: 'challenge.refused.code' } };

  it('works once with each code, and notes the use', async () => {
    const phone = await enrol();
    const code = driver.code(phone, engine.now);
    assert.equal((await send(code)).status, 200);
    assert.deepEqual(engine.find('active')[0]?.lastUsedAt, engine.now);
    assert.deepEqual(await send(code), refused);
    assert.deepEqual(engine.audit.at(-1)?.event, 'code-reused');
    engine.pass(30);
    assert.deepEqual(await send(code), refused);
    assert.equal((await send(driver.code(phone, engine.now))).status, 200);
  });

  it('does not work with the code that confirmed the set-up, nor with an older one', async () => {
    const before = engine.now;
    const phone = await driver.enrol(visitor, engine.now);
    assert.deepEqual(await send(driver.code(phone, before)), refused);
    assert.deepEqual(await send(driver.code(phone, new Date(before.getTime() - 30_000))), refused);
  });

  it('succeeds once when one code is sent twenty times at the same moment', async () => {
    const phone = await enrol();
    const code = driver.code(phone, engine.now);
    const answers = await burst(20, () => visitor.clone().holdSubmit('/challenge', { code }, { hidden: false }));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array.from({ length: 19 }, () => 422)]);
  });

  it('succeeds when the authenticator was changed in between for another reason', async () => {
    const phone = await enrol();
    let changes = 0;
    engine.beforeSwap = () => {
      const [stored] = engine.find('active');
      changes += 1;
      if (stored && changes <= 2) stored.rev += 1;
    };
    assert.equal((await send(driver.code(phone, engine.now))).status, 200);
  });

  it('is refused when the step cannot be stored', async () => {
    const phone = await enrol();
    engine.beforeSwap = () => {
      for (const stored of engine.find('active')) stored.rev += 1;
    };
    assert.deepEqual(await send(driver.code(phone, engine.now)), refused);
  });

  it('works with any of several authenticators, each with its own used codes', async () => {
    const first = await enrol('Phone');
    const second = await enrol('Tablet');
    const [phone, tablet] = engine.find('active');
    assert.equal((await send(driver.code(first, engine.now))).info.enrolmentId, phone?.id);
    assert.equal((await send(driver.code(second, engine.now))).info.enrolmentId, tablet?.id);
    assert.deepEqual(await send(driver.code(second, engine.now)), refused);
  });

  it('answers anything that is no code like a wrong one', async () => {
    const phone = await enrol();
    const right = driver.code(phone, engine.now);
    const rubbish = [
      '',
      '12345',
      '1234567',
      'abcdef',
      '１２３４５６',
      `${right}\n`,
      'x'.repeat(10_240),
      [right, right],
      [right, ''],
    ];
    for (const code of rubbish) assert.deepEqual(await send(code), refused, JSON.stringify(code).slice(0, 40));
    for (const body of [
      '',
      'code[]=' + right,
      'code[$gt]=',
      'code[$ne]=1',
      '__proto__[code]=' + right,
      'constructor=' + right,
    ]) {
      const answer = await visitor.request({
        method: 'POST',
        path: '/challenge',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      assert.equal(answer.status, 422, body);
    }
    const json = await visitor.request({
      method: 'POST',
      path: '/challenge',
      body: JSON.stringify({ code: right }),
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(json.status, 422);
    const wrong = await send(driver.wrongCode(phone, engine.now));
    assert.deepEqual(wrong, refused);
    assert.equal((await send(` ${right.slice(0, 3)}-${right.slice(3)} `)).status, 200);
  });

  it('ignores whose sign-in a form claims to be', async () => {
    const phone = await enrol();
    const answer = await visitor.submit(
      '/challenge',
      { code: driver.wrongCode(phone, engine.now), personId: 'eve', userId: 'eve', now: '0', time: '0' },
      { hidden: false },
    );
    assert.equal(answer.status, 422);
  });

  it('hints at a wrong clock, once for each code, and never accepts the code it hinted at', async () => {
    const phone = await enrol();
    const fast = new Date(engine.now.getTime() + 240_000);
    const code = driver.code(phone, fast);
    const hint = { status: 422, info: { key: 'totp.field.clockHint.fast', params: { minutes: 4 } } };
    assert.deepEqual(await send(code), hint);
    assert.deepEqual(engine.audit.at(-1)?.event, 'clock-hint');
    assert.deepEqual(await send(code), refused);
    engine.now = fast;
    assert.deepEqual(await send(code), refused);
    engine.pass(30);
    assert.equal((await send(driver.code(phone, engine.now))).status, 200);
  });

  it('gives no hint when the code could not be used up first', async () => {
    const phone = await enrol();
    engine.beforeSwap = () => {
      for (const stored of engine.find('active')) stored.rev += 1;
    };
    assert.deepEqual(await send(driver.code(phone, new Date(engine.now.getTime() + 240_000))), refused);
  });

  it('is refused politely, and noted, while the clock of the server is behind the last accepted code', async () => {
    const phone = await enrol();
    assert.equal((await send(driver.code(phone, engine.now))).status, 200);
    const [mark] = engine.find('active').map(({ state }) => state.lastStep);
    engine.pass(-300);
    assert.deepEqual(await send(driver.code(phone, engine.now)), refused);
    assert.deepEqual(engine.audit.at(-1)?.event, 'clock-behind');
    assert.deepEqual(engine.find('active')[0]?.state.lastStep, mark, 'the mark stays');
  });

  it('never works with a secret that cannot be opened, and says so in the audit without its text', async () => {
    const phone = await enrol();
    const other = await enrol();
    const [broken] = engine.find('active');
    assert.ok(broken);
    assert.equal(running.sound?.(broken), true);
    broken.state.sealedSecret = engine.find('active')[1]?.state.sealedSecret ?? '';
    assert.equal(running.sound(broken), false);
    assert.deepEqual(await send(driver.code(phone, engine.now)), refused);
    const noted = engine.audit.filter(({ event }) => event === 'secret-unreadable');
    assert.deepEqual(noted, [{ event: 'secret-unreadable', enrolmentId: broken.id }]);
    assert.equal((await send(driver.code(other, engine.now))).status, 200, 'the other authenticator still works');
  });

  it('is refused to a person without an authenticator', async () => {
    assert.deepEqual(engine.find('active', ada.id), []);
    assert.deepEqual(await send('123456'), refused);
  });
});
