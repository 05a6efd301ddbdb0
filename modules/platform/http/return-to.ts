const safePath = /^\/[A-Za-z0-9/_~.%-]*(\?[A-Za-z0-9/_~.%&=+-]*)?$/;
const never = [
  /^\/\//,
  /\\/,
  /%(?:0[0-9a-f]|1[0-9a-f]|2f|5c|7f)/i,
  /\/\.{1,2}(?:\/|\?|$)/,
  /^\/(?:sign-in|sign-out|set-up|callbacks|assets|forgot-password|reset-password|invitation|unlock|email)(?:\/|\?|$)/,
];

/** Where a person may be sent after signing in: a plain path of this portal; anything else is null (ASVS 3.7.2). */
export function safeReturnTo(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 512 || !safePath.test(value)) return null;
  return never.some((pattern) => pattern.test(value)) ? null : value;
}
