// Decoders on records made by hand: formats of older kernels, cut arguments, hostile text.

import { describe, expect, test } from 'vitest';
import { decodeArgv, decodeAttempt, decodeExec, decodeNewTask } from '../../../collectors/tracefs/decode-record.ts';
import { elfEntryOffset } from '../../../collectors/tracefs/elf-entry.ts';
import { fieldOf, parseEventFormat } from '../../../collectors/tracefs/event-format.ts';
import { attemptProbe, canBeProbed, entryProbe } from '../../../collectors/tracefs/probe-definition.ts';

const field = (declaration: string, offset: number, size: number): string =>
  `\tfield:${declaration};\toffset:${offset};\tsize:${size};\tsigned:0;`;
const format = (name: string, fields: string[]) =>
  parseEventFormat([`name: ${name}`, 'ID: 42', 'format:', field('int common_pid', 4, 4), ...fields].join('\n'));

describe('formats', () => {
  test('have names, offsets and sizes of fields', () => {
    const exec = format('sched_process_exec', [field('__data_loc char[] filename', 8, 4), field('u64 b0[]', 24, 512)]);
    expect(exec.id).toBe(42);
    expect(fieldOf(exec, 'filename')).toEqual({ offset: 8, size: 4 });
    expect(fieldOf(exec, 'b0')).toEqual({ offset: 24, size: 512 });
    expect(() => fieldOf(exec, 'argv')).toThrow('trace event sched_process_exec has no field argv on this kernel');
  });
});

describe('exec', () => {
  const exec = decodeExec(
    format('sched_process_exec', [
      field('__data_loc char[] filename', 8, 4),
      field('pid_t pid', 12, 4),
      field('pid_t old_pid', 16, 4),
    ]),
  );
  const record = (filename: Buffer, location = 20 + filename.length * 0x10000): Buffer => {
    const head = Buffer.alloc(20);
    head.writeUInt32LE(location, 8);
    head.writeInt32LE(7, 12);
    head.writeInt32LE(9, 16);
    return Buffer.concat([head, filename]);
  };

  test('keeps a newline in the file name', () => {
    const bytes = record(Buffer.from('/tmp/a\nsh-1 [000] 1.0: sched_process_exec: filename=/usr/bin/apt-get\0'));
    expect(exec(bytes, 0, bytes.length, 5)).toEqual({
      kind: 'exec',
      timeNs: 5,
      pid: 7,
      formerTid: 9,
      filename: '/tmp/a\nsh-1 [000] 1.0: sched_process_exec: filename=/usr/bin/apt-get',
    });
  });

  test('replaces bytes that are not UTF-8', () => {
    const bytes = record(Buffer.from([0x2f, 0xff, 0x61, 0]));
    expect(exec(bytes, 0, bytes.length, 5)).toMatchObject({ filename: '/\ufffda' });
  });

  test('rejects text outside of its record instead of reading the next record', () => {
    const bytes = record(Buffer.from('/bin/x\0'), 20 + 4000 * 0x10000);
    expect(() => exec(bytes, 0, bytes.length, 5)).toThrow(RangeError);
  });
});

describe('new task', () => {
  const newTask = decodeNewTask(format('task_newtask', [field('pid_t pid', 8, 4), field('u64 clone_flags', 32, 8)]));
  test.each([
    ['a child', 0x11, { thread: false, sibling: false }],
    ['a thread', 0x3d0f00, { thread: true, sibling: false }],
    ['a sibling (CLONE_PARENT)', 0x8011, { thread: false, sibling: true }],
  ])('%s', (_what, flags, expected) => {
    const bytes = Buffer.alloc(40);
    bytes.writeInt32LE(1, 4);
    bytes.writeInt32LE(2, 8);
    bytes.writeUInt32LE(flags, 32);
    expect(newTask(bytes, 0, bytes.length, 3)).toEqual({ kind: 'fork', timeNs: 3, creator: 1, pid: 2, ...expected });
  });
});

describe('argv of an entry probe', () => {
  const fields = [field('u64 argc', 16, 8), ...[0, 1, 2, 3, 4].map((i) => field(`u64 b${i}[]`, 24 + i * 512, 512))];
  const argv = decodeArgv(format('dpkg_0', fields), '/usr/bin/dpkg');
  const record = (argc: number, stack: Buffer): Buffer => {
    const bytes = Buffer.alloc(24 + 2560);
    bytes.writeInt32LE(77, 4);
    bytes.writeUInt32LE(argc, 16);
    stack.copy(bytes, 24);
    return bytes;
  };
  const decoded = (argc: number, stack: Buffer) => argv(record(argc, stack), 0, 24 + 2560, 1);

  test('ends at argc and does not read the environment', () => {
    expect(decoded(3, Buffer.from('dpkg\0-i\0x.deb\0SECRET=1\0'))).toEqual({
      kind: 'argv',
      timeNs: 1,
      pid: 77,
      image: '/usr/bin/dpkg',
      args: ['dpkg', '-i', 'x.deb'],
      argc: 3,
      truncated: false,
    });
  });
  test('keeps empty arguments', () => {
    expect(decoded(4, Buffer.from('dpkg\0\0\0-i\0'))).toMatchObject({ args: ['dpkg', '', '', '-i'], truncated: false });
  });
  test('can have no arguments', () => {
    expect(decoded(0, Buffer.from('HOME=/\0'))).toMatchObject({ args: [], truncated: false });
  });
  test('cuts arguments without room and sets truncated', () => {
    const result = decoded(3, Buffer.concat([Buffer.from('dpkg\0-i\0'), Buffer.alloc(4000, 'a')]));
    expect(result).toMatchObject({ truncated: true, argc: 3 });
    expect((result as { args: string[] }).args.map((arg) => arg.length)).toEqual([4, 2, 2560 - 8]);
  });
  test('ends at the end of the bytes if argc is too large', () => {
    expect(decoded(0xffff_ffff, Buffer.from('dpkg\0'))).toMatchObject({ truncated: true });
  });
  test('rejects a record that is too short', () => {
    expect(() => argv(record(1, Buffer.from('dpkg\0')), 0, 100, 1)).toThrow(RangeError);
  });
});

describe('attempts', () => {
  const attempt = decodeAttempt(
    format(
      'execve',
      Array.from({ length: 16 }, (_, i) => field(`__data_loc char[] a${i}`, 16 + i * 4, 4)),
    ),
  );
  const record = (args: string[]): Buffer => {
    const texts = args.map((arg) => Buffer.from(`${arg}\0`));
    const head = Buffer.alloc(16 + 64);
    head.writeInt32LE(5, 4);
    let offset = head.length;
    texts.forEach((text, i) => {
      head.writeUInt32LE(offset + text.length * 0x10000, 16 + i * 4);
      offset += text.length;
    });
    return Buffer.concat([head, ...texts]);
  };
  test('end at the first argument that could not be read', () => {
    const bytes = record(['dpkg', '-i', 'x.deb']);
    expect(attempt(bytes, 0, bytes.length, 1)).toEqual({
      kind: 'attempt',
      timeNs: 1,
      tid: 5,
      args: ['dpkg', '-i', 'x.deb'],
      truncated: false,
    });
  });
  test.each<[string, Buffer]>([
    ['the page of the list is not in memory', record([])],
    ['one is as long as a probe copies', record(['dpkg', 'x'.repeat(4095)])],
    ['one is as long as a probe copies, with characters of several bytes', record(['dpkg', `${'é'.repeat(2047)}x`])],
  ])('are cut where %s', (_, bytes) => {
    expect(attempt(bytes, 0, bytes.length, 1)).toMatchObject({ truncated: true });
  });
  test('with a long one are complete', () => {
    const bytes = record(['dpkg', 'x'.repeat(4094), 'end']);
    expect(attempt(bytes, 0, bytes.length, 1)).toMatchObject({ truncated: false });
  });
  test('are truncated if there are sixteen arguments', () => {
    const bytes = record(Array.from({ length: 16 }, (_, i) => String(i)));
    expect(attempt(bytes, 0, bytes.length, 1)).toMatchObject({ truncated: true });
  });
});

describe('probe definitions', () => {
  test('an entry probe copies a fixed number of bytes', () => {
    expect(entryProbe('g', 'dpkg_0', '/usr/bin/dpkg', 0x7cd0)).toBe(
      'p:g/dpkg_0 /usr/bin/dpkg:0x7cd0 argc=+0($stack):u64 b0=+0(+8($stack)):x64[64] b1=+512(+8($stack)):x64[64] ' +
        'b2=+1024(+8($stack)):x64[64] b3=+1536(+8($stack)):x64[64] b4=+2048(+8($stack)):x64[64]',
    );
  });
  test('an event probe reads sixteen arguments', () => {
    expect(attemptProbe('g', 'execve', 'execve')).toMatch(
      /^e:g\/execve syscalls\/sys_enter_execve a0=\+0\(\+0\(\$argv\)\):ustring .* a15=\+0\(\+120\(\$argv\)\):ustring$/,
    );
  });
  test.each([
    ['/usr/bin/dpkg', true],
    ['/opt/a b/dpkg', false],
    ['/opt/x\np:evil/e /bin/sh:0', false],
    ['relative', false],
  ])('%j can be probed: %s', (path, expected) => expect(canBeProbed(path)).toBe(expected));
});

describe('ELF entry', () => {
  const elf = (entry: number, segments: [type: number, offset: number, address: number, size: number][]): Buffer => {
    const bytes = Buffer.alloc(64 + segments.length * 56);
    bytes.writeUInt32BE(0x7f454c46, 0);
    bytes[4] = 2;
    bytes[5] = 1;
    bytes.writeBigUInt64LE(BigInt(entry), 24);
    bytes.writeBigUInt64LE(64n, 32);
    bytes.writeUInt16LE(56, 54);
    bytes.writeUInt16LE(segments.length, 56);
    segments.forEach(([type, offset, address, size], i) => {
      bytes.writeUInt32LE(type, 64 + i * 56);
      bytes.writeBigUInt64LE(BigInt(offset), 64 + i * 56 + 8);
      bytes.writeBigUInt64LE(BigInt(address), 64 + i * 56 + 16);
      bytes.writeBigUInt64LE(BigInt(size), 64 + i * 56 + 32);
    });
    return bytes;
  };
  test.each([
    ['in a segment at another address', elf(0x401050, [[1, 0x1000, 0x401000, 0x500]]), 0x1050],
    [
      'position-independent',
      elf(0x7cd0, [
        [4, 0, 0, 1],
        [1, 0, 0, 0x61f0],
        [1, 0x7000, 0x7000, 0x2a151],
      ]),
      0x7cd0,
    ],
    ['in no segment', elf(0x10, [[1, 0x1000, 0x401000, 0x500]]), undefined],
    ['a script', Buffer.from('#!/bin/sh\n'.padEnd(80)), undefined],
    ['a torn file', Buffer.from([0x7f, 0x45, 0x4c, 0x46]), undefined],
    ['a table past the end', elf(0x10, [[1, 0, 0, 0x500]]).subarray(0, 70), undefined],
  ])('%s', (_what, head, expected) => expect(elfEntryOffset(head)).toBe(expected));
});
