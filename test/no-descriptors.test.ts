// A process that has no file descriptor left: programs that cannot be started are an error to be handled, and end nothing.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Evaluates an expression where no descriptor is left; what it says of the promise, and nothing of an error that nothing handled. */
function outcomeWithoutDescriptors(imports: string, expression: string): string {
  const script = `
    import { openSync } from 'node:fs';
    ${imports}
    try { for (;;) openSync('/dev/null'); } catch {}
    let said = 'fulfilled';
    try { await ${expression}; } catch (error) { said = error.name + ': ' + error.message; }
    setTimeout(() => process.stdout.write(said), 50);`;
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, '--input-type=module', '--eval', script],
    { cwd: root, encoding: 'utf8' },
  );
  return `${stdout}${stderr}`;
}

test.each([
  [
    'rpm',
    `import { runRpm } from './collectors/packages/run-rpm.ts';`,
    `runRpm(['--version'])`,
    /^RpmFailed: rpm: .*EMFILE$/,
  ],
  [
    'the process that answers a question in SQL',
    `import { askQuery } from './agent/query/ask-query.ts';`,
    `askQuery({ source: { kind: 'host' }, sql: 'SELECT 1', since: 0, now: 0, limit: 1 }, { timeoutMs: 1000 })`,
    /^QueryEnded: the query process could not be started: .*EMFILE$/,
  ],
])('%s', (_, imports, expression, expected) => {
  expect(outcomeWithoutDescriptors(imports, expression)).toMatch(expected);
});
