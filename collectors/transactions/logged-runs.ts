// Reads from dpkg's log what its runs did, step by step. dpkg appends each state to the log, and keeps it when it removes
// the state from its journal.

import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import { withFile } from '../host/read-file.ts';
import { dpkgLogPath, loggedMs } from '../packages/dpkg-log.ts';
import type { DatabaseRow } from '../packages/installed-versions.ts';
import { addStep, beginSteps, isWhole, type PackageSteps } from './dpkg-steps.ts';

/** The run that is looked for. */
interface WantedRun {
  /** Milliseconds since 1970. */
  startMs: number;
  endMs: number;
  /** Undefined: its arguments were not observed. */
  operation: string | undefined;
  /** States that were seen of it, by `loggedState`. */
  seen: readonly string[];
}

/** The part of the log that one run wrote. */
interface LoggedRun {
  atMs: number;
  operation: string;
  text: string;
}

/** The runs in the log that no one has taken. */
export interface LoggedRuns {
  /** Takes the first run that can be the wanted one. Undefined: the log does not have it. */
  take(wanted: WantedRun): string | undefined;
}

/** What is read at once: some 8,000 lines. Of more, only the end is read. */
const maxBytes = 512 * 1024;
/** Maximum length of the runs that are kept, in UTF-16 units. The oldest is dropped first. */
const maxKept = 1024 * 1024;
/** The log has full seconds. */
const resolutionMs = 1000;

/** The line of a state, without its time. */
export const loggedState = ({ state, name, architecture, version }: DatabaseRow): string =>
  `status ${state} ${name}:${architecture} ${version === '' ? '<none>' : version}\n`;

/** Begins at the present end of the log. */
export function openLoggedRuns(host: Pick<Host, 'open' | 'stat'>): LoggedRuns {
  const now = tryRead(() => host.stat(dpkgLogPath));
  let inode = now?.ino;
  /** The first byte that was not read. */
  let position = Number(now?.size ?? 0);
  let kept: LoggedRun[] = [];

  const readNew = (): string =>
    tryRead(() =>
      withFile(host.open(dpkgLogPath), (file) => {
        const { ino, size } = file.stat();
        // The log was rotated.
        if (ino !== inode || Number(size) < position) position = 0;
        inode = ino;
        const start = Math.max(position, Number(size) - maxBytes);
        const buffer = Buffer.alloc(Math.max(0, Number(size) - start));
        const text = buffer.toString('latin1', 0, file.readNow(buffer, start));
        const end = text.lastIndexOf('\n') + 1;
        position = start + end;
        return text.slice(0, end);
      }),
    ) ?? '';

  const update = (): void => {
    const [rest = '', ...runs] = readNew().split(/^(?=\S+ \S+ startup )/m);
    const last = kept.at(-1);
    if (rest.includes(' startup ')) runs.unshift(rest);
    else if (last !== undefined) last.text += rest;
    for (const text of runs) {
      const [date = '', time = '', , , operation = ''] = text.slice(0, text.indexOf('\n')).split(' ');
      kept.push({ atMs: loggedMs(date, time), operation, text });
    }
    let length = 0;
    const from = kept.findLastIndex(({ text }) => {
      length += text.length;
      return length > maxKept;
    });
    kept = kept.slice(from + 1);
  };

  return {
    take({ startMs, endMs, operation, seen }) {
      update();
      const index = kept.findIndex(
        (run) =>
          run.atMs > startMs - resolutionMs &&
          run.atMs <= endMs &&
          (operation === undefined || run.operation === operation) &&
          seen.every((state) => run.text.includes(state)),
      );
      return index < 0 ? undefined : kept.splice(index, 1)[0]?.text;
    },
  };
}

const wants: Readonly<Record<string, string>> = {
  install: 'install',
  upgrade: 'install',
  remove: 'deinstall',
  purge: 'purge',
};

/**
 * The steps of each package in the log of one run. `formerOf`: what is known of the package from before the run; the log
 * names its former version, if dpkg replaced or removed it. At most `maxPackages` packages.
 */
export function loggedSteps(
  text: string,
  formerOf: (name: string, architecture: string) => DatabaseRow | undefined,
  maxPackages: number,
): Map<string, PackageSteps> {
  const packages = new Map<string, { steps: PackageSteps | undefined; base: DatabaseRow }>();
  const isAbsent = (version: string): boolean => version === '<none>' || version === '';
  for (const line of text.split('\n')) {
    const words = line.split(' ').slice(2);
    const isStatus = words[0] === 'status';
    const [key = '', former = ''] = words.slice(isStatus ? 2 : 1);
    const [name = '', architecture = ''] = key.split(':');
    const want = wants[words[0] ?? ''];
    if (architecture === '' || (!isStatus && want === undefined)) continue;
    let known = packages.get(key);
    if (known === undefined) {
      if (packages.size >= maxPackages) continue;
      const { isMultiple = false } = formerOf(name, architecture) ?? {};
      const base = { name, architecture, isMultiple, version: '', want: 'install', state: '' };
      known = { steps: undefined, base };
      packages.set(key, known);
    }
    if (want !== undefined) {
      known.base = { ...known.base, want };
      known.steps ??= beginSteps(rowBefore(words[0] ?? '', isAbsent(former) ? '' : former, known.base, formerOf));
      continue;
    }
    const version = words[3] ?? '';
    const row = { ...known.base, state: words[1] ?? '', version: isAbsent(version) ? '' : version };
    known.steps ??= beginSteps(formerOf(name, architecture) ?? row);
    addStep(known.steps, row);
  }
  return new Map([...packages].flatMap(([key, { steps }]) => (steps === undefined ? [] : [[key, steps]])));
}

/** The row before the first action on a package. The known one may be from the middle of the run. */
function rowBefore(
  action: string,
  version: string,
  base: DatabaseRow,
  formerOf: (name: string, architecture: string) => DatabaseRow | undefined,
): DatabaseRow | undefined {
  const former = formerOf(base.name, base.architecture);
  if (action === 'install') return version === '' ? undefined : { ...base, version, state: 'config-files' };
  if (action === 'purge') return { ...base, version, state: 'config-files' };
  return former?.version === version && isWhole(former) ? former : { ...base, version, state: 'installed' };
}
