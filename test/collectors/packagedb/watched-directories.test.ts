// The watched directories: one that cannot be read does not keep the others from being watched.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../collectors/host/clock.ts';
import type { DirectoryToWatch } from '../../../collectors/packagedb/directory-to-watch.ts';
import { openWatchTasks } from '../../../collectors/packagedb/watch-tasks.ts';
import { createWatchedDirectories } from '../../../collectors/packagedb/watched-directories.ts';
import { watchedDirectory } from '../../../collectors/packagedb/watched-directory.ts';
import { listingMemory, scratch } from './watch-double.ts';

test('a directory that cannot be checked is reported and checked again, and the others are watched', () => {
  const directory = scratch();
  const [broken, sound] = ['broken', 'sound'].map((name) => join(directory, name)) as [string, string];
  for (const path of [broken, sound]) mkdirSync(path);
  const faults: string[] = [];
  const found: string[] = [];
  let fails = true;
  const directories = createWatchedDirectories(
    [broken, sound].map((path): DirectoryToWatch => ({ path, manager: 'dpkg', expected: true })),
    {
      tasks: openWatchTasks(systemClock, (what, error) => faults.push(`${what}: ${error}`)),
      listings: { open: (directory) => watchedDirectory(directory, listingMemory()), forget() {} },
      sources: {
        mark({ directory: { path } }) {
          if (path === broken && fails) throw new Error('EIO');
        },
        updateHints() {},
      },
      schedule: { now: ({ directory: { path } }) => void found.push(path) },
      onNotice() {},
    },
  );
  directories.check();
  expect({ faults, found }).toEqual({ faults: [`${broken} could not be checked: Error: EIO`], found: [sound] });
  fails = false;
  directories.check();
  expect(found).toEqual([sound, broken]);
  expect(faults).toHaveLength(1);
});
