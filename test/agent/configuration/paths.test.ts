// The precedence of paths: configuration, then systemd's variables, then the defaults.

import { expect, test } from 'vitest';
import { resolvePaths } from '../../../agent/configuration/paths.ts';

test('uses the default directories', () => {
  expect(resolvePaths({ directories: {} }, {})).toEqual({
    stateDirectory: '/var/lib/stepparent',
    logsDirectory: '/var/log/stepparent',
    runtimeDirectory: '/run/stepparent',
    database: '/var/lib/stepparent/stepparent.db',
    alerts: '/var/log/stepparent/alerts.ndjson',
    controlSocket: '/run/stepparent/control.sock',
  });
});

test('takes the first entry of systemd’s list, and ignores an empty variable', () => {
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

test('the configuration takes precedence', () => {
  const paths = resolvePaths(
    { directories: { state: '/mine' } },
    { STATE_DIRECTORY: '/given', RUNTIME_DIRECTORY: '/given' },
  );
  expect(paths).toMatchObject({ stateDirectory: '/mine', runtimeDirectory: '/given' });
});
