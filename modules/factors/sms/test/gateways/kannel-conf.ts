import { join } from 'node:path';

/** What a test may want otherwise than usual. */
export interface KannelOptions {
  /** What the portal must know. */
  password?: string;
  /** Numbers that begin so are refused with 400. */
  deniedPrefix?: string;
  /** Writes down what it is asked for, addresses and all; its access log also what messages say. */
  verbose?: boolean;
}

/** Where one Kannel lives. */
export interface KannelPlace {
  folder: string;
  admin: number;
  box: number;
  smsc: number;
  sendsms: number;
}

/** The whole kannel.conf: bearerbox, smsbox, a network that stands in for phones, and one application. */
export function configOf(at: KannelPlace, { password = 'portalpw', deniedPrefix, verbose }: KannelOptions): string {
  const level = verbose ? 0 : 4;
  return `group = core
admin-port = ${String(at.admin)}
admin-interface = 127.0.0.1
admin-password = adminpw
admin-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
smsbox-port = ${String(at.box)}
smsbox-interface = 127.0.0.1
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
log-file = "${join(at.folder, 'bearerbox.log')}"
log-level = ${String(level)}
store-type = file
store-location = "${join(at.folder, 'kannel.store')}"
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
port = ${String(at.smsc)}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = ${String(at.sendsms)}
sendsms-interface = 127.0.0.1
log-file = "${join(at.folder, 'smsbox.log')}"
log-level = ${String(level)}
${verbose ? `access-log = "${join(at.folder, 'access.log')}"` : ''}

group = sendsms-user
username = portal
password = ${password}
user-deny-ip = "*.*.*.*"
user-allow-ip = "127.0.0.1"
max-messages = 3
concatenation = true
${deniedPrefix === undefined ? '' : `black-list-regex = "^\\\\${deniedPrefix}"`}

group = sms-service
keyword = default
max-messages = 0
text = "no service"
`;
}

/** A message that reached a phone. */
export interface Delivery {
  from: string;
  to: string;
  text: string;
}

/** What reached phones, by lines such as `Got message 3: <PORTAL +12025550123 text Your code is 123456>`. */
export function readDeliveries(output: string): Delivery[] {
  return [...output.matchAll(/Got message \d+: <(\S+) (\S+) (text|ucs-2) (.*?)>$/gms)]
    .map(([, from = '', to = '', kind = '', text = '']) => ({
      from,
      to,
      text: kind === 'ucs-2' ? unescape16(text) : text,
    }))
    .filter(({ to }) => to.startsWith('+'));
}

/** Kannel shows bytes that are no letters as %XX, and a blank as +. */
function unescape16(text: string): string {
  const bytes = [...text.matchAll(/%([0-9A-F]{2})|(.)/gis)].map(([, code, plain = '']) =>
    code === undefined ? (plain === '+' ? ' ' : plain).charCodeAt(0) : Number.parseInt(code, 16),
  );
  return Buffer.from(bytes).swap16().toString('utf16le');
}
