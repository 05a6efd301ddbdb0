import assert from 'node:assert/strict';
import { join } from 'node:path';
import { ConfigurationError, loadConfig } from '../../../config/index.ts';
import { startProcess } from '../../../test/support/processes.ts';
import { withTemporaryFolder } from '../../../test/support/temporary-folder.ts';
import { makeKeys } from '../keys.ts';

const production = {
  NODE_ENV: 'production',
  KEYS_DIR: '/keys',
  STORE: 'embedded',
  BASE_URL: 'https://portal.example.com',
  TRUST_PROXY: '1',
};

describe('A portal in production', () => {
  for (const name of ['KEYS_DIR', 'STORE', 'BASE_URL'] as const) {
    it(`does not start without ${name}, and says so`, () => {
      const { [name]: _left, ...rest } = production;
      assert.throws(
        () => loadConfig(rest),
        (error: unknown) =>
          error instanceof ConfigurationError && error.message.includes(name === 'STORE' ? 'MONGODB_URI' : name),
      );
      assert.throws(() => loadConfig({ ...rest, [name]: '' }), ConfigurationError, 'an empty setting is a lost one');
    });
  }

  it('starts with all of them, and never makes keys', () => {
    assert.equal(loadConfig(production).mayMakeKeys, false);
    const { STORE: _store, ...rest } = production;
    assert.equal(loadConfig({ ...rest, MONGODB_URI: 'mongodb://db/x' }).mongodbUri, 'mongodb://db/x');
  });

  it('ends with a sentence and no key in it when its keys are missing or spoilt', async () => {
    await withTemporaryFolder(async (folder) => {
      const keys = join(folder, 'keys');
      const env = { ...production, KEYS_DIR: keys, DATA_DIR: join(folder, 'data'), PORT: '0' };
      const missing = startProcess('server.ts', [], { env });
      assert.equal(await missing.ended(), 1);
      assert.match(missing.output(), /key file "session" is missing/);
      assert.doesNotMatch(missing.output(), /\n\s+at /, 'no stack');
    });
  });

  it('keeps its demo shut', async () => {
    await withTemporaryFolder(async (folder) => {
      const keys = join(folder, 'keys');
      makeKeys(keys);
      const demo = startProcess('gatehouse.ts', ['demo', '--json'], {
        env: { ...production, KEYS_DIR: keys, DATA_DIR: join(folder, 'data') },
      });
      assert.equal(await demo.ended(), 1);
      assert.match(demo.output(), /does not run in production/);
    });
  });
});

describe('Settings that would start a portal that nobody can use', () => {
  const refused: [string, Record<string, string>, RegExp][] = [
    ['an https address with no proxy in front', { BASE_URL: 'https://portal.example.com' }, /TRUST_PROXY/],
    ['every address of the machine and no name for it', { HOST: '0.0.0.0' }, /BASE_URL/],
    [
      'an address with a path',
      { BASE_URL: 'https://portal.example.com/portal', TRUST_PROXY: '1' },
      /BASE_URL.*no path/s,
    ],
    [
      'an address with a name and password',
      { BASE_URL: 'https://ada:pass@portal.example.com', TRUST_PROXY: '1' },
      /BASE_URL/,
    ],
    [
      'plain http in production',
      { ...production, BASE_URL: 'http://portal.example.com' },
      /BASE_URL: an https address/,
    ],
  ];
  for (const [what, environment, sentence] of refused) {
    it(`are refused with a sentence: ${what}`, () => {
      assert.throws(
        () => loadConfig(environment),
        (error: unknown) =>
          error instanceof ConfigurationError && sentence.test(error.message) && !error.message.includes('ada:pass'),
      );
    });
  }

  it('are not plain http on this very machine', () => {
    assert.equal(
      loadConfig({ ...production, BASE_URL: 'http://127.0.0.1:3000', TRUST_PROXY: '0' }).baseUrl,
      'http://127.0.0.1:3000',
    );
  });
});

describe('The settings', () => {
  const wrong: Record<string, string>[] = [
    { PORT: '70000' },
    { PORT: 'x' },
    { PORT: '-1' },
    { BASE_URL: 'ftp://x' },
    { BASE_URL: 'javascript:x' },
    { BASE_URL: 'portal' },
    { MONGODB_URI: 'http://x' },
    { TRUST_PROXY: 'true' },
    { TRUST_PROXY: '9' },
    { NODE_ENV: 'prod' },
    { LOG_LEVEL: 'loud' },
    { BRAND_COLOUR: 'red;}' },
    { ARGON2_MEMORY_KIB: '0' },
    { STORE: 'memory' },
    { PASSWORD_QUEUE: '-4' },
  ];
  for (const setting of wrong) {
    it(`that are wrong are refused by name, without their value: ${JSON.stringify(setting)}`, () => {
      const name = Object.keys(setting).join();
      const value = Object.values(setting).join();
      assert.throws(
        () => loadConfig(setting),
        (error: unknown) =>
          error instanceof ConfigurationError &&
          error.message.includes(`  ${name}: `) &&
          !error.message.includes(`"${value}"`),
      );
    });
  }

  it('are frozen', () => {
    const config = loadConfig({});
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.factorSettings));
    assert.equal(config.host, '127.0.0.1');
    assert.equal(config.trustProxy, 0);
    assert.ok(config.argon2.memoryKib >= 47_104);
  });
});
