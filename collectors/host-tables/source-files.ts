// The configuration files of apt and yum: all of a directory, each within bounds.

import { errorCode, errorMessage } from '../error-message.ts';
import type { HostFiles } from '../host/host-files.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { readText } from '../host/read-file.ts';

/** The access to files that the tables of package sources need. */
export type SourceFiles = Pick<HostFiles, 'open' | 'readDirectory'>;

const maxFileBytes = 1024 * 1024;
const maxFiles = 1000;

/** The text of the file. Undefined for a file that does not exist; undefined with a note for one that cannot be read. */
export function readSourceFile(host: SourceFiles, file: string, note: (text: string) => void): string | undefined {
  try {
    return readText(host.open(file), maxFileBytes);
  } catch (error) {
    reportOwnFault(error);
    if (errorCode(error) !== 'ENOENT') note(`${file} was not read: ${errorMessage(error)}`);
    return undefined;
  }
}

/** The files of the directory whose names end so, by name; at most 1,000, with a note. */
export function sourceFilesIn(
  host: SourceFiles,
  directory: string,
  endings: readonly string[],
  note: (text: string) => void,
): string[] {
  try {
    const names = host.readDirectory(directory).filter((name) => endings.some((ending) => name.endsWith(ending)));
    if (names.length > maxFiles) note(`of ${directory} the first ${maxFiles} files were read`);
    return names
      .sort()
      .slice(0, maxFiles)
      .map((name) => `${directory}/${name}`);
  } catch (error) {
    reportOwnFault(error);
    if (errorCode(error) !== 'ENOENT') note(`${directory} was not read: ${errorMessage(error)}`);
    return [];
  }
}
