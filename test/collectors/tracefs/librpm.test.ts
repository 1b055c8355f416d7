// What the probes read from a file of librpm: of a small library with the same functions, compiled for each
// architecture, and of the librpm of this machine.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { isLibrpm, loadedField, readLibrpm } from '../../../collectors/tracefs/librpm.ts';
import { architectures } from '../../../packaging/files.ts';
import { missingTools, titled, unmet } from '../../needs.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stepparent-librpm-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));

/** The fields that the functions load, in an order that no version of librpm has. */
const source = `
struct element { char *release, *name; int type; void *replaced_by; char *more[40], *epoch, *version, *arch; };
struct transaction { long more; char *root; unsigned flags; void *database; };
typedef struct element *rpmte;
typedef struct transaction *rpmts;
int rpmteType(rpmte te) { return te ? te->type : -1; }
const char *rpmteN(rpmte te) { return te ? te->name : 0; }
const char *rpmteE(rpmte te) { return te ? te->epoch : 0; }
const char *rpmteV(rpmte te) { return te ? te->version : 0; }
const char *rpmteR(rpmte te) { return te ? te->release : 0; }
const char *rpmteA(rpmte te) { return te ? te->arch : 0; }
void *rpmteDependsOn(rpmte te) { return te->replaced_by; }
unsigned rpmtsFlags(rpmts ts) { unsigned flags = 0; if (ts) flags = ts->flags; return flags; }
const char *rpmtsRootDir(rpmts ts) { return ts ? ts->root : 0; }
void *rpmtsGetRdb(rpmts ts) { void *rdb = 0; if (ts) rdb = ts->database; return rdb; }
`;
const probed = `
int rpmtsRun(rpmts ts) { return rpmtsFlags(ts) == 7; }
int rpmtsSetTid(rpmts ts) { return ts != 0; }
const char *rpmteNEVR(rpmte te) { return te ? te->name : 0; }
void rpmteSetDBInstance(rpmte te, int instance) { te->type = instance; }
`;

describe.each(architectures)('$deb', ({ node, deb, compilers }) => {
  const compiler = `${compilers}gcc`;
  const missing = unmet(missingTools(compiler));
  const compile = (text: string, name: string, ...options: string[]): Buffer => {
    const file = path.join(directory, `${deb}-${name}`);
    const all = ['-xc', '-O2', '-shared', '-fPIC', '-nostdlib', `-Wl,-soname,${name}`, ...options, '-o', file, '-'];
    execFileSync(compiler, all, { input: text });
    return fs.readFileSync(file);
  };

  test.skipIf(missing)(titled('finds functions and fields', missing), () => {
    for (const options of [[], deb === 'amd64' ? ['-fcf-protection=full'] : ['-mbranch-protection=standard']]) {
      const librpm = readLibrpm(compile(source + probed, 'librpm.so.42', ...options), node);
      expect(librpm).toMatchObject({
        run: expect.any(Number),
        opened: expect.any(Number),
        written: expect.any(Number),
        transaction: { root: 8, flags: 16, database: 24 },
        packages: {
          at: expect.any(Number),
          fields: {
            release: 0,
            name: 8,
            type: 16,
            replacedBy: 24,
            epoch: 352,
            version: 360,
            architecture: 368,
          },
        },
      });
    }
  });

  test.skipIf(missing)(titled('a function that does more than load a field shows none', missing), () => {
    const other = source.replace('return te ? te->epoch : 0', 'te->type++; return te->epoch');
    const librpm = readLibrpm(compile(other + probed, 'librpm.so.42'), node);
    expect(librpm).toMatchObject({ run: expect.any(Number), transaction: { root: 8 } });
    expect(librpm).not.toHaveProperty('packages');
  });

  test.skipIf(missing)(titled('what a version does not export is absent', missing), () => {
    expect(readLibrpm(compile('int rpmtsRun(void) { return 0; }', 'librpm.so.3'), node)).toEqual({
      run: expect.any(Number),
      transaction: {},
    });
    expect(readLibrpm(compile(source, 'librpm.so.3'), node)).toBe('it exports no function rpmtsRun');
  });

  test.skipIf(missing)(titled('another library is not taken for librpm', missing), () => {
    expect(readLibrpm(compile(source + probed, 'librpmbuild.so.9'), node)).toBe(undefined);
  });
});

test.each([
  ['librpm.so.9', true],
  ['librpm.so.10.2.0', true],
  ['librpm.so', false],
  ['librpmio.so.9', false],
  ['librpm.so.9.dpkg-new', false],
  ['xlibrpm.so.9', false],
])('the name %s', (name, expected) => expect(isLibrpm(name)).toBe(expected));

test.each([
  ['code that is cut', [0x48, 0x8b, 0x87, 0x10]],
  ['a negative offset', [0x48, 0x8b, 0x47, 0xf8]],
  ['an offset beyond every structure', [0x48, 0x8b, 0x87, 0, 0, 1, 0]],
  ['another register', [0x48, 0x8b, 0x46, 0x08]],
  ['a call', [0xe8, 0, 0, 0, 0]],
  ['nothing', []],
])('%s loads no field', (_what, bytes) => expect(loadedField(Buffer.from(bytes), 'x64')).toBe(undefined));

const own = { x64: '/usr/lib/x86_64-linux-gnu', arm64: '/usr/lib/aarch64-linux-gnu' }[process.arch as 'x64' | 'arm64'];
const installed = [own, '/usr/lib64'].flatMap((one) =>
  fs.existsSync(one)
    ? fs
        .readdirSync(one)
        .filter(isLibrpm)
        .map((name) => path.join(one, name))
    : [],
);
test.skipIf(installed.length === 0)(
  titled('the librpm of this machine shows everything', installed.length === 0 ? 'needs librpm' : undefined),
  () => {
    for (const file of installed) {
      expect(readLibrpm(fs.readFileSync(file), process.arch as 'x64' | 'arm64')).toMatchObject({
        opened: expect.any(Number),
        written: expect.any(Number),
        transaction: { flags: expect.any(Number), root: expect.any(Number), database: expect.any(Number) },
        packages: { fields: { name: expect.any(Number) } },
      });
    }
  },
);
