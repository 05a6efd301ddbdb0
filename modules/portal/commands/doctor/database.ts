import type { Connection } from 'mongoose';
import { builtInProfiles } from '../../../accounts/profiles.ts';
import type { Database } from '../../../platform/mongo.ts';
import { schemaVersion } from '../../../platform/schema-version.ts';
import { ok, warning, wrong, type Finding, type Seen } from './finding.ts';

const oldestMajor = 7;
const loopback = /^(?:localhost|127\.|\[?::1|%2F|\/)/i;

/** What a database server says of itself. */
export interface ServerFacts {
  embedded: boolean;
  version: string;
  /** Null: it stands alone. */
  set: string | null;
  isRouter: boolean;
  isPrimary: boolean;
  /** False: whoever reaches it may do anything. */
  knowsUs: boolean;
  tls: boolean;
  hosts: readonly string[];
  /** What the portal asks of each write. */
  writeConcern: string;
}

/** Asks the server. */
export async function askServer({
  connection,
  embedded,
}: Pick<Database, 'connection' | 'embedded'>): Promise<ServerFacts> {
  const { db } = connection;
  if (!db) throw new Error('The database is not connected.');
  const [hello, build, status] = [
    await db.command({ hello: 1 }),
    await db.command({ buildInfo: 1 }),
    await db.command({ connectionStatus: 1 }),
  ];
  const { authInfo } = status as { authInfo?: { authenticatedUsers?: unknown[] } };
  // The driver's types promise `tls`; without the option it is not there.
  const { options } = connection.getClient();
  const { tls = false } = options as { tls?: boolean };
  return {
    embedded,
    version: String(build['version']),
    set: typeof hello['setName'] === 'string' ? hello['setName'] : null,
    isRouter: hello['msg'] === 'isdbgrid',
    isPrimary: hello['isWritablePrimary'] === true,
    knowsUs: (authInfo?.authenticatedUsers ?? []).length > 0,
    tls,
    hosts: options.hosts.map(({ host, socketPath }) => host ?? socketPath ?? ''),
    writeConcern: String(options.writeConcern.w ?? 'the server’s default'),
  };
}

/** Which kind of database it is, and what that means for what it is told to keep. */
export function judgeServer(facts: ServerFacts): Finding[] {
  if (facts.embedded) return [ok('the embedded store; each write is on the disk before it is answered')];
  const findings: Finding[] = [];
  if (Number.parseInt(facts.version) < oldestMajor)
    findings.push(wrong(`MongoDB ${facts.version} is too old.`, `Use version ${String(oldestMajor)} or newer.`));
  if (!facts.isPrimary)
    findings.push(
      wrong('The server takes no writes: it is no primary.', 'Name all members of the replica set in MONGODB_URI.'),
    );
  if (facts.set === null && !facts.isRouter)
    findings.push(
      warning(
        'The server stands alone: a write whose answer is lost is not repeated.',
        'Make it a replica set, even of one member (replication.replSetName, then rs.initiate()).',
      ),
    );
  if (!facts.knowsUs)
    findings.push(
      warning(
        'The server asks nobody for a name: every program that reaches it may read and change everything.',
        'Turn on authorization, and give the portal a user of its own with readWrite on its database.',
      ),
    );
  if (!facts.tls && facts.hosts.some((host) => !loopback.test(host)))
    findings.push(warning('The way to the server is not encrypted.', 'Add tls=true to MONGODB_URI.'));
  const kind = facts.isRouter ? 'a sharded cluster' : facts.set === null ? 'alone' : `replica set ${facts.set}`;
  return [ok(`MongoDB ${facts.version}, ${kind}; writes are acknowledged by: ${facts.writeConcern}`), ...findings];
}

/** Whether this program knows the data. Null: no portal has used this database yet. */
export async function lookAtSchema(connection: Connection): Promise<Seen<number | null>> {
  const row = await connection.collection<{ _id: string; version: number }>('schema').findOne({ _id: 'portal' });
  const version = row?.version ?? null;
  if (version === null)
    return {
      value: version,
      findings: [
        warning('The database is empty.', 'If this is no new portal, DATA_DIR or MONGODB_URI names another one.'),
      ],
    };
  const found = `version ${String(version)} of the data; this program knows ${String(schemaVersion)}`;
  if (version > schemaVersion)
    return {
      value: version,
      findings: [wrong(`${found}.`, 'Start the newer Gatehouse, or restore a backup of before.')],
    };
  const later = version < schemaVersion ? ', and brings it up to date at the next start' : '';
  return { value: version, findings: [ok(`${found}${later}`)] };
}

/** Whether somebody can run the portal, also when one of them can't come. */
export async function lookAtAdministrators(connection: Connection): Promise<Finding> {
  const people = connection.collection('people');
  const profiles = builtInProfiles.filter(({ masterAdmin }) => masterAdmin).map(({ id }) => id);
  const able = { kind: 'staff', profile: { $in: profiles }, disabledAt: null, password: { $ne: null } };
  const count = await people.countDocuments(able);
  if (count > 1) return ok(`${String(count)} Master Admins`);
  if (count === 1)
    return warning('There is one Master Admin.', 'Make a second one: a lost phone would stop the whole portal.');
  if ((await people.countDocuments({ kind: 'staff' })) === 0)
    return warning('Nobody runs this portal yet.', 'Open the set-up link that the start prints.');
  return wrong('No Master Admin can sign in.', '`gatehouse create-admin --reason TEXT` prints a link that makes one.');
}
