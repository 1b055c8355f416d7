// `npm run docs:configuration`: writes docs/configuration.md from the table of keys.

import '../agent/locked-node.ts';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type ConfigurationKey, configurationKeys, configurationTables } from '../agent/configuration/configuration.ts';
import { tomlValue } from '../agent/configuration/toml-value.ts';
import { asInstalled, requiresRestart } from '../packaging/sample-configuration.ts';

export const configurationPageFile: string = path.join(import.meta.dirname, 'configuration.md');

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*');

function row(key: ConfigurationKey): string {
  const value = key.default === undefined ? '' : `\`${tomlValue(asInstalled(key.default)).replaceAll('|', '\\|')}\``;
  const whenUnset = key.default === undefined ? ` Without it: ${key.whenUnset}.` : '';
  const restart = requiresRestart(key) ? ' A change takes effect after a restart.' : '';
  return `| \`${key.name}\` | ${value} | ${cell(`${key.description}${whenUnset}${restart}`)} | ${cell(key.allowed)} |`;
}

const table = (keys: readonly ConfigurationKey[]): string =>
  ['| Key | Default | | Allowed |', '|---|---|---|---|', ...keys.map(row)].join('\n');

/** The text of docs/configuration.md. */
export function configurationPage(): string {
  const keysOf = (name: string): ConfigurationKey[] => configurationKeys.filter((key) => key.table === name);
  return `${[
    '# Configuration',
    '<!-- Made of agent/configuration/configuration.ts by `npm run docs:configuration`; change that. -->',
    `\`/etc/stepparent/config.toml\`, then \`/etc/stepparent/conf.d/*.toml\` in the order of their names; a later file overrides an earlier one. Every file is optional.
The agent reads them at the start and at a reload (\`systemctl reload stepparent\`). \`stepparent config check\` reports errors; \`stepparent config show\` prints the
values in force and the origin of each. An unknown key is a warning that suggests the nearest known key; a wrong value is rejected.
A configuration file can also contain \`[[rules]]\`: [rules.md](rules.md#settings-of-a-rule), and \`[[exceptions]]\`: [exceptions.md](exceptions.md).
stepparent.toml(5) is the same reference.`,
    table(keysOf('')),
    ...[...configurationTables].flatMap(([name, about]) => [`## ${name}`, about, table(keysOf(name))]),
  ].join('\n\n')}\n`;
}

if (import.meta.main) writeFileSync(configurationPageFile, configurationPage());
