'use strict';

module.exports = {
  extension: ['ts'],
  'node-option': ['import=tsx'],
  require: ['./test/support/store.ts'],
  // With a server of one's own the embedded store is not what is tested: its own tests are left out, and nothing else.
  ignore: process.env.MONGODB_URI ? ['modules/embedded-mongo/**'] : [],
  timeout: 30000,
  exit: true,
};
