// `stepparent config show`: the configuration in force, each value with its origin.

import type { Command } from 'commander';
import { action, defineCommand, type GlobalOptions, jsonOption } from '../define-command.ts';

interface ShowOptions extends GlobalOptions {
  json?: boolean;
}

export const show = (): Command =>
  defineCommand('show')
    .description('show the configuration in force, with the origin of each value')
    .addOption(jsonOption())
    .action(action(showConfiguration));

/** Prints every key, then the exceptions: as TOML, or as JSON with one document for each. */
async function showConfiguration({ config, json }: ShowOptions): Promise<void> {
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  const { configurationJson, configurationToml } = await import('../../configuration/show-configuration.ts');
  const format = json ? configurationJson : configurationToml;
  process.stdout.write(format(readConfiguration(config), process.env));
}
