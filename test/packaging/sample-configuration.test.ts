// The sample configuration: it is valid, sets nothing, and shows the defaults as they are.

import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { completeConfiguration, configurationKeys } from '../../agent/configuration/configuration.ts';
import { parseConfigurationFile } from '../../agent/configuration/configuration-file.ts';
import { parseExceptions } from '../../agent/configuration/configured-exceptions.ts';
import { asInstalled, sampleConfiguration } from '../../packaging/sample-configuration.ts';

const sample = sampleConfiguration();
const setting = /^#(?=[a-z_]+ = )/gm;

/** What the table has under the name. */
const settingOf = (data: unknown, name: string): unknown =>
  name.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], data);

test('sets nothing as shipped', () => {
  const { table, warnings, rejected } = parseConfigurationFile(sample, 'config.toml');
  expect({ warnings, rejected }).toEqual({ warnings: [], rejected: [] });
  expect(completeConfiguration([table])).toEqual(completeConfiguration([]));
});

test('without the # each key has its default or an allowed value', () => {
  expect(sample.match(setting)).toHaveLength(configurationKeys.length);
  const text = sample.replaceAll(setting, '');
  const { table, warnings, rejected } = parseConfigurationFile(text, 'config.toml');
  expect({ warnings, rejected }).toEqual({ warnings: [], rejected: [] });
  for (const { name, default: value, example } of configurationKeys) {
    expect(settingOf(table, name), name).toEqual(asInstalled(value ?? example));
  }
  const { learning: _, directories: __, ...fixed } = completeConfiguration([table]);
  const { directories: ___, ...defaults } = completeConfiguration([]);
  expect(fixed).toEqual(defaults);
});

test('each # can be removed by itself', () => {
  for (const { name, default: value, example } of configurationKeys) {
    const key = name.slice(name.lastIndexOf('.') + 1);
    const { table, warnings, rejected } = parseConfigurationFile(
      sample.replace(`\n#${key} = `, `\n${key} = `),
      'c.toml',
    );
    expect({ warnings, rejected }).toEqual({ warnings: [], rejected: [] });
    expect(settingOf(table, name), name).toEqual(asInstalled(value ?? example));
  }
});

test('the example of an exception is valid', () => {
  const text = sample.replaceAll(/^# (?=\[\[|[a-z]+ = )/gm, '');
  expect(parseExceptions(text, 'c.toml')).toMatchObject([{ owner: 'alice', when: [{ operator: 'is' }] }]);
  expect(Object.keys(parse(text))).toContain('log');
});

test('contains no path of this machine, and no long line except values', () => {
  expect(sample).not.toContain(process.cwd());
  expect(sample).toContain('"/usr/lib/stepparent/detectors/hunts", "/etc/stepparent/hunts.d"');
  for (const line of sample.split('\n')) if (!line.startsWith('#store')) expect(line.length).toBeLessThan(101);
});
