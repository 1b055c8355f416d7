// The configuration: defaults, layers, and what a mistake is answered with.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  ConfigurationError,
  completeConfiguration,
  configurationKeys,
  lineOfKey,
  nearestKey,
  parseConfigurationFile,
} from '../../agent/configuration.ts';
import { readConfiguration } from '../../agent/read-configuration.ts';

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'stepparent-configuration-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'conf.d'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

function refusalOf(text: string): string {
  try {
    parseConfigurationFile(text, 'c.toml');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return error instanceof Error ? error.message : '';
  }
  return 'accepted';
}

test('defaults', () => {
  expect(completeConfiguration([])).toEqual({
    known_front_ends: true,
    container_alerts: false,
    sensor: { mode: 'auto', argv_of_every_exec: 'auto', buffer_total_mb: 16, poll_interval_ms: 100 },
    events: { record: 'stepparent.package.operation:(install or upgrade or unpack or configure or remove or purge)' },
    retention: { event_days: 14, max_mb: 200 },
    alerts: { journald: true, ndjson: true },
    log: { level: 'info' },
  });
});

test('every key has its notes, and its default passes its own check', () => {
  expect(configurationKeys.size).toBe(17);
  for (const [name, { allowed, doc }] of configurationKeys) {
    expect(allowed, name).not.toBe('');
    expect(doc, name).toMatch(/\.$/);
  }
});

test('later layers go over earlier ones, key by key', () => {
  const tables = [
    'learning = "3d"\nsensor.mode = "procfs"\nrules_directories = ["/a", "/b"]',
    '[sensor]\nbuffer_total_mb = 4',
    'rules_directories = ["/c"]',
  ];
  const configuration = completeConfiguration(tables.map((text) => parseConfigurationFile(text, 'c.toml')));
  expect(configuration).toMatchObject({
    learning: 3 * 86_400_000,
    sensor: { mode: 'procfs', buffer_total_mb: 4, poll_interval_ms: 100 },
    rules_directories: ['/c'],
  });
});

test.for([
  ['learning = "3 days"', 'c.toml:1: learning: found "3 days" (not a duration), allowed: a number and s, m, h, d or w'],
  ['\n[sensor]\n# which\nmode = "ebpf"', 'c.toml:4: sensor.mode: found "ebpf", allowed: "auto", "tracefs" or "procfs"'],
  ['sensor.buffer_total_mb = 0', 'c.toml:1: sensor.buffer_total_mb: found 0, allowed: a whole number from 1 to 256'],
  ['sensor = { mode = "auto", poll_interval_ms = 10.5 }', 'c.toml:1: sensor.poll_interval_ms: found 10.5, allowed:'],
  ['a = 1\nb = 2', 'c.toml:1: a: unknown key'],
  ['known_front_ends = true\nlearnign = "3d"', 'c.toml:2: learnign: unknown key, the nearest known one is learning'],
  [
    'poll_interval_ms = 50',
    'c.toml:1: poll_interval_ms: unknown key, the nearest known one is sensor.poll_interval_ms',
  ],
  ['[sensors]\nmode = "auto"', 'c.toml:1: sensors: unknown key, the nearest known one is sensor'],
  ['[log]\nlevel = "loud"', 'c.toml:2: log.level: found "loud", allowed: "error", "warn", "info" or "debug"'],
  ['[events]\nrecord = "a:(b or"', 'c.toml:2: events.record: found "a:(b or" ('],
  ['log = "debug"', 'c.toml:1: log: found "debug", allowed: a table'],
  ['state_directory = "state"', 'c.toml:1: state_directory: found "state", allowed: an absolute path'],
  [
    'rules_directories = ["/a", 7]',
    'c.toml:1: rules_directories: found 7, allowed: a list of absolute paths of folders',
  ],
  ['known_front_ends = "yes"', 'c.toml:1: known_front_ends: found "yes", allowed: true or false'],
  ['learning = "3d"\nlearning = "4d"', 'c.toml:2: not TOML:'],
  ['learning = ', 'c.toml:1: not TOML:'],
  ['__proto__ = 1', 'c.toml:1: '],
])('%j is refused', ([text = '', refusal = '']) => {
  expect(refusalOf(text).startsWith(refusal), refusalOf(text)).toBe(true);
  expect(refusalOf(text)).not.toContain('\n');
});

test.for([
  ['a = 1', 'b', undefined],
  ['[x]\na = 1\n[y]\na = 2', 'y.a', 4],
  ['"x" . y = 1', 'x.y', 1],
  ['[x.y]\nz = 1', 'x.y.z', 2],
  ['x = { y = 1 }', 'x.y', 1],
] as const)('the line of a key in %j', ([text, name, line]) => {
  expect(lineOfKey(text, name)).toBe(line);
});

test('the nearest key', () => {
  expect(nearestKey('event_days')).toBe('retention.event_days');
  expect(nearestKey('container_alert')).toBe('container_alerts');
});

test('files: the first, then conf.d by name; others in conf.d are left alone', () => {
  const folder = folderOf({
    'config.toml': 'learning = "1d"\nlog.level = "warn"',
    'conf.d/20-b.toml': 'learning = "3d"',
    'conf.d/10-a.toml': 'learning = "2d"\nknown_front_ends = false',
    'conf.d/30-c.toml.bak': 'nonsense',
  });
  const { configuration, files } = readConfiguration(join(folder, 'config.toml'));
  expect(configuration).toMatchObject({ learning: 3 * 86_400_000, known_front_ends: false, log: { level: 'warn' } });
  expect(files.map((file) => file.slice(folder.length))).toEqual([
    '/config.toml',
    '/conf.d/10-a.toml',
    '/conf.d/20-b.toml',
  ]);
  expect(configuration.rules_directories[0]).toBe(join(import.meta.dirname, '../../detectors/rules'));
});

test('a mistake in conf.d names that file', () => {
  const folder = folderOf({ 'config.toml': '', 'conf.d/a.toml': '\nlearning = 3' });
  expect(() => readConfiguration(join(folder, 'config.toml'))).toThrow(
    /conf\.d\/a\.toml:2: learning: found 3, allowed:/,
  );
});

test('a file that was asked for must be there', () => {
  expect(() => readConfiguration('/nowhere/config.toml')).toThrow('/nowhere/config.toml: no such file');
  expect(() => readConfiguration(tmpdir())).toThrow(`${tmpdir()}: a folder, not a file`);
});

test('a rules folder that was asked for must be there', () => {
  const folder = folderOf({ 'config.toml': '\nrules_directories = ["/nowhere/rules"]' });
  expect(() => readConfiguration(join(folder, 'config.toml'))).toThrow(
    /config\.toml:2: rules_directories: found "\/nowhere\/rules", allowed: folders that exist/,
  );
});
