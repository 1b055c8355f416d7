// The probes on librpm: which files get them, when they are set again, and what the records say.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { RpmRecord } from '../../../collectors/process/process-record.ts';
import type { RecordDecoder } from '../../../collectors/tracefs/decode-record.ts';
import { type EventFormat, parseEventFormat } from '../../../collectors/tracefs/event-format.ts';
import { openLibrpmProbes } from '../../../collectors/tracefs/librpm-probes.ts';
import { missingTools, noRoot, titled, unmet } from '../../needs.ts';

const missing = unmet(noRoot, missingTools('gcc'));
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'stepparent-librpm-'));
afterAll(() => fs.rmSync(scratch, { recursive: true }));

const getters = ['rpmteN', 'rpmteE', 'rpmteV', 'rpmteR', 'rpmteA', 'rpmteDependsOn', 'rpmtsRootDir', 'rpmtsGetRdb'];
const source = [
  'struct all { int first; char *field; };',
  ...getters.map((name) => `char *${name}(struct all *x) { return x ? x->field : 0; }`),
  ...['rpmteType', 'rpmtsFlags'].map((name) => `int ${name}(struct all *x) { return x ? x->first : 0; }`),
  ...['rpmtsRun', 'rpmtsSetTid', 'rpmteNEVR', 'rpmteSetDBInstance'].map((name) => `int ${name}(void) { return 1; }`),
].join('\n');
const compile = (file: string, text: string, soname = 'librpm.so.9'): void => {
  execFileSync(
    'gcc',
    ['-xc', '-O2', '-shared', '-fPIC', '-nostdlib', `-Wl,-soname,${soname}`, '-o', `${file}.new`, '-'],
    {
      input: text,
    },
  );
  fs.renameSync(`${file}.new`, file);
};

/** The format of an event, as the kernel makes it of the definition of a probe. */
function formatOf(definition: string, id: number): EventFormat {
  const name = /\/(\w+) /.exec(definition)?.[1];
  let offset = 8;
  const lines = [...definition.matchAll(/ (\w+)=\S+:[a-z](\d+)(?:\[(\d+)\])?/g)].map(([, field, bits, count = '1']) => {
    const size = (Number(bits) / 8) * Number(count);
    const line = `\tfield:u${bits} ${field}${count === '1' ? '' : `[${count}]`};\toffset:${offset};\tsize:${size};\tsigned:0;`;
    offset += size;
    return line;
  });
  return parseEventFormat(
    `name: ${name}\nID: ${id}\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n${lines.join('\n')}\n`,
  );
}

describe.skipIf(missing)(titled('probes on librpm', missing), () => {
  let directory = '';
  let library = '';
  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(scratch, 'lib-'));
    library = path.join(directory, 'librpm.so.9.3.0');
  });

  function open() {
    const set: string[] = [];
    const writes: string[] = [];
    const reasons: string[] = [];
    const decoders = new Map<string, { format: EventFormat; decode: RecordDecoder }>();
    let rejects = '';
    const reject = (event: string): void => {
      rejects = event;
    };
    const probes = openLibrpmProbes(
      {
        instance: {
          group: 'g',
          addProbe(definition, event) {
            if (rejects !== '' && event.includes(rejects)) throw new Error('EINVAL: no such thing');
            set.push(event);
            return formatOf(definition, set.length);
          },
          removeProbe: (event) => void set.splice(set.indexOf(event), 1),
          write: (file, value) => void writes.push(`${file}=${value}`),
        },
        register: (format, decode) => void decoders.set(format.name, { format, decode }),
        drain() {},
        onUnprobed: (_file, reason) => void reasons.push(reason),
      },
      [directory, path.join(scratch, 'no-such-directory')],
    );
    return { probes, set, writes, reasons, decoders, reject };
  }
  const steps = (set: readonly string[]): string[] => set.map((event) => event.split('_')[1] ?? '');
  const all = ['begin', 'end', 'opened', 'package', 'written'];

  test('a host without librpm has none', () => {
    const { probes, set } = open();
    expect(set).toEqual([]);
    expect(probes.state()).toEqual({ libraries: [], unprobed: [] });
  });

  test('each file has them once, however many links it has', () => {
    compile(library, source);
    fs.symlinkSync(path.basename(library), path.join(directory, 'librpm.so.9'));
    compile(path.join(directory, 'librpm.so.10'), source, 'librpm.so.10');
    compile(path.join(directory, 'librpm.so.11'), source, 'libother.so.1');
    const { probes, set } = open();
    expect(probes.state()).toEqual({ libraries: [path.join(directory, 'librpm.so.10'), library], unprobed: [] });
    expect(steps(set)).toEqual([...all, ...all]);
    probes.refresh();
    expect(set).toHaveLength(10);
  });

  test('a file that is replaced has them again, and one that is removed has none', () => {
    const { probes, set } = open();
    compile(library, source);
    expect(probes.isProbedFile(library)).toBe(true);
    probes.refresh();
    const before = [...set];
    expect(before).toHaveLength(5);
    compile(library, `${source}\n`);
    probes.refresh();
    expect(set).toHaveLength(5);
    expect(set).not.toEqual(before);
    fs.rmSync(library);
    probes.refresh();
    expect(set).toEqual([]);
    expect(probes.state().libraries).toEqual([]);
  });

  test.each<[string, string, string]>([
    ['has no functions', 'int x;', 'it exports no function rpmtsRun'],
    [
      'shows only the beginning and the end',
      'int rpmtsRun(void) { return 0; }',
      'this version does not show packages, changes of the database, the directory of the database, whether it is a test, the root directory',
    ],
  ])('a file that %s is reported once', (_what, text, reason) => {
    compile(library, text);
    const { probes, reasons } = open();
    probes.refresh();
    expect(reasons).toEqual([reason]);
    expect(probes.state().unprobed).toEqual([{ path: library, reason }]);
    compile(library, source);
    probes.refresh();
    expect(probes.state().unprobed).toEqual([]);
  });

  test('a file of another user has none', () => {
    compile(library, source);
    fs.chownSync(library, 65534, 65534);
    expect(open().probes.state()).toEqual({
      libraries: [],
      unprobed: [{ path: library, reason: 'it does not belong to root' }],
    });
  });

  test('a probe that the kernel rejects removes the others of the file', () => {
    const { probes, set, reject } = open();
    reject('written');
    compile(library, source);
    probes.refresh();
    expect(set).toEqual([]);
    expect(probes.state().unprobed).toEqual([{ path: library, reason: 'EINVAL: no such thing' }]);
    reject('');
    probes.refresh();
    expect(set).toHaveLength(5);
  });

  /** A record with these values of the fields of an event. */
  function recordOf(
    { decoders }: ReturnType<typeof open>,
    step: string,
    values: Readonly<Record<string, number | bigint | string>>,
    timeNs = 5,
  ) {
    const [, found] = [...decoders].find(([name]) => name.startsWith(`rpm_${step}_`)) ?? [];
    if (found === undefined) throw new Error(`no ${step}`);
    const page = Buffer.alloc(2048);
    page.writeInt32LE(77, 4);
    for (const [name, value] of Object.entries(values)) {
      const field = found.format.fields.get(name);
      if (field === undefined) throw new Error(`no ${name}`);
      if (typeof value === 'string') page.write(value, field.offset, field.size);
      else if (typeof value === 'bigint') page.writeBigUInt64LE(value, field.offset);
      else page.writeInt32LE(value, field.offset);
    }
    return found.decode(page, 0, page.length, timeNs) as RpmRecord | undefined;
  }

  test('the records', () => {
    compile(library, source);
    const opened = open();
    const record = { kind: 'rpm', tid: 77, timeNs: 5 };
    expect(recordOf(opened, 'begin', { ignored: 4, flags: 1, rootp: 1n, root: '/srv' })).toEqual({
      ...record,
      step: 'begin',
      flags: 1,
      ignored: 4,
      root: { text: '/srv' },
      shows: { packages: true, written: true, opened: true },
    });
    expect(recordOf(opened, 'begin', { root: 'left over' })).toMatchObject({ root: undefined });
    expect(recordOf(opened, 'opened', { rdb: 1n, pathp: 1n, path: '/var/lib/rpm' })).toEqual({
      ...record,
      step: 'opened',
      database: { text: '/var/lib/rpm' },
    });
    expect(recordOf(opened, 'opened', { path: 'left over', pathp: 1n })).toMatchObject({ database: undefined });
    expect(
      recordOf(opened, 'package', {
        ...{ element: 0xffff_8000_0000_0010n, type: 2, by: 0x20n },
        ...{ name: 'tool', epoch: 'left over', version: '1', release: '\n2', arch: 'x'.repeat(64) },
      }),
    ).toEqual({
      ...record,
      step: 'package',
      element: 'ffff800000000010',
      type: 2,
      name: { text: 'tool' },
      epoch: { text: '' },
      version: { text: '1' },
      release: { text: '\n2' },
      architecture: { text: 'x'.repeat(64), cutAt: 64 },
      replacedBy: '20',
    });
    expect(recordOf(opened, 'written', { element: 16n, instance: 9 })).toEqual({
      ...record,
      step: 'written',
      element: '10',
      instance: 9,
    });
    expect(recordOf(opened, 'end', { result: -1 })).toEqual({ ...record, step: 'end', result: -1 });
  });

  test('the record that is one too many says that the next ones are missing', () => {
    compile(library, source);
    const opened = open();
    const call = () => recordOf(opened, 'written', { element: 16n, instance: 9 });
    let last = call();
    for (let calls = 1; calls <= 20_000; calls++) last = call();
    expect(last).toEqual({ kind: 'rpm', tid: 77, timeNs: 5, step: 'suspended' });
  });

  test('a program that calls librpm in a loop switches them off until the next refresh', () => {
    compile(library, source);
    const opened = open();
    const { probes, set, writes } = opened;
    const call = () => recordOf(opened, 'written', { element: 16n, instance: 9 });
    let calls = 0;
    while (call()?.step === 'written' && calls < 30_000) calls++;
    expect(calls).toBe(20_000);
    expect(call()).toBeUndefined();
    expect(writes).toEqual(set.map((event) => `events/g/${event}/enable=0`));
    expect(probes.state().unprobed).toEqual([{ path: library, reason: expect.stringContaining('task 77') }]);
    expect(opened.reasons).toEqual([expect.stringContaining('task 77')]);
    expect(recordOf(opened, 'end', { result: 0 })).toBe(undefined);
    probes.refresh();
    expect(writes.slice(5)).toEqual(set.map((event) => `events/g/${event}/enable=1`));
    expect(call()).toBeDefined();
    expect(probes.state().unprobed).toEqual([]);
  });
});
