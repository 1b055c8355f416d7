// `stepparent scripts diff`: shows how the scripts of a package differ from those before.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import type { ScriptVersion } from '../../../storage/scripts.ts';
import { withStoreReader } from '../../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption } from '../define-command.ts';

interface DiffOptions extends GlobalOptions {
  json?: boolean;
}

export const diff = (): Command =>
  defineCommand('diff')
    .description('show how each script of a package differs from the content before, as a unified diff')
    .argument('<package>', 'package whose scripts are compared')
    .addOption(jsonOption())
    .action(action(diffScripts));

/** The most of one diff. */
const maxDiffChars = 65_536;
const lineChars = 1000;
const nameChars = 200;

/** Prints the diffs, escaped line by line. Returns false if no script of the package has two known contents. */
async function diffScripts({ config, json }: DiffOptions, packageName: string): Promise<boolean> {
  const { scriptChanges } = await import('../../query/script-changes.ts');
  const { unifiedDiff } = await import('../../../detectors/facts/unified-diff.ts');
  return await withStoreReader(config, (store) => {
    const changes = scriptChanges(store.listScripts(packageName));
    const changed = changes.flatMap(({ now, before }) => (before === undefined ? [] : [{ now, before }]));
    if (changed.length === 0) {
      console.error(
        changes.length === 0
          ? 'no scripts of that package'
          : `only one content of ${changes.length === 1 ? 'its script' : 'each of its scripts'} is known: nothing to compare`,
      );
      for (const change of changes) console.error(nameOf(change.now));
      return false;
    }
    const contentOf = ({ sha256 }: ScriptVersion): Buffer =>
      store.scriptsByPrefix(sha256)[0]?.content ?? Buffer.alloc(0);
    for (const { now, before } of changed) {
      const contents = [before, now].map(contentOf) as [Buffer, Buffer];
      const [old, current] = contents.map((content) => content.toString('utf8')) as [string, string];
      const { text, cut } = unifiedDiff(old, current, maxDiffChars);
      const isPart = contents.some((content, i) => content.length < ([before, now][i] as ScriptVersion).sizeBytes);
      if (json)
        process.stdout.write(
          `${JSON.stringify({ ...documentOf({ now, before }), diff: text, cut, partial: isPart })}\n`,
        );
      else printDiff(nameOf(before), nameOf(now), text);
      if (cut) console.error(`${nameOf(now)}: only the first ${maxDiffChars} characters of the difference are shown`);
      if (isPart) console.error(`${nameOf(now)}: only the stored beginnings are compared`);
    }
    return true;
  });
}

function printDiff(before: string, now: string, diffText: string): void {
  const lines = diffText.split('\n');
  if (lines.at(-1) === '') lines.pop();
  // Tabs stay as they are: scripts are indented with them.
  const shown = lines.map((line) =>
    line
      .split('\t')
      .map((part) => escapeText(part, lineChars))
      .join('\t'),
  );
  process.stdout.write([`--- ${before}`, `+++ ${now}`, ...shown, ''].join('\n'));
}

/** The package, version and phase of a script, or its path, with the beginning of its hash. */
const nameOf = ({ package: name, version, phase, path, sha256 }: ScriptVersion): string =>
  [...(name === '' ? [path] : [name, version, phase]), sha256.slice(0, 16)]
    .map((part) => escapeText(part, nameChars))
    .join(' ');

function documentOf({ now, before }: { now: ScriptVersion; before: ScriptVersion }): object {
  const sideOf = ({ version, sha256, state, origin, sizeBytes, firstMs, lastMs }: ScriptVersion): object => ({
    version,
    sha256,
    state,
    origin,
    size: sizeBytes,
    first: new Date(firstMs).toISOString(),
    last: new Date(lastMs).toISOString(),
  });
  return { package: now.package, phase: now.phase, path: now.path, before: sideOf(before), now: sideOf(now) };
}
