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

test.each([0o700, 0o755, 0o750])('%o is well, and so is one that is not there', (mode) => {
  chmodSync(directory, mode);
  requirePrivateDirectory(directory, 'directories.state');
  requirePrivateDirectory(join(directory, 'missing'), 'directories.state');
});

test.each([0o777, 0o1777, 0o770])('%o: others could put something there', (mode) => {
  chmodSync(directory, mode);
  expect(() => requirePrivateDirectory(directory, 'directories.state')).toThrow(
    new ConfigurationError(
      directory,
      "`directories.state` must be root's alone, and others than its owner may write there; fix its owner and mode, or choose another directory",
    ),
  );
});

test.skipIf(needsRoot)(titled("another user's", needsRoot), () => {
  chownSync(directory, 1234, 0);
  expect(() => requirePrivateDirectory(directory, 'directories.state')).toThrow('it belongs to user 1234');
});
