// Asks the distribution's package database whether a file belongs to a package.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const infoFolder = '/var/lib/dpkg/info';
const rpmPath = '/usr/bin/rpm';
/** Long enough for a database on a slow disk; the sensor's kernel buffer holds events meanwhile. */
const rpmTimeoutMs = 3000;

/** dpkg's list of a package's files (dpkg-query(1)); for a multi-arch package the name carries the architecture. */
function isInDpkgList(file: string, packageName: string): boolean {
  const lists = fs
    .readdirSync(infoFolder)
    .filter((name) => name === `${packageName}.list` || (name.startsWith(`${packageName}:`) && name.endsWith('.list')));
  // Before the merge of /bin into /usr/bin packages listed the short path, and many still do.
  const names = [file, file.replace(/^\/usr(?=\/s?bin\/)/, '')];
  return lists.some((list) => {
    const files = fs.readFileSync(path.join(infoFolder, list), 'utf8').split('\n');
    return names.some((name) => files.includes(name));
  });
}

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
 * Whether a file is owned by the named package on this host, by dpkg's or rpm's account. Answers are kept while the
 * file stays the same (device, inode, change time). A database that cannot be asked owns nothing.
 */
export function openPackageOwner(): (file: string, packageName: string) => boolean {
  const answers = new Map<string, { identity: string; owned: boolean }>();
  return (file, packageName) => {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) return false;
    const identity = `${stat.dev}:${stat.ino}:${stat.ctimeMs}`;
    const key = `${file}\0${packageName}`;
    const known = answers.get(key);
    if (known?.identity === identity) return known.owned;
    const ask = (question: typeof isInDpkgList): boolean => {
      try {
        return question(file, packageName);
      } catch {
        return false;
      }
    };
    const owned = ask(isInDpkgList) || (fs.existsSync(rpmPath) && ask(isOwnedInRpm));
    answers.set(key, { identity, owned });
    return owned;
  };
}
