// The folders under watch: one that cannot be looked at keeps none of the others from it.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../collectors/host/clock.ts';
import { createFileWriters } from '../../../collectors/packagedb/file-writer.ts';
import { openWatchTasks } from '../../../collectors/packagedb/watch-tasks.ts';
import { createWatchedDirectories } from '../../../collectors/packagedb/watched-directories.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { procDouble } from '../proc-double.ts';
import { listingMemory, scratch } from './watch-double.ts';

test('one that fails is reported, the others are watched, and at the next look it is tried from the start', () => {
  const directory = scratch();
  const [broken, sound] = ['broken', 'sound'].map((name) => join(directory, name)) as [string, string];
  for (const path of [broken, sound]) mkdirSync(path);
  const faults: string[] = [];
  const found: string[] = [];
  let fails = true;
  const directories = createWatchedDirectories({
    directories: [broken, sound].map((path) => ({ path, manager: 'dpkg', expected: true })),
    memory: listingMemory(),
    writers: createFileWriters(createProcessTable(procDouble()), systemClock),
    tasks: openWatchTasks((what) => expect.unreachable(what)),
    onPlaced({ directory: { path } }) {
      if (path === broken && fails) throw new Error('EIO');
    },
    onFound: ({ directory: { path } }) => found.push(path),
    onUnpackDirectory() {},
    onScanned() {},
    onNotice() {},
    onFault: (what, error) => faults.push(`${what}: ${error}`),
  });
  directories.check();
  expect({ faults, found }).toEqual({ faults: [`${broken} could not be looked at: Error: EIO`], found: [sound] });
  fails = false;
  directories.check();
  expect(found).toEqual([sound, broken]);
  expect(faults).toHaveLength(1);
});
