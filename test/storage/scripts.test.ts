// Contents of scripts, each once; which version had which; and the bound.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { SeenScript } from '../../detectors/facts/script-state.ts';
import { schemaVersion } from '../../storage/migrations.ts';
import { start } from './examples.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

const script = (sha: string, change: Partial<SeenScript> = {}): SeenScript => ({
  package: 'cron',
  version: '3.0',
  phase: 'postinst',
  sha256: sha.repeat(64),
  path: '/var/lib/dpkg/info/cron.postinst',
  state: 'first',
  origin: 'dpkg',
  sizeBytes: 100,
  content: Buffer.from(`#!/bin/sh\n# ${sha}\n`),
  ...change,
});

test('a content is stored once with all its slots; a judged state stays, a missing one is added later', () => {
  const store = temporaryStore();
  store.saveScripts([script('a'), script('a', { package: 'cron:i386' }), script('b', { state: '' })], start);
  store.saveScripts(
    [script('a', { state: 'changed', origin: 'change' }), script('b', { state: 'changed' })],
    start + 5,
  );
  expect(store.listScripts().map((one) => [one.package, one.sha256[0], one.state, one.firstMs, one.lastMs])).toEqual([
    ['cron', 'a', 'first', start, start + 5],
    ['cron', 'b', 'changed', start, start + 5],
    ['cron:i386', 'a', 'first', start, start],
  ]);
  expect(store.listScripts('cron')).toHaveLength(3);
  expect(store.listScripts('cro')).toEqual([]);
  expect(store.scriptsByPrefix('aaaa')).toMatchObject([{ sizeBytes: 100, content: script('a').content }]);
  expect(store.scriptsByPrefix('')).toEqual([]);
  expect(store.scriptsByPrefix("a' OR 1")).toEqual([]);
});

test('lists the judged contents of a version', () => {
  const store = temporaryStore();
  const slot = { package: 'cron', version: '3.0', phase: 'postinst' };
  store.saveScripts([script('a'), script('b', { version: '4.0' }), script('c', { state: '' })], start);
  expect(store.scriptsOf(slot).map(({ sha256 }) => sha256[0])).toEqual(['a']);
  expect(store.scriptsOf({ ...slot, phase: 'prerm' })).toEqual([]);
  expect(store.versionKnown('cron', '3.0', start + 1)).toBe(true);
  expect(store.versionKnown('cron', '3.0', start)).toBe(false);
  expect(store.versionKnown('cron', '5.0', start + 1)).toBe(false);
});

test('the first scan is complete permanently', () => {
  const store = temporaryStore();
  expect(store.scriptsComplete()).toBe(false);
  store.completeScripts(start);
  store.completeScripts(start + 1);
  expect(store.scriptsComplete()).toBe(true);
});

test('over the bound replaced contents are deleted first, then the oldest', () => {
  const store = temporaryStore();
  const content = Buffer.alloc(1000, 'x');
  store.saveScripts([script('a', { package: 'old', content })], start);
  store.saveScripts([script('b', { version: '1', content })], start + 1);
  store.saveScripts([script('c', { version: '2', content })], start + 2);
  const kept = () => store.listScripts().map(({ sha256 }) => sha256[0]);
  expect(store.prune(start, { scriptBytes: 3000 }).scripts).toBe(0);
  expect(store.prune(start, { scriptBytes: 2999 }).scripts).toBe(1);
  expect(kept()).toEqual(['c', 'a']);
  expect(store.prune(start, { scriptBytes: 1500 }).scripts).toBe(1);
  expect(kept()).toEqual(['c']);
});

test('a released database opens with its scripts', () => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  new Database(path)
    .exec(readFileSync(join(import.meta.dirname, `fixtures/schema-${schemaVersion}.sql`), 'utf8'))
    .close();
  const store = temporaryStore({}, path);
  expect(store.listScripts()).toMatchObject([{ package: 'cron', version: '3.0', origin: 'baseline' }]);
});
