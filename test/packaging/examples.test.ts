// The configurations for log shippers: each can be parsed, is described in docs/fleet.md, and reads what the agent writes.

import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { journalFacts } from '../../agent/journal/journal-fields.ts';
import { journalFieldNames } from '../../agent/sinks/journald.ts';
import { refusalOf } from '../docs/guide-commands.ts';
import { titled, unmet } from '../needs.ts';

const root = path.join(import.meta.dirname, '../..');
const directory = path.join(root, 'packaging/examples');
const files = globSync('*/*', { cwd: directory }).sort();
const read = (file: string): string => readFileSync(path.join(directory, file), 'utf8');
const guide = readFileSync(path.join(root, 'docs/fleet.md'), 'utf8');

const python = (program: string, input: string) => spawnSync('python3', ['-c', program], { input, encoding: 'utf8' });
const yamlMissing = unmet(python('import yaml', '').status === 0 ? undefined : 'python3-yaml is not installed');
const yaml = (text: string): unknown => {
  const { stdout, stderr } = python('import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)', text);
  expect(stderr).toBe('');
  return JSON.parse(stdout);
};

const of = (pattern: RegExp): string[] => files.filter((file) => pattern.test(file));

test('docs/fleet.md lists each example and no other', () => {
  const named = [...guide.matchAll(/\(\.\.\/packaging\/examples\/([^)]+)\)/g)].map(([, name]) => name);
  expect(named.sort()).toEqual(files);
});

test.each(of(/\.json$/))('%s is JSON', (file) => {
  expect(JSON.parse(read(file))).toEqual(expect.any(Object));
});

test.each(of(/\.toml$/))('%s is TOML', (file) => {
  expect(parse(read(file))).toEqual(expect.any(Object));
});

test.skipIf(yamlMissing).each(of(/\.ya?ml$/))(`${titled('%s is YAML', yamlMissing)}`, (file) => {
  expect(yaml(read(file))).toEqual(expect.any(Object));
});

test.each(of(/^wazuh\//))('%s is XML', (file) => {
  const { status, stderr } = python(
    'import sys, xml.etree.ElementTree as tree; tree.fromstring("<all>" + sys.stdin.read() + "</all>")',
    read(file),
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

describe('input', () => {
  test.each(of(/^(?:alloy|filebeat|fluent-bit|otelcol|rsyslog|vector|wazuh\/ossec)/))('%s: alerts.ndjson', (file) => {
    expect(read(file)).toContain('/var/log/stepparent/alerts.ndjson');
  });

  test.each(of(/^(?:alloy|fluent-bit|otelcol|vector)/))('%s: root’s own entries in the journal', (file) => {
    expect(read(file)).toMatch(/SYSLOG_IDENTIFIER\W+stepparent/);
    expect(read(file)).toMatch(/_UID\W+0/);
  });

  test('the export names a command that exists', async () => {
    const [, command = ''] = /stepparent (events[^>]*?) >/.exec(read('events/stepparent-export.service')) ?? [];
    expect(await refusalOf(['stepparent', ...command.split(' ')])).toBe(undefined);
  });

  test('docs/fleet.md names the fields of the journal that docs/fields.md does not have', () => {
    const rows = guide.matchAll(/^\| `([A-Z\d_]+)`/gm);
    const named = [...rows].map(([, name = '']) => name).filter((name) => !name.startsWith('_'));
    const facts = journalFacts.map(({ name }) => name);
    expect(named.sort()).toEqual(journalFieldNames.filter((name) => !facts.includes(name)).sort());
  });
});
