// fanotify is reported as unavailable where it could not name the writer.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { missingTools, noRoot, titled, unmet } from '../../needs.ts';

const missing = unmet(noRoot, missingTools('setpriv'));
const open = `
  const { openFanotify } = await import(process.argv[1]);
  const watcher = openFanotify({ onEvent() {}, onFault() {}, onStopped() {} });
  console.log('opened');
  await watcher.close();
`;
const openWith = (...setpriv: string[]): { stdout: string; stderr: string } => {
  const file = join(import.meta.dirname, '../../../collectors/packagedb/fanotify.ts');
  const node = [process.execPath, '--input-type=module', '-e', open, file];
  return spawnSync('setpriv', [...setpriv, ...node], { encoding: 'utf8' });
};

describe.skipIf(missing)(titled('fanotify', missing), () => {
  test('is available with CAP_SYS_ADMIN as the only capability', () => {
    expect(openWith('--bounding-set', '-all,+sys_admin').stdout).toBe('opened\n');
  });

  test('is not available without it', () => {
    const { stdout, stderr } = openWith('--bounding-set', '-sys_admin');
    expect(stdout).toBe('');
    expect(stderr).toContain('fanotify_init: EPERM');
  });
});
