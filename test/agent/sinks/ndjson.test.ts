// The file of alerts: lines stay complete, also if the file is cut, rotated or removed.

import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openNdjsonSink } from '../../../agent/sinks/ndjson.ts';
import { alertDocument } from '../journal/alert-document.ts';

function opened(prepare: (path: string) => void = () => {}) {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-ndjson-'));
  const path = join(directory, 'logs', 'alerts.ndjson');
  prepare(path);
  const sink = openNdjsonSink(path);
  onTestFinished(async () => {
    await sink.close();
    rmSync(directory, { recursive: true });
  });
  return { path, sink, lines: () => readFileSync(path, 'utf8').split('\n') };
}

const one = alertDocument({ message: 'one\ntwo' });
const two = alertDocument({ message: 'three\u2028four' });

test('writes complete lines to a file that only root can read', async () => {
  const { path, sink, lines } = opened();
  expect(await sink.deliver([one, two])).toEqual({ delivered: 2 });
  expect(await sink.deliver([one])).toEqual({ delivered: 1 });
  expect(lines().map((line) => line && JSON.parse(line))).toEqual([one, two, one, '']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
});

test('ends a line that was cut with a newline', async () => {
  const { path, sink, lines } = opened((path) => {
    mkdirSync(join(path, '..'));
    writeFileSync(path, '{"torn":');
  });
  await sink.deliver([one]);
  appendFileSync(path, '{"torn again":');
  await sink.deliver([two]);
  expect(lines()).toEqual(['{"torn":', JSON.stringify(one), '{"torn again":', JSON.stringify(two), '']);
});

test('follows a file that was rotated or truncated', async () => {
  const { path, sink, lines } = opened();
  await sink.deliver([one]);
  renameSync(path, `${path}.1`);
  await sink.deliver([two]);
  expect(lines()).toEqual([JSON.stringify(two), '']);
  truncateSync(path);
  await sink.deliver([one]);
  expect(lines()).toEqual([JSON.stringify(one), '']);
  rmSync(join(path, '..'), { recursive: true });
  await sink.deliver([two]);
  expect(lines()).toEqual([JSON.stringify(two), '']);
  writeFileSync(`${path}.new`, 'other\n');
  renameSync(`${path}.new`, path);
  await sink.deliver([one]);
  expect(lines()).toEqual(['other', JSON.stringify(one), '']);
});

test('reports what cannot be written and does not count it', async () => {
  const directory = opened((path) => mkdirSync(path, { recursive: true }));
  expect(await directory.sink.deliver([one])).toMatchObject({ delivered: 0, trouble: /alerts\.ndjson: EISDIR/ });
  const link = opened((path) => {
    mkdirSync(join(path, '..'));
    symlinkSync('/tmp/elsewhere', path);
  });
  expect(await link.sink.deliver([one])).toMatchObject({ delivered: 0, trouble: /ELOOP/ });
  const device = openNdjsonSink('/dev/full');
  expect(await device.deliver([one])).toMatchObject({ delivered: 0, trouble: '/dev/full: not a regular file' });
});
