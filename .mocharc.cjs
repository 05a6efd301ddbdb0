'use strict';

const { availableParallelism } = require('node:os');

module.exports = {
  extension: ['ts'],
  'node-option': ['import=tsx'],
  require: ['./test/support/store.ts'],
  // With a server of one's own the embedded store is not what is tested: its own tests are left out, and nothing else.
  ignore: process.env.MONGODB_URI ? ['modules/embedded-mongo/**'] : [],
  timeout: 60000,
  // With --parallel, as in `npm test`: two files at once even on one core, for many of them wait for processes that they start.
  jobs: Math.min(Math.max(2, availableParallelism()), 4),
  exit: true,
};
