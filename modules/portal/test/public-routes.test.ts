import assert from 'node:assert/strict';
import supertest from 'supertest';
import { openTestPortal, type TestPortal } from '../../../test/support/portal.ts';

describe('What needs no session', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal({ environment: { BRAND_COLOUR: '#ffd400' } });
  });
  after(() => portal.close());

  it('health says ok or fail and nothing else', async () => {
    const ok = await supertest(portal.app).get('/healthz').expect(200);
    assert.equal(ok.text, 'ok');
    const away = await openTestPortal();
    await away.database.connection.close();
    const fail = await supertest(away.app).get('/healthz').expect(503);
    assert.equal(fail.text, 'fail');
    await away.close();
  });

  it('public files may be kept for ever, for their address changes with them', async () => {
    const page = await supertest(portal.app).get('/sign-in').expect(200);
    const [, address = ''] = /href="(\/assets\/style\.css\?v=[^"]+)"/.exec(page.text) ?? [];
    const file = await supertest(portal.app).get(address).expect(200);
    assert.equal(file.headers['cache-control'], 'public, max-age=31536000, immutable');
    assert.match(file.headers['content-type'] ?? '', /^text\/css/);
    assert.equal(page.headers['cache-control'], 'no-store');
  });

  it('the brand’s colour carries the text that reads best on it', async () => {
    const brand = await supertest(portal.app).get('/brand.css').expect(200);
    assert.match(brand.text, /--brand:#ffd400;--brand-text:#111111/);
  });

  it('has no folder listing, no dot files and nothing above the public folder', async () => {
    for (const path of [
      '/assets/',
      '/assets',
      '/assets/.git/config',
      '/assets/..%2fpackage.json',
      '/assets/%2e%2e/server.ts',
    ]) {
      const answer = await supertest(portal.app).get(path);
      assert.notEqual(answer.status, 200, path);
    }
  });
});
