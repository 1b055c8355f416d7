// The numbers that are passed to libc, compared with the C headers of each architecture that has packages.

import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layout, linux } from '../../../collectors/linux/linux-abi.ts';
import { architectures } from '../../../packaging/files.ts';
import { linuxInTests } from '../../linux-abi.ts';
import { missingTools, titled, unmet } from '../../needs.ts';

const headers = [
  ...['elf', 'fcntl', 'netinet/in', 'netinet/tcp', 'sched', 'time'],
  ...['sys/fanotify', 'sys/mman', 'sys/mount', 'sys/prctl', 'sys/resource', 'sys/socket', 'sys/statfs', 'sys/un'],
];

/** The value of each C expression by that compiler, from its assembly output; nothing is run. */
function valuesOf(compiler: string, expressions: readonly string[]): Record<string, number> {
  const includes = headers.map((name) => `#include <${name}.h>\n`).join('');
  const prints = expressions.map((one, index) => `asm("value ${index} %c0" : : "i"(${one}));\n`).join('');
  const source = `#define _GNU_SOURCE\n${includes}void print(void) {\n${prints}}\n`;
  const assembly = execFileSync(compiler, ['-xc', '-S', '-o-', '-'], { input: source, encoding: 'utf8' });
  const found = [...assembly.matchAll(/^\s*value (\d+) (-?\d+)$/gm)];
  return Object.fromEntries(found.map(([, index, value]) => [expressions[Number(index)], Number(value)]));
}

const layouts = Object.entries(layout).flatMap(([name, fields]) =>
  Object.entries(fields).map(([field, value]): [string, number] => [
    field === 'bytes' ? `sizeof(struct ${name})` : `__builtin_offsetof(struct ${name}, ${field})`,
    value,
  ]),
);
const table: Record<string, number> = { ...linux, ...linuxInTests, ...Object.fromEntries(layouts) };

describe.each(architectures)('$deb', ({ deb, compilers }) => {
  const compiler = `${compilers}gcc`;
  const missing = unmet(missingTools(compiler));

  test.skipIf(missing)(titled('the headers have the same numbers', missing), () => {
    expect(valuesOf(compiler, Object.keys(table))).toEqual(table);
  });

  test.skipIf(missing)(titled('a number that depends on the architecture is noticed', missing), () => {
    expect(valuesOf(compiler, ['O_DIRECTORY'])).toEqual({ O_DIRECTORY: { amd64: 0x1_0000, arm64: 0x4000 }[deb] });
  });
});

const root = join(import.meta.dirname, '../../..');
const directories = ['agent', 'bench', 'collectors', 'detectors', 'storage', 'test'];
const sources = globSync(`{${directories.join()}}/**/*.ts`, { cwd: root });
const callers = sources.filter((file) =>
  /from 'koffi'|\bopen(?:Sync)?\(|linux-abi/.test(readFileSync(join(root, file), 'utf8')),
);

test.each(callers)('%s defines no constant of C itself', (file) => {
  const text = readFileSync(join(root, file), 'utf8');
  expect(text.match(/^\s*(?:const|let) [A-Z][A-Z\d_]+ = -?\d.*$/gm) ?? []).toEqual([]);
});
