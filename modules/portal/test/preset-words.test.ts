import assert from 'node:assert/strict';
import express from 'express';
import request from 'supertest';
import { createPresetWords } from '../preset-words.ts';

/** An app that says in whose words it speaks; `/refused` before it waits for them. */
function app(presetOf: () => Promise<string | null>) {
  const words = createPresetWords(presetOf);
  const made = express();
  made.use(words.ask);
  made.get('/refused', () => {
    throw new Error('refused');
  });
  made.use(words.wait);
  made.get('/page', (_req, res) => {
    res.json(res.locals['preset']);
  });
  made.use(words.waitRefused);
  made.use(((_error, _req, res, _next) => {
    res.json(res.locals['preset']);
  }) satisfies express.ErrorRequestHandler);
  return made;
}

describe('The words of the preset', () => {
  const slow = () => new Promise<string>((resolve) => setImmediate(resolve, 'calm'));

  it('are known to a page, and to a refusal that comes before they were waited for', async () => {
    for (const path of ['/page', '/refused']) assert.equal((await request(app(slow)).get(path)).body, 'calm');
  });

  it('are the portal’s own where nothing is chosen, or the policy can’t be read', async () => {
    assert.equal((await request(app(() => Promise.resolve(null))).get('/page')).body, null);
    assert.equal((await request(app(() => Promise.reject(new Error('away')))).get('/refused')).body, null);
  });
});
