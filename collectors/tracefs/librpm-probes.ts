// The probes on librpm: by them the agent sees the rpm transactions of dnf, PackageKit and every other program that
// uses librpm in its own process. A probe hangs on the file, so that it is set again when another file takes its path.

import fs from 'node:fs';
import path from 'node:path';
import { errorMessage } from '../error-message.ts';
import { readHead, withFile } from '../host/read-file.ts';
import { openRegularFile } from '../host/regular-file.ts';
import { openTokenBucket } from '../token-bucket.ts';
import type { RecordDecoder } from './decode-record.ts';
import type { Unprobed } from './entry-probes.ts';
import type { EventFormat } from './event-format.ts';
import type { Instance } from './instance.ts';
import { isOnLastingMount } from './lasting-mount.ts';
import { isLibrpm, maxLibrpmBytes, readLibrpm } from './librpm.ts';
import { decodeLibrpm, librpmProbes, shownBy } from './librpm-probe-definitions.ts';
import { canBeProbed } from './probe-definition.ts';

/** Where distributions have libraries of this architecture. */
const usualDirectories: readonly string[] = [
  ...{ x64: ['/usr/lib/x86_64-linux-gnu'], arm64: ['/usr/lib/aarch64-linux-gnu'] }[process.arch as 'x64' | 'arm64'],
  ...['/usr/lib64', '/usr/lib', '/usr/local/lib64', '/usr/local/lib'],
];

/** Maximum number of files: a host has one for each generation of rpm. */
const maxFiles = 8;

/**
 * Number of records, and of those a second in the long run. Any user can call librpm in a loop, and would otherwise fill
 * the buffer that the process records need. A transaction has some records for each package.
 */
const recordRate = { burst: 20_000, perSecond: 500 };

/** The probes on every librpm of the host. */
export interface LibrpmProbes {
  /**
   * Looks for new, replaced and removed files, and sets and removes their probes. Switches probes on again that there
   * were too many records of.
   */
  refresh(): void;
  /** The directories where files can appear. */
  directories(): string[];
  isProbedFile(file: string): boolean;
  /** `unprobed`: also files whose transactions are seen in part. */
  state(): { libraries: string[]; unprobed: Unprobed[] };
}

interface LibrpmProbesDeps {
  instance: Pick<Instance, 'addProbe' | 'group' | 'removeProbe' | 'write'>;
  register(format: EventFormat, decode: RecordDecoder): void;
  /** Reads all records, so that the kernel can give the number of a removed probe to another event. */
  drain(): void;
  /** Called when a file cannot be probed, or for another reason than before, and when its probes are switched off. */
  onUnprobed(file: string, reason: string): void;
}

interface Probed {
  identity: string;
  events: string[];
  /** What the probes do not show. */
  lack: string | undefined;
}

const identityOf = (stat: fs.Stats): string => `${stat.dev}:${stat.ino}:${stat.ctimeMs}`;

/** Opens the probes, and sets those of the files that exist. */
export function openLibrpmProbes(
  { instance, register, drain, onUnprobed }: LibrpmProbesDeps,
  directories: readonly string[] = usualDirectories,
): LibrpmProbes {
  const probed = new Map<string, Probed>();
  const unprobed = new Map<string, string>();
  /** By directory: its change time and its files of librpm. A directory has thousands of files, and seldom changes. */
  const listed = new Map<string, { ctimeMs: number; files: string[] }>();
  /** By path: the identity of a file that is no librpm. */
  const others = new Map<string, string>();
  let serial = 0;
  let takeToken = openTokenBucket(recordRate);
  /** The task that made too many records. The probes are off. */
  let flooding: number | undefined;
  const enable = (value: '0' | '1'): void => {
    for (const event of [...probed.values()].flatMap(({ events }) => events)) {
      instance.write(path.join('events', instance.group, event, 'enable'), value);
    }
  };
  const limited =
    (decode: RecordDecoder): RecordDecoder =>
    (page, offset, length, timeNs) => {
      const record = decode(page, offset, length, timeNs);
      if (flooding !== undefined || record?.kind !== 'rpm') return undefined;
      if (takeToken(timeNs / 1e6)) return record;
      flooding = record.tid;
      enable('0');
      for (const file of probed.keys()) onUnprobed(file, floodOf(flooding));
      return { kind: 'rpm', timeNs, tid: record.tid, step: 'suspended' };
    };
  const endFlood = (): void => {
    if (flooding === undefined) return;
    drain();
    flooding = undefined;
    takeToken = openTokenBucket(recordRate);
    enable('1');
  };

  const listFiles = (directory: string): string[] => {
    const ctimeMs = fs.statSync(directory, { throwIfNoEntry: false })?.ctimeMs;
    if (ctimeMs === undefined) return [];
    const known = listed.get(directory);
    if (known?.ctimeMs === ctimeMs) return known.files;
    const names = fs.readdirSync(directory).filter(isLibrpm);
    const files = names.map((name) => path.join(directory, name));
    listed.set(directory, { ctimeMs, files });
    return files;
  };

  const remove = (file: string): void => {
    const known = probed.get(file);
    if (known === undefined) return;
    drain();
    for (const event of known.events) instance.removeProbe(event);
    probed.delete(file);
  };

  /** Throws an error with the reason if the file cannot be probed. */
  const set = (file: string): void => {
    const stat = fs.statSync(file);
    const identity = identityOf(stat);
    if (probed.get(file)?.identity === identity || others.get(file) === identity) return;
    remove(file);
    if (!canBeProbed(file)) throw new Error('its path has characters that the kernel does not accept');
    if (stat.uid !== 0) throw new Error('it does not belong to root');
    if (!isOnLastingMount(fs.readFileSync('/proc/self/mountinfo', 'utf8'), file)) {
      throw new Error('a probe would keep its file system mounted');
    }
    if (stat.size > maxLibrpmBytes) throw new Error('it is too large');
    const architecture = process.arch as 'x64' | 'arm64';
    const librpm = readLibrpm(
      withFile(openRegularFile(file), (opened) => readHead(opened, maxLibrpmBytes)),
      architecture,
    );
    if (librpm === undefined) {
      if (others.size >= maxFiles) others.clear();
      others.set(file, identity);
      return;
    }
    if (typeof librpm === 'string') throw new Error(librpm);
    if (probed.size >= maxFiles) throw new Error(`the host has more than ${maxFiles} files of librpm`);
    const entry: Probed = { identity, events: [], lack: lackOf(librpm) };
    probed.set(file, entry);
    try {
      for (const { event, definition } of librpmProbes(instance.group, file, librpm, serial++, architecture)) {
        const format = instance.addProbe(definition, event);
        entry.events.push(event);
        const decode = decodeLibrpm(format);
        if (decode !== undefined) register(format, limited(decode));
      }
    } catch (error) {
      // A transaction of which only some steps are seen would be described wrongly.
      remove(file);
      throw error;
    }
  };

  const trySet = (file: string): void => {
    let reason: string | undefined;
    try {
      set(file);
      reason = probed.get(file)?.lack;
    } catch (error) {
      remove(file);
      reason = errorMessage(error);
    }
    if (reason === undefined) {
      unprobed.delete(file);
      return;
    }
    if (unprobed.get(file) !== reason) onUnprobed(file, reason);
    unprobed.set(file, reason);
  };

  const refresh = (): void => {
    endFlood();
    const files = new Set<string>();
    for (const name of directories.flatMap(listFiles)) {
      const file = resolved(name);
      if (file !== undefined) files.add(file);
    }
    for (const file of [...probed.keys(), ...unprobed.keys(), ...others.keys()]) {
      if (files.has(file)) continue;
      remove(file);
      unprobed.delete(file);
      others.delete(file);
    }
    for (const file of files) trySet(file);
  };
  refresh();

  return {
    refresh,
    directories: () => directories.filter((directory) => fs.existsSync(directory)),
    isProbedFile: (file) => isLibrpm(path.basename(file)),
    state: () => ({
      libraries: [...probed.keys()],
      unprobed: [
        ...[...unprobed].map(([file, reason]) => ({ path: file, reason })),
        ...(flooding === undefined
          ? []
          : [...probed.keys()].map((file) => ({ path: file, reason: floodOf(flooding) }))),
      ],
    }),
  };
}

const floodOf = (tid: number | undefined): string =>
  `task ${tid} called it too often, and it is not observed for up to 30 seconds`;

/** What the probes on the file do not show, as a clause. Undefined: nothing is missing. */
function lackOf(librpm: Exclude<ReturnType<typeof readLibrpm>, string | undefined>): string | undefined {
  const { packages, written, opened } = shownBy(librpm);
  const missing = [
    ...(packages ? [] : ['packages']),
    ...(written ? [] : ['changes of the database']),
    ...(opened ? [] : ['the directory of the database']),
    ...(librpm.transaction.flags === undefined ? ['whether it is a test'] : []),
    ...(librpm.transaction.root === undefined ? ['the root directory'] : []),
  ];
  return missing.length === 0 ? undefined : `this version does not show ${missing.join(', ')}`;
}

const resolved = (file: string): string | undefined => {
  try {
    return fs.realpathSync.native(file);
  } catch {
    return undefined;
  }
};
