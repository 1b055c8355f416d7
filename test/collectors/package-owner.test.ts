// Which package owns a file, by dpkg's lists in a folder of our own, and by the host's rpm.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openPackageOwner } from '../../collectors/package-owner.ts';
import { temporaryFolder } from '../storage/temporary-store.ts';

let info: string;
let file: string;

beforeEach(() => {
  info = temporaryFolder();
  file = path.join(fs.realpathSync(temporaryFolder()), 'tool');
  fs.writeFileSync(file, 'text');
});

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
  ])('%s', (name, listed, owned) => {
    list(name, listed(file));
    expect(openPackageOwner(info)(file, 'web')).toBe(owned);
  });

  test('a path from before the merge of /bin into /usr', () => {
    list('sh.list', '/bin/sh');
    expect(openPackageOwner(info)('/usr/bin/sh', 'sh')).toBe(true);
    list('sh.list', '/sh');
    expect(openPackageOwner(info)('/usr/bin/sh', 'sh')).toBe(false);
  });
});

describe('digests', () => {
  const digest = (text: string): string => createHash('md5').update(text).digest('hex');
  test.each<[string, (name: string) => string, boolean]>([
    ['the right one', (name) => `${digest('text')}  ${name}\n`, true],
    ['a wrong one', (name) => `${digest('other')}  ${name}\n`, false],
    ['of other files', (name) => `${digest('other')}  ${name}x\n${digest('other')}  x/${name}\n`, true],
    ['none', () => '', true],
  ])('%s', (_, sums, owned) => {
    list('web.list', file);
    fs.writeFileSync(path.join(info, 'web.md5sums'), sums(file.slice(1)));
    expect(openPackageOwner(info)(file, 'web')).toBe(owned);
  });
});

describe('an answer is kept', () => {
  test('while the file stays the same', () => {
    const owns = openPackageOwner(info);
    list('web.list', file);
    expect(owns(file, 'web')).toBe(true);
    list('web.list');
    expect(owns(file, 'web')).toBe(true);
    expect(owns(file, 'other')).toBe(undefined);
    fs.rmSync(file);
    expect(owns(file, 'web')).toBe(undefined);
    fs.writeFileSync(file, 'new text');
    expect(owns(file, 'web')).toBe(false);
  });
});

test('a database that cannot be asked says nothing', () => {
  fs.rmSync(info, { recursive: true });
  expect(openPackageOwner(info)(file, 'web')).toBe(undefined);
  expect(openPackageOwner(info)('/no/such/file', 'web')).toBe(undefined);
});

test("dpkg's own program on this host", () => {
  const owns = openPackageOwner();
  expect(owns('/usr/bin/dpkg', 'dpkg')).toBe(true);
  expect(owns('/usr/bin/dpkg', 'apt')).toBe(false);
});
