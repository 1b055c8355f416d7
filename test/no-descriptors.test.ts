// Without a free file descriptor no program can be started. That rejects a promise, and does not end the process.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Evaluates a promise in a process without a free descriptor. Returns its outcome, followed by any unhandled error of the process. */
function outcomeWithoutDescriptors(imports: string, expression: string): string {
  const script = `
    import { openSync } from 'node:fs';
    ${imports}
    try { for (;;) openSync('/dev/null'); } catch {}
    let outcome = 'fulfilled';
    try { await ${expression}; } catch (error) { outcome = error.name + ': ' + error.message; }
    setTimeout(() => process.stdout.write(outcome), 50);`;
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, '--input-type=module', '--eval', script],
    { cwd: root, encoding: 'utf8' },
  );
  return `${stdout}${stderr}`;
}

test.each([
  [
    'runRpm',
    `import { runRpm } from './collectors/packages/run-rpm.ts';`,
    `runRpm(['--version'])`,
    /^RpmFailed: rpm: .*EMFILE$/,
  ],
  [
    'askQuery',
    `import { askQuery } from './agent/query/ask-query.ts';`,
    `askQuery({ source: { kind: 'host' }, sql: 'SELECT 1', since: 0, now: 0, limit: 1 }, { timeoutMs: 1000 })`,
    /^QueryEnded: the query process could not be started: .*EMFILE$/,
  ],
])('%s rejects with EMFILE', (_, imports, expression, expected) => {
  expect(outcomeWithoutDescriptors(imports, expression)).toMatch(expected);
});
