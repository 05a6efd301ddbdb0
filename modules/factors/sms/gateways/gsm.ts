/** GSM 03.38, default alphabet: the place of a character is its code. */
const basic =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
const escape = 0x1b;
const extension = new Map(
  Object.entries({
    '\f': 0x0a,
    '^': 0x14,
    '{': 0x28,
    '}': 0x29,
    '\\': 0x2f,
    '[': 0x3c,
    '~': 0x3d,
    ']': 0x3e,
    '|': 0x40,
    '€': 0x65,
  }),
);
const codes = new Map([...basic].map((character, code) => [character, code] as const));
codes.delete('\u001b');

/** The text in the alphabet of phones, a byte for each septet; null where a character is not in it. */
export function toGsm(text: string): Buffer | null {
  const septets: number[] = [];
  for (const character of text) {
    const code = codes.get(character);
    const extended = extension.get(character);
    if (code !== undefined) septets.push(code);
    else if (extended !== undefined) septets.push(escape, extended);
    else return null;
  }
  return Buffer.from(septets);
}

/** The text in UCS-2, big end first, as SMS has it. */
export function toUcs2(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}
