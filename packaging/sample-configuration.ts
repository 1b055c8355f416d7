// Makes the sample configuration from the table of keys: the packaged /etc/stepparent/config.toml.

import { type ConfigurationKey, configurationKeys, configurationTables } from '../agent/configuration/configuration.ts';
import { tomlValue } from '../agent/configuration/toml-value.ts';
import { restartKeys } from '../agent/daemon/policy.ts';
import { checkout } from './bundle.ts';

const width = 100;

/** The installed directory that corresponds to the checkout. */
const installedAt = '/usr/lib/stepparent';

const head = `The configuration of stepparent. Every key is commented out, with its default or, if it has none,
with an example: remove the "#" to set it. Files in conf.d in this directory are read afterwards, in
the order of their names, and override it.

"stepparent config check" reports errors, "stepparent config show" prints the effective
configuration. stepparent.toml(5) describes every key.`;

const rules = `# Settings of rules: see stepparent.toml(5).
#
# [[rules]]
# id = "package-held"
# severity = "low"
`;

const exceptions = `# Alerts to suppress until a date: see stepparent.toml(5). "stepparent exception add" writes such a
# file in conf.d from an alert.
#
# [[exceptions]]
# rule = "dpkg-package-installed-by-unusual-parent"
# reason = "vendor updater, ticket OPS-12"
# owner = "alice"
# expires = 2027-01-31
#
# [[exceptions.when]]
# field = "process.parent.executable"
# operator = "is"
# values = ["/opt/vendor/update.sh"]
`;

/** The text of the file. Without the "#" before each `key = value` it sets every key that has a default to that. */
export function sampleConfiguration(): string {
  const keysOf = (table: string): string[] => configurationKeys.filter((key) => key.table === table).map(entry);
  return [
    comment(head),
    ...keysOf(''),
    ...[...configurationTables].flatMap(([table, about]) => [`${comment(about)}[${table}]\n`, ...keysOf(table)]),
    rules,
    exceptions,
  ].join('\n');
}

/** Whether a change of the key needs a restart. */
export const requiresRestart = ({ name, table }: ConfigurationKey): boolean =>
  restartKeys.includes(name) || restartKeys.includes(table);

function entry(row: ConfigurationKey): string {
  const { name, description, allowed, default: value, whenUnset, example } = row;
  const key = name.slice(name.lastIndexOf('.') + 1);
  const defaultText = value === undefined ? `\nWithout it: ${whenUnset}.` : '';
  const restart = requiresRestart(row) ? '\nA change takes effect after a restart.' : '';
  return `${comment(`${description}\nAllowed: ${allowed}.${defaultText}${restart}`)}#${key} = ${tomlValue(asInstalled(example))}\n`;
}

/** A value with the directory of this checkout replaced by the installed one. */
export const asInstalled = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(asInstalled)
    : typeof value === 'string' && value.startsWith(`${checkout}/`)
      ? `${installedAt}${value.slice(checkout.length).replace(/\/$/, '')}`
      : value;

/** The text as lines of comment, broken between words. */
const comment = (text: string): string =>
  text
    .split('\n')
    .flatMap((line) => wrapped(line, width - 2))
    .map((line) => `${`# ${line}`.trimEnd()}\n`)
    .join('');

function wrapped(line: string, columns: number): string[] {
  const lines = [''];
  for (const word of line.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
