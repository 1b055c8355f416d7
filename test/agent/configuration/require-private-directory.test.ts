// Which directories the agent accepts as its own.

import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigurationError } from '../../../agent/configuration/configuration-error.ts';
import { requirePrivateDirectory } from '../../../agent/configuration/require-private-directory.ts';
import { needsRoot, titled } from '../../needs.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stepparent-own-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test.each([0o700, 0o755, 0o750])('accepts a directory with mode %o and a missing one', (mode) => {
  chmodSync(directory, mode);
  requirePrivateDirectory(directory, 'directories.state');
  requirePrivateDirectory(join(directory, 'missing'), 'directories.state');
});

test.each([0o777, 0o1777, 0o770])('rejects a directory with mode %o: other users could write to it', (mode) => {
  chmodSync(directory, mode);
  expect(() => requirePrivateDirectory(directory, 'directories.state')).toThrow(
    new ConfigurationError(
      directory,
      '`directories.state` must be writable only for root, but users other than its owner may write to it; correct its owner and mode, or choose another directory',
    ),
  );
});

test.skipIf(needsRoot)(titled("rejects another user's directory", needsRoot), () => {
  chownSync(directory, 1234, 0);
  expect(() => requirePrivateDirectory(directory, 'directories.state')).toThrow('it belongs to user 1234');
});
