// The configuration of package sources is compared when its files have rested, with what it was before.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type PackageSourcesWatch, watchPackageSources } from '../../../agent/daemon/watch-package-sources.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import type { SuitePart } from '../../../collectors/provenance/offered-versions.ts';
import { openTimers, type Timers } from '../../../collectors/timers.ts';
import type { Store } from '../../../storage/store.ts';
import { StoreError } from '../../../storage/store-error.ts';
import { type RecordedFile, type RecordedHost, recordedHost } from '../../recorded-host.ts';
import { exampleEvent, start } from '../../storage/examples.ts';
import { temporaryStore } from '../../storage/temporary-store.ts';

const list = '/etc/apt/sources.list';
const other = '/etc/apt/sources.list.d/x.list';
const base = 'deb http://a/debian s main\n';
const security = 'deb http://b/x s-security main\n';
const offeredPart: SuitePart = {
  name: 'a/debian s',
  suite: 's',
  isSecurity: false,
  host: 'a',
  archive: 's',
  codename: undefined,
  origin: 'X',
  label: undefined,
  version: undefined,
  component: 'main',
  architecture: 'amd64',
  priority: 500,
};
const lost = { lost_security: ['b/x s-security'] };

let host: RecordedHost;
let store: Store;
let timers: Timers;
let faults: string[];
let watch: PackageSourcesWatch;
beforeEach(async () => {
  vi.useFakeTimers();
  host = recordedHost({ files: { [list]: base + security } });
  store = temporaryStore();
  faults = [];
  timers = openTimers((error) => faults.push(String(error)));
  watch = await open();
});
afterEach(() => {
  timers.close();
  vi.useRealTimers();
});

const open = (deps: Partial<Parameters<typeof watchPackageSources>[0]> = {}): Promise<PackageSourcesWatch> =>
  watchPackageSources({
    reader: { files: host, mayOpen: () => true, next: async () => {} },
    store,
    offeredVersions: async () => ({ parts: [], packages: [] }),
    timers,
    monotonicMs: () => vi.getMockedSystemTime()?.getTime() ?? 0,
    onFault: (what, error) => faults.push(`${what}: ${error}`),
    ...deps,
  });

/** Changes files of the host and notes it. Returns what becomes of the event. */
function change(files: Readonly<Record<string, RecordedFile | null>>, path = Object.keys(files)[0] ?? '') {
  host.change(files);
  const content = files[path];
  const noted = watch.note({ action: content === null ? 'deletion' : 'modification', path, details: {} });
  const head = typeof content === 'string' ? Buffer.from(content) : undefined;
  const event: StepparentEvent = { ...exampleEvent('e', start), file: { path } };
  const later = noted?.described(event, head && { sha256: '', sizeBytes: head.length, head });
  noted?.end();
  const outcome = { isKnown: false, sources: () => later?.complete(event).stepparent.sources };
  void later?.known.then(() => {
    outcome.isKnown = true;
  });
  return outcome;
}

test('a lost source is found three seconds after the last change', async () => {
  const outcome = change({ [list]: base });
  await vi.advanceTimersByTimeAsync(2900);
  const second = change({ [other]: '# nothing\n' });
  await vi.advanceTimersByTimeAsync(2900);
  expect([outcome.isKnown, second.isKnown]).toEqual([false, false]);
  await vi.advanceTimersByTimeAsync(100);
  expect([outcome.isKnown, second.isKnown]).toEqual([true, true]);
  expect(outcome.sources()).toMatchObject(lost);
  expect(second.sources()).toBe(undefined);
});

test('a source that comes in another file within this time is not lost', async () => {
  const outcomes = [change({ [list]: base })];
  await vi.advanceTimersByTimeAsync(2900);
  outcomes.push(change({ [other]: security }));
  await vi.advanceTimersByTimeAsync(3000);
  expect(outcomes.map(({ sources }) => sources())).toEqual([undefined, undefined]);
});

test('changes that do not end delay a comparison by no more than fifteen seconds', async () => {
  const outcome = change({ [list]: base });
  for (let second = 0; second < 15; second++) {
    await vi.advanceTimersByTimeAsync(1000);
    change({ [other]: `# ${second}\n` });
  }
  expect(outcome.sources()).toMatchObject(lost);
});

test('of 5,000 changes at once the first count as causes, and all are compared', async () => {
  const outcomes = Array.from({ length: 5000 }, (_, i) => change({ [other]: `# ${i}\n` }));
  const last = change({ [list]: base });
  await vi.advanceTimersByTimeAsync(3000);
  expect(outcomes.filter(({ sources }) => sources()?.lost_security !== undefined)).toHaveLength(1);
  expect(last.sources()).toBe(undefined);
});

test('what is there before the first start is known, and what changes between two runs is found', async () => {
  host.change({ [list]: `${base}deb http://c/ new main\n` });
  watch = await open();
  const outcome = change({ [other]: '# nothing\n' });
  await vi.advanceTimersByTimeAsync(3000);
  expect(outcome.sources()).toMatchObject({ added: ['c new'], ...lost });
});

test('a stop compares at once, and a change that is not described in time is waited for', async () => {
  const noted = watch.note({ action: 'deletion', path: list, details: {} });
  host.change({ [list]: null });
  let isStopped = false;
  const stopped = watch.stop().then(() => {
    isStopped = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(isStopped).toBe(false);
  const event: StepparentEvent = { ...exampleEvent('e', start), file: { path: list } };
  const later = noted?.described(event, undefined);
  noted?.end();
  await stopped;
  await later?.known;
  expect(later?.complete(event).stepparent.sources).toMatchObject(lost);
});

test('a store that fails costs no comparison, and gets all when it is there again', async () => {
  const broken = new StoreError('full', '/x');
  const fails = (): never => {
    throw broken;
  };
  const failing = { packageSources: vi.fn(fails), savePackageSources: vi.fn<Store['savePackageSources']>(fails) };
  watch = await open({ store: failing });
  const outcome = change({ [list]: base });
  await vi.advanceTimersByTimeAsync(3000);
  expect(outcome.sources()).toMatchObject(lost);
  failing.savePackageSources.mockImplementation(() => {});
  watch.saveAgain();
  const saved = failing.savePackageSources.mock.lastCall?.[0];
  expect([...(saved?.values() ?? [])].map(({ name, isConfigured }) => [name, isConfigured])).toEqual([
    ['b/x s-security', false],
    ['a/debian s', true],
  ]);
  expect(faults).toEqual([]);
});

test('a new pin is compared with what apt offers, and one of before is not', async () => {
  const preferences = '/etc/apt/preferences.d/x';
  const part = { ...offeredPart, name: 'b/x s-security', isSecurity: true, archive: 's-security' };
  const offeredVersions = vi.fn(async () => ({ parts: [offeredPart, part], packages: [] }));
  watch = await open({ offeredVersions });
  const pin = 'Package: *\nPin: release a=s-security\nPin-Priority: -1\n';
  const outcome = change({ [preferences]: pin });
  await vi.advanceTimersByTimeAsync(3000);
  expect(outcome.sources()).toMatchObject({ blocked: ['b/x s-security'], pins: ['* release a=s-security -1'] });
  const edited = change({ [preferences]: `# the same\n${pin}` });
  await vi.advanceTimersByTimeAsync(3000);
  expect(edited.sources()).toBe(undefined);
  expect(offeredVersions).toHaveBeenCalledTimes(1);
  // The next start knows it from the store.
  watch = await open({ offeredVersions });
  const again = change({ [preferences]: `# still the same\n${pin}` });
  await vi.advanceTimersByTimeAsync(3000);
  expect(again.sources()).toBe(undefined);
  expect(faults).toEqual([]);
});

test('lists that cannot be read cost no other change', async () => {
  const offeredVersions = vi.fn(() => Promise.reject(new Error('no status file')));
  watch = await open({ offeredVersions });
  const outcome = change({ [list]: base, '/etc/apt/preferences': 'Package: a\nPin: release o=X\nPin-Priority: -1\n' });
  await vi.advanceTimersByTimeAsync(3000);
  expect(outcome.sources()).toMatchObject(lost);
  expect(faults).toEqual(['what pins block could not be found: Error: no status file']);
});

test('only changes that concern package sources are noted', () => {
  const noted = (path: string, original_path?: string) =>
    watch.note({ action: 'rename', path, details: original_path === undefined ? {} : { original_path } }) !== undefined;
  expect([noted('/etc/apt/apt.conf.d/x'), noted('/etc/cron.d/x'), noted('/etc/apt/sources.list.save', list)]).toEqual([
    false,
    false,
    true,
  ]);
});

test('keys are those of trusted.gpg.d and of the sources in force; files on foreign mounts are not opened', async () => {
  const opened: string[] = [];
  const files = {
    ...host,
    open(path: string) {
      opened.push(path);
      return host.open(path);
    },
  };
  host.change({
    [list]:
      'deb [signed-by=/usr/share/keyrings/a.gpg] http://a/ s main\ndeb [signed-by=/mnt/nfs/k.gpg] http://b/ s main\n',
    '/usr/share/keyrings/a.gpg': 'a',
    '/usr/share/keyrings/unused.gpg': 'unused',
    '/mnt/nfs/k.gpg': 'foreign',
    '/etc/apt/trusted.gpg.d/b.asc': 'b',
    '/etc/apt/trusted.gpg.d/b.txt': 'not read by apt',
  });
  store = temporaryStore();
  await open({ reader: { files, mayOpen: (path) => !path.startsWith('/mnt/'), next: async () => {} } });
  expect([...(store.packageSources()?.keys() ?? [])].map((name) => name.replace(/ sha256 .*/, ''))).toEqual([
    'a s',
    'b s',
    'key /etc/apt/trusted.gpg.d/b.asc',
    'key /usr/share/keyrings/a.gpg',
  ]);
  expect(opened.filter((path) => path.startsWith('/mnt/'))).toEqual([]);
});
