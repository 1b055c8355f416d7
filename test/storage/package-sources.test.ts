// The package sources that the host has or had, in the store.

import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { KnownSource, KnownSources } from '../../detectors/facts/package-sources.ts';
import { temporaryStore } from './temporary-store.ts';

const source: KnownSource = {
  name: 'a.example/debian s-security [trusted=yes]',
  kind: 'apt',
  file: '/etc/apt/sources.list',
  security: 's-security',
  components: ['main', 'contrib'],
  isConfigured: true,
};
const key: KnownSource = {
  ...source,
  name: 'key A',
  kind: 'key',
  security: undefined,
  components: [],
  isConfigured: false,
};
const of = (...sources: KnownSource[]): KnownSources => new Map(sources.map((one) => [one.name, one]));

test('all are read back in their order, and replaced', () => {
  const store = temporaryStore();
  expect(store.packageSources()).toBe(undefined);
  store.savePackageSources(of(source, key));
  expect([...(store.packageSources() ?? [])]).toEqual([...of(source, key)]);
  store.savePackageSources(of(key, { ...source, isConfigured: false }));
  expect([...(store.packageSources() ?? [])]).toEqual([...of(key, { ...source, isConfigured: false })]);
});

test('what was saved without pins and locks does not count, since it is not known which are new', () => {
  const store = temporaryStore();
  store.savePackageSources(of(source));
  new Database(store.path).exec("UPDATE meta SET value = 1 WHERE key = 'package_sources_known'").close();
  expect(store.packageSources()).toBe(undefined);
  store.savePackageSources(of(key));
  expect([...(store.packageSources() ?? [])]).toEqual([...of(key)]);
});

test('a host without sources is not one whose sources were never saved', () => {
  const store = temporaryStore();
  store.savePackageSources(of());
  expect(store.packageSources()).toEqual(new Map());
});
