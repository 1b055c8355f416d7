// The settings of a tracing instance, in a directory whose files keep what is written to them.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type InstanceSettings, openInstanceSettings } from '../../../collectors/tracefs/instance-settings.ts';

let directory: string;
let settings: InstanceSettings;
const at = (file: string): string => join(directory, file);
const put = (file: string, text: string): void => {
  mkdirSync(dirname(at(file)), { recursive: true });
  writeFileSync(at(file), text);
};
const now = (file: string): string => readFileSync(at(file), 'utf8');
const exec = 'sched/sched_process_exec';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stepparent-settings-'));
  put('tracing_on', '1\n');
  put('set_event_pid', '');
  put('buffer_size_kb', '7\n');
  put(`events/${exec}/enable`, '0\n');
  put(`events/${exec}/filter`, 'none\n');
  put(`events/${exec}/trigger`, '# Available triggers:\n# traceon traceoff\n');
  settings = openInstanceSettings(directory);
  settings.write('buffer_size_kb', '1408');
  settings.enable(exec);
});

afterEach(() => rmSync(directory, { recursive: true }));

test('those that are as the agent set them are left alone', () => {
  expect(settings.restore()).toEqual([]);
  expect(now('buffer_size_kb')).toBe('1408');
});

test.each<[string, string, string, string]>([
  ['tracing_on', '0\n', '1', '1'],
  ['set_event_pid', '1\n', '', ''],
  ['buffer_size_kb', '4\n', '1408', '1408'],
  [`events/${exec}/enable`, '0\n', '1', '1'],
  [`events/${exec}/trigger`, 'traceoff:unlimited\n', '', ''],
])('%s is set again', (file, text, before, written) => {
  put(file, text);
  expect(settings.restore()).toEqual([{ path: at(file), before, after: text.trim(), restored: true }]);
  expect(now(file)).toBe(written);
  expect(settings.restore()).toEqual([]);
});

test('a filter is removed again, and the kernel then shows another text than was written', () => {
  put(`events/${exec}/filter`, 'filename != "/usr/bin/dpkg"\n');
  const [changed] = settings.restore();
  expect(changed).toMatchObject({ before: 'none', after: 'filename != "/usr/bin/dpkg"' });
  expect(now(`events/${exec}/filter`)).toBe('0');
});

test('a filter of the agent is kept', () => {
  settings.enable(exec, 'newstate == 2');
  put(`events/${exec}/filter`, 'none\n');
  settings.restore();
  expect(now(`events/${exec}/filter`)).toBe('newstate == 2');
});

test('a file that is gone is reported each time, as it cannot be set', () => {
  rmSync(at(`events/${exec}`), { recursive: true });
  const gone = ['filter', 'trigger', 'enable'].map((name) => at(`events/${exec}/${name}`));
  expect(settings.restore()).toMatchObject(gone.map((path) => ({ path, after: undefined, restored: false })));
});

test('those of a removed probe are forgotten', () => {
  settings.forget(exec);
  put(`events/${exec}/enable`, '0\n');
  expect(settings.restore()).toEqual([]);
});

test('a value of any length is cut', () => {
  put('set_event_pid', '1\n'.repeat(10_000));
  expect(settings.restore()[0]?.after).toHaveLength(200);
});
