// Reads the whole configuration of package sources on the host, and of what keeps updates out, within bounds.

import { errorCode } from '../error-message.ts';
import type { HostFiles } from '../host/host-files.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { readHead, withFile } from '../host/read-file.ts';
import {
  aptDirectory,
  aptFile,
  aptKeyring,
  aptKeyrings,
  dnfDirectories,
  dnfOverrides,
  isSourceFile,
  maxSources,
  type Overrides,
  type PackageSource,
  parseKeyring,
  parseOverrides,
  parseSourceFile,
  zyppDirectory,
} from './package-sources.ts';
import { type AptPin, blockDirectories, blockFiles, isBlockFile, maxBlocks } from './update-blocks.ts';

/** The files, and whether one may be opened: not on a file system of the network. */
export interface SourceReader {
  files: Pick<HostFiles, 'open' | 'readDirectory' | 'realPath'>;
  mayOpen(path: string): boolean;
  /** Resolves when the next file may be read. */
  next(): Promise<void>;
}

/** The sources, keys, pins and locks that are in force. */
export interface SourceConfiguration {
  /** By name. */
  sources: ReadonlyMap<string, PackageSource>;
  /** The pins among them, in the order in which apt reads them. */
  pins: readonly AptPin[];
  /** Files that are there and could not be read: what they configure is not known. */
  unread: ReadonlySet<string>;
}

/** Of a longer file the first part counts. */
export const maxSourceBytes = 256 * 1024;
const maxKeyringBytes = 1024 * 1024;
const maxFilesOfDirectory = 512;
const maxKeyFiles = 256;

/** Reads what is in force now. Never rejects. */
export async function readSources({ files, mayOpen, next }: SourceReader): Promise<SourceConfiguration> {
  const sources = new Map<string, PackageSource>();
  const pins: AptPin[] = [];
  const unread = new Set<string>();
  const add = (source: PackageSource): void => {
    const known = sources.get(source.name);
    if (known === undefined && sources.size >= maxSources) return;
    const components = [...new Set([...(known?.components ?? []), ...source.components])];
    sources.set(source.name, { ...(known ?? source), components });
  };
  const attempt = <T>(path: string, read: () => T): T | undefined => {
    try {
      return mayOpen(path) ? read() : undefined;
    } catch (error) {
      reportOwnFault(error);
      if (errorCode(error) !== 'ENOENT') unread.add(path);
      return undefined;
    }
  };
  const read = async (path: string, maxBytes: number): Promise<Buffer | undefined> => {
    await next();
    return attempt(path, () => withFile(files.open(path), (file) => readHead(file, maxBytes)));
  };
  const filesIn = (directory: string, isWanted: (path: string) => boolean): string[] =>
    (attempt(directory, () => files.readDirectory(directory)) ?? [])
      .map((name) => `${directory}/${name}`)
      .filter(isWanted)
      .sort()
      .slice(0, maxFilesOfDirectory);

  const keyFiles = new Set([aptKeyring, ...filesIn(aptKeyrings, (path) => /\.(?:gpg|asc)$/.test(path))]);
  const overrides = new Map<string, boolean>();
  const addFile = (path: string, text: string): void => {
    const parsed = parseSourceFile(path, text, overrides satisfies Overrides);
    for (const source of parsed.sources) add(source);
    for (const pin of parsed.pins) if (pins.length < maxBlocks) pins.push(pin);
    for (const file of parsed.keyFiles) if (keyFiles.size < maxKeyFiles) keyFiles.add(file);
  };
  for (const path of filesIn(dnfOverrides, (one) => one.endsWith('.repo'))) {
    const text = (await read(path, maxSourceBytes))?.toString() ?? '';
    for (const [id, isEnabled] of parseOverrides(text)) if (overrides.size < maxSources) overrides.set(id, isEnabled);
    addFile(path, text);
  }
  const directories = [aptDirectory, ...dnfDirectories, zyppDirectory];
  for (const path of [
    aptFile,
    ...directories.flatMap((directory) => filesIn(directory, isSourceFile)),
    ...blockFiles,
    ...blockDirectories.flatMap((directory) => filesIn(directory, isBlockFile)),
  ]) {
    addFile(path, (await read(path, maxSourceBytes))?.toString() ?? '');
  }
  for (const path of keyFiles) {
    if (!mayOpen(path)) continue;
    const target = files.realPath(path) ?? path;
    const bytes = await read(target, maxKeyringBytes);
    if (bytes !== undefined) for (const key of parseKeyring(target, bytes)) add(key);
  }
  return { sources, pins, unread };
}
