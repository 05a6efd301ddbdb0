/** What a template may name. */
export interface Filling {
  to: string;
  digits: string;
  text: string;
  id: string;
}

const escapes = {
  json: (value: string) => JSON.stringify(value).slice(1, -1),
  form: (value: string) => encodeURIComponent(value),
  // Only numbers and ids come here, which hold nothing to escape.
  plain: (value: string) => value,
};

/** Fills {to}, {digits}, {text} and {id} in, in one pass, so that a text that says {to} stays one. */
export function fill(template: string, filling: Filling, format: keyof typeof escapes): string {
  return template.replaceAll(/\{(to|digits|text|id)\}/g, (_whole, name: keyof Filling) =>
    escapes[format](filling[name]),
  );
}
