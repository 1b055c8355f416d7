// The package tools, interpreters and dynamic linkers that are installed on the host, by their content: by the GNU build
// ID of an ELF file or, without one, by a hash. A copy or a renamed file is recognized by it.

import { hash } from 'node:crypto';
import path from 'node:path';
import { elfHeadBytes, parseElf } from '../host/elf-file.ts';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import type { FileStat } from '../host/file-stat.ts';
import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import { readHead, withFile } from '../host/read-file.ts';
import type { RegularFile } from '../host/regular-file.ts';
import { interpreterName } from '../process/interpreters.ts';
import type { ProgramBasis } from '../process/process.ts';
import { namesOf, packageTools, toolsOf } from './tools.ts';

/** One content, and the files of the host that have it. */
interface KnownProgram {
  /** Without symlinks. If several files have the content, the first that was found. */
  path: string;
  /** The paths at which the host has the program. A copy that appears later under another name is not among them. */
  paths: ReadonlySet<string>;
}

/** What the content of a file is. */
interface ContentMatch {
  /** Undefined: none of the known programs. */
  program: KnownProgram | undefined;
  basis: ProgramBasis;
  /** The file begins with `#!`. */
  isScript: boolean;
}

/** The known programs. Earlier contents of a program stay known after an upgrade, until the agent ends. */
export interface KnownPrograms {
  /**
   * Compares an open file. Reads its head, and the rest only if a known script has the same size. For an unknown content
   * it reads the programs of the host that were installed or replaced since.
   */
  match(file: RegularFile): ContentMatch;
  /** Changes whenever another content becomes known. */
  readonly version: number;
}

/** Directories that only packages fill. Not those with symlinks to them: a directory is listed once. */
const systemDirectories = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/libexec', '/usr/lib/packagekit'];
/** Directories with programs of the administrator: there, only interpreters count. */
const localDirectories = ['/usr/local/bin', '/usr/local/sbin'];

const managerNames = namesOf(toolsOf('manager'));
const toolNames = namesOf(packageTools);
const toolPaths = packageTools.flatMap(({ paths = [] }) => paths);

/** A shorter build ID may be the same in several programs (ld(1), `--build-id=0xHEX`). */
const minBuildIdDigits = 16;
/** The part of an ELF file without a build ID that is hashed. */
const hashedElfBytes = 64 * 1024;
/** Smaller scripts of several programs may have the same few lines. */
const minScriptBytes = 64;
const maxScriptBytes = 1024 * 1024;
/** Maximum number of contents. A host has some fifty programs; an upgrade of all adds as many. */
const maxContents = 1024;
/**
 * Minimum time between two checks of all files: one that was overwritten in place does not change its directory. For an
 * unknown ELF file the directories are checked at once; unknown scripts are too many, in an upgrade of all packages.
 */
const checkMs = 1000;

/** The name by which programs of the same family are the same, whatever their version: `perl` of `perl5.36.0`. */
const familyOf = (name: string): string | undefined => (toolNames.has(name) ? name : interpreterName(name));

/** One content as a word, or why it has no word. */
interface Fingerprint {
  word: string | undefined;
  basis: ProgramBasis;
  isElf: boolean;
  isScript: boolean;
  /** The dynamic linker that the file names. */
  linker: string | undefined;
}

/** The files that are hashed: `elf` without a build ID, scripts by their size. */
interface Hashed {
  elf: boolean;
  script(sizeBytes: bigint): boolean;
}

const all: Hashed = { elf: true, script: () => true };

function fingerprintOf(file: RegularFile, hashed: Hashed): Fingerprint {
  const head = readHead(file, elfHeadBytes);
  const elf = parseElf(head);
  const isScript = head.toString('latin1', 0, 2) === '#!';
  const found = { isElf: elf !== undefined, isScript, linker: elf?.linker };
  if (elf?.buildId !== undefined && elf.buildId.length >= minBuildIdDigits) {
    return { ...found, word: `build ${elf.buildId}`, basis: 'build_id' };
  }
  if (elf !== undefined) {
    const word = hashed.elf ? `elf ${hash('sha256', readHead(file, hashedElfBytes))}` : undefined;
    return { ...found, word, basis: 'sha256' };
  }
  const { size } = file.stat();
  const word =
    isScript && size >= minScriptBytes && size <= maxScriptBytes && hashed.script(size)
      ? `script ${size} ${hash('sha256', readHead(file, Number(size)))}`
      : undefined;
  return { ...found, word, basis: 'sha256' };
}

/** Reads the known programs of the host at once. */
export function openKnownPrograms(host: Host): KnownPrograms {
  const contents = new Map<string, { path: string; paths: Set<string> }>();
  /** By path without symlinks. */
  const installed = new Map<string, FileStat>();
  const linkers = new Set<string>();
  /** Device and inode of each installed file. */
  let inodes = new Set<string>();
  const scriptSizes = new Set<bigint>();
  /** What is hashed to be compared: nothing that no known program can equal. */
  const compared: Hashed = { elf: false, script: (sizeBytes) => scriptSizes.has(sizeBytes) };
  let version = 0;
  let isStarting = true;
  let listedTimes: string | undefined;
  let checkedMs = Number.NEGATIVE_INFINITY;

  const learn = (file: string, word: string): void => {
    const known = contents.get(word);
    if (known !== undefined) {
      // What two names of different programs have in common when the agent starts may be so by design.
      const isSame = isStarting || familyOf(path.basename(known.path)) === familyOf(path.basename(file));
      if (isSame) known.paths.add(file);
      return;
    }
    if (contents.size >= maxContents) contents.delete(contents.keys().next().value as string);
    contents.set(word, { path: file, paths: new Set([file]) });
    version++;
  };

  /** Reads a program of the host unless it is known as it is. */
  const read = (file: string): void => {
    const stat = tryRead(() => host.stat(file));
    const before = installed.get(file);
    if (before !== undefined && stat !== undefined && contentIdentity(before) === contentIdentity(stat)) return;
    installed.delete(file);
    if (stat === undefined) return;
    const found = tryRead(() => withFile(host.open(file), (opened) => fingerprintOf(opened, all)));
    if (found === undefined) return;
    // A file that changed a moment ago may change again without another change time: it is read again.
    if (isAtRest(stat, host.clock.nowMs())) installed.set(file, stat);
    if (found.linker !== undefined) linkers.add(found.linker);
    if (found.word === undefined) return;
    if (found.isScript) scriptSizes.add(stat.size);
    else compared.elf ||= found.basis === 'sha256';
    learn(file, found.word);
  };

  /** The real path of a program, or its own if the real one has a name that says nothing (`lua` in /etc/alternatives). */
  const pathOf = (file: string): string | undefined => {
    const real = host.realPath(file);
    return real === undefined || familyOf(path.basename(real)) !== undefined ? real : file;
  };

  const namesIn = (directory: string, isNamed: (name: string) => boolean): string[] =>
    (tryRead(() => host.readDirectory(directory)) ?? [])
      .filter(isNamed)
      .sort()
      .flatMap((name) => pathOf(path.join(directory, name)) ?? []);

  const list = (): void => {
    const isInterpreter = (name: string): boolean => interpreterName(name) !== undefined;
    // The order decides what a copy is if several programs have its content.
    const files = [
      ...systemDirectories.flatMap((directory) => namesIn(directory, (name) => managerNames.has(name))),
      ...[...systemDirectories, ...localDirectories].flatMap((directory) => namesIn(directory, isInterpreter)),
      ...systemDirectories.flatMap((directory) => namesIn(directory, (name) => toolNames.has(name))),
      ...toolPaths.flatMap((file) => host.realPath(file) ?? []),
    ];
    for (const file of new Set(files)) read(file);
    for (const file of new Set([...linkers].flatMap((linker) => host.realPath(linker) ?? []))) read(file);
  };

  /** Returns whether the programs were checked. */
  const refresh = (isElf: boolean): boolean => {
    const nowMs = host.clock.monotonicMs();
    const isDue = nowMs - checkedMs >= checkMs;
    if (!isDue && !isElf) return false;
    const stats = [...systemDirectories, ...localDirectories].map((directory) => tryRead(() => host.stat(directory)));
    const times = stats.map((stat) => stat?.ctimeNs).join(' ');
    if (times === listedTimes && !isDue) return false;
    if (times === listedTimes) for (const file of [...installed.keys()]) read(file);
    else list();
    listedTimes = stats.every((stat) => stat === undefined || isAtRest(stat, host.clock.nowMs())) ? times : undefined;
    checkedMs = nowMs;
    inodes = new Set([...installed.values()].map(({ dev, ino }) => `${dev}:${ino}`));
    return true;
  };

  const find = (file: RegularFile): Fingerprint & { program: KnownProgram | undefined } => {
    const found = fingerprintOf(file, compared);
    return { ...found, program: found.word === undefined ? undefined : contents.get(found.word) };
  };

  refresh(true);
  isStarting = false;
  return {
    match(file) {
      let found = find(file);
      if (found.program === undefined && refresh(found.isElf)) found = find(file);
      const { program, basis, isScript } = found;
      const { dev, ino } = file.stat();
      return { program, basis: inodes.has(`${dev}:${ino}`) ? 'same_file' : basis, isScript };
    },
    get version() {
      return version;
    },
  };
}
