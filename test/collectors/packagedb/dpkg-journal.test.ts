// The watch of dpkg's journal over a real directory: which names it reports, and what it does when the directory is replaced.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { createDpkgJournal, type DpkgJournal, type DpkgUpdate } from '../../../collectors/packagedb/dpkg-journal.ts';
import { FanotifyUnavailable } from '../../../collectors/packagedb/fanotify-group.ts';
import { fanotifyMask } from '../../../collectors/packagedb/parse-fanotify.ts';
import { needsRoot, titled } from '../../needs.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const journals: DpkgJournal[] = [];
afterEach(async () => {
  for (const journal of journals.splice(0)) await journal.close();
});
const noFault = (...fault: unknown[]): never => {
  throw new Error(String(fault));
};
function database(): { directory: string; put(name: string): void } {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'updates'));
  return {
    directory,
    put(name) {
      writeFileSync(join(directory, 'updates/tmp.i'), 'x');
      renameSync(join(directory, 'updates/tmp.i'), join(directory, 'updates', name));
    },
  };
}
function watched(directory: string) {
  const journal = createDpkgJournal(openHost(), directory, noFault);
  journals.push(journal);
  const updates: DpkgUpdate[] = [];
  journal.start({ onUpdate: (update) => void updates.push(update), onLost: noFault });
  return { journal, updates };
}

describe.skipIf(needsRoot)(titled('the journal', needsRoot), () => {
  test('reports each file that is renamed into it, with its process', () => {
    const { directory, put } = database();
    const { journal, updates } = watched(directory);
    expect(journal.check()).toBe(true);
    put('0000');
    put('0001');
    rmSync(join(directory, 'updates/0000'));
    journal.drain();
    expect(updates).toEqual([
      { name: '0000', pid: process.pid },
      { name: '0001', pid: process.pid },
    ]);
  });

  test('reports files without a call', async () => {
    const { directory, put } = database();
    const { updates } = watched(directory);
    put('0000');
    await vi.waitFor(() => expect(updates).toHaveLength(1));
  });

  test('is watched again at the next check if it was replaced, or has appeared', () => {
    const { directory, put } = database();
    renameSync(join(directory, 'updates'), join(directory, 'old'));
    const { journal, updates } = watched(directory);
    expect(journal.check()).toBe(false);
    for (const name of ['0000', '0001']) {
      mkdirSync(join(directory, 'updates'));
      expect(journal.check()).toBe(true);
      put(name);
      journal.drain();
      renameSync(join(directory, 'updates'), join(directory, `old-${name}`));
    }
    expect(updates.map(({ name }) => name)).toEqual(['0000', '0001']);
  });
});

test('without fanotify nothing is seen, which is no fault of this watch', () => {
  const { directory } = database();
  const journal = createDpkgJournal(openHost(), directory, noFault, () => {
    throw new FanotifyUnavailable('fanotify_init: EPERM');
  });
  journal.start({ onUpdate: noFault, onLost: noFault });
  expect(journal.check()).toBe(false);
  journal.drain();
});

test('an overflow is reported as a loss', () => {
  const { directory } = database();
  const onLost = vi.fn();
  const journal = createDpkgJournal(openHost(), directory, noFault, ({ onEvent }) => ({
    mark: () => ({ key: '', identity: '' }),
    drain() {
      onEvent({ mask: fanotifyMask.overflow, pid: 0, entry: undefined, oldEntry: undefined });
      return true;
    },
    close: async () => {},
  }));
  journal.start({ onUpdate: noFault, onLost });
  journal.drain();
  expect(onLost).toHaveBeenCalledOnce();
});
