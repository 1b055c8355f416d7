// The signatures that a real rpm lists from a database of its own, with packages that a throw-away key has signed.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runRpm } from '../../../collectors/packages/run-rpm.ts';
import { openRpmDatabases } from '../../../collectors/transactions/rpm-database.ts';
import { missingTools, titled, unmet } from '../../needs.ts';

const missing = unmet(missingTools('rpm', 'rpmbuild', 'rpmsign', 'gpg'));

describe.skipIf(missing)(titled('the signatures of a real rpm', missing), () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rpm-signatures-'));
  const database = join(scratch, 'rpmdb');
  const home = join(scratch, 'gnupg');
  const env = { ...process.env, GNUPGHOME: home };
  const call = (tool: string, ...args: string[]): string =>
    execFileSync(tool, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  /** A key that certifies, with a subkey that signs. Returns the id of the subkey. */
  const makeKey = (name: string): string => {
    const batch = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', ''];
    call('gpg', ...batch, '--quick-generate-key', name, 'rsa2048', 'cert', 'never');
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(call('gpg', '--with-colons', '--list-keys', name))?.[1] ?? '';
    call('gpg', ...batch, '--quick-add-key', fingerprint, 'rsa2048', 'sign', 'never');
    return (
      /^sub:[^:]*:\d+:\d+:([0-9A-F]{16}):/m
        .exec(call('gpg', '--with-colons', '--list-keys', name))?.[1]
        ?.toLowerCase() ?? ''
    );
  };
  const build = (name: string, signedBy?: string): string => {
    const spec = join(scratch, `${name}.spec`);
    const head = `Name: ${name}\nVersion: 1\nRelease: 1\nSummary: x\nLicense: none\nBuildArch: noarch\n`;
    writeFileSync(spec, `${head}%description\nx\n%files\n`);
    call('rpmbuild', '-bb', '--quiet', '--define', `_topdir ${scratch}`, spec);
    const file = join(scratch, 'RPMS/noarch', `${name}-1-1.noarch.rpm`);
    const macros = ['--define', `_gpg_name ${signedBy}`, '--define', '__gpg /usr/bin/gpg'];
    if (signedBy !== undefined) call('rpmsign', ...macros, '--addsign', file);
    return file;
  };

  let trusted = '';
  let unknown = '';
  beforeAll(() => {
    mkdirSync(home, { mode: 0o700 });
    mkdirSync(database);
    trusted = makeKey('Trusted');
    unknown = makeKey('Unknown');
    call('rpm', '--dbpath', database, '--initdb');
    const file = join(scratch, 'key.asc');
    writeFileSync(file, call('gpg', '--armor', '--export', 'Trusted'));
    call('rpmkeys', '--dbpath', database, '--import', file);
  });
  afterAll(() => {
    call('gpgconf', '--kill', 'all');
    rmSync(scratch, { recursive: true, force: true });
  });

  test('name the key, and whether it is imported', async () => {
    const files = [build('by-trusted', 'Trusted'), build('by-unknown', 'Unknown'), build('by-none')];
    call('rpm', '--dbpath', database, '--nodeps', '--justdb', '--nosignature', '-i', ...files);
    const databases = openRpmDatabases({
      host: {
        exists: (path) => path === join(database, 'rpmdb.sqlite') || path === join(database, 'Packages'),
        realPath: (path) => path,
        rpm: runRpm,
        clock: { nowMs: () => 0 },
      },
      catchUp() {},
      underway: () => [],
      directories: [database],
    });
    const written = ['by-trusted', 'by-unknown', 'by-none'].map((name) => ({
      package: `${name}-1-1.noarch`,
      isAdded: true,
    }));
    const answer = databases.compare({ database, written });
    await answer.pending;
    expect(answer.value).toEqual({
      differences: [],
      signatures: new Map<string, object>([
        ['by-trusted-1-1.noarch', { exists: true, key: trusted, key_imported: true }],
        ['by-unknown-1-1.noarch', { exists: true, key: unknown, key_imported: false }],
        ['by-none-1-1.noarch', { exists: false }],
      ]),
    });
  });
});
