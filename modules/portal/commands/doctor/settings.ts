import { availableParallelism } from 'node:os';
import type { Config } from '../../../../config/index.ts';
import { ok, warning, wrong, type Finding } from './finding.ts';

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/i;

/** Whether the settings are meant for production. */
export function lookAtMode(config: Config): Finding {
  return config.production
    ? ok('for production')
    : warning(
        'These are settings for trying out: NODE_ENV is not "production".',
        'Set NODE_ENV=production where real people sign in; the portal then refuses what is unsafe.',
      );
}

/** Whether BASE_URL, HOST, PORT and TRUST_PROXY can be true of one machine. */
export function lookAtAddress(config: Config): Finding[] {
  const { baseUrl, host, port, trustProxy } = config;
  if (baseUrl === null)
    return [
      warning('BASE_URL is not set: links in mails lead to this machine.', 'Set BASE_URL to the address people type.'),
    ];
  const url = new URL(baseUrl);
  const isTls = url.protocol === 'https:';
  const findings: Finding[] = [];
  if (!isTls && trustProxy > 0)
    findings.push(
      warning(
        `TRUST_PROXY is ${String(trustProxy)}, but BASE_URL is plain http: is there a proxy at all?`,
        'Without a proxy set TRUST_PROXY=0, or anybody writes the address they are counted by.',
      ),
    );
  if (trustProxy > 1)
    findings.push(
      warning(
        `${String(trustProxy)} proxies are believed.`,
        'Make sure that so many stand in front, and that the first one overwrites X-Forwarded-For.',
      ),
    );
  if (trustProxy > 0 && !loopback.test(host))
    findings.push(
      warning(
        `The portal listens on ${host}: whoever reaches it past the proxy writes the address they are counted by.`,
        'Set HOST=127.0.0.1, or let only the proxy reach the port.',
      ),
    );
  if (isTls && url.port === String(port))
    findings.push(
      wrong(
        `BASE_URL names port ${url.port}, where the portal itself listens without TLS.`,
        'Name the address of the proxy.',
      ),
    );
  return findings.length > 0
    ? findings
    : [ok(`${baseUrl}, ${trustProxy === 0 ? 'no proxy' : 'behind one proxy'}, listening on ${host}`)];
}

/** Whether passwords can be hashed on every core while the database and the resolver have threads left. */
export function lookAtThreads(config: Config, cores = availableParallelism()): Finding {
  const size = Number(config.factorSettings['UV_THREADPOOL_SIZE'] ?? 4);
  const found = `${String(size)} threads on ${String(cores)} cores, ${String(Math.min(cores, size - 2))} of them for passwords`;
  return size < cores + 2 ? warning(`${found}.`, `Set UV_THREADPOOL_SIZE=${String(cores + 2)}.`) : ok(found);
}
