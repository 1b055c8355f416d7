// `stepparent show`: explains one alert or incident: everything that is known about it, and what to do next.

import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { terminalColumns } from '../output/terminal-columns.ts';
import { withStoreReader } from '../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption } from './define-command.ts';

interface ShowOptions extends GlobalOptions {
  /** An absolute path. */
  save?: string;
  json?: boolean;
}

export const command = (): Command =>
  defineCommand('show')
    .description('explain one alert or incident: who, what, why, what else happened, what to do')
    .argument('<id>', 'id of the alert or of the incident, or a prefix of it')
    .addOption(
      new Option('--save <directory>', 'write the evidence into a tar archive in this directory').argParser(
        (directory) => resolve(directory),
      ),
    )
    .addOption(jsonOption().conflicts('save'))
    .action(action(show));

const pathChars = 1000;

/** Returns false unless exactly one alert or incident has an id that begins with `id`. */
async function show({ config, save, json }: ShowOptions, id: string): Promise<boolean> {
  const { openHost } = await import('../../collectors/host/host.ts');
  const { processesAlive } = await import('../../collectors/proc/process-alive.ts');
  const { readRules } = await import('../../detectors/rules/load-rules.ts');
  const { readConfiguration } = await import('../configuration/read-configuration.ts');
  const { saveEvidence } = await import('../output/save-evidence.ts');
  const { printCandidates } = await import('../output/print-candidates.ts');
  const { storyLines } = await import('../output/story-lines.ts');
  const { findAlert, readStory } = await import('../query/read-story.ts');
  const { rules } = readRules(readConfiguration(config).configuration.directories.rules);
  return await withStoreReader(config, (store) => {
    const found = findAlert(store, id);
    if (!('alert' in found)) {
      printCandidates(id, found.candidates);
      return false;
    }
    const { alert } = found;
    const rule = rules.find((each) => each.id === alert.ruleId);
    const story = readStory(store, { alert, rule, isAlive: processesAlive(openHost().proc) });
    if (json) {
      const { incident, packages, baseline, related } = story;
      const ids = related.map((each) => each.id);
      process.stdout.write(
        `${JSON.stringify({ alert: alert.document, incident, packages, baseline, related: ids })}\n`,
      );
      return true;
    }
    if (save !== undefined) {
      const file = saveEvidence(store, story, save, Date.now());
      console.error(`wrote ${escapeText(file, pathChars)}`);
      return true;
    }
    for (const line of storyLines(story, terminalColumns())) process.stdout.write(`${line}\n`);
    return true;
  });
}
