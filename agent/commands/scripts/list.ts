// `stepparent scripts list`: lists the stored scripts of packages.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { localTime } from '../../output/local-time.ts';
import { printRows } from '../../output/print-rows.ts';
import { withStoreReader } from '../../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption } from '../define-command.ts';

interface ListOptions extends GlobalOptions {
  json?: boolean;
}

export const list = (): Command =>
  defineCommand('list')
    .description('list the scripts that the agent found at its start, or saw change or run')
    .argument('[package]', 'only scripts of this package')
    .addOption(jsonOption())
    .action(action(listScripts));

const cellChars = 120;

/** Prints each script with its package, version, phase, state, origin and the findings in its content. */
async function listScripts({ config, json }: ListOptions, packageName: string | undefined): Promise<void> {
  const { findingsOf } = await import('../../../detectors/facts/script-findings.ts');
  await withStoreReader(config, (store) => {
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
