// `stepparent scripts show`: the content of one script.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { withStoreReader } from '../../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption } from '../define-command.ts';

interface ShowOptions extends GlobalOptions {
  raw?: boolean;
  json?: boolean;
}

export const show = (): Command =>
  defineCommand('show')
    .description('print the content of one, also when its file is gone')
    .argument('<sha256>', 'its hash, or how that begins')
    .option('--raw', 'as it is, byte for byte')
    .addOption(jsonOption())
    .action(action(showScript));

const lineChars = 1000;

/** Prints one script, escaped line by line, with what is to be found in it on standard error; false: there is not exactly one. */
async function showScript({ config, json, raw }: ShowOptions, sha256: string): Promise<boolean> {
  const { findingsOf } = await import('../../../detectors/facts/script-findings.ts');
  return await withStoreReader(config, (store) => {
    const found = store.scriptsByPrefix(sha256.toLowerCase());
    const [script, ...others] = found;
    if (script === undefined || others.length > 0) {
      console.error(script === undefined ? 'no script has that hash' : 'several scripts have a hash that begins so:');
      for (const { sha256: hash } of script === undefined ? [] : found) console.error(hash);
      return false;
    }
    const { content, sizeBytes } = script;
    if (raw) {
      process.stdout.write(content);
      return true;
    }
    const text = content.toString('utf8');
    const findings = findingsOf(text);
    if (json) {
      const cut = content.length < sizeBytes;
      process.stdout.write(
        `${JSON.stringify({ sha256: script.sha256, size: sizeBytes, cut, findings, content: text })}\n`,
      );
      return true;
    }
    const lines = text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    for (const line of lines) {
      // Tabs are how scripts are indented.
      const shown = line.split('\t').map((part) => escapeText(part, lineChars));
      process.stdout.write(`${shown.join('\t')}\n`);
    }
    for (const { id, technique, line } of findings) console.error(`line ${line}: ${id} (${technique})`);
    if (content.length < sizeBytes) console.error(`the first ${content.length} bytes of ${sizeBytes}`);
    return true;
  });
}
