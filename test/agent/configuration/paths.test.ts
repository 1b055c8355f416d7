// Where things live: configuration, then systemd's variables, then the usual places.

import { expect, test } from 'vitest';
import { resolvePaths } from '../../../agent/configuration/paths.ts';

test('without anything, the usual places', () => {
  expect(resolvePaths({ directories: {} }, {})).toEqual({
    stateDirectory: '/var/lib/stepparent',
    logsDirectory: '/var/log/stepparent',
    runtimeDirectory: '/run/stepparent',
    database: '/var/lib/stepparent/stepparent.db',
    alerts: '/var/log/stepparent/alerts.ndjson',
    controlSocket: '/run/stepparent/control.sock',
  });
});

test('of a list from systemd the first is ours, and an empty variable is none', () => {
  const paths = resolvePaths(
    { directories: {} },
    { STATE_DIRECTORY: '/a/b:/c', LOGS_DIRECTORY: '', RUNTIME_DIRECTORY: '/r' },
  );
  expect(paths).toMatchObject({
    database: '/a/b/stepparent.db',
    alerts: '/var/log/stepparent/alerts.ndjson',
    controlSocket: '/r/control.sock',
  });
});

test('configuration goes first', () => {
  const paths = resolvePaths(
    { directories: { state: '/mine' } },
    { STATE_DIRECTORY: '/given', RUNTIME_DIRECTORY: '/given' },
  );
  expect(paths).toMatchObject({ stateDirectory: '/mine', runtimeDirectory: '/given' });
});
