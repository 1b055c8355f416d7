// Copies of maintainer scripts, known by their content.

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { openScriptCopies, type ScriptCopies } from '../../collectors/script-copies.ts';
import { temporaryFolder } from '../storage/temporary-store.ts';

const text = (what: string) => `#!/bin/sh\nset -e\n# long enough to be told from the usual few lines\n${what}\n`;
let info: string;
let elsewhere: string;
let copies: ScriptCopies;

beforeEach(() => {
  info = temporaryFolder();
  elsewhere = temporaryFolder();
  fs.writeFileSync(path.join(info, 'web.postinst'), text('one'));
  fs.writeFileSync(path.join(info, 'web.prerm'), text('two'));
  fs.writeFileSync(path.join(info, 'web.list'), text('lst'));
  copies = openScriptCopies(info);
});

function original(content: string, name = 'x'): string | undefined {
  const file = path.join(elsewhere, name);
  fs.writeFileSync(file, content);
  const found = copies.originalOf(file);
  return found && path.basename(found);
}

test.each<[string, string, string | undefined]>([
  ['the same content', text('one'), 'web.postinst'],
  ['of the same size', text('two'), 'web.prerm'],
  ['another one of that size', text('six'), undefined],
  ['of another size', text('seven'), undefined],
  ['of a file that is no script', text('lst'), undefined],
  ['empty', '', undefined],
])('%s', (_, content, expected) => {
  expect(original(content)).toBe(expected);
});

test('a few lines that many have are nobody’s', () => {
  fs.writeFileSync(path.join(info, 'tiny.postinst'), '#!/bin/sh\nset -e\n');
  expect(original('#!/bin/sh\nset -e\n')).toBe(undefined);
});

test('scripts that came since', () => {
  expect(original(text('three'))).toBe(undefined);
  fs.writeFileSync(path.join(info, 'new.postrm'), text('three'));
  fs.utimesSync(info, 1, 1);
  expect(original(text('three'))).toBe('new.postrm');
});

test('an original that was changed since is none', () => {
  expect(original(text('one'))).toBe('web.postinst');
  fs.writeFileSync(path.join(info, 'web.postinst'), text('eno'));
  expect(original(text('one'))).toBe(undefined);
});

test('what cannot be read is none', () => {
  expect(copies.originalOf(path.join(elsewhere, 'missing'))).toBe(undefined);
  expect(copies.originalOf(elsewhere)).toBe(undefined);
  expect(openScriptCopies('/no/such/folder').originalOf(process.execPath)).toBe(undefined);
  // Maintainer scripts themselves, and programs of the distribution's under names of their own.
  expect(copies.originalOf('/var/lib/dpkg/info/web.postinst')).toBe(undefined);
  expect(copies.originalOf('/usr/bin/env')).toBe(undefined);
});
