// `stepparent scripts show`: prints the content of one stored script.

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
    .description('print the content of a stored script, even if its file no longer exists')
    .argument('<sha256>', 'SHA-256 of the script, or a prefix of it')
    .option('--raw', 'raw content, without escaping')
    .addOption(jsonOption())
    .action(action(showScript));

const lineChars = 1000;

/** Prints one script, escaped line by line, and the findings in it to standard error. Returns false unless exactly one script matches. */
async function showScript({ config, json, raw }: ShowOptions, sha256: string): Promise<boolean> {
  const { findingsOf } = await import('../../../detectors/facts/script-findings.ts');
  return await withStoreReader(config, (store) => {
    const found = store.scriptsByPrefix(sha256.toLowerCase());
    const [script, ...others] = found;
    if (script === undefined || others.length > 0) {
      console.error(
        script === undefined ? 'no stored script has this hash' : 'more than one script has a hash that begins so:',
      );
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
      // Tabs stay as they are: scripts are indented with them.
      const shown = line.split('\t').map((part) => escapeText(part, lineChars));
      process.stdout.write(`${shown.join('\t')}\n`);
    }
    for (const { id, technique, line } of findings) console.error(`line ${line}: ${id} (${technique})`);
    if (content.length < sizeBytes) console.error(`only the first ${content.length} of ${sizeBytes} bytes are stored`);
    return true;
  });
}
