// The files of this machine, with a report of every file that is read.

import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { followLinks } from '../../collectors/host/follow-links.ts';
import { type HostFiles, openHostFiles } from '../../collectors/host/host-files.ts';
import type { RecordedFile } from '../recorded-host.ts';

/** `onRead` is called with each path before it is read; for a file of a process with `/proc/PID`. */
export function rememberedFiles(onRead: (file: string) => void): HostFiles {
  const own = openHostFiles('');
  /** The names in a directory when it was last listed. */
  const listed = new Map<string, readonly string[]>();
  const note = (file: string): void => {
    const process = /^\/proc\/\d+/.exec(file)?.[0];
    if (process !== undefined) onRead(process);
    if (file.startsWith('/proc/')) return;
    const found = followLinks(file, (one) => {
      const target = fs.lstatSync(one, { throwIfNoEntry: false })?.isSymbolicLink() ? fs.readlinkSync(one) : undefined;
      if (target !== undefined) onRead(one);
      return target;
    });
    onRead(found);
  };
  const noteFirst =
    <A extends [string, ...unknown[]], R>(call: (...args: A) => R) =>
    (...args: A): R => {
      note(args[0]);
      return call(...args);
    };
  const noteEntries =
    <R>(call: (directory: string) => R) =>
    (directory: string): R => {
      note(directory);
      if (!directory.startsWith('/proc') && fs.existsSync(directory)) {
        const names = fs.readdirSync(directory);
        for (const name of new Set([...names, ...(listed.get(directory) ?? [])])) onRead(path.join(directory, name));
        listed.set(directory, names);
      }
      return call(directory);
    };
  return {
    exists: noteFirst(own.exists),
    stat: noteFirst(own.stat),
    lstat: noteFirst(own.lstat),
    realPath: noteFirst(own.realPath),
    readLink: noteFirst(own.readLink),
    readText: noteFirst(own.readText),
    readBytes: noteFirst(own.readBytes),
    open: noteFirst(own.open),
    openFile: noteFirst(own.openFile),
    readDirectory: noteEntries(own.readDirectory),
    listDirectory: noteEntries(own.listDirectory),
    statLater: noteFirst(own.statLater),
    openLater: noteFirst(own.openLater),
  };
}

/**
 * A file as a story records it: only the first line of a system file, only the programs of a package's file list. null: it does not
 * exist. Undefined: a directory with files, which the story has already by these files.
 */
export function recordFile(file: string, sinceMs: number, shiftMs: number): RecordedFile | null | undefined {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  const { uid, gid } = stat;
  const mode = stat.mode & 0o7777;
  if (stat.isSymbolicLink()) return { link: fs.readlinkSync(file) };
  if (stat.isDirectory()) return fs.readdirSync(file).length === 0 ? { directory: true } : undefined;
  if (!stat.isFile()) return null;
  // The digest of an archive is part of its story.
  const node: Exclude<RecordedFile, string> = file.endsWith('.deb')
    ? { gzip: gzipSync(fs.readFileSync(file), { level: 9 }).toString('base64') }
    : { content: contentOf(file) };
  if (mode !== 0o644) node.mode = mode;
  if (uid !== 0) node.uid = uid;
  if (gid !== 0) node.gid = gid;
  if (stat.ctimeMs >= sinceMs) {
    const ms = (one: number): number => Math.round((one - shiftMs) * 1000) / 1000;
    Object.assign(node, { mtimeMs: ms(Math.max(stat.mtimeMs, sinceMs)), ctimeMs: ms(stat.ctimeMs) });
  }
  return node.content !== undefined && Object.keys(node).length === 1 ? node.content : node;
}

const programsOf = (list: string): string => list.replaceAll(/^(?!\/(?:usr\/)?s?bin\/\S).*\n/gm, '');

function contentOf(file: string): string {
  const bytes = fs.readFileSync(file);
  if (bytes.subarray(0, 4).toString('latin1') === '\x7fELF') return `\x7fELF ${path.basename(file)}`;
  if (bytes.includes(0)) return '';
  const text = bytes.toString();
  if (file.startsWith('/usr/')) return text.replace(/\n.*/s, '\n');
  return /\/(?:apt|dpkg|rpm)\.list$/.test(file) ? programsOf(text) : text;
}
