// Copies of maintainer scripts, known by their content.

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { openScriptCopies, type ScriptCopies } from '../../../collectors/packages/script-copies.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const text = (what: string) => `#!/bin/sh\nset -e\n# long enough to differ from the usual few lines\n${what}\n`;
let info: string;
let elsewhere: string;
let copies: ScriptCopies;

beforeEach(() => {
  info = temporaryDirectory();
  elsewhere = temporaryDirectory();
  fs.writeFileSync(path.join(info, 'web.postinst'), text('one'));
  fs.writeFileSync(path.join(info, 'web.prerm'), text('two'));
  fs.writeFileSync(path.join(info, 'web.config'), text('cfg'));
  fs.writeFileSync(path.join(info, 'web.list'), text('lst'));
  copies = openScriptCopies(openHost(), info);
});

async function originalOf(file: string): Promise<string | undefined> {
  const answer = copies.originalOf(file);
  await answer.pending;
  return answer.value;
}

async function original(content: string, name = 'x'): Promise<string | undefined> {
  const file = path.join(elsewhere, name);
  fs.writeFileSync(file, content);
  const found = await originalOf(file);
  return found && path.basename(found);
}

test.each<[string, string, string | undefined]>([
  ['the same content', text('one'), 'web.postinst'],
  ['of the same size', text('two'), 'web.prerm'],
  ['of a config script', text('cfg'), 'web.config'],
  ['another one of that size', text('six'), undefined],
  ['of another size', text('seven'), undefined],
  ['of a file that is no script', text('lst'), undefined],
  ['empty', '', undefined],
])('%s', async (_, content, expected) => {
  expect(await original(content)).toBe(expected);
});

test('a script of a few common lines is no copy', async () => {
  fs.writeFileSync(path.join(info, 'tiny.postinst'), '#!/bin/sh\nset -e\n');
  expect(await original('#!/bin/sh\nset -e\n')).toBe(undefined);
});

test('scripts that were added since the listing are found', async () => {
  expect(await original(text('three'))).toBe(undefined);
  fs.writeFileSync(path.join(info, 'new.postrm'), text('three'));
  fs.utimesSync(info, 1, 1);
  expect(await original(text('three'))).toBe('new.postrm');
});

test('a changed original is not matched', async () => {
  expect(await original(text('one'))).toBe('web.postinst');
  fs.writeFileSync(path.join(info, 'web.postinst'), text('eno'));
  expect(await original(text('one'))).toBe(undefined);
});

test('a file that cannot be read is no copy', async () => {
  expect(await originalOf(path.join(elsewhere, 'missing'))).toBe(undefined);
  expect(await originalOf(elsewhere)).toBe(undefined);
  copies = openScriptCopies(openHost(), '/no/such/folder');
  expect(await originalOf(process.execPath)).toBe(undefined);
  // Maintainer scripts themselves, and programs of the distribution that are not named like scripts.
  expect(await originalOf('/var/lib/dpkg/info/web.postinst')).toBe(undefined);
  expect(await originalOf('/usr/bin/env')).toBe(undefined);
});

test('the call returns at once: the file is opened and read later', async () => {
  const file = path.join(elsewhere, 'x');
  fs.writeFileSync(file, text('one'));
  const spies = (['readFileSync', 'readSync', 'readdirSync'] as const).map((name) => vi.spyOn(fs, name));
  try {
    const answer = copies.originalOf(file);
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    // An attacker removes a script soon: the copy must be opened at once.
    fs.rmSync(file);
    await answer.pending;
    expect(answer.value).toBe(path.join(info, 'web.postinst'));
  } finally {
    vi.restoreAllMocks();
  }
});

test('a flood of scripts hides no copy', async () => {
  await original(text('one'));
  const answers = Array.from({ length: 200 }, (_, i) => {
    const file = path.join(elsewhere, `${i}`);
    fs.writeFileSync(file, text(i % 2 === 0 ? 'one' : 'six'));
    return copies.originalOf(file);
  });
  expect(answers.filter(({ pending }) => pending !== undefined)).toHaveLength(64);
  for (const { pending } of answers) await pending;
  expect(answers.map(({ value }) => value !== undefined)).toEqual(answers.map((_, i) => i % 2 === 0));
});

test('a size that no maintainer script has is answered at once', async () => {
  await original(text('one'));
  const { mtimeNs } = fs.statSync(info, { bigint: true });
  await vi.waitFor(async () => {
    await original(text('one'));
    const file = path.join(elsewhere, 'long');
    fs.writeFileSync(file, text('a longer one'));
    expect(copies.originalOf(file)).toEqual({ value: undefined, pending: undefined });
  });
  expect(fs.statSync(info, { bigint: true }).mtimeNs).toBe(mtimeNs);
});

test('a file that keeps changing is read again', async () => {
  for (let i = 0; i < 20; i++) {
    expect(await original(text('one'))).toBe('web.postinst');
    expect(await original(text('eno'))).toBe(undefined);
  }
});
