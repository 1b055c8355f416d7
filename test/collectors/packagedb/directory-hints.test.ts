// Which names inotify hints at, through chokidar.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { watchDirectoryHints } from '../../../collectors/packagedb/directory-hints.ts';
import { scratch } from './watch-double.ts';

test.each([
  ['rpm-tmp.', false],
  [undefined, true],
])('with the prefix %s, hints of other names: %s', async (namePrefix, others) => {
  const directory = scratch();
  writeFileSync(join(directory, 'other.old'), '');
  const names = new Set<string>();
  const hinted = (name: string) => vi.waitFor(() => expect([...names]).toContain(name), { timeout: 10_000 });
  await new Promise<void>((resolve) => {
    const hints = watchDirectoryHints({
      onHint: (_, name) => names.add(name),
      onReady: () => resolve(),
      onFault: (what, error) => expect.unreachable(`${what}: ${error}`),
    });
    onTestFinished(() => hints.close());
    hints.update([{ path: directory, identity: '1', namePrefix }]);
  });
  for (const name of ['other.old', 'other.new', 'rpm-tmp.1']) writeFileSync(join(directory, name), 'x');
  await hinted('rpm-tmp.1');
  // What was still to be said of the others has been by then.
  writeFileSync(join(directory, 'rpm-tmp.2'), 'x');
  await hinted('rpm-tmp.2');
  expect(names.has('other.old')).toBe(others);
  expect(names.has('other.new')).toBe(others);
});

test('an error in a handler is reported and does not end the watch', async () => {
  const directory = scratch();
  const faults: string[] = [];
  const fails = (): never => {
    throw new Error('broken');
  };
  const hints = watchDirectoryHints({
    onHint: fails,
    onReady: fails,
    onFault: (what, error) => faults.push(`${what}: ${error}`),
  });
  onTestFinished(() => hints.close());
  hints.update([{ path: directory, identity: '1' }]);
  const fault = 'a change in a directory was not handled: Error: broken';
  await vi.waitFor(() => expect(faults).toEqual([fault]), { timeout: 10_000 });
  writeFileSync(join(directory, 'new'), 'x');
  await vi.waitFor(() => expect(faults.length).toBeGreaterThan(1), { timeout: 10_000 });
  expect(new Set(faults)).toEqual(new Set([fault]));
});
