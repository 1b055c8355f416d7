// Compiles better-sqlite3 of its own sources, with SQLite as it brings it: its prebuilt file needs glibc 2.34.

import { createHash } from 'node:crypto';
import {
  type Dirent,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout } from './bundle.ts';
import type { Architecture } from './files.ts';
import { run } from './run.ts';

const own = join(checkout, 'packaging/sqlite');
const modules = join(checkout, 'node_modules');
const bindings = join(modules, 'better-sqlite3');

/** The packages whose code the result holds. */
export const compiledPackages = ['better-sqlite3', 'node-addon-api'];

const byPath = (a: Dirent, b: Dirent): number => (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1);

/** SQLite's settings, as better-sqlite3 has chosen them. */
const settings = (): string[] => {
  const found = readFileSync(join(bindings, 'deps/defines.gypi'), 'utf8').matchAll(/^\s+'([A-Z]\w*(?:=-?\d+)?)',$/gm);
  const defines = Array.from(found, ([, define]) => `-D${define}`);
  if (defines.length < 30) throw new Error(`${bindings}/deps/defines.gypi is not understood`);
  return defines;
};

/**
 * Gives the path of the compiled file: in dist/objects, where it is found again while sources, settings and compiler
 * are the same.
 */
export async function compileSqlite({ node, compilers }: Architecture): Promise<string> {
  const [cc, cxx] = [`${compilers}gcc`, `${compilers}g++`];
  const common = [
    '-O2',
    '-fPIC',
    '-DNDEBUG',
    '-fstack-protector-strong',
    '-fvisibility=hidden',
    '-include',
    join(own, 'old-glibc.h'),
  ];
  const cpp = [...common, '-std=c++20', '-fvisibility-inlines-hidden'];
  const includes = ['node-addon-api', `node-linux-${process.arch}/include/node`, 'better-sqlite3/deps/sqlite3'];
  const sqlite = [...common, '-std=gnu99', '-w', ...settings()];
  const addon = [
    ...cpp,
    ...['NAPI_VERSION=10', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'].map(
      (d) => `-D${d}`,
    ),
    ...includes.map((directory) => `-I${join(modules, directory)}`),
  ];
  const link = ['-shared', '-s', '-Wl,-Bsymbolic', '-Wl,-z,now', `-Wl,--version-script=${join(own, 'exports.map')}`];

  const hash = createHash('sha256').update(JSON.stringify([node, sqlite, addon, link]).replaceAll(checkout, ''));
  for (const name of readdirSync(own).sort()) hash.update(readFileSync(join(own, name)));
  for (const directory of [join(bindings, 'src'), join(bindings, 'deps'), join(modules, 'node-addon-api')]) {
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true }).sort(byPath)) {
      if (entry.isFile()) hash.update(readFileSync(join(entry.parentPath, entry.name)));
    }
  }
  for (const compiler of [cc, cxx]) hash.update(await run(compiler, ['--version']));
  const file = join(checkout, 'dist/objects', `better-sqlite3-${node}-${hash.digest('hex').slice(0, 16)}.node`);
  if (existsSync(file)) return file;

  const work = mkdtempSync(join(tmpdir(), 'stepparent-sqlite-'));
  try {
    const at = (name: string): string => join(work, name);
    await Promise.all([
      run(cc, [...sqlite, '-c', join(bindings, 'deps/sqlite3/sqlite3.c'), '-o', at('sqlite3.o')]),
      run(cxx, [...addon, '-c', join(bindings, 'src/better_sqlite3.cpp'), '-o', at('addon.o')]),
      run(cxx, [...cpp, '-c', join(own, 'old-glibc.cpp'), '-o', at('old-glibc.o')]),
    ]);
    const objects = ['addon.o', 'sqlite3.o', 'old-glibc.o'].map(at);
    mkdirSync(join(checkout, 'dist/objects'), { recursive: true });
    await run(cxx, [...link, ...objects, '-o', `${file}.${process.pid}`]);
    renameSync(`${file}.${process.pid}`, file);
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
