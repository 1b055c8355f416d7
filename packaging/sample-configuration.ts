// Makes the sample configuration of the table of keys: /etc/stepparent/config.toml as the packages bring it.

import { type ConfigurationKey, configurationKeys, configurationTables } from '../agent/configuration/configuration.ts';
import { tomlValue } from '../agent/configuration/toml-value.ts';
import { restartKeys } from '../agent/daemon/policy.ts';
import { checkout } from './bundle.ts';

const width = 100;

/** Where the packages put what is a directory of the checkout here. */
const installedAt = '/usr/lib/stepparent';

const head = `The configuration of stepparent. Every key stands here behind a "#", with its default, or with an
example where it has none: take the "#" away to set it. Files in conf.d beside this one are laid
over it in the order of their names.

"stepparent config check" says what is wrong here, "stepparent config show" what holds.
stepparent.toml(5) describes it all.`;

const exceptions = `# Alerts to suppress until a day: see stepparent.toml(5), and "stepparent exception add", which
# makes such a file in conf.d of an alert.
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

/** The file's text. Without the "#" in front of each \`key = value\` it sets every key that has a default to that. */
export function sampleConfiguration(): string {
  const keysOf = (table: string): string[] => configurationKeys.filter((key) => key.table === table).map(entry);
  return [
    comment(head),
    ...keysOf(''),
    ...[...configurationTables].flatMap(([table, about]) => [`${comment(about)}[${table}]\n`, ...keysOf(table)]),
    exceptions,
  ].join('\n');
}

/** A reload does not put it in force. */
export const requiresRestart = ({ name, table }: ConfigurationKey): boolean =>
  restartKeys.includes(name) || restartKeys.includes(table);

function entry(row: ConfigurationKey): string {
  const { name, description, allowed, default: value, whenUnset, example } = row;
  const key = name.slice(name.lastIndexOf('.') + 1);
  const defaultText = value === undefined ? `\nWithout it: ${whenUnset}.` : '';
  const restart = requiresRestart(row) ? '\nChanges wait for a restart.' : '';
  return `${comment(`${description}\nAllowed: ${allowed}.${defaultText}${restart}`)}#${key} = ${tomlValue(asInstalled(example))}\n`;
}

/** A default that names a directory of this checkout, as it is on a host with the package. */
export const asInstalled = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(asInstalled)
    : typeof value === 'string' && value.startsWith(`${checkout}/`)
      ? `${installedAt}${value.slice(checkout.length).replace(/\/$/, '')}`
      : value;

/** The text in lines of comment, broken between words. */
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
