// The configuration: defaults, layers, and what a mistake is answered with.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import * as z from 'zod';
import { completeConfiguration, configurationSchema, parseConfigurationFile } from '../../agent/configuration.ts';
import { ConfigurationError } from '../../agent/configuration-error.ts';
import { readConfiguration } from '../../agent/read-configuration.ts';
import { shippedHunts } from '../../detectors/hunts/load-hunts.ts';

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
    events: {
      record:
        'stepparent.package.operation:(install or upgrade or unpack or configure or remove or purge) or ' +
        '(process.name:(dpkg or rpm) and not process.args:*) or stepparent.lifecycle_script.manager:*',
    },
    retention: { event_days: 14, max_mb: 200 },
    hunts: { interval: 3_600_000, directories: [shippedHunts, '/etc/stepparent/hunts.d'] },
    alerts: { journald: true, ndjson: true },
    log: { level: 'info' },
  });
});

test('every key has a line of documentation', () => {
  const described = (schema: z.core.JSONSchema.JSONSchema, name: string): [string, string | undefined][] =>
    schema.properties
      ? Object.entries(schema.properties).flatMap(([key, child]) => described(Object(child), `${name}.${key}`))
      : [[name, schema.description]];
  const keys = described(z.toJSONSchema(configurationSchema, { io: 'input' }), '');
  expect(keys.length).toBe(20);
  for (const [name, line] of keys) expect(line, name).toMatch(/^[A-Z].*\.$/);
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

test('hunts can be left out', () => {
  const table = parseConfigurationFile('hunts.interval = "off"', 'c.toml');
  expect(completeConfiguration([table]).hunts.interval).toBeUndefined();
});

test.for([
  ['learning = "3 days"', 'c.toml:1:1: `learning` must be a number and s, m, h, d or w, such as "90s"'],
  ['\n[sensor]\n# which\nmode = "ebpf"', 'c.toml:4:1: `sensor.mode` must be "auto"'],
  ['sensor.buffer_total_mb = 0', 'c.toml:1:1: `sensor.buffer_total_mb` must be at least 1'],
  [
    'sensor = { mode = "auto", poll_interval_ms = 1.5 }',
    'c.toml:1:1: `sensor.poll_interval_ms` must be a whole number',
  ],
  ['a = 1\nb = 2', 'c.toml:1:1: unknown key `a`'],
  ['known_front_ends = true\nlearnign = "3d"', 'c.toml:2:1: unknown key `learnign`; did you mean `learning`?'],
  ['[sensor]\nbuffer_mb = 4', 'c.toml:2:1: unknown key `sensor.buffer_mb`'],
  ['[sensors]\nmode = "auto"', 'c.toml:1:1: unknown key `sensors`'],
  ['[log]\nlevel = "loud"', 'c.toml:2:1: `log.level` must be "error"'],
  ['[events]\nrecord = "a:(b or"', 'c.toml:2:1: `events.record` must be a KQL query: '],
  ['[hunts]\ninterval = "5s"', 'c.toml:2:1: `hunts.interval` must be a number and s, m, h, d or w'],
  ['log = "debug"', 'c.toml:1:1: `log` must be a table'],
  ['state_directory = "state"', 'c.toml:1:1: `state_directory` must be an absolute path'],
  ['rules_directories = ["/a", 7]', 'c.toml:1:1: `rules_directories[1]` must be a text in quotes'],
  ['known_front_ends = "yes"', 'c.toml:1:1: `known_front_ends` must be true or false'],
  ['learning = "3d"\nlearning = "4d"', 'c.toml:2:1: not valid TOML: '],
  ['learning = ', 'c.toml:1:12: not valid TOML: '],
  ['__proto__ = 1', 'c.toml:1:1: unknown key'],
])('%j is refused', ([text = '', refusal = '']) => {
  expect(refusalOf(text).slice(0, refusal.length)).toBe(refusal);
  expect(refusalOf(text)).not.toContain('\n');
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
    /conf\.d\/a\.toml:2:1: `learning` must be a text in quotes/,
  );
});

test('a file that was asked for must be there', () => {
  expect(() => readConfiguration('/nowhere/config.toml')).toThrow('/nowhere/config.toml: no such file');
  expect(() => readConfiguration(tmpdir())).toThrow(`${tmpdir()}: a folder, not a file`);
});

test('a rules folder that was asked for must be there', () => {
  const folder = folderOf({ 'config.toml': '\nrules_directories = ["/nowhere/rules"]' });
  expect(() => readConfiguration(join(folder, 'config.toml'))).toThrow(
    /config\.toml:2:1: `rules_directories` must be folders that exist, and \/nowhere\/rules does not/,
  );
});
