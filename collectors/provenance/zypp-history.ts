// Reads the history of zypper: a line for each package, which zypper writes when rpm has installed the package.

import type { Host } from '../host/host.ts';

/** The file, whatever program uses the library. */
export const zyppHistoryPath = '/var/log/zypp/history';

/** One installed package. */
export interface ZyppInstallation {
  /** When the line was written, in milliseconds since 1970: the local time of zypper has no fractions of a second. */
  timeMs: number;
  name: string;
  /** `[EPOCH:]VERSION-RELEASE` */
  version: string;
  architecture: string;
  /** Alias of the repository. */
  repository: string;
}

/** The lines of some thousand packages. */
const maxTailBytes = 512 * 1024;
/** Fields are separated by `|`; one in a field has a backslash in front. */
const line =
  /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\|install *\|([^|\\]{1,256})\|([^|\\]{1,256})\|([^|\\]{1,64})\|(?:[^|\\]|\\.){0,512}\|([^|\\]{0,256})\|/;

/** Parses lines; others than those of installations are skipped. */
export const parseZyppHistory = (text: string): ZyppInstallation[] =>
  text.split('\n').flatMap((each) => {
    const [, date, time, name = '', version = '', architecture = '', repository = ''] = line.exec(each) ?? [];
    const timeMs = date === undefined ? Number.NaN : Date.parse(`${date}T${time}`);
    return Number.isNaN(timeMs) ? [] : [{ timeMs, name, version, architecture, repository }];
  });

/** The installations at the end of the file. Rejects with the errors of the file. */
export async function readZyppHistory(host: Pick<Host, 'openLater'>): Promise<ZyppInstallation[]> {
  const file = await host.openLater(zyppHistoryPath, '');
  try {
    const sizeBytes = Number((await file.stat()).size);
    const start = Math.max(0, sizeBytes - maxTailBytes);
    const buffer = Buffer.alloc(Math.min(sizeBytes, maxTailBytes));
    let length = 0;
    while (length < buffer.length) {
      const bytesRead = await file.read(buffer.subarray(length), start + length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return parseZyppHistory(buffer.toString('utf8', 0, length));
  } finally {
    file.close();
  }
}
