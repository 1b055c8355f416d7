// Observes scripts of packages that appear, change or run: reads each at once, and finds the package version that it
// belongs to.

import { setTimeout as sleep } from 'node:timers/promises';
import type { StepparentEvent } from '../event/event.ts';
import type { Hold, Wait } from '../event/hold.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import { type FileContent, type OpenedFile, Unhashed } from '../host/opened-file.ts';
import { tryRead } from '../host/read-faults.ts';
import { sharesRoot } from '../process/executable.ts';
import type { ObservedExec } from '../process/observe-exec.ts';
import type { ProcessEntry } from '../process/process.ts';
import { startsOnHost } from '../process/process-place.ts';
import { openTimers } from '../timers.ts';
import type { InstalledVersions } from './installed-versions.ts';
import {
  isControlFile,
  maxScriptBytes,
  type NamedScript,
  parseControl,
  rpmPackage,
  scriptOfFile,
} from './script-file.ts';
import {
  clockStepMs,
  type FileVersion,
  openScriptVersions,
  readScriptFile,
  type ScriptFile,
} from './script-versions.ts';
import { openUnpackedPackages } from './unpacked-packages.ts';

/** One content of one script, its package and version, and how it came there, as observed. */
export interface ScriptObservation extends NamedScript {
  path: string;
  /** Undefined: the script was not read. */
  content: FileContent | undefined;
  /** Why a script that ran was not read. */
  unread?: UnobservedReason;
  /** Undefined: not known, for the reason in `versionUnobserved`. */
  version: FileVersion | undefined;
  versionUnobserved: UnobservedReason;
  /**
   * How the observation came about: the first scan, a write by dpkg or rpm, a change by another process, or a run of
   * the script.
   */
  origin: 'baseline' | 'dpkg' | 'rpm' | 'change' | 'exec';
  /** Whether a process other than dpkg wrote the script; undefined: not known. */
  outside: boolean | undefined;
  /**
   * Whether the script is among those of installed packages. Only there can its content be compared with its version.
   */
  inPlace: boolean;
  /** dpkg is changing the package, so that the script may be of another version. */
  isBetween?: boolean;
}

/** A script whose observation may not be complete yet. */
export interface PendingScript {
  /** The waits of its event until the observation is complete. */
  waits: readonly Wait[];
  /** The observation as it is known now. */
  observation(): ScriptObservation;
}

/** The host, its installed packages, the hold of events that wait, and the callbacks of the observer. */
export interface ScriptObserverDeps {
  host: Host;
  installed: Pick<InstalledVersions, 'find' | 'asOfMs' | 'refresh'>;
  hold: Pick<Hold, 'check' | 'waitingFor'>;
  /** Whether the content is known for the version. The run of such a script does not wait for the event of its file. */
  isKnown(observation: ScriptObservation): boolean;
  /**
   * Finds the dpkg that runs the script of the process. The returned function says whether that dpkg has changed the host's database, so
   * that the script is one of the host. Undefined: no dpkg.
   */
  dpkgAbove(entry: ProcessEntry): (() => boolean) | undefined;
  onFault(fault: string, error?: unknown): void;
}

/** Finds the package script that a file event or an exec concerns, with its content and package version. */
export interface ScriptObserver {
  /** Reads the installed versions. Must be awaited before the first event. */
  prepare(): Promise<void>;
  /**
   * Notes a changed file before its event comes, and finds the version while the file is in place: another file may
   * replace it soon.
   */
  noteChange(path: string): void;
  /**
   * The script that a file event is about; undefined: the file is no script. Must be called for every event of a
   * package database.
   */
  ofFile(event: StepparentEvent, content: FileContent | undefined): PendingScript | undefined;
  /** The script that an exec runs; undefined: it is no maintainer script. */
  ofRun(exec: ObservedExec): PendingScript | undefined;
  /**
   * Package version of a script in place. Reads the versions again after a pause if dpkg may be changing them.
   * Undefined: not known.
   */
  versionInPlace(file: ScriptFile, packageName: string): Promise<FileVersion | undefined>;
  /** Resolves when the scripts of all runs have been read. Nothing is read after that. */
  stop(): Promise<void>;
}

const dpkg = '/usr/bin/dpkg';
/** Actions that may change the content of a file. */
const writes: ReadonlySet<string> = new Set(['creation', 'rename', 'modification']);
/**
 * A script may run before the event of its file comes, and dpkg records a version only when all its scripts are in
 * place.
 */
const maxVersionWaitMs = 500;
/** A disk may be busy, and an alert with the content of the script is worth a delay. */
const maxReadMs = 5000;
/** Maximum number of runs whose scripts are open and not read yet. */
const maxOpenRuns = 256;
const maxRecent = 512;
/**
 * How often the status of dpkg is read while an event waits for a version; more often while the event of a file is
 * still to come.
 */
const readEveryMs = 60;
const readRecentEveryMs = 20;
const pauseAtWorkMs = 50;
/**
 * dpkg rewrites its status file several times while it runs: the versions are read once, this long after the first
 * change.
 */
const refreshAfterMs = 2000;
/** Phases that dpkg runs from the old version, right before it installs the new scripts, and never right after. */
const oldPhases: ReadonlySet<string | undefined> = new Set(['prerm', 'postrm']);

/** `directory`: the administrative directory of dpkg; tests use another one. */
export function openScriptObserver(deps: ScriptObserverDeps, directory = '/var/lib/dpkg'): ScriptObserver {
  const { host, installed, hold, onFault } = deps;
  const { nowMs } = host.clock;
  const versions = openScriptVersions(host, installed);
  const timers = openTimers((error) => onFault('a script that waits could not be judged', error));
  const readings = new Set<Promise<void>>();
  let stopped = false;

  const refresh = async (sinceMs?: number): Promise<void> => {
    try {
      await installed.refresh(sinceMs);
    } catch (error) {
      // ENOENT: the host has no dpkg.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        onFault('the installed packages could not be read', error);
    }
  };
  const refreshSoon = timers.soon(refreshAfterMs, () => void refresh());
  const readSince = (ms: number): boolean => (installed.asOfMs ?? Number.NEGATIVE_INFINITY) >= ms;
  const versionUnobserved = (): UnobservedReason =>
    installed.asOfMs === undefined ? 'no_dpkg_status' : 'version_uncertain';

  // -- Changed files whose events are still to come. Their version can be found only while they are in place.
  let recentFiles: { file: ScriptFile; name: string; sinceMs: number }[] = [];
  const isRecent = ({ file, name, sinceMs }: (typeof recentFiles)[number]): boolean =>
    versions.find(file, name) === undefined && nowMs() - sinceMs < maxVersionWaitMs;

  // -- While an event or a changed file waits for a version, the status of dpkg is polled.
  const isNeeded = (): boolean => recentFiles.length > 0 || hold.waitingFor('version') > 0;
  let reading = false;
  const readWhileNeeded = async (): Promise<void> => {
    if (reading) return;
    reading = true;
    try {
      do {
        await refresh(nowMs());
        if (stopped) return;
        recentFiles = recentFiles.filter(isRecent);
        hold.check();
        if (!isNeeded()) return;
        const pauseMs = recentFiles.length > 0 ? readRecentEveryMs : readEveryMs;
        await new Promise<void>((resolve) => timers.later(pauseMs, resolve));
      } while (isNeeded());
    } catch (error) {
      onFault('a script that waits could not be judged', error);
    } finally {
      reading = false;
    }
  };
  const waitForVersion = (isOver: () => boolean): Wait => {
    if (!isOver()) void readWhileNeeded();
    return { for: 'version', maxMs: maxVersionWaitMs, isOver };
  };

  // -- Scripts in the unpack directory. Their names do not contain the package; the control file in the same directory
  // names it.
  const unpacked = openUnpackedPackages();

  /** Observes a script in tmp.ci, or a scriptlet of rpm. */
  const observeUnnamed = (
    event: StepparentEvent,
    path: string,
    scriptName: NamedScript,
    content: FileContent,
  ): PendingScript => {
    const isUnpacked = path.endsWith(`/tmp.ci/${scriptName.phase}`);
    const args = [event.process?.args ?? []].flat().map(String);
    const findUnpacked = unpacked.finder(Date.parse(event.file?.created ?? ''));
    const findPackage = (): { package: string; version: string | undefined } | undefined =>
      isUnpacked ? findUnpacked()?.unpacked : rpmPackage(args);
    return {
      waits: isUnpacked ? [waitForVersion(() => findUnpacked()?.isCertain === true)] : [],
      observation() {
        const found = findPackage();
        return {
          path,
          ...scriptName,
          ...(found && { package: found.package }),
          content,
          version: found && { version: found.version },
          versionUnobserved: versionUnobserved(),
          origin: isUnpacked ? 'dpkg' : 'rpm',
          outside: undefined,
          inPlace: false,
        };
      },
    };
  };

  const observeNamed = (
    event: StepparentEvent,
    path: string,
    scriptName: NamedScript & { package: string },
    content: FileContent | undefined,
  ): PendingScript | undefined => {
    const receivedMs = nowMs();
    const { action = '' } = event.event;
    const byDpkg = event.process?.executable === dpkg;
    const outside = byDpkg ? false : event.process === undefined ? undefined : true;
    const common = {
      path,
      ...scriptName,
      content,
      origin: byDpkg ? 'dpkg' : 'change',
      outside,
      inPlace: true,
    } as const;
    const ctimeMs = Date.parse(event.file?.ctime ?? '');
    if (content === undefined) {
      if (!writes.has(action) || byDpkg) return undefined;
      const find = () => installed.find(scriptName.package);
      return {
        waits: [waitForVersion(() => readSince(receivedMs))],
        observation() {
          const found = find();
          const isVersionSettled = installed.asOfMs !== undefined && (outside === true || ctimeMs <= installed.asOfMs);
          return {
            ...common,
            version: found !== undefined || isVersionSettled ? { version: found?.version } : undefined,
            versionUnobserved: versionUnobserved(),
            isBetween: found?.between === true,
          };
        },
      };
    }
    const file = { path, inode: event.file?.inode ?? '', ctimeMs };
    const version = (): FileVersion | undefined => versions.find(file, scriptName.package);
    // The writer is not dpkg, so that the installed version applies; unless dpkg is changing the package, when the
    // version is still to come.
    const isOutside = (): boolean =>
      outside === true && readSince(receivedMs) && installed.find(scriptName.package)?.between !== true;
    return {
      waits: [waitForVersion(() => version() !== undefined || isOutside())],
      observation: () => ({
        ...common,
        version:
          version() ??
          (outside === true && installed.asOfMs !== undefined
            ? { version: installed.find(scriptName.package)?.version }
            : undefined),
        versionUnobserved: versionUnobserved(),
      }),
    };
  };

  const unreadScript = (path: string, scriptName: NamedScript, reason: UnobservedReason): PendingScript => ({
    waits: [],
    observation: () => ({
      path,
      ...scriptName,
      content: undefined,
      unread: reason,
      version: undefined,
      versionUnobserved: 'version_uncertain',
      origin: 'exec',
      outside: undefined,
      inPlace: false,
    }),
  });

  /** Reads the script in the background, and closes it. `isOnHost`: whether the process runs it on the host, as known by now. */
  const readRun = (
    path: string,
    scriptName: NamedScript,
    opened: OpenedFile,
    isOnHost: () => boolean,
  ): PendingScript => {
    const file = { path, inode: `${opened.stat.ino}`, ctimeMs: Number(opened.stat.ctimeMs) };
    let content: FileContent | undefined;
    let failed: UnobservedReason | undefined;
    const version = (): FileVersion | undefined =>
      scriptName.package === undefined ? undefined : versions.find(file, scriptName.package);
    // Finds the version now, by the last status, which may be from before dpkg began to change the package.
    version();
    const ended = (async () => {
      try {
        content = await opened.content(maxScriptBytes);
      } catch (error) {
        failed = error instanceof Unhashed ? error.reason : 'unreadable';
      } finally {
        opened.close();
      }
    })().finally(() => readings.delete(ended));
    readings.add(ended);
    const observed = (): ScriptObservation => ({
      path,
      ...scriptName,
      content,
      ...(content === undefined && { unread: failed ?? 'read_timeout' }),
      version: version(),
      versionUnobserved: versionUnobserved(),
      origin: 'exec',
      outside: false,
      inPlace: scriptName.package !== undefined,
    });
    const observation = (): ScriptObservation =>
      isOnHost() ? observed() : unreadScript(path, scriptName, 'process_exited').observation();
    // The event of the file may still come, and make the content known for its version.
    const isSettled = (): boolean =>
      failed !== undefined ||
      (isOnHost() && content !== undefined && version() !== undefined && deps.isKnown(observed()));
    return {
      waits: [
        { for: 'script', maxMs: maxReadMs, end: ended },
        ...(scriptName.package === undefined ? [] : [waitForVersion(isSettled)]),
        ...(scriptName.package === undefined && !isOnHost() ? [waitForVersion(isOnHost)] : []),
      ],
      observation,
    };
  };

  return {
    prepare: () => refresh(),

    noteChange(path) {
      const name = scriptOfFile(path)?.package;
      const file = name === undefined || recentFiles.length >= maxRecent ? undefined : readScriptFile(host, path);
      if (name === undefined || file === undefined || versions.find(file, name) !== undefined) return;
      recentFiles.push({ file, name, sinceMs: nowMs() });
      void readWhileNeeded();
    },

    ofFile(event, content) {
      const path = event.file?.path ?? '';
      if (path === `${directory}/tmp.ci`) unpacked.reset();
      else if (path === `${directory}/status`) refreshSoon();
      if (content !== undefined && isControlFile(path)) {
        const control = parseControl(content.head.toString('utf8'));
        if (control !== undefined) unpacked.add(control, Date.parse(event.file?.created ?? ''));
        hold.check();
        return undefined;
      }
      const scriptName = scriptOfFile(path);
      if (scriptName === undefined) return undefined;
      const { package: name } = scriptName;
      if (name !== undefined) return observeNamed(event, path, { ...scriptName, package: name }, content);
      return content === undefined ? undefined : observeUnnamed(event, path, scriptName, content);
    },

    ofRun(exec) {
      const { lifecycle, entry, image, timeNs } = exec.snapshot;
      const path = lifecycle?.depth === 0 && lifecycle.script.manager === 'dpkg' ? lifecycle.script.path : undefined;
      const scriptName = path === undefined ? undefined : scriptOfFile(path);
      if (path === undefined || scriptName === undefined) return undefined;
      // Open the script first: it may be removed in a moment.
      const opened = openScript(host, path);
      try {
        // In a container, or below another root, the path names another file.
        const isElsewhere = exec.scope() !== '' || !sharesRoot(entry, image);
        // The scope has read the process, if that lives. Otherwise it is the host's if it began with a file of the host.
        const isProven = entry.details !== undefined || startsOnHost(image);
        const isOnHost = isProven ? () => true : deps.dpkgAbove(entry);
        const reason = isOnHost === undefined ? 'process_exited' : unreadReason(scriptName, opened);
        if (!isElsewhere && reason === undefined && opened !== undefined && isOnHost !== undefined) {
          return readRun(path, scriptName, opened, isOnHost);
        }
        opened?.close();
        return isElsewhere || reason === undefined ? undefined : unreadScript(path, scriptName, reason);
      } catch (error) {
        opened?.close();
        throw error;
      }

      function unreadReason({ phase }: NamedScript, file: OpenedFile | undefined): UnobservedReason | undefined {
        if (file === undefined) return 'unreadable';
        if (readings.size >= maxOpenRuns) return 'too_many_scripts';
        const latestMs = host.clock.bootEpochMs() + timeNs / 1e6 + (oldPhases.has(phase) ? -1 : 1) * clockStepMs;
        const ctimeMs = Number(file.stat.ctimeMs);
        return ctimeMs > latestMs && ctimeMs <= nowMs() + clockStepMs ? 'file_replaced' : undefined;
      }
    },

    async versionInPlace(file, packageName) {
      const found = versions.find(file, packageName);
      if (found !== undefined) return found;
      // The script was created a moment ago, or dpkg is changing its package.
      await sleep(pauseAtWorkMs);
      await refresh(nowMs());
      return versions.find(file, packageName);
    },

    async stop() {
      stopped = true;
      timers.close();
      await Promise.all(readings);
      await refresh(nowMs());
    },
  };
}

/** Opens a script. Undefined: it is gone, or may not be opened. */
const openScript = (host: Host, path: string): OpenedFile | undefined =>
  tryRead(() => host.openFile(host.realPath(path) ?? path));
