import type { Command } from 'commander';
import type { DoctorPorts } from './doctor/examine.ts';
import type { Line } from './doctor/finding.ts';

/** `doctor`: what is right, what is wrong, and what to do. Works beside a running portal and changes nothing. */
export function addDoctorCommand(program: Command, ports: DoctorPorts): void {
  program
    .command('doctor')
    .description(
      'Looks at settings, keys, database, mail, clock and machine; changes nothing. Ends with 1 if anything is wrong.',
    )
    .option('--json', 'print one line of JSON instead')
    .action(async (options: { json?: boolean }) => {
      const { examine } = await import('./doctor/examine.ts');
      const lines = await examine(ports);
      const text = options.json ? `${JSON.stringify(asReport(lines))}\n` : describe(lines);
      const code = isWrong(lines) ? 1 : 0;
      // Whatever did not answer in time may still hold the process.
      process.stdout.write(text, () => process.exit(code));
    });
}

function isWrong(lines: readonly Line[]): boolean {
  return lines.some(({ state }) => state === 'wrong');
}

function asReport(lines: readonly Line[]): object {
  const checks = lines.map((line) => ({
    check: line.check,
    state: line.state,
    found: line.found,
    todo: line.state === 'ok' ? null : line.todo,
  }));
  return { ok: !isWrong(lines), checks };
}

function describe(lines: readonly Line[]): string {
  const width = Math.max(...lines.map(({ check }) => check.length));
  const rows = lines.map((line) => {
    const row = `${line.state.padEnd(7)}  ${line.check.padEnd(width)}  ${line.found}`;
    return line.state === 'ok' ? row : `${row}\n${' '.repeat(width + 11)}-> ${line.todo}`;
  });
  const count = (state: Line['state']) => String(lines.filter((line) => line.state === state).length);
  return `${rows.join('\n')}\n\n${count('ok')} ok, ${count('warning')} warnings, ${count('wrong')} wrong\n`;
}
