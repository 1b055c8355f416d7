// `stepparent scripts`: the scripts of packages that were kept, and what is in them.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { findingsOf } from '../../detectors/facts/script-findings.ts';
import { localTime } from '../output/local-time.ts';
import { printRows } from '../output/print-rows.ts';
import { withStoreReader } from '../query/with-store.ts';

export interface ScriptsOptions {
  config?: string;
  json?: boolean;
  raw?: boolean;
}

const cellChars = 120;
const lineChars = 1000;

/** Prints each script with its package, version, phase and state, how it came to be known, and what is to be found in it. */
export function scriptsListCommand(packageName: string | undefined, { config, json }: ScriptsOptions): void {
  withStoreReader(config, (store) => {
    const rows = store.listScripts(packageName).map((script) => {
      const content = store.scriptsByPrefix(script.sha256)[0]?.content.toString('utf8') ?? '';
      return { ...script, findings: findingsOf(content) };
    });
    if (json) {
      for (const { firstMs, lastMs, sizeBytes, ...row } of rows) {
        const times = { first: new Date(firstMs).toISOString(), last: new Date(lastMs).toISOString() };
        process.stdout.write(`${JSON.stringify({ ...row, size: sizeBytes, ...times })}\n`);
      }
      return;
    }
    printRows(
      rows.map(({ package: name, version, phase, sha256, state, origin, firstMs, path, findings }) => ({
        cells: [
          localTime(firstMs),
          name === '' ? path : name,
          version,
          phase,
          sha256.slice(0, 16),
          state === 'first' ? '' : state,
          origin,
          [...new Set(findings.map(({ id }) => id))].join(','),
        ].map((cell) => escapeText(cell, cellChars)),
      })),
      packageName === undefined ? 'no scripts' : 'no scripts of that package',
    );
  });
}

/** Prints one script, escaped line by line, with what is to be found in it on standard error; false: there is not exactly one. */
export function scriptsShowCommand(sha256: string, { config, json, raw }: ScriptsOptions): boolean {
  return withStoreReader(config, (store) => {
    const found = store.scriptsByPrefix(sha256.toLowerCase());
    const [script, ...others] = found;
    if (script === undefined || others.length > 0) {
      console.error(script === undefined ? 'no script has that hash' : 'several scripts have a hash that begins so:');
      for (const { sha256: one } of script === undefined ? [] : found) console.error(one);
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
