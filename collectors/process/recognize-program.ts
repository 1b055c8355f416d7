// Recognizes package tools, interpreters and dynamic linkers by the content of the executed file, right after the exec:
// a copy, a renamed file or a link is known as what it is.

import path from 'node:path';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import type { FileStat } from '../host/file-stat.ts';
import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import { withFile } from '../host/read-file.ts';
import type { RegularFile } from '../host/regular-file.ts';
import type { KnownPrograms } from '../packages/known-programs.ts';
import { afterLinker, isDynamicLinker } from './dynamic-linker.ts';
import { isPrivateName, sharesRoot, workingDirectoryOf } from './executable.ts';
import type { Image, ProcessEntry, RecognizedProgram } from './process.ts';
import type { BootNs } from './process-record.ts';

/**
 * Sets `program` or `unread` of an image that the process has just executed, and does so again when its arguments are
 * known. Reads at most some kilobytes of the file, once for each content: those that the kernel read a moment ago.
 */
export type RecognizeProgram = (entry: ProcessEntry, image: Image) => void;

/** Maximum number of contents, and of names, that are remembered. */
const maxRemembered = 4096;
/** Maximum size of the arguments of a dynamic linker: its options, and a path of at most 4096 bytes. */
const maxArgsBytes = 8 * 1024;
/** Longer names are not remembered: only hostile ones are. */
const maxNameChars = 512;

/** The content of a file that was read. */
interface Content {
  /** Undefined: none of the known programs. */
  program: RecognizedProgram | undefined;
  isScript: boolean;
  /** `KnownPrograms.version` at that time. */
  version: number;
}

/** A file, as its name led to it. */
interface NamedFile {
  stat: FileStat;
  content: Content;
  /** When it was so. Absent: packages do not fill its directory, so that it is checked at each exec. */
  checkedNs?: BootNs | undefined;
}

/** A content, and whether it may be that of another file than the executed one. */
interface Found {
  content: Content;
  readLater?: boolean;
}

/** Remembers a value; at the bound the oldest is dropped. */
function remember<T>(values: Map<string, T>, key: string, value: T): void {
  if (values.size >= maxRemembered && !values.has(key)) values.delete(values.keys().next().value as string);
  values.set(key, value);
}

const packagedDirectory = /^\/(?:usr\/)?(?:s?bin|lib(?:exec|\d*))\//;
/** Whether only packages fill the directory of the file. */
export const isPackagedFile = (file: string): boolean => packagedDirectory.test(file);
const checkAgainNs = 1e9;

/**
 * An argument with which a package tool, or a shell that runs a package's script, would do something. With such arguments
 * a file is checked again, since another may be mounted over it.
 */
const packageArgument =
  /^-[A-Za-z]*[iUF]|^--(?:install|unpack|upgrade|freshen|reinstall|configure|remove|purge|erase)|^(?:install|remove|purge|reinstall|[a-z-]*upgrade)$|\.(?:deb|rpm|preinst|postinst|prerm|postrm|config)$|\/tmp\.ci\//;
const isPackageArgument = (arg: string): boolean => packageArgument.test(arg);

/** Whether the program runs what its arguments name. */
const isRunner = (file: string): boolean => isDynamicLinker(file) || path.basename(file).startsWith('busybox');

const isSameFile = (a: FileStat, b: FileStat): boolean => a.ino === b.ino && a.dev === b.dev;
const isSameContent = (a: FileStat, b: FileStat): boolean =>
  isSameFile(a, b) && a.ctimeNs === b.ctimeNs && a.size === b.size;

/** Opens the recognizer of one host. */
export function openRecognizer(host: Host, known: KnownPrograms): RecognizeProgram {
  /** By `contentIdentity`. */
  const contents = new Map<string, Content>();
  /** By absolute path. Most execs are of a path that is here. */
  const names = new Map<string, NamedFile>();

  const isCurrent = ({ program, version }: Content): boolean => program !== undefined || version === known.version;

  const readContent = (file: RegularFile): Content => {
    const { program, basis, isScript } = known.match(file);
    const stat = file.stat();
    const recognized = program && {
      path: program.path,
      paths: program.paths,
      basis,
      ...(isRunner(program.path) && { runsArgument: true as const }),
    };
    const content = { program: recognized, isScript, version: known.version };
    // A file that changed a moment ago may change again without another change time.
    if (isAtRest(stat, host.clock.nowMs())) remember(contents, contentIdentity(stat), content);
    return content;
  };
  /** Undefined: the file is gone, or may not be read. */
  const contentOf = (stat: FileStat, file: string): Content | undefined => {
    const before = contents.get(contentIdentity(stat));
    return before !== undefined && isCurrent(before) ? before : tryRead(() => withFile(host.open(file), readContent));
  };

  const wasChecked = ({ checkedNs, content }: NamedFile, atNs: BootNs): boolean =>
    checkedNs !== undefined && Math.abs(atNs - checkedNs) < checkAgainNs && isCurrent(content);

  /** `atNs`: the time of the exec. `trusts`: a file that was checked a moment ago is not checked again. */
  const fileAt = (file: string, atNs: BootNs | undefined, trusts = false): NamedFile | undefined => {
    const last = names.get(file);
    if (trusts && last !== undefined && atNs !== undefined && wasChecked(last, atNs)) return last;
    const stat = tryRead(() => host.stat(file));
    if (!stat?.isFile()) return undefined;
    const isSame = last !== undefined && isSameContent(last.stat, stat) && isCurrent(last.content);
    const content = isSame ? last.content : contentOf(stat, file);
    if (content === undefined) return undefined;
    // A file there is not checked again at once.
    const named = { stat, content, ...(isPackagedFile(file) && { checkedNs: atNs }) };
    if (file.length <= maxNameChars && isAtRest(stat, host.clock.nowMs())) remember(names, file, named);
    return named;
  };

  /** Whether the name was an ordinary program a moment ago. This is all that most execs need. */
  const isOrdinary = ({ filename, execNs }: Image): boolean => {
    const last = execNs === undefined ? undefined : names.get(filename);
    if (last === undefined || last.content.program !== undefined || last.content.isScript) return false;
    return wasChecked(last, execNs as BootNs);
  };

  /** The absolute form of a name. Undefined: the name leads to a file only in its process, or its directory is not known. */
  const absolute = (entry: ProcessEntry, name: string): string | undefined => {
    if (isPrivateName(name)) return undefined;
    if (path.isAbsolute(name)) return name;
    const directory = workingDirectoryOf(entry) ?? (entry.ended ? undefined : host.proc.readCwd(entry.pid));
    return directory === undefined ? undefined : path.join(directory, name);
  };

  /** The file of a name in the view of a live process, which may have its own mounts or root. */
  const fileInside = ({ pid }: ProcessEntry, file: string): NamedFile | undefined => {
    if (!host.proc.mayReadInside(pid)) return undefined;
    const inside = `/proc/${pid}/root${file}`;
    const stat = tryRead(() => host.stat(inside));
    const content = stat?.isFile() ? contentOf(stat, inside) : undefined;
    return stat && content && { stat, content };
  };

  /** The path of a file that may be gone, without symlinks in its directory. */
  const realPathOf = (file: string): string =>
    path.join(host.realPath(path.dirname(file)) ?? path.dirname(file), path.basename(file));

  const find = (entry: ProcessEntry, image: Image, trusts: boolean): Found | undefined => {
    const { filename: name, execNs } = image;
    const mapped = entry.ended ? undefined : host.proc.readMappedStat(entry.pid);
    const last = mapped && names.get(name);
    if (last && isSameContent(last.stat, mapped) && isCurrent(last.content)) return last;
    const file = absolute(entry, name);
    const onHost = file === undefined || !sharesRoot(entry, image) ? undefined : fileAt(file, execNs, trusts);
    if (mapped === undefined) return onHost && { content: onHost.content, readLater: true };
    // The kernel maps the interpreter of a script.
    const isOf = ({ stat, content }: NamedFile): boolean => content.isScript || isSameFile(stat, mapped);
    if (onHost !== undefined && isOf(onHost)) return onHost;
    // The process sees other files than the host, or has executed another program since.
    const inside = file === undefined ? undefined : fileInside(entry, file);
    if (inside !== undefined && isOf(inside)) return inside;
    const exe = file === undefined ? undefined : host.proc.readExe(entry.pid);
    const isReplaced = exe === file || exe === (file && realPathOf(file));
    if (!isReplaced && inside !== undefined && onHost !== undefined && isSameFile(inside.stat, onHost.stat)) {
      return { content: inside.content, readLater: true };
    }
    // The file was removed or replaced after the exec, or has a name in the process only.
    if (!isReplaced && path.basename(exe ?? '') !== path.basename(name)) return undefined;
    const content = contentOf(mapped, `/proc/${entry.pid}/exe`);
    return content && { content };
  };

  /**
   * The program that a dynamic linker runs. Undefined: its arguments are not known yet, or it is not a known program.
   * /proc has the arguments if no probe gives them, as for a copy of the linker.
   */
  const behindLinker = (entry: ProcessEntry, image: Image): RecognizedProgram | undefined => {
    const isRunning = !entry.ended && image.program?.readLater === undefined;
    const args =
      image.args ??
      image.attemptArgs?.args ??
      (isRunning ? host.proc.readCmdline(entry.pid, maxArgsBytes)?.args : undefined);
    const command = args && afterLinker(args);
    const file = command?.[0] === undefined ? undefined : absolute(entry, command[0]);
    if (args === undefined || command === undefined || file === undefined) return undefined;
    const named =
      (entry.ended ? undefined : fileInside(entry, file)) ??
      (sharesRoot(entry, image) ? fileAt(file, image.execNs) : undefined);
    const program = named?.content.program;
    if (program === undefined || isDynamicLinker(program.path)) return undefined;
    return { ...program, readLater: true, argument: { file, index: args.length - command.length } };
  };

  /** Of several names of one content, that of the executed file counts. */
  const withDetails = (program: RecognizedProgram, name: string, readLater: boolean): RecognizedProgram => {
    const own = program.paths.size > 1 && path.isAbsolute(name) ? host.realPath(name) : undefined;
    const isOwn = own !== undefined && own !== program.path && program.paths.has(own);
    if (!isOwn && !readLater) return program;
    return { ...program, ...(isOwn && { path: own }), ...(readLater && { readLater: true as const }) };
  };

  return (entry, image) => {
    const trusts = image.args !== undefined && !image.args.some(isPackageArgument);
    if (image.program === undefined && !(trusts && isOrdinary(image))) {
      const found = find(entry, image, trusts);
      const program = found?.content.program;
      if (found === undefined) image.unread = sharesRoot(entry, image) ? 'file_gone' : 'process_exited';
      else if (program !== undefined) image.program = withDetails(program, image.filename, found.readLater === true);
    }
    if (image.program?.runsArgument && isDynamicLinker(image.program.path)) {
      image.program = behindLinker(entry, image) ?? image.program;
    }
  };
}

/** Whether the recognized program runs from another file than its own: from a copy, or by another name. */
export const isOtherFile = ({ paths }: RecognizedProgram, executable: string): boolean =>
  !paths.has(executable) && !paths.has(executable.replace(/^\/(?=s?bin\/)/, '/usr/'));
