import fs from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { openEntryProbes } from '../../../collectors/tracefs/entry-probes.ts';
import { parseEventFormat } from '../../../collectors/tracefs/event-format.ts';
import type { Instance } from '../../../collectors/tracefs/instance.ts';

const fields = ['int common_pid', 'u64 argc', 'u64 b0[64]', 'u64 w0[64]'];
const format = parseEventFormat(
  `name: start\nID: 7\n${fields.map((field, i) => `\tfield:${field};\toffset:${8 * i};\tsize:8;\tsigned:0;`).join('\n')}\n`,
);

/** Opens probes in an instance that only lists the files whose probes were set, and the probes that were removed. */
function open() {
  const set: string[] = [];
  const removed: string[] = [];
  const instance = {
    group: 'g',
    addProbe(definition: string) {
      set.push(/ (\/[^:]+):/.exec(definition)?.[1] ?? '');
      return format;
    },
    removeProbe: (event: string) => removed.push(event),
  } as unknown as Instance;
  const probes = openEntryProbes({ instance, register() {}, drain() {}, onUnprobed() {} }, true);
  return { probes, set, removed };
}

/** The head of an ELF program for x86-64. `linker`: the PT_INTERP of its only program header. */
function elf(linker?: string): Buffer {
  const text = `${linker ?? ''}\0`;
  const head = Buffer.alloc(4096);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(62, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(0x400200n, 24);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(linker === undefined ? 1 : 2, 56);
  head.writeUInt32LE(1, 64);
  head.writeUInt32LE(5, 68);
  head.writeBigUInt64LE(0x400000n, 80);
  head.writeBigUInt64LE(4096n, 96);
  head.writeBigUInt64LE(4096n, 104);
  if (linker !== undefined) {
    head.writeUInt32LE(3, 120);
    head.writeBigUInt64LE(0x100n, 128);
    head.writeBigUInt64LE(BigInt(text.length), 152);
    head.write(text, 0x100, 'latin1');
  }
  return head;
}

const directory = fs.mkdtempSync('/tmp/stepparent-entry-');
afterAll(() => fs.rmSync(directory, { recursive: true }));
const write = (name: string, content: Buffer): string => {
  const file = path.join(directory, name);
  fs.writeFileSync(`${file}.new`, content);
  // The file of an ordinary user also if the tests run as root.
  if (process.getuid?.() === 0) fs.chownSync(`${file}.new`, 65534, 65534);
  fs.renameSync(`${file}.new`, file);
  return file;
};
const linker = process.arch === 'arm64' ? '/lib/ld-linux-aarch64.so.1' : '/lib64/ld-linux-x86-64.so.2';
/** A static program of root: a dynamic linker names none itself. */
const ofRoot = fs.realpathSync(linker);
const tools = 'cat ls cp mv rm id tr wc df du dd ln od pr tac who nl cut env sort'.split(' ');
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 15));

describe('a program that ran although no probe was hit', () => {
  test('any file that it names as its linker is probed, but not counted among the linkers', async () => {
    const { probes, set } = open();
    probes.noticeUnstarted(write('names-a-tool', elf('/usr/bin/env')));
    await vi.waitFor(() => expect(set).toEqual([fs.realpathSync('/usr/bin/env')]));
    expect(probes.state().linkers).toEqual([]);
    expect(probes.state().statics).toBe(1);
  });

  test('a file that is no program does not count as an uncovered linker', async () => {
    const { probes, set } = open();
    probes.noticeUnstarted(write('names-a-linker', elf(linker)));
    await vi.waitFor(() => expect(set).toHaveLength(1));
    probes.noticeUnstarted(write('names-a-text', elf('/etc/passwd')));
    await settled();
    expect(set).toEqual([fs.realpathSync(linker)]);
    expect(probes.state().linkers).toEqual([fs.realpathSync(linker)]);
    expect(probes.coversLinkers()).toBe(true);
  });

  test('a static program that is replaced at each run is probed as seldom as new ones', async () => {
    const { probes, set } = open();
    for (let run = 0; run < 40; run++) {
      probes.noticeUnstarted(write('replaced', elf()));
      await settled();
    }
    expect(set.length).toBeGreaterThan(1);
    expect(set.length).toBeLessThan(20);
    expect(probes.state().statics).toBe(1);
  });

  test('programs of other users do not keep those of root from being probed', async () => {
    const { probes, set } = open();
    for (let n = 0; n < 40; n++) {
      // Half of them name files of root.
      const named = n % 2 === 0 ? `/usr/bin/${tools[n / 2]}` : undefined;
      probes.noticeUnstarted(write(`many-${n}`, elf(named)));
      await settled();
    }
    expect(set.length).toBeLessThan(20);
    probes.noticeUnstarted(ofRoot);
    await vi.waitFor(() => expect(set.at(-1)).toBe(ofRoot));
  });

  test('programs of other users do not displace those of root', async () => {
    let nowMs = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += 5000));
    try {
      const { probes, set, removed } = open();
      probes.noticeUnstarted(ofRoot);
      await settled();
      for (let n = 0; n < 70; n++) {
        probes.noticeUnstarted(write(`late-${n}`, elf()));
        await settled();
      }
      expect(set.length).toBeGreaterThan(64);
      expect(removed[0]).toBe('start_late_0_1');
      expect(removed.length).toBeGreaterThan(1);
      expect(removed.every((event) => event.startsWith('start_late_'))).toBe(true);
    } finally {
      clock.mockRestore();
    }
  });
});
