// The definitions of the probes on functions of librpm, and the decoders of their records.

import type { ProbedText, RpmProbes, RpmRecord, RpmStep } from '../process/process-record.ts';
import type { RecordDecoder } from './decode-record.ts';
import { type EventFormat, fieldOf } from './event-format.ts';
import type { Librpm } from './librpm.ts';

/** The registers of the first arguments of a function, as the kernel names them. */
const registersOf = {
  x64: { first: '%di', second: '%si', third: '%dx' },
  arm64: { first: '%x0', second: '%x1', third: '%x2' },
} as const;

/** Sizes of the copied texts: ordinary ones are shorter. Longer ones are cut. */
const pathBytes = 512;
const nameBytes = 256;
const versionBytes = 128;
const architectureBytes = 64;
const epochBytes = 16;

/** One probe. */
export interface LibrpmProbe {
  step: RpmStep['step'];
  /** In the syntax of the kernel, for `Instance.addProbe`. */
  definition: string;
}

/** The name of the event of a probe. `serial`: different for each file. It also shows what its librpm can show. */
const librpmEvent = (step: RpmStep['step'], shows: RpmProbes, serial: number): string =>
  `${prefix}${step}_${Object.values(shows).map(Number).join('')}_${serial}`;

const prefix = 'rpm_';
const eventName = /^rpm_([a-z]+)_([01])([01])([01])_\d+$/;

/** What the probes on this file show. */
export const shownBy = ({ packages, written, opened, transaction }: Librpm): RpmProbes => ({
  packages: packages !== undefined,
  written: written !== undefined,
  opened: opened !== undefined && transaction.database !== undefined,
});

/** A block of text behind a pointer. An array has at most 64 elements of 8 bytes. */
const text = (name: string, pointer: string, bytes: number): string => `${name}=+0(${pointer}):x64[${bytes / 8}]`;
const hex = (offset: number): string => `0x${offset.toString(16)}`;

/**
 * The probes on a file of librpm. The texts are arrays of fixed size, as in `entryProbe`: the process determines the
 * size of a string.
 */
export function librpmProbes(
  group: string,
  file: string,
  librpm: Librpm,
  serial: number,
  architecture: keyof typeof registersOf,
): (LibrpmProbe & { event: string })[] {
  const { first, second, third } = registersOf[architecture];
  const { transaction, packages } = librpm;
  const shows = shownBy(librpm);
  const field = (offset: number): string => `+${hex(offset)}(${first})`;
  const probe = (step: RpmStep['step'], at: number, args: readonly string[], type = 'p') => {
    const event = librpmEvent(step, shows, serial);
    return { step, event, definition: `${type}:${group}/${event} ${file}:${hex(at)} ${args.join(' ')}` };
  };
  const probes = [
    probe('begin', librpm.run, [
      `ignored=${third}:u32`,
      ...(transaction.flags === undefined ? [] : [`flags=${field(transaction.flags)}:u32`]),
      ...(transaction.root === undefined
        ? []
        : [`rootp=${field(transaction.root)}:x64`, text('root', field(transaction.root), pathBytes)]),
    ]),
    probe('end', librpm.run, ['result=$retval:s32'], 'r'),
  ];
  if (librpm.opened !== undefined && transaction.database !== undefined) {
    // The first fields of the structure of a database are pointers to a prefix, a directory, and both together.
    const database = field(transaction.database);
    probes.push(
      probe('opened', librpm.opened, [
        `rdb=${database}:x64`,
        `pathp=+16(${database}):x64`,
        text('path', `+16(${database})`, pathBytes),
      ]),
    );
  }
  if (packages !== undefined) {
    const { fields } = packages;
    probes.push(
      probe('package', packages.at, [
        `element=${first}:x64`,
        `type=${field(fields.type)}:u32`,
        `by=${field(fields.replacedBy)}:x64`,
        `epochp=${field(fields.epoch)}:x64`,
        text('name', field(fields.name), nameBytes),
        text('epoch', field(fields.epoch), epochBytes),
        text('version', field(fields.version), versionBytes),
        text('release', field(fields.release), versionBytes),
        text('arch', field(fields.architecture), architectureBytes),
      ]),
    );
  }
  if (librpm.written !== undefined) {
    probes.push(probe('written', librpm.written, [`element=${first}:x64`, `instance=${second}:u32`]));
  }
  return probes;
}

/** The decoder of a probe's records, by the name of its event. Undefined: it is the event of another probe. */
export function decodeLibrpm(format: EventFormat): RecordDecoder | undefined {
  const [, step, packages, written, opened] = eventName.exec(format.name) ?? [];
  const shows = { packages: packages === '1', written: written === '1', opened: opened === '1' };
  const read = step === undefined ? undefined : openStep(step, format, shows);
  if (read === undefined) return undefined;
  const tid = fieldOf(format, 'common_pid').offset;
  return (page, offset, _length, timeNs): RpmRecord => ({
    kind: 'rpm',
    timeNs,
    tid: page.readInt32LE(offset + tid),
    ...read(page, offset),
  });
}

type ReadStep = (page: Buffer, offset: number) => RpmStep;

function openStep(step: string, format: EventFormat, shows: RpmProbes): ReadStep | undefined {
  const at = (name: string): number => fieldOf(format, name).offset;
  const textOf = (name: string) => {
    const { offset: begin, size } = fieldOf(format, name);
    return (page: Buffer, offset: number): ProbedText => readText(page, offset + begin, size);
  };
  const has = (name: string): boolean => format.fields.has(name);
  switch (step) {
    case 'begin': {
      const ignored = at('ignored');
      const flags = has('flags') ? at('flags') : undefined;
      const root = has('root') ? { pointer: at('rootp'), read: textOf('root') } : undefined;
      return (page, offset) => ({
        step,
        flags: flags === undefined ? undefined : page.readUInt32LE(offset + flags),
        ignored: page.readUInt32LE(offset + ignored),
        root: root && behind(page, offset + root.pointer) ? root.read(page, offset) : undefined,
        shows,
      });
    }
    case 'opened': {
      const [rdb, pointer, read] = [at('rdb'), at('pathp'), textOf('path')];
      return (page, offset) => ({
        step,
        // Without a database the kernel did not read what is behind it.
        database: behind(page, offset + rdb) && behind(page, offset + pointer) ? read(page, offset) : undefined,
      });
    }
    case 'package': {
      const [element, type, by, epochPointer] = [at('element'), at('type'), at('by'), at('epochp')];
      const [name, epoch, version] = [textOf('name'), textOf('epoch'), textOf('version')];
      const [release, architecture] = [textOf('release'), textOf('arch')];
      return (page, offset) => ({
        step,
        element: addressAt(page, offset + element),
        type: page.readUInt32LE(offset + type),
        name: name(page, offset),
        epoch: behind(page, offset + epochPointer) ? epoch(page, offset) : { text: '' },
        version: version(page, offset),
        release: release(page, offset),
        architecture: architecture(page, offset),
        replacedBy: addressAt(page, offset + by),
      });
    }
    case 'written': {
      const [element, instance] = [at('element'), at('instance')];
      return (page, offset) => ({
        step,
        element: addressAt(page, offset + element),
        instance: page.readUInt32LE(offset + instance),
      });
    }
    case 'end': {
      const result = at('result');
      return (page, offset) => ({ step, result: page.readInt32LE(offset + result) });
    }
    default:
      return undefined;
  }
}

const addressAt = (page: Buffer, offset: number): string => page.readBigUInt64LE(offset).toString(16);

/** Whether there is a pointer. */
const behind = (page: Buffer, offset: number): boolean => page.readBigUInt64LE(offset) !== 0n;

function readText(page: Buffer, begin: number, size: number): ProbedText {
  const nul = page.indexOf(0, begin);
  if (nul >= 0 && nul < begin + size) return { text: page.toString('utf8', begin, nul) };
  return { text: page.toString('utf8', begin, begin + size), cutAt: size };
}
