import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { burst, Visitor } from './http.ts';

interface Seen {
  readonly headers: http.IncomingHttpHeaders;
  readonly fields: URLSearchParams;
}

describe('the visitor that the tests send to the portal', () => {
  const posts: Seen[] = [];
  let started = 0;
  let site: http.Server;
  let base: string;

  before(async () => {
    site = http.createServer((request, response) => {
      void answer(request, response);
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  });
  after(() => {
    site.closeAllConnections();
    site.close();
  });
  beforeEach(() => {
    posts.length = 0;
    started = 0;
  });

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    if (request.method === 'POST') {
      started += 1;
      let body = '';
      for await (const chunk of request) body += String(chunk);
      posts.push({ headers: request.headers, fields: new URLSearchParams(body) });
      response
        .writeHead(303, { location: '/home', 'set-cookie': ['sid=two; Path=/; HttpOnly', 'pre=; Max-Age=0'] })
        .end();
      return;
    }
    response.setHeader('content-type', 'text/html; charset=utf-8');
    if (request.url === '/home') response.end(`<h1>Home</h1> <p>${request.headers.cookie ?? 'nobody'}</p>`);
    else {
      response.setHeader('set-cookie', ['pre=a=b; Path=/', 'sid=one']);
      response.end('<form method="post" action="/sign-in"><input type="hidden" name="_csrf" value="t&amp;1"></form>');
    }
  }

  it('fills in a form with its hidden fields and keeps the cookies, like a browser', async () => {
    const ada = new Visitor(base);
    const answered = await ada.submit('/sign-in', { email: 'ada@example.test' });
    assert.equal(answered.status, 303);
    assert.equal(answered.location, '/home');
    const [post] = posts;
    assert.equal(post?.fields.get('_csrf'), 't&1');
    assert.equal(post.fields.get('email'), 'ada@example.test');
    assert.equal(post.headers.cookie, 'pre=a=b; sid=one');
    assert.equal(post.headers['sec-fetch-site'], 'same-origin');
    assert.equal(post.headers.origin, base);
    assert.equal((await ada.follow(answered)).text, 'Home sid=two');
  });

  it('can leave the hidden fields out, or repeat and replace them', async () => {
    const mallory = new Visitor(base);
    await mallory.submit('/sign-in', { code: ['1', '2'] }, { hidden: false });
    await mallory.submit('/sign-in', { _csrf: 'forged' }, { headers: { 'sec-fetch-site': 'cross-site' } });
    assert.deepEqual(
      posts.map(({ fields }) => fields.toString()),
      ['code=1&code=2', '_csrf=forged'],
    );
    assert.equal(posts[1]?.headers['sec-fetch-site'], 'cross-site');
  });

  it('says so when a page has no such form', async () => {
    await assert.rejects(new Visitor(base).submit('/elsewhere'), /has no form that posts to \/elsewhere/);
  });

  it('holds back the last byte of each request of a burst until all are there', async () => {
    let whenAllHeld: number[] = [];
    const answers = await burst(20, async (index) => {
      const held = await new Visitor(base).holdSubmit('/sign-in', { index: String(index) });
      return {
        release: () => {
          if (whenAllHeld.length === 0) whenAllHeld = [started, posts.length];
          return held.release();
        },
      };
    });
    assert.deepEqual(
      answers.map(({ status }) => status),
      Array<number>(20).fill(303),
    );
    assert.deepEqual(whenAllHeld, [20, 0], 'all twenty had arrived and none could be answered');
    assert.equal(new Set(posts.map(({ fields }) => fields.get('index'))).size, 20);
  });
});
