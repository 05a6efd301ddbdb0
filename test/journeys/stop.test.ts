import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { once } from 'node:events';
import { Visitor } from '../support/http.ts';
import { startProcess, type RunningProcess } from '../support/processes.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

describe('A portal that is told to stop', function () {
  this.timeout(60_000);
  let folder: string;
  let portal: RunningProcess | null = null;
  before(() => {
    folder = makeTemporaryFolder('stop');
  });
  after(async () => {
    await portal?.stop('SIGKILL');
    removeTemporaryFolder(folder);
  });

  async function start(): Promise<URL> {
    portal = startProcess('server.ts', [], { env: { PORT: '0', DATA_DIR: folder }, asPeopleDo: true });
    const [, url = ''] = await portal.line(/listens on (http:\S+)$/);
    return new URL(url);
  }

  it('answers what is in flight, takes nothing new, is held up by no idle connection, and ends with 0', async () => {
    const url = await start();
    const idle = connect(Number(url.port), url.hostname);
    await once(idle, 'connect');
    const visitor = new Visitor(url);
    const held = await visitor.holdSubmit(
      '/sign-in',
      { email: 'nobody@example.com', password: 'slow' },
      { from: '/sign-in' },
    );
    const ended = portal?.stop('SIGTERM');
    await portal?.line(/"msg":"stopping"/);
    await assert.rejects(new Visitor(url).get('/healthz'), 'nobody new is let in');
    const answer = await held.release();
    assert.equal(answer.status, 422);
    assert.equal(answer.headers.connection, 'close');
    assert.equal(await ended, 0, portal?.output());
    idle.destroy();
  });

  it('ends with 0 although somebody never sends the rest of a form', async () => {
    const url = await start();
    const visitor = new Visitor(url);
    const held = await visitor.holdSubmit(
      '/sign-in',
      { email: 'nobody@example.com', password: 'never' },
      { from: '/sign-in' },
    );
    assert.equal(await portal?.stop('SIGTERM'), 0, portal?.output());
    await assert.rejects(held.release());
  });
});
