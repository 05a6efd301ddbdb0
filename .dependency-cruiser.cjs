const oursBut = (...allowed) =>
  `^(?:modules|config|server\\.ts|gatehouse\\.ts|test)(?!/(?:${allowed.join('|')})(?:/|$))`;

/** Modules under modules/ other than the named ones. */
const modulesBut = (...allowed) => `^modules/(?!(?:${allowed.join('|')})/)`;
const code = { pathNot: '/test/' };

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      comment:
        'Two files that need each other are one file, or miss a third. Move what both need into a file of its own.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'kernel-is-pure',
      severity: 'error',
      comment:
        'The kernel holds contracts that everybody stands on; it imports nothing of ours. Put adapters into platform.',
      from: { path: '^modules/kernel/', ...code },
      to: { path: oursBut('kernel') },
    },
    {
      name: 'factors-know-the-contract-only',
      severity: 'error',
      comment:
        'A factor imports the kernel and itself, so that its folder can be deleted or added alone. Ask for it through `host`.',
      from: { path: '^modules/factors/([^/]+)/', ...code },
      to: {
        path: '^(?:modules|config|server\\.ts|gatehouse\\.ts)',
        pathNot: ['^modules/kernel/', '^modules/factors/$1/'],
      },
    },
    {
      name: 'nobody-names-a-factor',
      severity: 'error',
      comment:
        'The registry lists the folder. Naming one factor would break the portal, or the test, that does not have it.',
      from: { pathNot: '^modules/factors/' },
      to: { path: '^modules/factors/' },
    },
    {
      name: 'factors-do-not-know-each-other',
      severity: 'error',
      comment:
        'Any of them may be gone. A factor hears of others by `hear`, and of what they have in common from the kernel; its tests too.',
      from: { path: '^modules/factors/([^/]+)/' },
      to: { path: '^modules/factors/', pathNot: '^modules/factors/$1/' },
    },
    {
      name: 'the-store-stands-alone',
      severity: 'error',
      comment:
        'The embedded store could leave as a package of its own: it imports itself, bson and lmdb (and tsx to start its thread).',
      from: { path: '^modules/embedded-mongo/', ...code },
      to: {
        pathNot: ['^modules/embedded-mongo/', 'node_modules/(?:bson|lmdb|tsx)/', '^(?:bson|lmdb|tsx)'],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'only-platform-starts-the-store',
      severity: 'error',
      comment: 'The portal must not know which database it talks to. Use modules/platform/mongo.ts.',
      from: {
        pathNot: ['^modules/embedded-mongo/', '^modules/platform/(?:mongo|embedded-store)\\.ts$', '/test/', '^test/'],
      },
      to: { path: '^modules/embedded-mongo/' },
    },
    {
      name: 'platform-and-audit-are-below',
      severity: 'error',
      comment: 'Adapters know the kernel (audit also platform), never who uses them. Pass what they need as a port.',
      from: { path: '^modules/(platform|audit)/', ...code },
      to: { path: modulesBut('kernel', 'platform', 'audit', 'embedded-mongo') },
    },
    {
      name: 'platform-knows-no-audit',
      severity: 'error',
      comment: 'Audit stands on platform, not the other way round. Pass an Audit port.',
      from: { path: '^modules/platform/', ...code },
      to: { path: '^modules/audit/' },
    },
    {
      name: 'domains-meet-through-ports',
      severity: 'error',
      comment:
        'accounts, sign-in and mfa never import each other: they meet through ports in the kernel, wired in server.ts.',
      from: { path: '^modules/(accounts|sign-in|mfa)/', ...code },
      to: { path: '^modules/', pathNot: ['^modules/(?:kernel|platform|audit)/', '^modules/$1/'] },
    },
    {
      name: 'portal-is-the-top',
      severity: 'error',
      comment:
        'Only the two entry files and tests import the portal module; what others need of it belongs further down.',
      from: { path: '^modules/', pathNot: ['^modules/portal/', '/test/'] },
      to: { path: '^modules/portal/' },
    },
    {
      name: 'entry-files-are-entries',
      severity: 'error',
      comment: 'server.ts is imported by gatehouse.ts and tests only; modules get what they need handed in.',
      from: { path: '^(?:modules|config)/', pathNot: '/test/' },
      to: { path: '^(?:server|gatehouse)\\.ts$' },
    },
    {
      name: 'config-knows-types-only',
      severity: 'error',
      comment: 'config reads settings; it may know types of the kernel and nothing that runs.',
      from: { path: '^config/' },
      to: { path: '^modules/', pathNot: '^modules/kernel/' },
    },
    {
      name: 'config-runs-nothing-of-ours',
      severity: 'error',
      comment:
        'Settings are read before anything else runs. Import the type with `import type`, or define the value here.',
      from: { path: '^config/' },
      to: { path: '^modules/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'config-types-only-in-modules',
      severity: 'error',
      comment:
        'Modules take the values they need; only portal (pages and commands) may know the whole Config, as a type or to document it.',
      from: { path: '^modules/', pathNot: ['^modules/portal/', '/test/'] },
      to: { path: '^config/' },
    },
    {
      name: 'no-tests-in-the-product',
      severity: 'error',
      comment: 'Product code never imports test code: no bypass, no double, ever.',
      from: { pathNot: ['/test/', '^test/'] },
      to: { path: ['/test/', '^test/'] },
    },
    {
      name: 'declared-packages-only',
      severity: 'error',
      comment: 'A package that is not in package.json comes and goes with others. Declare it, with a line in ADR 0006.',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'everything-is-there',
      severity: 'error',
      comment: 'What cannot be found cannot run either. Mend the path, which ends in .ts, or install the package.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-packages-at-run-time',
      severity: 'error',
      comment: 'An installation without dev dependencies must run.',
      from: { path: '^(?:modules|config|server\\.ts|gatehouse\\.ts)', pathNot: '/test/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'], pathNot: 'node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(?:docs|public|views|data)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.d.ts'],
    },
  },
};
