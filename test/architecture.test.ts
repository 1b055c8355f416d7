// The way of an event is the way of the imports, every source file says what it is for, and the host is read through one port.

import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');
const layers = ['collectors', 'detectors', 'storage', 'agent'];
const files = globSync(
  layers.map((layer) => `${layer}/**/*.ts`),
  { cwd: root },
);

test.each(files)('%s', (file) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  expect(text).toMatch(/^(?:#!.*\n)?\/\/ \S/);
  const layerOf = (name: string): string => name.split('/')[0] ?? '';
  const imported = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g)].map(([, name = '']) =>
    path.join(path.dirname(file), name),
  );
  // The store keeps what the detectors found: it needs their types, and runs none of their code.
  if (layerOf(file) === 'storage')
    expect(text).not.toMatch(/^(?:import|export) (?!type )[^;]*'(?:\.\.\/)+detectors\//m);
  const upward = imported.filter((name) => layers.indexOf(layerOf(name)) > layers.indexOf(layerOf(file)));
  expect(upward).toEqual([]);
});

/** Who may read the host past `Host`, by file or directory, and why. */
const pastTheHost = {
  'collectors/host/': 'it is the port',
  'collectors/linux/': 'calls of libc, and directories of the agent itself',
  'collectors/tracefs/': 'the sensor of processes: it drives the running kernel',
  'collectors/packagedb/fanotify.ts': 'the sensor of files: it drives the running kernel',
  'collectors/packagedb/listing.ts': 'its names are bytes, and a directory can be too long for one list',
  'collectors/packagedb/watched-directory.ts': 'the directory that fanotify marks',
  'collectors/host-tables/file.ts': 'its names are bytes, and it goes through whole trees',
  'collectors/packages/run-rpm.ts': 'the program behind the rpm of the running host',
  'collectors/take-steps.ts': "how long the agent's own steps take",
} as const;

const reads =
  /from 'node:(?:fs|child_process)|\b(?:Date|performance)\.now\b|\bnew Date\(\)|\bread(?:BootNs|BootEpochMs)\b/;

describe('the host is read through one port', () => {
  const isExcepted = (file: string): boolean => Object.keys(pastTheHost).some((name) => file.startsWith(name));
  const textOf = (file: string): string => readFileSync(path.join(root, file), 'utf8');

  test.each(files.filter((file) => file.startsWith('collectors/') && !isExcepted(file)))('%s', (file) => {
    expect(textOf(file)).not.toMatch(reads);
  });

  test.each(Object.entries(pastTheHost))('%s: %s', (name) => {
    expect(files.filter((file) => file.startsWith(name) && reads.test(textOf(file)))).not.toEqual([]);
  });
});

const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8');

/** The table of stops: file and function of each, and by what an exec leaves it. */
const stops = [...page.matchAll(/^\| \d+ \| `([^`]+)` \| `([^`]+)` \|.*\| `([^`]+)`[^|]*\|$/gm)].map(
  ([, file = '', name = '', way = '']) => ({ file, name, way }),
);

test('an exec makes ten stops in ten files', () => {
  expect(stops).toHaveLength(10);
  expect(new Set(stops.map(({ file }) => file)).size).toBe(10);
});

test.each(stops)('stop $file has $name, and goes on by $way', ({ file, name, way }) => {
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

test('at most five files lie at the top of agent/ and of collectors/, and the page names every directory', () => {
  for (const layer of ['agent', 'collectors']) {
    const entries = globSync(`${layer}/*`, { cwd: root, withFileTypes: true });
    expect(entries.filter((entry) => entry.isFile()).length).toBeLessThanOrEqual(5);
    const directories = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${layer}/${name}/`);
    expect(directories.filter((name) => !page.includes(name))).toEqual([]);
  }
});

test('startAgent fits on a screen', () => {
  const lines = readFileSync(path.join(root, 'agent/daemon/start-agent.ts'), 'utf8').split('\n');
  const start = lines.findIndex((line) => line.startsWith('export async function startAgent'));
  const length = lines.slice(start).indexOf('}') + 1;
  expect(length).toBeGreaterThan(1);
  expect(length).toBeLessThan(80);
});
