const madeBy = '<!-- Made by `npm run docs` from the code. Do not edit it here. -->';

/** A page of docs/ that is made from the code. */
export function page(title: string, blocks: readonly string[]): string {
  return `${[`# ${title}`, madeBy, ...blocks].join('\n\n')}\n`;
}

/** A table, padded as the formatter wants it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', String.raw`\|`)));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => Array.from(row[column] ?? '').length)));
  const lines = cells.map((row) =>
    line(row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - Array.from(cell).length))),
  );
  lines.splice(1, 0, line(widths.map((width) => '-'.repeat(width))));
  return lines.join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** A word as it stands in the code. */
export function code(text: string): string {
  return `\`${text}\``;
}
