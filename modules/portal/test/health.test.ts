import assert from 'node:assert/strict';
import { openTestPortal, type TestPortal } from '../../../test/support/portal.ts';

describe('The detail of health', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  const ask = (headers: Record<string, string> = {}, host?: string) =>
    portal.visitor().get('/healthz/detail', { headers: { ...headers, ...(host === undefined ? {} : { host }) } });

  it('tells the machine itself what the portal leans on, one by one', async () => {
    const answer = await ask();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['cache-control'], 'no-store');
    const detail = JSON.parse(answer.html) as { state: string; database: string; factors: Record<string, unknown> };
    assert.equal(detail.state, 'ok');
    assert.equal(detail.database, 'ok');
    const reporting = [...portal.engine.factors.values()].filter(({ running }) => 'health' in running);
    assert.deepEqual(
      Object.keys(detail.factors),
      reporting.map(({ definition }) => definition.id),
    );
  });

  it('says degraded where something that a factor leans on is out of order, while /healthz stays ok', async () => {
    const [factor] = portal.engine.factors.values();
    assert.ok(factor);
    const { running } = factor;
    factor.running = {
      ...running,
      health: () => Promise.resolve({ state: 'degraded', detail: 'the thing behind it is silent' }),
    };
    try {
      const detail = JSON.parse((await ask()).html) as { state: string; factors: Record<string, { detail: string }> };
      assert.equal(detail.state, 'degraded');
      assert.equal(detail.factors[factor.definition.id]?.detail, 'the thing behind it is silent');
      assert.equal((await portal.visitor().get('/healthz')).text, 'ok');
    } finally {
      factor.running = running;
    }
  });

  it('is not there for anybody else: through a proxy, or under another name', async () => {
    assert.equal((await ask({ 'x-forwarded-for': '127.0.0.1' })).status, 404);
    assert.equal((await ask({ forwarded: 'for=127.0.0.1' })).status, 404);
    assert.equal((await ask({}, 'evil.example')).status >= 400, true);
  });
});
