import tseslint from 'typescript-eslint';

const because = {
  random: 'Math.random can be guessed: use node:crypto.',
  environment: 'Settings are read in config/index.ts only, where they are checked.',
  clock: 'Time comes from the injected clock, so that tests can move it and every limit uses one source.',
  authenticate: 'A strategy is named, never passed as an instance: concurrent requests would share it and one would get the other person.',
  extended: 'extended: true turns a[$ne]= into an operator.',
  trustProxy: 'trust proxy: true believes any X-Forwarded-For.',
  rawRequest: 'What a client sent goes through a schema before it reaches a query.',
  enum: 'Types that are erased only: there is no build step.',
  defaultExport: 'Named exports; the one default export is a factor’s manifest.',
  console: 'Log through the logger: redaction and one JSON object a line.',
};

const clockRules = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: because.clock },
  { selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']", message: because.clock },
];
const rules = [
  { selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']", message: because.random },
  {
    selector: "CallExpression[callee.property.name='authenticate'][arguments.0.type!='Literal'][arguments.0.type!='Identifier']",
    message: because.authenticate,
  },
  { selector: "CallExpression[callee.property.name='authenticate'] > NewExpression.arguments", message: because.authenticate },
  { selector: "Property[key.name='extended'][value.value=true]", message: because.extended },
  { selector: "CallExpression[callee.property.name='set'][arguments.0.value='trust proxy'][arguments.1.value=true]", message: because.trustProxy },
  {
    selector:
      "CallExpression[callee.property.name=/^(find|findOne|findById|findOneAndUpdate|updateOne|updateMany|deleteOne|deleteMany|countDocuments|distinct|aggregate)$/] MemberExpression[object.name='req'][property.name=/^(body|query|params|cookies)$/]",
    message: because.rawRequest,
  },
  { selector: 'TSEnumDeclaration', message: because.enum },
];
const environment = [{ object: 'process', property: 'env', message: because.environment }];

export default tseslint.config(
  { ignores: ['node_modules/**', 'data/**', 'public/**', 'coverage/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-console': ['error'],
      'no-eval': 'error',
      'no-restricted-properties': ['error', ...environment],
      'no-restricted-syntax': ['error', ...rules, ...clockRules, { selector: 'ExportDefaultDeclaration', message: because.defaultExport }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidOperator: true }],
      // Express 5 hands a rejected handler to its error pages.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false, attributes: false, properties: false } }],
      // mongoose types Schema's options with any.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // [...text] is meant: code points are what lengths are counted in.
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  { files: ['config/index.ts'], rules: { 'no-restricted-properties': 'off' } },
  { files: ['modules/platform/clock.ts'], rules: { 'no-restricted-syntax': ['error', ...rules] } },
  { files: ['modules/factors/*/index.ts'], rules: { 'no-restricted-syntax': ['error', ...rules, ...clockRules] } },
  // The store is a database: it has its own clock, and knows nothing of the portal.
  { files: ['modules/embedded-mongo/**/*.ts', 'modules/portal/commands/bench*.ts'], rules: { 'no-restricted-syntax': ['error', ...rules] } },
  {
    files: ['test/**/*.ts', 'modules/**/test/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...rules],
      'no-restricted-properties': 'off',
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-deprecated': 'off',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
