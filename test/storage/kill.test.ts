// Killed at any moment, nothing is learned unseen: each term has its event, its alert, and its delivery made or still to make.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

const runs = 15;

/** Runs the child until it has shown a sign of life and a while more, then kills it; gives the lines that it printed. */
async function runAndKill(path: string, run: number, afterMs: number): Promise<object[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'record-until-killed.ts'), path, `run${run}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    output += chunk;
  }
  expect(child.signalCode ?? 'SIGKILL').toBe('SIGKILL');
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

test('every term has its event, alert and delivery after repeated kill -9', { timeout: 120_000 }, async () => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const delivered = new Set<string>();
  for (let run = 0; run < runs; run++) {
    const lines = await runAndKill(path, run, Math.random() * 150);
    expect(lines[0]).toEqual({});
    for (const line of lines) if ('delivered' in line) delivered.add(String(line.delivered));
  }

  const store = temporaryStore({ sinks: ['journald', 'ndjson'] }, path);
  expect(store.setAside).toBeUndefined();
  const db = new Database(path, { readonly: true });
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(db.pragma('foreign_key_check')).toEqual([]);
  const rows = <Row>(sql: string) => db.prepare<[], Row>(sql).all();

  const events = new Set(rows<{ event_id: string }>('SELECT event_id FROM events').map((row) => row.event_id));
  const alerts = rows<{ id: string; rule: string; term: string; state: string; journald: number; ndjson: number }>(
    `SELECT id, rule_id AS rule, terms ->> 0 AS term, state,
       (SELECT count(*) FROM outbox WHERE alert_seq = seq AND sink = 'journald') AS journald,
       (SELECT count(*) FROM outbox WHERE alert_seq = seq AND sink = 'ndjson') AS ndjson FROM alerts`,
  );
  const alerted = new Set(alerts.map(({ term }) => term));
  const terms = rows<{ term: string; origin: string }>('SELECT terms ->> 0 AS term, origin FROM terms');
  expect(terms.length).toBeGreaterThan(runs);

  expect(terms.filter(({ term }) => !events.has(term))).toEqual([]);
  expect(terms.filter(({ term, origin }) => !alerted.has(term) && origin !== 'known')).toEqual([]);
  expect(terms.filter(({ origin }) => origin === 'known')).toHaveLength(events.size / 10);
  expect(events.size % 10).toBe(0);
  const open = alerts.filter(({ state }) => state === 'open');
  expect(open.filter(({ id, journald }) => journald === 0 && !delivered.has(id))).toEqual([]);
  expect(open.filter(({ ndjson }) => ndjson !== 1)).toEqual([]);
  const rateLimited = alerts.filter(({ state }) => state === 'rate_limited');
  // What was told was learned, and what was not was not.
  const learned = new Set(terms.map(({ term }) => term));
  expect(open.filter(({ term, rule }) => !learned.has(term) && rule !== 'odd-option')).toEqual([]);
  expect(rateLimited.filter(({ term }) => learned.has(term))).toEqual([]);
  const [reported] = rows<{ n: number }>('SELECT coalesce(sum(count), 0) AS n FROM rate_limits');
  expect(reported?.n).toBe(rateLimited.length);
  db.close();
});
