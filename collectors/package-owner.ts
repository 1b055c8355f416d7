// Asks the distribution's package database whether a file belongs to a package.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const rpmPath = '/usr/bin/rpm';
/** Long enough for a database on a slow disk; the sensor's kernel buffer holds events meanwhile. */
const rpmTimeoutMs = 3000;

/**
 * By dpkg's list of a package's files (dpkg-query(1)); for a multi-arch package the name carries the architecture. Undefined:
 * the package is not installed.
 */
function ownedInDpkg(infoFolder: string, file: string, packageName: string): boolean | undefined {
  const lists = fs
    .readdirSync(infoFolder)
    .filter((name) => name === `${packageName}.list` || (name.startsWith(`${packageName}:`) && name.endsWith('.list')));
  if (lists.length === 0) return undefined;
  // Before the merge of /bin into /usr/bin packages listed the short path, and many still do.
  const names = [file, file.replace(/^\/usr(?=\/s?bin\/)/, '')];
  return lists.some((list) => {
    const files = fs.readFileSync(path.join(infoFolder, list), 'utf8').split('\n');
    return (
      names.some((name) => files.includes(name)) &&
      isUnchanged(file, names, path.join(infoFolder, list.replace(/\.list$/, '.md5sums')))
    );
  });
}

/** The file has the digest that its package says; a package without digests says nothing. */
function isUnchanged(file: string, names: readonly string[], sumsFile: string): boolean {
  if (!fs.existsSync(sumsFile)) return true;
  const lines = fs.readFileSync(sumsFile, 'utf8').split('\n');
  const said = lines.find((line) => names.some((name) => line.slice(32).trimStart() === name.slice(1)))?.slice(0, 32);
  return said === undefined || said === createHash('md5').update(fs.readFileSync(file)).digest('hex');
}

/** Throws where rpm knows no owner. */
function isOwnedInRpm(file: string, packageName: string): boolean {
  const owner = execFileSync(rpmPath, ['-qf', '--qf', '%{NAME}\\n', '--', file], {
    encoding: 'utf8',
    timeout: rpmTimeoutMs,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  });
  return owner.split('\n').includes(packageName);
}

/**
 * Whether a file is owned by the named package on this host, by dpkg's or rpm's account, and for dpkg unchanged. Undefined:
 * neither says anything of it. Answers are kept while the file stays the same (device, inode, change time).
 */
export function openPackageOwner(
  infoFolder = '/var/lib/dpkg/info',
): (file: string, packageName: string) => boolean | undefined {
  const answers = new Map<string, { identity: string; owned: boolean | undefined }>();
  return (file, packageName) => {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const identity = `${stat.dev}:${stat.ino}:${stat.ctimeMs}`;
    const key = `${file}\0${packageName}`;
    const known = answers.get(key);
    if (known?.identity === identity) return known.owned;
    let asked = true;
    const ask = (question: () => boolean | undefined): boolean | undefined => {
      try {
        return question();
      } catch (error) {
        // A database that is not there is an answer; one that took too long is none, and is asked again.
        if ((error as NodeJS.ErrnoException).code === 'ETIMEDOUT') asked = false;
        return undefined;
      }
    };
    const owned =
      ask(() => ownedInDpkg(infoFolder, file, packageName)) ??
      (fs.existsSync(rpmPath) ? ask(() => isOwnedInRpm(file, packageName)) : undefined);
    if (asked) answers.set(key, { identity, owned });
    return owned;
  };
}
