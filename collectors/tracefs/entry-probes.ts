// The probes at the entry points of package tools, dynamic linkers and static programs. A probe hangs on the file, so
// that it is set again when another file takes its path.

import fs from 'node:fs';
import path from 'node:path';
import { errorCode, errorMessage } from '../error-message.ts';
import { elfHeadBytes, parseElf } from '../host/elf-file.ts';
import { readHead, withFile } from '../host/read-file.ts';
import { openRegularFile } from '../host/regular-file.ts';
import { isDynamicLinker } from '../process/dynamic-linker.ts';
import type { EntryRole } from '../process/process-record.ts';
import { decodeArgv, type RecordDecoder } from './decode-record.ts';
import type { EventFormat } from './event-format.ts';
import type { Instance } from './instance.ts';
import { isOnLastingMount } from './lasting-mount.ts';
import { canBeProbed, entryProbe, loneProgramProbeSize, programProbeSize, startProbeSize } from './probe-definition.ts';

/** Maximum number of probes on static programs; the one set longest ago is removed first. */
const maxStatics = 64;
/** Maximum number of dynamic linkers. A host has one for each C library and word size. */
const maxLinkers = 16;
/** Maximum number of programs whose beginning is remembered. */
const maxBeginnings = 4096;
/** Maximum number of programs that are remembered as not probed. */
const maxUnprobed = 4096;
/**
 * Probes on static programs that may be set at once; after that one in `probeRecoveryMs`. A build makes hundreds. Files
 * of root have a bound of their own, so that no other user can use it up.
 */
const probeBurst = 16;
const probeRecoveryMs = 2000;

/** Why a program has no probe although it runs: `reason` for `status`. */
export interface Unprobed {
  path: string;
  reason: string;
}

/** The probes of one instance. */
export interface EntryProbes {
  /** Sets the probe of a package tool. One that cannot be set is reported and tried again at each `refresh`. */
  addProgram(file: string): void;
  /** Sets the probe of the dynamic linker that starts a program, unless it is set. */
  addLinkerOf(program: string): void;
  /**
   * Must be called for a program that ran on the host although no probe was hit: sets a probe on its dynamic linker or,
   * if it is static, on itself. Reads the file in the background.
   */
  noticeUnstarted(program: string): void;
  /** Whether a probe is hit when this file starts, as far as it is known. */
  expectsStart(program: string): boolean;
  /** Whether a program begins at the entry point of the probed file. True if the program cannot be read. */
  beginsAt(program: string, probe: string): boolean;
  /** Whether each dynamic linker that programs of the host are known to name has a probe. */
  coversLinkers(): boolean;
  /** Checks the probed files again, and sets a probe on each new or replaced one. */
  refresh(): void;
  /** The directories of package tools and dynamic linkers, to be watched. */
  directories(): string[];
  /** Whether a file in these directories is one of them. */
  isProbedFile(file: string): boolean;
  state(): { programs: string[]; linkers: string[]; statics: number; unprobed: Unprobed[] };
}

/** What the probes are set in, and where failures go. */
export interface EntryProbesDeps {
  instance: Instance;
  register(format: EventFormat, decode: RecordDecoder): void;
  /** Reads all records, so that the kernel can give the number of a removed probe to another event. */
  drain(): void;
  /** Called when a package tool or a dynamic linker cannot be probed, or for another reason than before. */
  onUnprobed(file: string, reason: string): void;
}

interface Probe {
  event: string;
  identity: string;
}

const identityOf = (stat: fs.Stats): string => `${stat.dev}:${stat.ino}:${stat.ctimeMs}`;

/** Opens an empty set. `capturesStarts`: whether probes with the role `start` are set. */
export function openEntryProbes(
  { instance, register, drain, onUnprobed }: EntryProbesDeps,
  capturesStarts: boolean,
): EntryProbes {
  const programs: string[] = [];
  const linkers: string[] = [];
  const probes = new Map<string, Probe>();
  /** By path: why the file has no probe. */
  const unprobed = new Map<string, string>();
  /** By path: the identity of a program whose start no probe shows. */
  const unstarted = new Map<string, string>();
  /** By path: where a program begins. */
  const beginnings = new Map<string, { identity: string; begin: string | undefined }>();
  const underway = new Set<string>();
  let serial = 0;
  const openBucket = () => ({ tokens: probeBurst, refilledMs: performance.now() });
  const buckets = { system: openBucket(), other: openBucket() };
  /** Probed files that a program of root starts at. */
  const ofRoot = new Set<string>();

  const remove = (file: string): void => {
    const probe = probes.get(file);
    if (probe === undefined) return;
    drain();
    instance.removeProbe(probe.event);
    probes.delete(file);
    ofRoot.delete(file);
  };

  /** Throws an error with the reason if the file cannot be probed. `file`: without symlinks. */
  const set = (name: string, role: EntryRole): void => {
    const file = fs.realpathSync.native(name);
    const stat = fs.statSync(file);
    const identity = identityOf(stat);
    const existing = probes.get(name);
    if (existing?.identity === identity) return;
    if (!canBeProbed(file)) throw new Error('its path has characters that the kernel does not accept');
    if (role === 'start' && !isLasting(file)) throw new Error('a probe would keep its file system mounted');
    const offset = parseElf(withFile(openRegularFile(file), (program) => readHead(program, elfHeadBytes)))?.entryOffset;
    if (offset === undefined) throw new Error('not a 64-bit ELF program');
    const event = `${role}_${path.basename(name).replaceAll(/\W/g, '_').slice(0, 40)}_${serial++}`;
    const ownSize = capturesStarts ? programProbeSize : loneProgramProbeSize;
    const size = role === 'program' ? ownSize : startProbeSize;
    const format = instance.addProbe(entryProbe(instance.group, event, file, offset, size), event);
    register(format, decodeArgv(format, name, role));
    remove(name);
    probes.set(name, { event, identity });
    unprobed.delete(name);
  };

  /** Sets the probe of a package tool or a dynamic linker. One that cannot be set is reported once for each reason. */
  const trySet = (file: string, role: EntryRole): boolean => {
    try {
      set(file, role);
      return true;
    } catch (error) {
      const reason = errorCode(error) === 'ENOENT' ? 'no such file' : errorMessage(error);
      remove(file);
      if (unprobed.get(file) !== reason && reason !== 'no such file') onUnprobed(file, reason);
      unprobed.set(file, reason);
      return false;
    }
  };
  /** The same for a static program: there are many, and the next run of one that is gone or replaced is noticed. */
  const trySetStatic = (file: string): boolean => {
    try {
      set(file, 'start');
      return true;
    } catch {
      remove(file);
      return false;
    }
  };

  const statics = (): string[] =>
    [...probes.keys()].filter((file) => !programs.includes(file) && !linkers.includes(file));
  /** Removes the oldest ones of other users first, then the oldest of root. */
  const makeRoom = (): void => {
    const files = statics();
    if (files.length < maxStatics) return;
    files.sort((a, b) => Number(ofRoot.has(a)) - Number(ofRoot.has(b)));
    for (const file of files.slice(0, Math.max(0, files.length - maxStatics + 1))) remove(file);
  };

  /** Whether another static program may be probed now. */
  const takeToken = (isOfRoot: boolean): boolean => {
    const bucket = isOfRoot ? buckets.system : buckets.other;
    const nowMs = performance.now();
    bucket.tokens = Math.min(probeBurst, bucket.tokens + (nowMs - bucket.refilledMs) / probeRecoveryMs);
    bucket.refilledMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  };
  const isSet = (file: string): boolean => probes.get(file)?.identity === identityOf(fs.statSync(file));

  /** Whether the file is one of the system: other users' dynamic linkers are probed as static programs are. */
  const isSystemFile = (file: string): boolean => fs.statSync(file, { throwIfNoEntry: false })?.uid === 0;
  const isLasting = (file: string): boolean => isOnLastingMount(fs.readFileSync('/proc/self/mountinfo', 'utf8'), file);

  /** Adds a dynamic linker of the system, without symlinks. */
  const addLinker = (file: string): void => {
    if (!capturesStarts || linkers.includes(file) || linkers.length >= maxLinkers) return;
    if (!isSystemFile(file) || !isLasting(file)) return;
    linkers.push(file);
    trySet(file, 'start');
  };

  const remember = (program: string, identity: string): void => {
    if (unstarted.size >= maxUnprobed) unstarted.delete(unstarted.keys().next().value as string);
    unstarted.set(program, identity);
  };

  const addStartOf = async (program: string, isInterpreter = false): Promise<void> => {
    const head = await readElfHead(program);
    if (head === undefined) return;
    const interpreter = isInterpreter ? undefined : interpreterIn(head.bytes);
    if (interpreter !== undefined) {
      await addStartOf(interpreter, true);
      if (unstarted.has(interpreter)) remember(program, head.identity);
      return;
    }
    const elf = parseElf(head.bytes);
    const begin = elf && resolved(elf.linker ?? program);
    if (begin === undefined) {
      remember(program, head.identity);
      return;
    }
    // Any user can write a program that names any file as its linker: others are probed as static programs are.
    if (elf?.linker !== undefined && isDynamicLinker(begin)) addLinker(begin);
    if (linkers.includes(begin)) {
      // A linker that was probed before is that of another root: the host's program of that path is probed.
      if (!probes.has(begin)) remember(program, head.identity);
      return;
    }
    // A user's program can name a file of root as its linker.
    const isOfRoot = isSystemFile(program) && isSystemFile(begin);
    if (!isSet(begin) && takeToken(isOfRoot)) {
      // Without a token the program is tried again at its next run: a user can replace its file at each run.
      if (!probes.has(begin)) makeRoom();
      if (!trySetStatic(begin)) remember(program, head.identity);
      else if (isOfRoot) ofRoot.add(begin);
    }
  };

  /** The path of the file at whose entry point the kernel starts the program. Undefined: not known. */
  const beginningOf = (program: string, isInterpreter = false): string | undefined => {
    const stat = fs.statSync(program, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const identity = identityOf(stat);
    const known = beginnings.get(program);
    if (known?.identity === identity) return known.begin;
    const begin = readBeginning(program, isInterpreter);
    if (beginnings.size >= maxBeginnings) beginnings.delete(beginnings.keys().next().value as string);
    beginnings.set(program, { identity, begin });
    return begin;
  };
  const readBeginning = (program: string, isInterpreter: boolean): string | undefined => {
    const head = readHeadNow(program);
    if (head === undefined) return undefined;
    const interpreter = isInterpreter ? undefined : interpreterIn(head);
    if (interpreter !== undefined) return beginningOf(interpreter, true);
    const elf = parseElf(head);
    return elf && resolved(elf.linker ?? program);
  };

  return {
    beginsAt(program, probe) {
      const begin = beginningOf(program);
      return begin === undefined || begin === probe;
    },
    addProgram(file) {
      programs.push(file);
      trySet(file, 'program');
    },
    addLinkerOf(program) {
      const head = readHeadNow(program);
      const linker = head && parseElf(head)?.linker;
      const file = linker === undefined ? undefined : resolved(linker);
      if (file !== undefined) addLinker(file);
    },
    noticeUnstarted(program) {
      if (!capturesStarts || underway.size >= probeBurst || underway.has(program)) return;
      underway.add(program);
      void addStartOf(program)
        // The file is gone, or may not be read: its next run is tried again.
        .catch(() => {})
        .finally(() => underway.delete(program));
    },
    expectsStart(program) {
      const identity = unstarted.get(program);
      if (identity === undefined) return true;
      const stat = fs.statSync(program, { throwIfNoEntry: false });
      if (stat !== undefined && identityOf(stat) === identity) return false;
      unstarted.delete(program);
      return true;
    },
    refresh() {
      for (const file of programs) trySet(file, 'program');
      for (const file of linkers) trySet(file, 'start');
      for (const file of statics()) trySetStatic(file);
    },
    coversLinkers: () => linkers.length > 0 && linkers.every((file) => probes.has(file)),
    isProbedFile: (file) => programs.includes(file) || linkers.includes(file),
    directories: () => [...new Set([...programs, ...linkers].map((file) => path.dirname(file)))],
    state: () => ({
      programs: programs.filter((file) => probes.has(file)),
      linkers: linkers.filter((file) => probes.has(file)),
      statics: statics().length,
      unprobed: [...unprobed].map(([file, reason]) => ({ path: file, reason })),
    }),
  };
}

/** The interpreter in the first line of a script (execve(2)). */
const interpreterIn = (head: Buffer): string | undefined =>
  head[0] === 0x23 && head[1] === 0x21 ? /^#![ \t]*(\/[^\s]+)/.exec(head.toString('latin1', 0, 256))?.[1] : undefined;

const resolved = (file: string): string | undefined => {
  try {
    return fs.realpathSync.native(file);
  } catch {
    return undefined;
  }
};

const readHeadNow = (file: string): Buffer | undefined => {
  try {
    return withFile(openRegularFile(file), (opened) => readHead(opened, elfHeadBytes));
  } catch {
    return undefined;
  }
};

/** Reads the head of a program in the thread pool. Undefined: no regular file. */
async function readElfHead(file: string): Promise<{ bytes: Buffer; identity: string } | undefined> {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
  // A fifo or a device at that path neither blocks the open nor is read.
  const opened = await fs.promises.open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    const stat = await opened.stat();
    if (!stat.isFile()) return undefined;
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(elfHeadBytes), 0, elfHeadBytes, 0);
    return { bytes: buffer.subarray(0, bytesRead), identity: identityOf(stat) };
  } finally {
    await opened.close();
  }
}
