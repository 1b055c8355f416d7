// The contents of watched files that were last seen: read at first sight, after changes, and replaced by events.

import { appendFileSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { lastContentOf, openWatchedContents, type WatchedContents } from '../../../agent/daemon/watched-contents.ts';
import { openTimers, type Timers } from '../../../collectors/timers.ts';
import type { Store } from '../../../storage/store.ts';
import { StoreError } from '../../../storage/store-error.ts';
import { temporaryStore } from '../../storage/temporary-store.ts';

let directory: string;
let store: Store;
let timers: Timers;
let faults: string[];
let contents: WatchedContents;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stepparent-contents-'));
  store = temporaryStore();
  faults = [];
  timers = openTimers((error) => faults.push(String(error)));
  open();
});
afterEach(() => {
  timers.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(deps: Partial<Parameters<typeof openWatchedContents>[0]> = {}): void {
  contents = openWatchedContents({
    store,
    // The files of these tests are older.
    nowMs: () => Date.now() + 60_000,
    timers,
    mayOpen: () => true,
    onFault: (what, error) => faults.push(`${what}: ${error}`),
    ...deps,
  });
}

const put = (name: string, content: string | Buffer): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const stored = (path: string): string | null | undefined => {
  contents.save();
  const content = store.lastContent(path);
  return content && (content.text ?? null);
};
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 20 });

test('files are read at first sight: texts, binaries, secrets and long ones; others are not', async () => {
  const files = {
    text: put('text', 'one\n'),
    empty: put('empty', ''),
    binary: put('binary', Buffer.from([0, 1, 2])),
    long: put('long', 'x'.repeat(70_000)),
    huge: put('huge', 'x'.repeat(2 * 1024 * 1024)),
    link: join(directory, 'link'),
    none: join(directory, 'none'),
  };
  symlinkSync('text', files.link);
  const secret = put('secret', 'password');
  contents.readNew([
    ...Object.values(files).map((path) => ({ path, isSecret: false })),
    { path: secret, isSecret: true },
  ]);
  await eventually(() => expect(stored(secret)).toBe(null));
  expect(Object.values(files).map(stored)).toEqual(['one\n', '', null, 'x'.repeat(65_536), null, undefined, undefined]);
  expect(store.lastContent(secret)?.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(faults).toEqual([]);
});

test('a file that was seen is not read again at the next start', async () => {
  const [known, fresh] = [put('known', 'changed since'), put('fresh', 'x')];
  store.saveContents([[known, { sha256: 'a', text: 'as it was' }]], 1);
  contents.readNew([known, fresh].map((path) => ({ path, isSecret: false })));
  await eventually(() => expect(stored(fresh)).toBe('x'));
  expect(stored(known)).toBe('as it was');
});

test('a noted file is read once for many changes, and forgotten when it is gone', async () => {
  const path = put('x', 'one');
  for (let i = 0; i < 100; i++) contents.note({ path, isSecret: false });
  await eventually(() => expect(stored(path)).toBe('one'));
  appendFileSync(path, ' two');
  contents.note({ path, isSecret: false });
  await eventually(() => expect(stored(path)).toBe('one two'));
  unlinkSync(path);
  contents.note({ path, isSecret: false });
  await eventually(() => expect(stored(path)).toBe(undefined));
});

test('a file that may not be opened is not', async () => {
  open({ mayOpen: (path) => !path.endsWith('foreign') });
  const [foreign, local] = [put('foreign', 'x'), put('local', 'x')];
  contents.note({ path: foreign, isSecret: false });
  contents.note({ path: local, isSecret: false });
  await eventually(() => expect(stored(local)).toBe('x'));
  expect(stored(foreign)).toBe(undefined);
});

test('a file that has just changed is read later, so that its event has the content before', async () => {
  let nowMs = Date.now();
  open({ nowMs: () => nowMs });
  const fresh = put('fresh', 'new');
  store.saveContents([[fresh, { sha256: 'a', text: 'before' }]], 1);
  contents.note({ path: fresh, isSecret: false });
  await sleep(600);
  expect(stored(fresh)).toBe('before');
  expect(contents.replace(fresh, { sha256: 'b', text: 'new' })).toEqual({ sha256: 'a', text: 'before' });
  nowMs += 10_000;
  appendFileSync(fresh, 'er');
  nowMs += 10_000;
  await eventually(() => expect(stored(fresh)).toBe('newer'));
});

test('a file that an event has shown meanwhile is not read as one that was never seen', async () => {
  const [path, last] = [put('x', 'newer'), put('last', 'x')];
  contents.readNew([path, last].map((each) => ({ path: each, isSecret: false })));
  contents.replace(path, { sha256: 'a', text: 'as the event had it' });
  await eventually(() => expect(stored(last)).toBe('x'));
  expect(stored(path)).toBe('as the event had it');
});

test('an event replaces the content and gets the former one, stored or not', () => {
  const of = (text: string) => lastContentOf({ sha256: text, sizeBytes: 1, head: Buffer.from(text) }, false);
  expect(contents.replace('/etc/x', of('a'))).toBe(undefined);
  expect(contents.replace('/etc/x', of('b'))).toEqual({ sha256: 'a', text: 'a' });
  contents.save();
  expect(contents.replace('/etc/x', of('c'))).toEqual({ sha256: 'b', text: 'b' });
  expect(contents.replace('/etc/x', undefined)).toEqual({ sha256: 'c', text: 'c' });
  expect(contents.replace('/etc/x', of('d'))).toBe(undefined);
});

test('a store that fails costs the difference and nothing else', () => {
  const failing = (): never => {
    throw new StoreError('busy', 'database is locked');
  };
  open({ store: { lastContent: failing, saveContents: failing, contentPaths: failing } });
  for (let i = 0; i < 1000; i++) contents.replace(`/etc/${i}`, { sha256: 'a', text: 'x' });
  contents.save();
  expect(contents.replace('/etc/0', { sha256: 'b', text: 'y' })).toBe(undefined);
  expect(contents.replace('/etc/999', { sha256: 'b', text: 'y' })).toEqual({ sha256: 'a', text: 'x' });
  expect(faults).toEqual([]);
});
