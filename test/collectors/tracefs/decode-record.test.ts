// Decoders on records made by hand: formats of older kernels, cut arguments, hostile text.

import { describe, expect, test } from 'vitest';
import {
  connectFilter,
  decodeArgv,
  decodeAttempt,
  decodeConnect,
  decodeExec,
  decodeNewTask,
} from '../../../collectors/tracefs/decode-record.ts';
import { fieldOf, parseEventFormat } from '../../../collectors/tracefs/event-format.ts';
import {
  attemptProbe,
  canBeProbed,
  entryProbe,
  loneProgramProbeSize,
  programProbeSize,
  startProbeSize,
} from '../../../collectors/tracefs/probe-definition.ts';

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

describe('a connection', () => {
  /** The fields of Linux 6.18; `protocol` has one byte up to Linux 5.5. */
  const connectOf = (protocolBytes: 1 | 2) =>
    decodeConnect(
      format('inet_sock_set_state', [
        field('const void * skaddr', 8, 8),
        field('int oldstate', 16, 4),
        field('int newstate', 20, 4),
        field('__u16 sport', 24, 2),
        field('__u16 dport', 26, 2),
        field('__u16 family', 28, 2),
        field(protocolBytes === 1 ? '__u8 protocol' : '__u16 protocol', 30, protocolBytes),
        field('__u8 saddr[4]', 32, 4),
        field('__u8 daddr[4]', 36, 4),
        field('__u8 saddr_v6[16]', 40, 16),
        field('__u8 daddr_v6[16]', 56, 16),
      ]),
    );
  interface Socket {
    state?: number;
    family?: number;
    protocol?: number;
    saddr?: string;
    daddr?: string;
    saddr6?: string;
    daddr6?: string;
    sport?: number;
  }
  const none6 = '0'.repeat(32);
  const record = (socket: Socket): Buffer => {
    const { state = 2, family = 2, protocol = 6, sport = 0 } = socket;
    const { saddr = 'c000020a', daddr = 'c0000201', saddr6 = none6, daddr6 = none6 } = socket;
    const bytes = Buffer.alloc(72, 0xee);
    bytes.writeInt32LE(77, 4);
    bytes.writeInt32LE(7, 16);
    bytes.writeInt32LE(state, 20);
    bytes.writeUInt16LE(sport, 24);
    bytes.writeUInt16LE(443, 26);
    bytes.writeUInt16LE(family, 28);
    bytes.writeUInt16LE(protocol, 30);
    for (const [hex, offset] of [
      [saddr, 32],
      [daddr, 36],
      [saddr6, 40],
      [daddr6, 56],
    ] as const) {
      bytes.write(hex, offset, 'hex');
    }
    return bytes;
  };
  const decode = (socket: Socket, protocolBytes: 1 | 2 = 2) => {
    const bytes = record(socket);
    return connectOf(protocolBytes)(bytes, 0, bytes.length, 5);
  };
  const mapped = (hex: string): string => `00000000000000000000ffff${hex}`;
  const found = (source: string, destination: string, port = 0) => ({
    kind: 'connect',
    timeNs: 5,
    tid: 77,
    source: { ip: source, port },
    destination: { ip: destination, port: 443 },
  });

  test.each<[string, Socket, object | undefined]>([
    ['IPv4', {}, found('192.0.2.10', '192.0.2.1')],
    ['from a port that the program has bound', { sport: 2000 }, found('192.0.2.10', '192.0.2.1', 2000)],
    [
      'IPv6',
      { family: 10, saddr6: '20010db8000000000000000000000002', daddr6: '20010db8000000000000000000000001' },
      found('2001:db8::2', '2001:db8::1'),
    ],
    [
      'to an IPv4 address by a socket of IPv6, which has no IPv6 address yet',
      { family: 10, daddr6: mapped('c0000201') },
      found('192.0.2.10', '192.0.2.1'),
    ],
    ['a later state', { state: 1 }, undefined],
    ['MPTCP, whose subflow has a record of its own', { protocol: 262 }, undefined],
    ['SCTP', { protocol: 132 }, undefined],
    ['another family', { family: 1 }, undefined],
  ])('%s', (_, socket, expected) => expect(decode(socket)).toEqual(expected));

  test('is read in the layout of older kernels too', () => {
    expect(decode({ protocol: 0xee06 }, 1)).toEqual(found('192.0.2.10', '192.0.2.1'));
    expect(decode({ protocol: 0xee84 }, 1)).toBeUndefined();
  });

  test('is filtered in the kernel by the same conditions', () => {
    expect(connectFilter).toBe('newstate == 2 && protocol == 6');
  });

  test('a kernel without one of the fields is not decoded', () => {
    expect(() => decodeConnect(format('inet_sock_set_state', [field('int newstate', 20, 4)]))).toThrow(
      'trace event inet_sock_set_state has no field family on this kernel',
    );
  });
});

describe('argv of an entry probe', () => {
  const fields = [field('u64 argc', 16, 8), ...[0, 1, 2, 3, 4].map((i) => field(`u64 b${i}[]`, 24 + i * 512, 512))];
  const argv = decodeArgv(format('dpkg_0', fields), '/usr/bin/dpkg', 'program');
  const record = (argc: number, stack: Buffer): Buffer => {
    const bytes = Buffer.alloc(24 + 2560);
    bytes.writeInt32LE(77, 4);
    bytes.writeUInt32LE(argc, 16);
    stack.copy(bytes, 24);
    return bytes;
  };
  const decoded = (argc: number, stack: Buffer) => argv(record(argc, stack), 0, 24 + 2560, 1);

  test('ends at argc; what follows is environment of unknown length', () => {
    expect(decoded(3, Buffer.from('dpkg\0-i\0x.deb\0SECRET=1\0'))).toEqual({
      kind: 'argv',
      timeNs: 1,
      pid: 77,
      image: '/usr/bin/dpkg',
      args: ['dpkg', '-i', 'x.deb'],
      role: 'program',
      argc: 3,
      truncated: false,
      environment: 'SECRET=1',
      environmentTruncated: true,
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

describe('start of a program', () => {
  const fields = [
    field('u64 argc', 16, 8),
    ...[0, 1].map((i) => field(`u64 w${i}[]`, 24 + i * 512, 512)),
    field('u64 b0[]', 24 + 1024, 512),
  ];
  const start = decodeArgv(format('start_ld_0', fields), '/lib64/ld.so', 'start');
  const credentials = { 11: 1000, 12: 0, 13: 1000, 14: 50, 23: 1 };
  interface Stack {
    argc?: number;
    environment?: number;
    auxiliary?: Record<number, number>;
    text: string;
  }
  const decoded = ({ argc = 2, environment = 2, auxiliary = credentials, text }: Stack) => {
    const bytes = Buffer.alloc(24 + 1536);
    bytes.writeInt32LE(77, 4);
    bytes.writeUInt32LE(argc, 16);
    const pointer = 0x7ffc_0000_1000n;
    const words = [
      ...Array<bigint>(argc).fill(pointer),
      0n,
      ...Array<bigint>(environment).fill(pointer),
      0n,
      ...Object.entries(auxiliary).flatMap(([type, value]) => [BigInt(type), BigInt(value)]),
      0n,
      0n,
    ];
    for (const [i, word] of words.slice(0, 128).entries()) bytes.writeBigUInt64LE(word, 24 + i * 8);
    Buffer.from(text).copy(bytes, 24 + 1024, 0, 512);
    return start(bytes, 0, bytes.length, 1);
  };
  const ids = { realUserId: 1000, userId: 0, realGroupId: 1000, groupId: 50, secure: true };

  test('has arguments, environment and credentials', () => {
    expect(decoded({ text: 'sh\0x\0A=1\0B=2\0/bin/sh\0' })).toEqual({
      kind: 'argv',
      timeNs: 1,
      pid: 77,
      image: '/lib64/ld.so',
      role: 'start',
      argc: 2,
      args: ['sh', 'x'],
      truncated: false,
      environment: 'A=1\0B=2',
      environmentTruncated: false,
      environmentCount: 2,
      credentials: ids,
    });
  });
  test.each<[string, Stack, object]>([
    ['no environment', { environment: 0, text: 'sh\0x\0/bin/sh\0' }, { environment: '', environmentTruncated: false }],
    ['no arguments', { argc: 0, text: 'A=1\0B=2\0' }, { args: [], environment: 'A=1\0B=2', credentials: ids }],
    [
      'a cut variable, which is dropped',
      { text: `sh\0x\0A=1\0B=${'b'.repeat(600)}` },
      { environment: 'A=1', environmentTruncated: true },
    ],
    [
      'cut arguments',
      { text: `sh\0${'x'.repeat(600)}` },
      { args: ['sh', 'x'.repeat(509)], truncated: true, environment: '', environmentTruncated: true },
    ],
    ['an environment that fills the stack', { environment: 200, text: 'sh\0x\0' }, { environmentTruncated: true }],
    ['as many arguments as the stack has room for', { argc: 90, environment: 0, text: 'sh\0' }, { credentials: ids }],
  ])('can have %s', (_, stack, expected) => expect(decoded(stack)).toMatchObject(expected));

  test.each<[string, Stack]>([
    ['an auxiliary vector beyond the bytes', { environment: 120, text: 'sh\0x\0' }],
    ['an auxiliary vector without one of the ids', { auxiliary: { 11: 0, 12: 0, 13: 0, 14: 0 }, text: 'sh\0x\0' }],
    ['an argc beyond the bytes', { argc: 0xffff, text: 'sh\0' }],
  ])('with %s has no credentials', (_, stack) => expect(decoded(stack)).not.toHaveProperty('credentials'));

  test('with other values first is read by the first of each type', () => {
    const auxiliary = { 33: 0x7fff, 51: 3376, 16: 0x78bfbff, 6: 4096, 17: 100, ...credentials };
    expect(decoded({ auxiliary, text: 'sh\0x\0' })).toMatchObject({ credentials: ids });
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
    expect(entryProbe('g', 'dpkg_0', '/usr/bin/dpkg', 0x7cd0, { stack: 2, text: 1 })).toBe(
      'p:g/dpkg_0 /usr/bin/dpkg:0x7cd0 argc=+0($stack):u64 w0=+8($stack):x64[64] w1=+520($stack):x64[64] ' +
        'b0=+0(+8($stack)):x64[64]',
    );
  });
  test.each([
    ['a package tool', programProbeSize],
    ['a package tool without probes on linkers', loneProgramProbeSize],
    ['every other program', startProbeSize],
  ])('the record of %s fits into one event', (_, { stack, text }) => {
    expect(24 + (stack + text) * 512).toBeLessThanOrEqual(3072);
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
