const browsers: readonly [RegExp, string][] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\/|\bOpera\b/, 'Opera'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];
const systems: readonly [RegExp, string][] = [
  [/\b(?:iPhone|iPad|iPod)\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

/** A browser and its system in words people know; null where the user agent names neither. */
export function describeDevice(userAgent: string): { browser: string | null; system: string | null } | null {
  const find = (list: readonly [RegExp, string][]) => list.find(([pattern]) => pattern.test(userAgent))?.[1] ?? null;
  const [browser, system] = [find(browsers), find(systems)];
  return browser === null && system === null ? null : { browser, system };
}

/** Two sign-ins with equal keys come from one device, as far as one can tell: versions and the last part of an address change. */
export function deviceKey(from: { userAgent: string; address: string }): string {
  return `${from.userAgent.replace(/[\d._]+/g, '')} ${networkOf(from.address)}`;
}

// IPv4 by /24 and IPv6 by /48: providers give people another address of the same network from day to day.
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!plain.includes(':')) return plain.split('.').slice(0, 3).join('.');
  const groups = (plain.split('::')[0] ?? '').toLowerCase().split(':').filter(Boolean);
  return [...groups, '0', '0', '0']
    .slice(0, 3)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
