// The configuration: defaults, layers, and error messages.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  completeConfiguration,
  configurationKeys,
  configurationTables,
} from '../../../agent/configuration/configuration.ts';
import { ConfigurationError } from '../../../agent/configuration/configuration-error.ts';
import { parseConfigurationFile } from '../../../agent/configuration/configuration-file.ts';
import { allowedDuration } from '../../../agent/configuration/duration.ts';
import { checkConfiguration, readConfiguration } from '../../../agent/configuration/read-configuration.ts';
import { shippedHunts } from '../../../detectors/hunts/load-hunts.ts';
import { whyUnreadable } from '../../why-unreadable.ts';

function directoryOf(files: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-configuration-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, 'conf.d'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

function rejectionOf(text: string): string {
  const [error] = parseConfigurationFile(text, 'c.toml').rejected;
  if (error === undefined) return 'accepted';
  expect(error).toBeInstanceOf(ConfigurationError);
  return error.message;
}

const tableOf = (text: string) => {
  const { table, rejected } = parseConfigurationFile(text, 'c.toml');
  expect(rejected).toEqual([]);
  return table;
};

test('has these defaults', () => {
  expect(completeConfiguration([])).toEqual({
    trust_package_managers: true,
    container_alerts: false,
    sensor: { mode: 'auto', capture_all_args: 'auto', buffer_total_mib: 16, poll_interval_ms: 100 },
    directories: { hunts: [shippedHunts, '/etc/stepparent/hunts.d'] },
    watched_paths: { default: true, add: [], remove: [] },
    events: {
      store:
        'event.category:process and (' +
        'stepparent.package.operation:(install or upgrade or unpack or configure or remove or purge) or ' +
        '((process.name:(dpkg or rpm) or stepparent.program.name:(dpkg or rpm)) and not process.args:*) or stepparent.lifecycle_script.manager:*)',
    },
    retention: { event_days: 14, package_days: 1825, max_mib: 200 },
    hunts: { interval: 3_600_000 },
    alerts: { journald: true, ndjson: true, socket: false },
    log: { level: 'info' },
  });
});

test('every key has a description, allowed values, and a default or `whenUnset`', () => {
  expect(configurationKeys.length).toBe(25);
  for (const { name, description, allowed, default: value, whenUnset, example } of configurationKeys) {
    expect(description, name).toMatch(/^[A-Z].*\.$/);
    expect(allowed, name).toMatch(/^[^A-Z]+|a KQL/);
    expect(allowed, name).not.toContain('undefined');
    expect(value === undefined, name).toBe(whenUnset !== undefined);
    expect(example, name).toBeDefined();
  }
  expect([...configurationTables.keys()]).toEqual([
    'directories',
    'sensor',
    'watched_paths',
    'events',
    'retention',
    'hunts',
    'alerts',
    'log',
  ]);
  for (const [name, description] of configurationTables) expect(description, name).toMatch(/^[A-Z].*\.$/);
});

test('describes allowed values in words', () => {
  const allowed = new Map(configurationKeys.map((key) => [key.name, key.allowed]));
  expect(allowed.get('sensor.mode')).toBe('"auto", "tracefs", "procfs"');
  expect(allowed.get('sensor.buffer_total_mib')).toBe('a whole number from 1 to 256');
  expect(allowed.get('alerts.ndjson')).toBe('true or false');
  expect(allowed.get('directories.rules')).toBe('a list; each entry is an absolute path; at least 1');
  expect(allowed.get('hunts.interval')?.startsWith(allowedDuration)).toBe(true);
  expect(allowed.get('hunts.interval')).toMatch(/"off"$/);
});

test('later tables override earlier ones, key by key', () => {
  const tables = [
    'learning = "3d"\nsensor.mode = "procfs"\ndirectories.rules = ["/a", "/b"]',
    '[sensor]\nbuffer_total_mib = 4',
    'directories.rules = ["/c"]',
  ];
  const configuration = completeConfiguration(tables.map(tableOf));
  expect(configuration).toMatchObject({
    learning: 3 * 86_400_000,
    sensor: { mode: 'procfs', buffer_total_mib: 4, poll_interval_ms: 100 },
    directories: { rules: ['/c'] },
  });
});

test('watched paths are added and removed, by path and by kind', () => {
  const table = tableOf('[watched_paths]\nadd = ["/srv/x/**", "~/.x"]\nremove = ["/etc/crontab", "desktop"]');
  expect(completeConfiguration([table]).watched_paths).toEqual({
    default: true,
    add: ['/srv/x/**', '~/.x'],
    remove: ['/etc/crontab', 'desktop'],
  });
});

test('hunts can be switched off', () => {
  const table = tableOf('hunts.interval = "off"');
  expect(completeConfiguration([table]).hunts.interval).toBeUndefined();
});

test.for([
  ['learning = "3 days"', 'c.toml:1:1: `learning` ', allowedDuration],
  ['\n[sensor]\n# which\nmode = "ebpf"', 'c.toml:4:1: `sensor.mode` ', '"auto", "tracefs"'],
  ['sensor.buffer_total_mib = 0', 'c.toml:1:1: `sensor.buffer_total_mib` ', '1'],
  ['sensor = { mode = "auto", poll_interval_ms = 1.5 }', 'c.toml:1:1: `sensor.poll_interval_ms` ', ''],
  ['[log]\nlevel = "loud"', 'c.toml:2:1: `log.level` ', '"error"'],
  ['[events]\nstore = "a:(b or"', 'c.toml:2:1: `events.store` ', 'KQL'],
  ['[hunts]\ninterval = "5s"', 'c.toml:2:1: `hunts.interval` ', allowedDuration],
  ['log = "debug"', 'c.toml:1:1: `log` ', ''],
  ['directories.state = "state"', 'c.toml:1:1: `directories.state` ', 'absolute'],
  ['directories.rules = ["/a", 7]', 'c.toml:1:1: `directories.rules[1]` ', ''],
  ['watched_paths.default = 1', 'c.toml:1:1: `watched_paths.default` ', 'true'],
  ['watched_paths.add = ["etc/x"]', 'c.toml:1:1: `watched_paths.add[0]` ', 'an absolute path'],
  ['watched_paths.add = ["/etc/x", "/etc/../x"]', 'c.toml:1:1: `watched_paths.add[1]` ', 'without empty parts'],
  ['watched_paths.add = ["/etc/**/x"]', 'c.toml:1:1: `watched_paths.add[0]` ', 'at its end only'],
  ['watched_paths.add = ["/**"]', 'c.toml:1:1: `watched_paths.add[0]` ', 'below a directory'],
  ['watched_paths.remove = ["/etc/none"]', 'c.toml:1:1: `watched_paths.remove[0]` ', 'a path of the default list'],
  ['trust_package_managers = "yes"', 'c.toml:1:1: `trust_package_managers` ', 'true'],
  ['learning = "3d"\nlearning = "4d"', 'c.toml:2:1: ', 'TOML'],
  ['learning = ', 'c.toml:1:12: ', 'TOML'],
])('%j is rejected', ([text = '', place = '', allowed = '']) => {
  const refusal = rejectionOf(text);
  expect(refusal.slice(0, place.length)).toBe(place);
  expect(refusal.slice(place.length)).toContain(allowed);
  expect(refusal).not.toContain('\n');
});

test.for([
  ['a = 1\nb = 2', ['c.toml:1: unknown key `a`', 'c.toml:2: unknown key `b`']],
  ['trust_package_managers = true\nlearnign = "3d"', ['c.toml:2: unknown key `learnign`; did you mean `learning`?']],
  ['[sensor]\nbuffer_mb = 4', ['c.toml:2: unknown key `sensor.buffer_mb`; did you mean `sensor.buffer_total_mib`?']],
  ['[sensors]\nmode = "auto"', ['c.toml:1: unknown key `sensors`; did you mean `sensor`?']],
  ['event_days = 3', ['c.toml:1: unknown key `event_days`; did you mean `retention.event_days`?']],
  ['retention_event_days = 3', ['c.toml:1: unknown key `retention_event_days`; did you mean `retention.event_days`?']],
  ['"sensor.mode" = "auto"', ['c.toml:1: unknown key `"sensor.mode"`; did you mean `sensor.mode`?']],
  ['[log]\nlearning = "1d"', ['c.toml:2: unknown key `log.learning`; did you mean `learning`, above the first table?']],
  ['sensor = { mod = "auto" }', ['c.toml:1: unknown key `sensor.mod`; did you mean `sensor.mode`?']],
  ['[[exception]]\nrule = "x"', ['c.toml:1: unknown key `exception`; did you mean `exceptions`?']],
  [
    '__proto__.polluted = 1\n[sensor.__proto__]\nmode = 7',
    [
      'c.toml:1: unknown key `__proto__`',
      'c.toml:2: unknown key `sensor.__proto__`; known here: mode, capture_all_args, buffer_total_mib, poll_interval_ms',
    ],
  ],
  ['constructor = 1', ['c.toml:1: unknown key `constructor`']],
  ['[log]\nlevel = "warn"', []],
] as const)('%j: these warnings, and the rest is read', ([text, warnings]) => {
  const { table, ...notes } = parseConfigurationFile(text, 'c.toml');
  expect(notes).toEqual({ warnings, rejected: [] });
  const configuration = completeConfiguration([table]);
  expect(configuration).toEqual(
    completeConfiguration([text.startsWith('[log]\nlevel') ? { log: { level: 'warn' } } : {}]),
  );
  expect(Object.getPrototypeOf(table)).toBe(Object.prototype);
  expect('polluted' in configuration).toBe(false);
});

test('reports both an unknown key and a wrong value', () => {
  const { warnings, rejected } = parseConfigurationFile('lerning = "1d"\nlearning = 1\n[log]\nlevel = "x"', 'c.toml');
  expect(warnings).toEqual([expect.stringMatching(/^c\.toml:1: .*`lerning`.*`learning`/)]);
  expect(rejected.map(({ message }) => message.slice(0, 22))).toEqual([
    'c.toml:2:1: `learning`',
    'c.toml:4:1: `log.level',
  ]);
});

test.for([
  ['state_directory = "/x"', 'c.toml:1:1: `state_directory` is now `directories.state`'],
  ['logs_directory = "/x"', 'c.toml:1:1: `logs_directory` is now `directories.logs`'],
  ['runtime_directory = "/x"', 'c.toml:1:1: `runtime_directory` is now `directories.runtime`'],
  ['rules_directories = ["/x"]', 'c.toml:1:1: `rules_directories` is now `directories.rules`'],
  [
    'package_database_folders = ["/x"]',
    'c.toml:1:1: `package_database_folders` is now `directories.package_databases`',
  ],
  ['\n[hunts]\ndirectories = ["/x"]', 'c.toml:3:1: `hunts.directories` is now `directories.hunts`'],
  ['known_front_ends = false', 'c.toml:1:1: `known_front_ends` is now `trust_package_managers`'],
  ['sensor.argv_of_every_exec = "off"', 'c.toml:1:1: `sensor.argv_of_every_exec` is now `sensor.capture_all_args`'],
  ['sensor.buffer_total_mb = 8', 'c.toml:1:1: `sensor.buffer_total_mb` is now `sensor.buffer_total_mib`'],
  ['[events]\nrecord = "process.name:x"', 'c.toml:2:1: `events.record` is now `events.store`'],
  ['[retention]\nmax_mb = 100', 'c.toml:2:1: `retention.max_mb` is now `retention.max_mib`'],
] as const)('%j is rejected with the new name', ([text, message]) => {
  const { warnings, rejected, table } = parseConfigurationFile(text, 'c.toml');
  expect(rejected.map((error) => error.message)).toEqual([message]);
  expect({ warnings, table }).toEqual({ warnings: [], table: {} });
  const newName = /`([^`]+)`$/.exec(message)?.[1];
  expect(configurationKeys.map(({ name }) => name)).toContain(newName);
});

test('a quoted key with the spelling of an old name is an unknown key', () => {
  const { warnings, rejected } = parseConfigurationFile('"events.record" = 1', 'c.toml');
  expect(rejected).toEqual([]);
  expect(warnings).toHaveLength(1);
});

test('a file full of unknown keys gives a bounded number of warnings', () => {
  const text = Array.from({ length: 3000 }, (_, i) => `"${'x'.repeat(1000)}${i}" = 1`).join('\n');
  const { warnings } = parseConfigurationFile(text, 'c.toml');
  expect(warnings.length).toBe(21);
  expect(warnings.at(-1)).toBe('c.toml: 2980 more unknown keys');
  for (const warning of warnings) expect(warning.length).toBeLessThan(300);
});

test('lists each setting with its position, and all errors of all files', () => {
  const directory = directoryOf({
    'config.toml': 'learning = "1d"\nsensor.mode = "procfs"\nlerning = 1',
    'conf.d/1.toml': '\n\n[sensor]\nmode = "tracefs"',
  });
  const inDirectory = (file: string): string => file.slice(directory.length + 1);
  const { settings, warnings } = readConfiguration(join(directory, 'config.toml'));
  expect([...settings].map(([name, { value, file, line }]) => [name, value, inDirectory(file), line])).toEqual([
    ['learning', '1d', 'config.toml', 1],
    ['sensor.mode', 'tracefs', 'conf.d/1.toml', 4],
  ]);
  expect(warnings.map(inDirectory)).toEqual([expect.stringMatching(/^config\.toml:3: .*`lerning`.*`learning`/)]);

  writeFileSync(join(directory, 'conf.d/1.toml'), 'sensor.mode = 1\nlog.level = 1');
  writeFileSync(join(directory, 'conf.d/2.toml'), 'learning = ');
  const { rejected, configuration } = checkConfiguration(join(directory, 'config.toml'));
  expect(rejected.map(({ message }) => inDirectory(message).split(' ')[0])).toEqual([
    'conf.d/1.toml:1:1:',
    'conf.d/1.toml:2:1:',
    'conf.d/2.toml:1:12:',
  ]);
  expect(configuration.sensor.mode).toBe('procfs');
});

test('reads the main file, then conf.d by name, and ignores other files in conf.d', () => {
  const directory = directoryOf({
    'config.toml': 'learning = "1d"\nlog.level = "warn"',
    'conf.d/20-b.toml': 'learning = "3d"',
    'conf.d/10-a.toml': 'learning = "2d"\ntrust_package_managers = false',
    'conf.d/30-c.toml.bak': 'nonsense',
  });
  const { configuration, files } = readConfiguration(join(directory, 'config.toml'));
  expect(configuration).toMatchObject({
    learning: 3 * 86_400_000,
    trust_package_managers: false,
    log: { level: 'warn' },
  });
  expect(files.map((file) => file.slice(directory.length))).toEqual([
    '/config.toml',
    '/conf.d/10-a.toml',
    '/conf.d/20-b.toml',
  ]);
  expect(configuration.directories.rules[0]).toBe(join(import.meta.dirname, '../../../detectors/rules'));
});

test('a mistake in conf.d names that file', () => {
  const directory = directoryOf({ 'config.toml': '', 'conf.d/a.toml': '\nlearning = 3' });
  expect(() => readConfiguration(join(directory, 'config.toml'))).toThrow(/conf\.d\/a\.toml:2:1: `learning` /);
});

test('an explicitly named file must exist', () => {
  expect(() => readConfiguration('/nowhere/config.toml')).toThrow('/nowhere/config.toml: no such file');
  expect(() => readConfiguration(tmpdir())).toThrow(`${tmpdir()}: ${whyUnreadable(tmpdir())}`);
  expect(() => readConfiguration('/etc/passwd/config.toml')).toThrow(
    new ConfigurationError('/etc/passwd/config.toml', 'cannot be read (ENOTDIR)'),
  );
});

test.for([
  ['a directory', (file: string) => mkdirSync(file), undefined],
  ['a fifo, which would never end', (file: string) => execFileSync('mkfifo', [file]), undefined],
  ['a device', (file: string) => symlinkSync('/dev/zero', file), undefined],
  ['a large file', (file: string) => [writeFileSync(file, ''), truncateSync(file, 2 ** 40)], undefined],
  ['a link to nothing', (file: string) => symlinkSync('/nowhere', file), 'a link to a file that does not exist'],
  ['a link to itself', (file: string) => symlinkSync(file, file), 'cannot be read (ELOOP)'],
] as const)('in conf.d %s is rejected, and the others are read', ([, make, message]) => {
  const directory = directoryOf({ 'config.toml': 'log.level = "warn"', 'conf.d/b.toml': 'learning = "2d"' });
  const file = join(directory, 'conf.d/a.toml');
  make(file);
  const { rejected, configuration } = checkConfiguration(join(directory, 'config.toml'));
  expect(rejected).toEqual([new ConfigurationError(file, message ?? whyUnreadable(file))]);
  expect(configuration).toMatchObject({ learning: 2 * 86_400_000, log: { level: 'warn' } });
});

test('a configured directory of rules must exist', () => {
  const directory = directoryOf({ 'config.toml': '\ndirectories.rules = ["/nowhere/rules"]' });
  expect(() => readConfiguration(join(directory, 'config.toml'))).toThrow(
    /config\.toml:2:1: `directories.rules` must be directories that exist, and \/nowhere\/rules does not/,
  );
});
