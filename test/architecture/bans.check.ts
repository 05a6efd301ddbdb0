// The bans of eslint.config.mjs, tried on what they are for: a ban that lets its own trap through looks like all is well.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';

const root = fileURLToPath(new URL('../..', import.meta.url));

const refused: Record<string, string[]> = {
  'no-math-random': ['Math.random();', 'const { random } = Math; random();'],
  'no-process-env': [
    "process.env['PORT'];",
    'const { env } = process; env;',
    "import { env } from 'node:process'; env;",
  ],
  'no-own-clock': ['Date.now();', 'new Date();', 'Date();', '[1].map(Date.now);'],
  'no-strategy-instance': [
    'passport.authenticate(strategy);',
    'passport.authenticate([strategy]);',
    'passport.authenticate(new Strategy());',
  ],
  'no-extended-forms': ['express.urlencoded({ extended: true });'],
  'no-trust-in-every-proxy': ["express().set('trust proxy', true);", "express().enable('trust proxy');"],
  'no-request-in-query': [
    'model.findOne(req.body);',
    'model.updateOne({ _id: req.params.id }, {});',
    'model.findOneAndDelete({ a: { b: req.query } });',
  ],
  'no-default-export': ['export default 1;', 'const a = 1; export { a as default };'],
};

const allowed = [
  "passport.authenticate('local'); passport.authenticate(name); strategy.authenticate(req);",
  "new Date(0); Date.parse('2000-01-01');",
  'list.find((one) => one.id === req.params.id);',
  "express.urlencoded({ extended: false }); express().set('trust proxy', 1);",
];

const prelude = `import express, { type Request } from 'express';
import { Passport, Strategy } from 'passport';
declare const passport: InstanceType<typeof Passport>, strategy: Strategy, name: string, req: Request, list: { id: string }[];
declare const model: Record<'findOne' | 'updateOne' | 'findOneAndDelete', (...query: unknown[]) => unknown>;
`;

describe('The bans of the linter', function () {
  this.timeout(120_000);
  const linter = new ESLint({ cwd: root });

  /** The own bans that code meets in a file that stands there; the file itself is not touched. */
  async function bansMet(code: string, file = 'server.ts'): Promise<string[]> {
    const [result] = await linter.lintText(prelude + code, { filePath: `${root}/${file}` });
    const messages = result?.messages ?? [];
    assert.deepEqual(
      messages.filter(({ fatal }) => fatal),
      [],
    );
    return messages.flatMap(({ ruleId }) =>
      ruleId?.startsWith('gatehouse/') ? [ruleId.slice('gatehouse/'.length)] : [],
    );
  }

  for (const [name, snippets] of Object.entries(refused)) {
    it(`stop what ${name} is for`, async () => {
      for (const snippet of snippets) assert.deepEqual(await bansMet(snippet), [name], snippet);
    });
  }

  it('let through what is right', async () => {
    for (const snippet of allowed) assert.deepEqual(await bansMet(snippet), [], snippet);
  });

  it('leave the settings to config/index.ts and the clock to its own file', async () => {
    assert.deepEqual(await bansMet("process.env['PORT'];", 'config/index.ts'), []);
    assert.deepEqual(await bansMet("process.env['PORT'];", 'config/settings.ts'), ['no-process-env']);
    assert.deepEqual(await bansMet('new Date();', 'modules/platform/clock.ts'), []);
  });
});
