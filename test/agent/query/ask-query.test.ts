// One SQL statement, run by a process that can be killed.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { askQuery, QueryEnded, type QueryRequest } from '../../../agent/query/ask-query.ts';
import { SqlError } from '../../../storage/query-database.ts';
import { exampleFinding, start } from '../../storage/examples.ts';
import { temporaryDirectory, temporaryStore } from '../../storage/temporary-store.ts';

const endless = 'WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
const numbers = (count: number) =>
  `WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${count}) SELECT x FROM c`;

const request = (sql: string, change: Partial<QueryRequest> = {}): QueryRequest => ({
  source: { kind: 'host' },
  sql,
  since: start,
  now: start,
  limit: 10_000,
  ...change,
});
const timeoutMs = 30_000;

/** The pids of the workers of this process. */
function workers(parent = process.pid): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const isChild = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
      return isChild && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('query-worker') ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
};

test('returns complete rows in order, up to the limit', async () => {
  expect(await askQuery(request(numbers(1001)), { timeoutMs })).toMatchObject({
    columns: ['x'],
    rows: Array.from({ length: 1001 }, (_, i) => [i + 1]),
    truncated: false,
  });
  const cut = await askQuery(request(numbers(1001), { limit: 1000 }), { timeoutMs });
  expect([cut.rows.length, cut.truncated]).toEqual([1000, true]);
  const exact = await askQuery(request(numbers(1000), { limit: 1000 }), { timeoutMs });
  expect([exact.rows.length, exact.truncated]).toEqual([1000, false]);
});

test('kills the worker of a statement that takes too much memory', async () => {
  const texts = `SELECT length(group_concat(t)) + length(group_concat(t || 1)) + length(group_concat(t || 2)) FROM (SELECT hex(zeroblob(500000)) AS t FROM (${numbers(600)}))`;
  await expect(askQuery(request(texts), { timeoutMs })).rejects.toThrow(
    new QueryEnded('the answer takes more than 1024 MiB of memory'),
  );
  await until(() => workers().length === 0);
});

test('kills an endless statement and its process', async () => {
  await expect(askQuery(request(endless), { timeoutMs: 1500 })).rejects.toThrow(
    new QueryEnded('no answer after 1.5 s; --timeout allows more'),
  );
  await until(() => workers().length === 0);
});

test('kills a statement whose request is aborted', async () => {
  const stop = new AbortController();
  const asked = askQuery(request(endless), { timeoutMs, signal: stop.signal });
  await until(() => workers().length === 1);
  stop.abort();
  await expect(asked).rejects.toThrow(QueryEnded);
  await expect(askQuery(request('SELECT 1'), { timeoutMs, signal: stop.signal })).rejects.toThrow('stopped');
});

test('kills a statement whose caller is killed', async () => {
  const program = `import { askQuery } from ${JSON.stringify(join(import.meta.dirname, '../../../agent/query/ask-query.ts'))};
    await askQuery(${JSON.stringify(request(endless))}, { timeoutMs: 600000 });`;
  const file = join(temporaryDirectory(), 'asker.mjs');
  writeFileSync(file, program);
  const asker = spawn(process.execPath, [file], { stdio: 'ignore' });
  onTestFinished(() => {
    asker.kill('SIGKILL');
  });
  const pid = asker.pid ?? 0;
  await until(() => workers(pid).length === 1);
  const [worker] = workers(pid);
  // A worker that answers has already asked the kernel to be killed with its parent.
  await until(() => Number(readFileSync(`/proc/${worker}/stat`, 'utf8').split(' ')[13]) > 50);
  asker.kill('SIGKILL');
  await until(() => !readdirSync('/proc').includes(String(worker)));
});

test('rejects if the process dies in the middle of a line', async () => {
  const sql = numbers(60).replace('SELECT x FROM c', "SELECT printf('%.*c', 1000000, 'x') FROM c");
  const asked = askQuery(request(sql), { timeoutMs });
  const failed = expect(asked).rejects.toThrow(new QueryEnded('the query process died: it ended with SIGKILL'));
  await until(() => workers().length === 1);
  const [worker = 0] = workers();
  // One line of 60 MB arrives in a thousand parts; between two parts, the test checks how much has arrived.
  const written = (): number => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${worker}/io`, 'utf8'))?.[1]);
  while (written() < 1_000_000) await setImmediate();
  process.kill(worker, 'SIGKILL');
  await failed;
});

test('truncates an answer that is too large, and marks it', async () => {
  const sql = `${numbers(100).replace('SELECT x FROM c', "SELECT printf('%.*c', 1000000, 'x') FROM c")}`;
  const { rows, truncated, notes } = await askQuery(request(sql), { timeoutMs });
  expect(truncated).toBe(true);
  expect(rows.length).toBeGreaterThan(50);
  expect(notes).toEqual([expect.stringMatching(/^the answer is cut after \d+ rows/)]);
});

test('passes on SQLite’s error', async () => {
  const failing = askQuery(request('SELECT 1 FRM x y'), { timeoutMs });
  await expect(failing).rejects.toThrow(SqlError);
  await expect(failing).rejects.toMatchObject({ message: 'near "x": syntax error' });
});

test('reads the agent’s database while the agent writes', async () => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const store = temporaryStore({}, path);
  store.record([exampleFinding(start)], start);
  const source = { kind: 'database', path } as const;
  const ask = () => askQuery(request('SELECT count(*) FROM process_events', { source }), { timeoutMs });
  expect((await ask()).rows).toEqual([[1]]);
  store.record([exampleFinding(start)], start);
  expect((await ask()).rows).toEqual([[2]]);
  const missing = { kind: 'database', path: `${path}.none` } as const;
  await expect(askQuery(request('SELECT 1', { source: missing }), { timeoutMs })).rejects.toMatchObject({
    name: 'StoreError',
    trouble: 'missing',
  });
});
