// The folders under watch: one that cannot be looked at keeps none of the others from it.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFileWriters } from '../../../collectors/packagedb/file-writer.ts';
import { openWatchTasks } from '../../../collectors/packagedb/watch-tasks.ts';
import { createWatchedFolders } from '../../../collectors/packagedb/watched-directories.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { procDouble } from '../proc-double.ts';
import { listingMemory, scratch } from './watch-double.ts';

test('one that fails is reported, the others are watched, and at the next look it is tried from the start', () => {
  const folder = scratch();
  const [broken, sound] = ['broken', 'sound'].map((name) => join(folder, name)) as [string, string];
  for (const path of [broken, sound]) mkdirSync(path);
  const faults: string[] = [];
  const found: string[] = [];
  let fails = true;
  const folders = createWatchedFolders({
    folders: [broken, sound].map((path) => ({ path, manager: 'dpkg', expected: true })),
    memory: listingMemory(),
    writers: createFileWriters(createProcessTable(procDouble())),
    tasks: openWatchTasks((what) => expect.unreachable(what)),
    onPlaced({ folder: { path } }) {
      if (path === broken && fails) throw new Error('EIO');
    },
    onFound: ({ folder: { path } }) => found.push(path),
    onUnpackFolder() {},
    onLooked() {},
    onNotice() {},
    onFault: (what, error) => faults.push(`${what}: ${error}`),
  });
  folders.look();
  expect({ faults, found }).toEqual({ faults: [`${broken} could not be looked at: Error: EIO`], found: [sound] });
  fails = false;
  folders.look();
  expect(found).toEqual([sound, broken]);
  expect(faults).toHaveLength(1);
});
