import tseslint from 'typescript-eslint';
import { bans } from './test/architecture/bans.mjs';

const all = (severity, names) => Object.fromEntries(names.map((name) => [name, severity]));
const off = (...names) => ({ rules: all('off', names) });
const own = Object.keys(bans).map((name) => `gatehouse/${name}`);

export default tseslint.config(
  { ignores: ['node_modules/**', 'data/**', 'coverage/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' }, plugins: { gatehouse: { rules: bans } } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...all('error', own),
      eqeqeq: 'error',
      // Logging goes through the logger: redacted, one JSON object a line. What commands print goes to standard output by itself.
      'no-console': 'error',
      'no-eval': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      // Express 5 hands a rejected handler to its error pages.
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { arguments: false, attributes: false, properties: false } },
      ],
      // mongoose types Schema's options with any.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // [...text] is meant: code points are what lengths are counted in.
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  { files: ['config/index.ts'], ...off('gatehouse/no-process-env') },
  { files: ['modules/factors/*/index.ts'], ...off('gatehouse/no-default-export') },
  // The store is a database: it has its own clock, and knows nothing of the portal. A bench measures real time.
  {
    files: ['modules/platform/clock.ts', 'modules/embedded-mongo/**/*.ts', 'modules/portal/commands/bench*.ts'],
    ...off('gatehouse/no-own-clock'),
  },
  {
    files: ['test/**/*.ts', 'modules/**/test/**/*.ts'],
    ...off(
      'gatehouse/no-own-clock',
      'gatehouse/no-process-env',
      '@typescript-eslint/no-floating-promises',
      '@typescript-eslint/no-deprecated',
      '@typescript-eslint/consistent-type-definitions',
      '@typescript-eslint/no-non-null-assertion',
      '@typescript-eslint/no-unsafe-assignment',
      '@typescript-eslint/no-unsafe-member-access',
      '@typescript-eslint/no-unsafe-argument',
      '@typescript-eslint/no-unsafe-call',
      '@typescript-eslint/no-unsafe-return',
    ),
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    rules: {
      ...all('error', [
        'gatehouse/no-math-random',
        'eqeqeq',
        'no-eval',
        'no-console',
        'no-var',
        'prefer-const',
        'no-unused-vars',
      ]),
    },
  },
);
