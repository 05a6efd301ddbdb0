import { Arguments } from './command-arguments.ts';
import { COLLECTION_COMMANDS } from './command-collections.ts';
import { INDEX_COMMANDS } from './command-indexes.ts';
import { FIND_AND_MODIFY } from './command-modify.ts';
import { READ_COMMANDS } from './command-read.ts';
import { hello, SERVER_COMMANDS } from './command-server.ts';
import { WRITE_COMMANDS } from './command-write.ts';
import type { Answer, Call, Command, Engine } from './engine.ts';
import { badValue, MongoError, unsupported } from './errors.ts';
import { numberOf } from './retries.ts';
import type { Task } from './scheduler.ts';
import { isDoc, isNumeric, toDoc, toNumber, toValue, type Doc, type Value } from './values.ts';
import type { Request } from './wire.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    ...SERVER_COMMANDS,
    ...COLLECTION_COMMANDS,
    ...INDEX_COMMANDS,
    ...READ_COMMANDS,
    ...WRITE_COMMANDS,
    findAndModify: FIND_AND_MODIFY,
    findandmodify: FIND_AND_MODIFY,
  }),
);

// MongoDB has these; a name in neither list is code 59, as there.
const OUTSIDE_COMMANDS = new Set([
  ...[
    'bulkWrite',
    'mapReduce',
    'renameCollection',
    'convertToCapped',
    'cloneCollectionAsCapped',
    'reIndex',
    'compact',
    'validate',
  ],
  ...[
    'collStats',
    'collstats',
    'dbStats',
    'dbstats',
    'dataSize',
    'top',
    'currentOp',
    'killOp',
    'profile',
    'hostInfo',
    'getLog',
    'fsync',
  ],
  ...[
    'getParameter',
    'setParameter',
    'getCmdLineOpts',
    'listCommands',
    'shutdown',
    'logRotate',
    'dbHash',
    'filemd5',
    'whatsmyuri',
  ],
  ...[
    'getDefaultRWConcern',
    'setDefaultRWConcern',
    'setFeatureCompatibilityVersion',
    'features',
    'lockInfo',
    'connPoolStats',
  ],
  ...[
    'startSession',
    'refreshSessions',
    'killSessions',
    'killAllSessions',
    'killAllSessionsByPattern',
    'usersInfo',
    'rolesInfo',
  ],
  ...[
    'createUser',
    'updateUser',
    'dropUser',
    'dropAllUsersFromDatabase',
    'grantRolesToUser',
    'revokeRolesFromUser',
    'createRole',
  ],
  ...[
    'updateRole',
    'dropRole',
    'dropAllRolesFromDatabase',
    'authenticate',
    'logout',
    'saslStart',
    'saslContinue',
    'getnonce',
  ],
  ...[
    'replSetGetStatus',
    'replSetGetConfig',
    'replSetInitiate',
    'replSetReconfig',
    'replSetStepDown',
    'isdbgrid',
    'listShards',
  ],
  ...['planCacheClear', 'planCacheSetFilter', 'planCacheListFilters', 'planCacheClearFilters', 'createSearchIndexes'],
  ...[
    'dropSearchIndex',
    'updateSearchIndex',
    'listSearchIndexes',
    'setIndexCommitQuorum',
    'waitForFailPoint',
    'autoCompact',
  ],
  ...[
    'enableSharding',
    'shardCollection',
    'getShardMap',
    'balancerStatus',
    'driverOIDCTest',
    'getAuditConfig',
    'setAuditConfig',
  ],
]);

/** Answers requests one command at a time, each as a task of the scheduler. */
export class Dispatcher {
  private readonly engine: Engine;
  private readonly running = new Map<string, Promise<Answer>>();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** The answer to a request; throws what the client is to be told. */
  async answer({ command, legacy }: Request, isAbandoned: () => boolean): Promise<Answer> {
    const [first] = command;
    if (!first) throw new MongoError(40415, 'an empty command');
    if (legacy) return this.handshake(first[0]);
    const { call, implementation } = this.read(command, first);
    const task = asTask(implementation, this.engine, call);
    const terms = { maxTimeMs: call.given.count('maxTimeMS') ?? 0 };
    if (!implementation.changes) return this.engine.scheduler.read(task, { ...terms, isAbandoned });
    return this.once(call, () => this.engine.scheduler.write(task, terms));
  }

  private handshake(name: string): Answer {
    if (/^(ismaster|hello)$/i.test(name))
      return hello(this.engine, /^hello$/i.test(name) ? 'isWritablePrimary' : 'ismaster');
    throw new MongoError(352, `Unsupported OP_QUERY command: ${name}.`);
  }

  private read(command: Doc, [name, target]: [string, Call['target']]): { call: Call; implementation: Command } {
    const implementation = COMMANDS.get(name);
    const database = command.get('$db');
    if (command.has('startTransaction') || command.has('autocommit') || /^(commit|abort)Transaction$/.test(name)) {
      throw new MongoError(20, 'Transactions are not supported by the embedded store; set MONGODB_URI');
    }
    if (!implementation)
      throw OUTSIDE_COMMANDS.has(name)
        ? unsupported(`The command ${name}`)
        : new MongoError(59, `no such command: '${name}'`);
    if (typeof database !== 'string')
      throw new MongoError(40414, `BSON field '${name}.$db' is missing but a required field`);
    const given = new Arguments(command, name, implementation.shape, name);
    checkConcerns(given, name);
    return { call: { name, target, database, command, given }, implementation };
  }

  // A driver that lost its connection sends the write again while the first may still be running.
  private once(call: Call, run: () => Promise<Answer>): Promise<Answer> {
    const numbered = numberOf(call);
    if (!numbered) return run();
    const key = `${numbered.session.toString('latin1')} ${numbered.number.toString()}`;
    const known = this.running.get(key);
    if (known) return known;
    const answer = run();
    this.running.set(key, answer);
    const forget = (): void => {
      this.running.delete(key);
    };
    answer.then(forget, forget);
    return answer;
  }
}

// One copy on one disk: it cannot promise more nodes than itself, nor a snapshot over several reads.
function checkConcerns(given: Arguments, name: string): void {
  const writes = given.doc('writeConcern');
  const reads = given.doc('readConcern');
  checkNames(writes, 'writeConcern', WRITE_CONCERN);
  checkNames(reads, 'readConcern', READ_CONCERN);
  const w = writes?.get('w');
  if (w !== undefined && isNumeric(w) && !(toNumber(w) >= 0))
    throw new MongoError(9, 'w has to be a non-negative number');
  const isOne = w === undefined || w === 'majority' || toNumber(w) <= 1;
  if (!isOne) throw new MongoError(100, 'Not enough data-bearing nodes to satisfy the write concern');
  const level = reads?.get('level');
  if (level === 'snapshot') throw unsupported(`The read concern "snapshot" in ${name}`);
  if (level !== undefined && !LEVELS.has(level))
    throw badValue("Enumeration value for field 'readConcern.level' is not a valid value.");
  const version = given.value('apiVersion');
  if (version !== undefined && version !== '1') throw new MongoError(322, 'API version must be "1"');
}

const WRITE_CONCERN: ReadonlySet<string> = new Set(['w', 'j', 'wtimeout', 'fsync', 'provenance']);
const READ_CONCERN: ReadonlySet<string> = new Set(['level', 'afterClusterTime', 'atClusterTime', 'provenance']);
const LEVELS: ReadonlySet<Value> = new Set(['local', 'available', 'majority', 'linearizable']);

function checkNames(concern: Doc | undefined, of: string, known: ReadonlySet<string>): void {
  for (const name of concern?.keys() ?? []) {
    if (!known.has(name)) throw new MongoError(40415, `BSON field '${of}.${name}' is an unknown field.`);
  }
}

function asTask(implementation: Command, engine: Engine, call: Call): Task<Answer> {
  // Nothing runs before the scheduler says so: a change belongs into its transaction.
  return (function* start(): Task<Answer> {
    const answer = implementation.run(engine, call);
    return 'next' in answer ? yield* answer : answer;
  })();
}

/** The reply that tells a client of an error. */
export function errorReply(error: unknown): Doc {
  if (!(error instanceof MongoError)) {
    const message = error instanceof Error ? error.message : String(error);
    return toDoc({ ok: 0, errmsg: `the embedded store failed: ${message}`, code: 8, codeName: 'UnknownError' });
  }
  const codeName = error.code === 14031 ? 'OutOfDiskSpace' : error.codeName;
  const reply = toDoc({ ok: 0, errmsg: error.message, code: error.code, codeName });
  for (const [name, value] of error.extra) if (isDoc(value)) reply.set(name, toValue(value));
  return reply;
}
