// Imports follow the path of an event, every source file begins with a comment on its purpose, and the host is read through one port.

import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');
const layers = ['collectors', 'detectors', 'storage', 'agent'];
const files = globSync(
  layers.map((layer) => `${layer}/**/*.ts`),
  { cwd: root },
);

test.each(files)('%s begins with a comment and imports only its own layer and those before it', (file) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  expect(text).toMatch(/^(?:#!.*\n)?\/\/ \S/);
  const layerOf = (name: string): string => name.split('/')[0] ?? '';
  const imported = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g)].map(([, name = '']) =>
    path.join(path.dirname(file), name),
  );
  // The store keeps what detectors find: it imports their types and none of their code.
  if (layerOf(file) === 'storage')
    expect(text).not.toMatch(/^(?:import|export) (?!type )[^;]*'(?:\.\.\/)+detectors\//m);
  const upward = imported.filter((name) => layers.indexOf(layerOf(name)) > layers.indexOf(layerOf(file)));
  expect(upward).toEqual([]);
});

/** The files and directories that may read the host without `Host`, with the reason. */
const readsDirectly = {
  'collectors/host/': 'it is the port',
  'collectors/linux/': 'it calls libc and makes directories of the agent itself',
  'collectors/tracefs/': 'the sensor of processes, which controls the running kernel',
  'collectors/packagedb/fanotify.ts': 'the sensor of files, which controls the running kernel',
  'collectors/packagedb/fanotify-group.ts': 'the sensor of files, which controls the running kernel',
  'collectors/script-reads/watch-accesses.ts': 'it opens the directories of the files that fanotify marks',
  'collectors/packagedb/listing.ts': 'it reads names as bytes, and a directory may be too long for one list',
  'collectors/packagedb/watched-directory.ts': 'it opens the directory that fanotify marks',
  'collectors/watched/mounts.ts': 'it looks at nothing below a file system that may not answer',
  'collectors/host-tables/file.ts': 'it reads names as bytes and walks whole trees',
  'collectors/host-tables/hash.ts': 'it reads the files that the table file names as bytes',
  'collectors/packages/run-rpm.ts': 'it runs the rpm of the running host',
  'collectors/provenance/run-apt.ts': 'it runs programs of the apt of the running host',
  'collectors/provenance/run-dnf-history.ts': 'it runs the process that reads a history of the running host',
  'collectors/take-steps.ts': "it measures the time of the agent's own steps",
} as const;

const reads =
  /from 'node:(?:fs|child_process)|\b(?:Date|performance)\.now\b|\bnew Date\(\)|\bread(?:BootNs|BootEpochMs)\b/;

describe('the host is read through one port', () => {
  const isExcepted = (file: string): boolean => Object.keys(readsDirectly).some((name) => file.startsWith(name));
  const textOf = (file: string): string => readFileSync(path.join(root, file), 'utf8');

  test.each(files.filter((file) => file.startsWith('collectors/') && !isExcepted(file)))(
    '%s reads nothing directly',
    (file) => {
      expect(textOf(file)).not.toMatch(reads);
    },
  );

  test.each(Object.entries(readsDirectly))('%s needs its exception: %s', (name) => {
    expect(files.filter((file) => file.startsWith(name) && reads.test(textOf(file)))).not.toEqual([]);
  });
});

const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8');

/** The page's table of stops: the file and function of each, and the call by which an exec leaves it. */
const stops = [...page.matchAll(/^\| \d+ \| `([^`]+)` \| `([^`]+)` \|.*\| `([^`]+)`[^|]*\|$/gm)].map(
  ([, file = '', name = '', way = '']) => ({ file, name, way }),
);

test('an exec makes ten stops in ten files', () => {
  expect(stops).toHaveLength(10);
  expect(new Set(stops.map(({ file }) => file)).size).toBe(10);
});

test.each(stops)('stop $file exports $name and calls $way', ({ file, name, way }) => {
  expect(files).toContain(file);
  const text = readFileSync(path.join(root, file), 'utf8');
  expect(text).toMatch(new RegExp(`^export (?:async )?(?:function|class|const) ${name}\\b`, 'm'));
  expect(text).toMatch(new RegExp(`\\b${way.replace('.', '\\.')}\\b`));
});

test('every path that the page names exists', () => {
  const paths = [...page.matchAll(/`((?:agent|collectors|detectors|storage|test|docs)\/[\w./-]*)`/g)].map(
    ([, name = '']) => name,
  );
  expect(paths.length).toBeGreaterThan(stops.length);
  const missing = paths.filter((name) => !/\bID\b/.test(name) && !existsSync(path.join(root, name)));
  expect(missing).toEqual([]);
});

test('agent/ and collectors/ have at most five files at their top, and the page names each of their directories', () => {
  for (const layer of ['agent', 'collectors']) {
    const entries = globSync(`${layer}/*`, { cwd: root, withFileTypes: true });
    expect(entries.filter((entry) => entry.isFile()).length).toBeLessThanOrEqual(5);
    const directories = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${layer}/${name}/`);
    expect(directories.filter((name) => !page.includes(name))).toEqual([]);
  }
});

test('startAgent has less than 80 lines', () => {
  const lines = readFileSync(path.join(root, 'agent/daemon/start-agent.ts'), 'utf8').split('\n');
  const start = lines.findIndex((line) => line.startsWith('export async function startAgent'));
  const length = lines.slice(start).indexOf('}') + 1;
  expect(length).toBeGreaterThan(1);
  expect(length).toBeLessThan(80);
});
