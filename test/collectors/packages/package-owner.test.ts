// Which package owns a file, by dpkg's lists in a directory of our own, and by the host's rpm.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { openPackageOwner } from '../../../collectors/packages/package-owner.ts';
import { missingTools, noRoot, titled, unmet } from '../../needs.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

let info: string;
let file: string;

beforeEach(() => {
  info = temporaryDirectory();
  file = path.join(fs.realpathSync(temporaryDirectory()), 'tool');
  fs.writeFileSync(file, 'text');
});

/** The final value of an answer. */
async function ownedBy(owns: ReturnType<typeof openPackageOwner>, ...question: Parameters<typeof owns>) {
  const answer = owns(...question);
  await answer.pending;
  return answer.value;
}
const open = () => openPackageOwner(openHost(), { infoDirectory: info, rpmDatabase: () => undefined });
const owned = (packageName: string, checkedFile = file) => ownedBy(open(), checkedFile, [packageName]);

const list = (name: string, ...files: string[]): void =>
  fs.writeFileSync(path.join(info, name), `/.\n${files.map((one) => `${one}\n`).join('')}`);

describe('lists', () => {
  test.each<[string, (file: string) => string, boolean | undefined]>([
    ['web.list', (one) => one, true],
    ['web:amd64.list', (one) => one, true],
    ['web.list', (one) => `${one}x`, false],
    ['web.list', (one) => path.dirname(one), false],
    ['web2.list', (one) => one, undefined],
    ['web-common.list', (one) => one, undefined],
    ['web.conffiles', (one) => one, undefined],
    ['web:amd64.md5sums', (one) => one, undefined],
  ])('%s', async (name, listed, expected) => {
    list(name, listed(file));
    expect(await owned('web')).toBe(expected);
  });

  test('can have the path from before /bin became a link to /usr/bin', async () => {
    list('sh.list', '/bin/sh');
    expect(await owned('sh', '/usr/bin/sh')).toBe(true);
    list('sh.list', '/sh');
    expect(await owned('sh', '/usr/bin/sh')).toBe(false);
  });
});

describe('digests', () => {
  const digest = (text: string): string => createHash('md5').update(text).digest('hex');
  test.each<[string, (name: string) => string, boolean]>([
    ['the right one', (name) => `${digest('text')}  ${name}\n`, true],
    ['a wrong one', (name) => `${digest('other')}  ${name}\n`, false],
    ['of other files', (name) => `${digest('other')}  ${name}x\n${digest('other')}  x/${name}\n`, true],
    ['none', () => '', true],
  ])('%s', async (_, sums, expected) => {
    list('web.list', file);
    fs.writeFileSync(path.join(info, 'web.md5sums'), sums(file.slice(1)));
    expect(await owned('web')).toBe(expected);
  });
});

/** Makes the file and the databases old enough to be at rest. */
const beAtRest = () => new Promise((resolve) => setTimeout(resolve, 100));

describe('an answer is cached', () => {
  test('while the file does not change', async () => {
    const owns = open();
    list('web.list', file);
    await beAtRest();
    expect(await ownedBy(owns, file, ['web'])).toBe(true);
    list('web.list');
    expect(owns(file, ['web'])).toEqual({ value: true, pending: undefined });
    expect(await ownedBy(owns, file, ['other'])).toBe(undefined);
    fs.rmSync(file);
    expect(owns(file, ['web'])).toEqual({ value: undefined, pending: undefined });
    fs.writeFileSync(file, 'new text');
    expect(await ownedBy(owns, file, ['web'])).toBe(false);
  });

  test('other than true only while the databases do not change either', async () => {
    const owns = open();
    list('web.list');
    await beAtRest();
    expect(await ownedBy(owns, file, ['web'])).toBe(false);
    expect(owns(file, ['web']).pending).toBe(undefined);
    // dpkg installs the program first, and the list of its package after it.
    list('web.list-new', file);
    fs.renameSync(path.join(info, 'web.list-new'), path.join(info, 'web.list'));
    expect(await ownedBy(owns, file, ['web'])).toBe(true);
  });

  test('not at all for a file that has just changed', async () => {
    const owns = open();
    list('web.list', file);
    fs.writeFileSync(
      path.join(info, 'web.md5sums'),
      `${createHash('md5').update('text').digest('hex')}  ${file.slice(1)}\n`,
    );
    fs.writeFileSync(file, 'text');
    expect(await ownedBy(owns, file, ['web'])).toBe(true);
    expect(owns(file, ['web']).pending).toBeDefined();
  });
});

test('equal questions share one query', async () => {
  list('web.list', file);
  await beAtRest();
  const owns = open();
  expect(owns(file, ['web'])).toBe(owns(file, ['web']));
});

test('the answer is for the file at the time of the question', async () => {
  const program = Buffer.alloc(1024 * 1024, 'x');
  fs.writeFileSync(file, program);
  list('web.list', file);
  const digest = createHash('md5').update(program).digest('hex');
  fs.writeFileSync(path.join(info, 'web.md5sums'), `${digest}  ${file.slice(1)}\n`);
  const replace = (content: string | Buffer): void => {
    fs.writeFileSync(`${file}.new`, content);
    fs.renameSync(`${file}.new`, file);
  };
  const genuine = open()(file, ['web']);
  replace('impostor');
  await genuine.pending;
  expect(genuine.value).toBe(true);
  const impostor = open()(file, ['web']);
  replace(program);
  await impostor.pending;
  // The name leads to another file by now, so that the owner of the first is not known.
  expect(impostor.value).toBe(undefined);
});

test('one of several packages may own the file', async () => {
  list('web.list');
  list('web2.list', file);
  expect(await ownedBy(open(), file, ['web', 'web2', 'none'])).toBe(true);
  expect(await ownedBy(open(), file, ['web', 'none'])).toBe(false);
});

test('the answer is undefined if the database cannot be read', async () => {
  fs.rmSync(info, { recursive: true });
  expect(await owned('web')).toBe(undefined);
  expect(await owned('web', '/no/such/file')).toBe(undefined);
  expect(await owned('web', '/proc')).toBe(undefined);
});

describe.skipIf(unmet(missingTools('dpkg')))(
  titled("dpkg's own program on this host", unmet(missingTools('dpkg'))),
  () => {
    test("is dpkg's", async () => {
      const owns = openPackageOwner(openHost());
      expect(await ownedBy(owns, '/usr/bin/dpkg', ['dpkg'])).toBe(true);
      expect(await ownedBy(owns, '/usr/bin/dpkg', ['apt'])).toBe(false);
    });
  },
);

const why = unmet(missingTools('rpm', 'rpmbuild'), noRoot);
describe.skipIf(why)(titled("rpm's account", why), () => {
  test('rpm answers for an owned file, a file without owner and a missing database', async () => {
    const database = path.join(temporaryDirectory(), 'db');
    const top = temporaryDirectory();
    const spec = path.join(top, 'x.spec');
    fs.writeFileSync(
      spec,
      `Name: sptest\nVersion: 1\nRelease: 1\nSummary: s\nLicense: x\nBuildArch: noarch\n%description\nd\n%install\nmkdir -p %{buildroot}${path.dirname(file)}\necho x > %{buildroot}${file}\n%files\n${file}\n`,
    );
    execFileSync('rpmbuild', ['-bb', '--define', `_topdir ${top}/build`, spec], { stdio: 'ignore' });
    const built = path.join(top, 'build/RPMS/noarch/sptest-1-1.noarch.rpm');
    execFileSync('rpm', ['--dbpath', database, '--nodeps', '--justdb', '-i', built], { stdio: 'ignore' });
    fs.chownSync(database, 0, 0);
    const owns = openPackageOwner(openHost(), { infoDirectory: info, rpmDatabase: () => database });
    expect(await ownedBy(owns, file, ['sptest'])).toBe(true);
    expect(await ownedBy(owns, file, ['other'])).toBe(false);
    fs.writeFileSync(`${file}2`, '');
    expect(await ownedBy(owns, `${file}2`, ['sptest'])).toBe(undefined);
    const home = fs.existsSync('/root/.rpmdb');
    expect(await ownedBy(open(), file, ['sptest'])).toBe(undefined);
    expect(fs.existsSync('/root/.rpmdb')).toBe(home);
  });
});

test('the call returns at once and nothing is read until later', () => {
  list('web.list', file);
  fs.writeFileSync(path.join(info, 'web.md5sums'), `${'0'.repeat(32)}  ${file.slice(1)}\n`);
  const spies = (['readFileSync', 'readSync', 'readdirSync'] as const).map((name) => vi.spyOn(fs, name));
  try {
    const answer = openPackageOwner(openHost(), { infoDirectory: info, rpmDatabase: () => info })(file, [
      'web',
      'other',
    ]);
    expect(answer.pending).toBeDefined();
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  } finally {
    vi.restoreAllMocks();
  }
});
