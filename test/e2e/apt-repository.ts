// A repository for the real apt: packages, their list, and a Release file that a throw-away key signs.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const sha256 = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');

/** A key without a password, in a directory of its own. */
export interface SigningKey {
  fingerprint: string;
  /** File with the public key. */
  file: string;
  sign(text: string): string;
  /** Ends gpg's agent. */
  close(): void;
}

/** Makes a key in `directory`. */
export function makeKey(directory: string): SigningKey {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const gpg = (args: readonly string[], input = ''): string =>
    execFileSync(
      'gpg',
      ['--homedir', directory, '--batch', '--pinentry-mode', 'loopback', '--passphrase', '', ...args],
      {
        input,
        encoding: 'utf8',
        stdio: 'pipe',
      },
    );
  gpg(['--quick-generate-key', 'repository@example.org', 'ed25519', 'sign', 'never']);
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(gpg(['--list-keys', '--with-colons']))?.[1] ?? '';
  const file = join(directory, 'key.asc');
  writeFileSync(file, gpg(['--armor', '--export']), { mode: 0o644 });
  return {
    fingerprint,
    file,
    sign: (text) => gpg(['--clear-sign'], text),
    close: () => void execFileSync('gpgconf', ['--homedir', directory, '--kill', 'gpg-agent'], { stdio: 'pipe' }),
  };
}

/**
 * Writes a repository with these packages into `directory`, in place of what is there: one suite, component `main`.
 * `key`: undefined, it is not signed.
 */
export function writeRepository(
  directory: string,
  debs: readonly string[],
  key: SigningKey | undefined,
  suite = 'stable',
): void {
  rmSync(join(directory, 'dists'), { recursive: true, force: true });
  mkdirSync(join(directory, 'pool'), { recursive: true });
  const lists = join(directory, `dists/${suite}/main/binary-amd64`);
  mkdirSync(lists, { recursive: true });
  const stanzas = debs.map((deb) => {
    copyFileSync(deb, join(directory, 'pool', basename(deb)));
    const content = readFileSync(deb);
    const control = execFileSync('dpkg-deb', ['--field', deb], { encoding: 'utf8' }).trim();
    return `${control}\nFilename: pool/${basename(deb)}\nSize: ${content.length}\nSHA256: ${sha256(content)}\n`;
  });
  const packages = stanzas.join('\n');
  writeFileSync(join(lists, 'Packages'), packages);
  const release =
    `Origin: Example\nLabel: Example packages\nSuite: ${suite}\nCodename: example\nArchitectures: amd64 all\n` +
    `Components: main\nDate: ${new Date().toUTCString()}\nSHA256:\n` +
    ` ${sha256(packages)} ${Buffer.byteLength(packages)} main/binary-amd64/Packages\n`;
  if (key === undefined) writeFileSync(join(directory, `dists/${suite}/Release`), release);
  else writeFileSync(join(directory, `dists/${suite}/InRelease`), key.sign(release));
}
