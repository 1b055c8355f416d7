// Whose licences the copyright file has where a package is built for another architecture than this machine's.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyrightText } from '../../packaging/copyright.ts';
import { architectures } from '../../packaging/files.ts';
import { scratchDirectory } from '../e2e/private-host.ts';

const modules = scratchDirectory();

test.each(architectures)('the package for $deb names the version of Node that it contains', ({ node }) => {
  const name = `node-linux-${node}`;
  mkdirSync(join(modules, name));
  writeFileSync(join(modules, name, 'package.json'), JSON.stringify({ version: '1', license: 'MIT', author: 'them' }));
  writeFileSync(join(modules, name, 'LICENSE'), 'what may be done');
  const named = copyrightText([], [], { name, modules }).match(/node-linux-\w+/g);
  expect(new Set(named)).toEqual(new Set([name]));
});
