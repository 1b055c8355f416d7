// Observes the scripts of packages that appear, change or run: reads each at once, and finds the version of the package that it belongs to.

import { setTimeout as sleep } from 'node:timers/promises';
import type { StepparentEvent } from '../event/event.ts';
import type { Hold, Wait } from '../event/hold.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import { type FileContent, type OpenedFile, Unhashed } from '../host/opened-file.ts';
import { tryRead } from '../host/read-faults.ts';
import type { ObservedExec } from '../process/observe-exec.ts';
import { openTimers } from '../timers.ts';
import { openInstalledVersions } from './installed-versions.ts';
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

/** One content of one script, and what was observed of where it belongs. */
export interface ScriptObservation extends NamedScript {
  path: string;
  /** Undefined: it was not read. */
  content: FileContent | undefined;
  /** Why a script that ran was not read. */
  unread?: UnobservedReason;
  /** Undefined: not known, for the reason in `versionUnobserved`. */
  version: FileVersion | undefined;
  versionUnobserved: UnobservedReason;
  origin: 'baseline' | 'dpkg' | 'rpm' | 'change' | 'exec';
  /** It was not put there by dpkg's own installation; undefined: that is not known. */
  outside: boolean | undefined;
  /** It is where dpkg keeps the scripts of what is installed: only there the content of a version can differ. */
  inPlace: boolean;
  /** dpkg is at work on its package, so that the version may not be the script's. */
  isBetween?: boolean;
}

/** A script that is being observed. */
export interface PendingScript {
  /** What its event lacks until the observation is whole. */
  waits: readonly Wait[];
  /** What is known of it now. */
  observation(): ScriptObservation;
}

export interface ScriptObserverDeps {
  host: Host;
  hold: Pick<Hold, 'check' | 'waitingFor'>;
  /** Whether the content is known for the version: what runs then need not wait for the event of its file. */
  isKnown(observation: ScriptObservation): boolean;
  onFault(fault: string, error?: unknown): void;
}

export interface ScriptObserver {
  /** Reads what is installed: to be awaited before the first event. */
  prepare(): Promise<void>;
  /** A file has changed, and its event is still to come: by then another file may have taken its place. */
  noteChange(path: string): void;
  /** The script that an event of a file is about; undefined: it is about none. To be called for every event of a package database. */
  ofFile(event: StepparentEvent, content: FileContent | undefined): PendingScript | undefined;
  /** The script that an exec runs; undefined: it is no maintainer script. */
  ofRun(exec: ObservedExec): PendingScript | undefined;
  /** Which version the script in a place is of, read again after a pause where dpkg may be at work; undefined: not known. */
  versionInPlace(file: ScriptFile, packageName: string): Promise<FileVersion | undefined>;
  /** Resolves when each script that runs has been read. Nothing is read later. */
  stop(): Promise<void>;
}

const dpkg = '/usr/bin/dpkg';
/** Actions after which a file has other content. */
const writes: ReadonlySet<string> = new Set(['creation', 'rename', 'modification']);
/** A script may run before its file's event comes, and dpkg names a version only when all of its scripts are in place. */
const maxVersionWaitMs = 500;
/** A disk may be busy; what ran is worth more than the time of its alert. */
const maxReadMs = 5000;
/** Each run that waits has its script open. */
const maxOpenRuns = 256;
const maxRecent = 512;
/** While an event waits for a version, dpkg's status is read this often; more often while a file's event is still to come. */
const readEveryMs = 60;
const readRecentEveryMs = 20;
const pauseAtWorkMs = 50;
/** dpkg rewrites its status file now and then while it works, and at its end. */
const refreshAfterMs = 2000;
/** dpkg runs those of the old version right before it puts the new ones in their place, and never right after. */
const oldPhases: ReadonlySet<string | undefined> = new Set(['prerm', 'postrm']);

/** `directory`: dpkg's administrative directory; another one in tests. */
export function openScriptObserver(deps: ScriptObserverDeps, directory = '/var/lib/dpkg'): ScriptObserver {
  const { host, hold, onFault } = deps;
  const { nowMs } = host.clock;
  const installed = openInstalledVersions(host, directory);
  const versions = openScriptVersions(host, installed);
  const timers = openTimers((error) => onFault('a script that waits could not be judged', error));
  const readings = new Set<Promise<void>>();
  let stopped = false;

  const refresh = async (sinceMs?: number): Promise<void> => {
    try {
      await installed.refresh(sinceMs);
    } catch (error) {
      // A host without dpkg.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        onFault('the installed packages could not be read', error);
    }
  };
  const refreshSoon = timers.soon(refreshAfterMs, () => void refresh());
  const readSince = (ms: number): boolean => (installed.asOfMs ?? Number.NEGATIVE_INFINITY) >= ms;
  const versionUnobserved = (): UnobservedReason =>
    installed.asOfMs === undefined ? 'no_dpkg_status' : 'version_uncertain';

  // -- Files whose event is still to come: their version is found out while they are in place.
  let recentFiles: { file: ScriptFile; name: string; sinceMs: number }[] = [];
  const isRecent = ({ file, name, sinceMs }: (typeof recentFiles)[number]): boolean =>
    versions.find(file, name) === undefined && nowMs() - sinceMs < maxVersionWaitMs;

  // -- While something waits for a version, what dpkg says is read again and again.
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

  // -- What dpkg unpacks: its scripts there have no names of their own, and the control file beside them names the package.
  const unpacked = openUnpackedPackages();

  /** A script in tmp.ci, or one of rpm's. */
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
    // Another writer than dpkg changed it, whichever version it is of; but while dpkg is at work, the version is still to come.
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

  /** Reads the script beside the events, and closes it. */
  const readRun = (path: string, scriptName: NamedScript, opened: OpenedFile): PendingScript => {
    const file = { path, inode: `${opened.stat.ino}`, ctimeMs: Number(opened.stat.ctimeMs) };
    let content: FileContent | undefined;
    let failed: UnobservedReason | undefined;
    const version = (): FileVersion | undefined =>
      scriptName.package === undefined ? undefined : versions.find(file, scriptName.package);
    // What dpkg said last may be of before it began to work on the package.
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
    const observation = (): ScriptObservation => ({
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
    // The event of its file, still to come, may make it a script that is known.
    const isSettled = (): boolean =>
      failed !== undefined || (content !== undefined && version() !== undefined && deps.isKnown(observation()));
    return {
      waits: [
        { for: 'script', maxMs: maxReadMs, end: ended },
        ...(scriptName.package === undefined ? [] : [waitForVersion(isSettled)]),
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
      const { lifecycle, entry, timeNs } = exec.snapshot;
      const path = lifecycle?.depth === 0 && lifecycle.script.manager === 'dpkg' ? lifecycle.script.path : undefined;
      const scriptName = path === undefined ? undefined : scriptOfFile(path);
      if (path === undefined || scriptName === undefined) return undefined;
      // First of all: it may be gone in a moment.
      const opened = openScript(host, path);
      try {
        // In a container, or below another root, the path names another file.
        const isElsewhere = exec.scope() !== '' || entry.details?.hostRoot === false;
        const reason = isElsewhere ? undefined : unreadReason(exec, scriptName, opened);
        if (!isElsewhere && reason === undefined && opened !== undefined) return readRun(path, scriptName, opened);
        opened?.close();
        return reason === undefined ? undefined : unreadScript(path, scriptName, reason);
      } catch (error) {
        opened?.close();
        throw error;
      }

      function unreadReason(
        { snapshot }: ObservedExec,
        { phase }: NamedScript,
        file: OpenedFile | undefined,
      ): UnobservedReason | undefined {
        if (file === undefined) return 'unreadable';
        if (snapshot.entry.details === undefined) return 'process_exited';
        if (readings.size >= maxOpenRuns) return 'too_many_scripts';
        const latestMs = host.clock.bootEpochMs() + timeNs / 1e6 + (oldPhases.has(phase) ? -1 : 1) * clockStepMs;
        const ctimeMs = Number(file.stat.ctimeMs);
        return ctimeMs > latestMs && ctimeMs <= nowMs() + clockStepMs ? 'file_replaced' : undefined;
      }
    },

    async versionInPlace(file, packageName) {
      const found = versions.find(file, packageName);
      if (found !== undefined) return found;
      // It was made a moment ago, or dpkg is at work on it.
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

/** Undefined: it is gone, or may not be opened. */
const openScript = (host: Host, path: string): OpenedFile | undefined =>
  tryRead(() => host.openFile(host.realPath(path) ?? path));
