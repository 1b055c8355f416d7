// Keeps every script of a package that comes, changes or runs, and says of each event whether its package had it before.

import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScriptFields, StepparentEvent } from '../../collectors/event/event.ts';
import type { Host } from '../../collectors/host/host.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import { type FileContent, type OpenedFile, openFile, Unhashed } from '../../collectors/host/opened-file.ts';
import { tryRead } from '../../collectors/host/read-faults.ts';
import { readBootNs } from '../../collectors/linux/libc.ts';
import { describeFileChange } from '../../collectors/packagedb/file-event.ts';
import { notSeen } from '../../collectors/packagedb/file-writer.ts';
import { openInstalledVersions } from '../../collectors/packages/installed-versions.ts';
import {
  isControlFile,
  maxScriptBytes,
  type NamedScript,
  parseControl,
  rpmPackage,
  scriptOfFile,
} from '../../collectors/packages/script-file.ts';
import {
  clockStepMs,
  type FileVersion,
  openScriptVersions,
  readScriptFile,
  type ScriptFile,
} from '../../collectors/packages/script-versions.ts';
import type { ObservedExec } from '../../collectors/process/describe-process.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import { openTimers } from '../../collectors/timers.ts';
import { findingsOf } from '../../detectors/facts/script-findings.ts';
import { unifiedDiff } from '../../detectors/facts/unified-diff.ts';
import type { PastScript, ScriptOrigin, SeenScript } from '../../storage/scripts.ts';
import type { Store } from '../../storage/store.ts';

interface ScriptEvidenceDeps {
  store: Pick<Store, 'saveScripts' | 'scriptsOf' | 'versionKnown' | 'scriptsComplete' | 'completeScripts'>;
  table: ProcessTable;
  context: HostContext;
  takeFile(event: StepparentEvent): void;
  takeExec(exec: ObservedExec): void;
  /** Commits what was taken, which is not always in the turn of its record. */
  commit(): void;
  onFault(what: string, error?: unknown): void;
  /** dpkg's administrative folder; another one in tests. */
  directory?: string;
}

export interface ScriptEvidence {
  /** Reads what is installed: to be awaited before the first event. */
  prepare(): Promise<void>;
  /** A file has changed, and its event will come: by then another file may have taken its place. */
  heard(path: string): void;
  /** Every file event of a package database comes by here. */
  file(event: StepparentEvent, content: FileContent | undefined): void;
  /** And so does every exec. */
  exec(exec: ObservedExec): void;
  /** Takes down the scripts that are there, slowly, unless that was done. Resolves when it is done. */
  takeBaseline(): Promise<void>;
  /** Judges what waits, by what is known then. */
  stop(): Promise<void>;
}

const dpkg = '/usr/bin/dpkg';
/** Actions after which a file has other content. */
const writes: ReadonlySet<string> = new Set(['creation', 'rename', 'modification']);
const maxDiffChars = 4096;
/** A script may run before its file's event comes, and dpkg names a version only when all of its scripts are in place. */
const holdMs = 500;
/** A disk may be busy; what ran is worth more than the time of its alert. */
const maxReadMs = 5000;
/** Each run that waits has its script open. */
const maxHeldRuns = 256;
const maxHeldFiles = 512;
/** What waits is tried again after that; a file of which the event is still to come before that. */
const againMs = 60;
const soonMs = 20;
const baselineScripts = 8;
const baselinePauseMs = 50;
/** dpkg rewrites its status file now and then while it works, and at its end. */
const refreshAfterMs = 2000;
const unsure = 'dpkg may be at work on the package, and which version the script is of was not seen';
/** dpkg runs those of the old version right before it puts the new ones in their place, and never right after. */
const oldPhases: ReadonlySet<string | undefined> = new Set(['prerm', 'postrm']);

/** What is being unpacked in tmp.ci. */
interface Unpacking {
  control: { package: string; version: string } | undefined;
  /** Scripts that came before their control file. */
  waiting: SeenScript[];
}

/** An event of a file, until it can be said which version the file is of. */
interface HeldFile {
  event: StepparentEvent;
  content: FileContent | undefined;
  receivedMs: number;
}

/** A script that runs, while it is read and until its version is known. */
interface HeldRun {
  exec: ObservedExec;
  own: NamedScript;
  file: ScriptFile;
  sinceMs: number;
  /** Undefined: it is still being read. */
  content: FileContent | undefined;
  reading: Promise<void>;
}

interface Circumstances {
  /** Undefined: not known. */
  version: FileVersion | undefined;
  origin: ScriptOrigin;
  /** It was not put there by dpkg's own installation; undefined: that is not known. */
  outside?: boolean | undefined;
  /** It is where dpkg keeps the scripts of what is installed: only there the content of a version can differ. */
  inPlace: boolean;
}

/**
 * `seen`: what this version has had in this place. `outside`: it was not put there by dpkg's own installation. What was
 * once another one than its version's stays so.
 */
export function stateOfScript(
  sha256: string,
  seen: readonly Pick<PastScript, 'sha256' | 'state'>[],
  outside: boolean,
): 'known' | 'first' | 'changed' {
  const before = seen.find((one) => one.sha256 === sha256);
  if (before !== undefined) return before.state === 'changed' ? 'changed' : 'known';
  return seen.length > 0 || outside ? 'changed' : 'first';
}

export function openScriptEvidence(parts: ScriptEvidenceDeps): ScriptEvidence {
  const { store, context, table, directory = '/var/lib/dpkg' } = parts;
  const installed = openInstalledVersions(context.host, directory);
  const versions = openScriptVersions(context.host, installed);
  const onFault = (error: unknown): void => parts.onFault('a script that waits could not be judged', error);
  const timers = openTimers(onFault);
  const startedMs = Date.now();
  let stopped = false;

  const refresh = async (sinceMs?: number): Promise<void> => {
    try {
      await installed.refresh(sinceMs);
    } catch (error) {
      // A host without dpkg.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        parts.onFault('the installed packages could not be read', error);
    }
  };
  const refreshSoon = timers.soon(refreshAfterMs, () => void refresh());

  // -- What dpkg unpacks: its scripts there have no names of their own.
  let unpacking: Unpacking = { control: undefined, waiting: [] };
  const noteUnpacked = (control: { package: string; version: string }): void => {
    unpacking.control = control;
    save(unpacking.waiting.splice(0).map((script) => ({ ...script, ...control })));
  };
  const newUnpacking = (): void => {
    save(unpacking.waiting);
    unpacking = { control: undefined, waiting: [] };
  };

  const save = (scripts: readonly SeenScript[]): void => {
    if (scripts.length === 0) return;
    try {
      store.saveScripts(scripts, Date.now());
    } catch (error) {
      parts.onFault('scripts could not be kept', error);
    }
  };

  // -- Judging one script.
  interface Judged {
    fields: ScriptFields;
    unobserved: string | undefined;
    cut: boolean;
    seen: SeenScript;
  }
  const judge = (
    own: { path: string; package?: string; phase?: string },
    content: FileContent,
    how: Circumstances,
  ): Judged => {
    const { path, package: name = '', phase = '' } = own;
    const { sha256, sizeBytes, head } = content;
    const findings = findingsOf(head.toString('utf8'));
    const fields: ScriptFields = {
      path,
      sha256,
      ...(name === '' ? {} : { package: name }),
      ...(phase === '' ? {} : { phase }),
      ...(findings.length > 0 ? { findings } : {}),
    };
    const seen: SeenScript = {
      package: name,
      version: how.version?.version ?? '',
      phase,
      path,
      sha256,
      sizeBytes,
      content: head,
      state: '',
      origin: how.origin,
    };
    const judged: Judged = { fields, unobserved: undefined, cut: false, seen };
    const version = how.version?.version;
    if (version !== undefined) fields.version = version;
    if (!how.inPlace) return judged;
    if (how.version === undefined) {
      judged.unobserved = installed.asOfMs === undefined ? "dpkg's status file says of no package" : unsure;
      return judged;
    }
    if (version === undefined) {
      seen.state = fields.state = 'unowned';
      return judged;
    }
    const past = store.scriptsOf(seen);
    const outside = how.outside ?? store.versionKnown(name, version, startedMs);
    const state = stateOfScript(sha256, past, outside);
    fields.state = state;
    seen.state = state === 'changed' ? 'changed' : 'first';
    const before =
      state === 'changed' ? past.find((one) => one.sha256 !== sha256 && one.state !== 'changed') : undefined;
    if (before !== undefined) {
      const diff = unifiedDiff(before.content.toString('utf8'), head.toString('utf8'), maxDiffChars);
      fields.diff = diff.text;
      judged.cut = diff.cut;
    }
    return judged;
  };

  const merge = (event: StepparentEvent, { fields, unobserved, cut }: Judged): void => {
    const { stepparent } = event;
    stepparent.script = { ...stepparent.script, ...fields };
    if (unobserved !== undefined) {
      stepparent.unobserved = { ...stepparent.unobserved, 'stepparent.script.state': unobserved };
    }
    if (cut) stepparent.truncated = { ...stepparent.truncated, 'stepparent.script.diff': maxDiffChars };
    if (fields.path?.includes('/rpm-tmp.') && fields.package !== undefined) {
      stepparent.inferred = {
        ...stepparent.inferred,
        'stepparent.script.package': 'the name of the one package file that rpm was given',
      };
    }
  };

  const readSince = (ms: number): boolean => (installed.asOfMs ?? Number.NEGATIVE_INFINITY) >= ms;
  /** What dpkg said last, wherever the file has got to by now. */
  const latest = (name: string): FileVersion | undefined =>
    installed.asOfMs === undefined ? undefined : { version: installed.find(name)?.version };

  /** A script in tmp.ci, or one of rpm's. */
  const withUnnamed = (event: StepparentEvent, path: string, own: NamedScript, content: FileContent): void => {
    const args = [event.process?.args ?? []].flat().map(String);
    const inUnpackDirectory = /\/tmp\.ci\/[^/]+$/.test(path);
    const found = inUnpackDirectory ? unpacking.control : rpmPackage(args);
    const judged = judge({ path, ...own, ...(found && { package: found.package }) }, content, {
      version: found && { version: found.version },
      origin: inUnpackDirectory ? 'dpkg' : 'rpm',
      inPlace: false,
    });
    merge(event, judged);
    if (inUnpackDirectory && found === undefined) unpacking.waiting.push(judged.seen);
    else save([judged.seen]);
  };

  /** False: which version it is of may be known in a moment. `due`: it is judged all the same. */
  const withScript = ({ event, receivedMs }: HeldFile, content: FileContent, due: boolean): boolean => {
    const path = event.file?.path ?? '';
    const own = scriptOfFile(path);
    if (own === undefined) return true;
    if (own.package === undefined) {
      withUnnamed(event, path, own, content);
      return true;
    }
    const file = { path, inode: event.file?.inode ?? '', ctimeMs: Date.parse(event.file?.ctime ?? '') };
    const byDpkg = event.process?.executable === dpkg;
    const outside = byDpkg ? false : event.process === undefined ? undefined : true;
    let version = versions.of(file, own.package);
    // Another writer is one, whichever version it is that was changed.
    if (version === undefined && outside === true && (due || readSince(receivedMs))) version = latest(own.package);
    else if (version === undefined && !due) return false;
    const judged = judge({ path, ...own }, content, {
      version,
      origin: byDpkg ? 'dpkg' : 'change',
      outside,
      inPlace: true,
    });
    merge(event, judged);
    save([judged.seen]);
    return true;
  };

  /** Gone too soon, or too large to be read: who wrote it, and its name, are enough for a word. False as above. */
  const withoutContent = ({ event, receivedMs }: HeldFile, due: boolean): boolean => {
    const { stepparent } = event;
    const name = stepparent.script?.package;
    const { action = '' } = event.event;
    if (name === undefined || !writes.has(action) || event.process?.executable === dpkg) return true;
    if (!due && !readSince(receivedMs)) return false;
    const seenWriter = event.process !== undefined;
    const ctimeMs = Date.parse(event.file?.ctime ?? '');
    const found = installed.find(name);
    if (found === undefined) {
      if (installed.asOfMs === undefined || !(seenWriter || ctimeMs <= installed.asOfMs)) return true;
      stepparent.script = { ...stepparent.script, state: 'unowned' };
      return true;
    }
    const { version, between } = found;
    if (!seenWriter && (between || !store.versionKnown(name, version, startedMs))) return true;
    stepparent.script = { ...stepparent.script, version, state: 'changed' };
    const field = 'stepparent.script.state';
    stepparent.inferred = {
      ...stepparent.inferred,
      [field]: 'dpkg was not seen to write it, and it could not be read',
    };
    return true;
  };

  // -- Events of files, which stay in their order.
  const files: HeldFile[] = [];
  const takeFile = (one: HeldFile, due: boolean): boolean => {
    const { event, content } = one;
    const path = event.file?.path ?? '';
    try {
      if (path === `${directory}/tmp.ci`) newUnpacking();
      else if (path === `${directory}/status`) refreshSoon();
      if (content !== undefined && isControlFile(path)) {
        const control = parseControl(content.head.toString('utf8'));
        if (control !== undefined) noteUnpacked(control);
      } else if (!(content === undefined ? withoutContent(one, due) : withScript(one, content, due))) return false;
    } catch (error) {
      parts.onFault('a script could not be judged', error);
    }
    parts.takeFile(event);
    return true;
  };

  // -- Scripts that run.
  const runs = new Set<HeldRun>();
  const unread = (exec: ObservedExec, why: string): void => {
    const { stepparent } = exec.document();
    stepparent.unobserved = { ...stepparent.unobserved, 'stepparent.script.sha256': why };
    parts.takeExec(exec);
  };
  const takeRun = (run: HeldRun, nowMs: number): void => {
    const { exec, own, file, content } = run;
    const waitedMs = nowMs - run.sinceMs;
    const due = waitedMs >= holdMs;
    try {
      if (content === undefined) {
        if (waitedMs < maxReadMs || !runs.delete(run)) return;
        unread(exec, 'it could not be read in time');
        return;
      }
      const version = own.package === undefined ? undefined : versions.of(file, own.package);
      if (version === undefined && own.package !== undefined && !due) return;
      const judged = judge({ path: file.path, ...own }, content, {
        version,
        origin: 'exec',
        outside: false,
        inPlace: own.package !== undefined,
      });
      // What its file's event, still to come, makes of it is no other script.
      if (own.package !== undefined && judged.fields.state !== 'known' && !due) return;
      runs.delete(run);
      merge(exec.document(), judged);
      // Of an unpacked one the event of its file knows more.
      if (judged.seen.package !== '') save([judged.seen]);
    } catch (error) {
      runs.delete(run);
      parts.onFault('a script that runs could not be judged', error);
    }
    parts.takeExec(exec);
  };
  const readRun = async (run: HeldRun, opened: OpenedFile): Promise<void> => {
    try {
      run.content = await opened.content(maxScriptBytes);
    } catch (error) {
      if (!runs.delete(run)) return;
      unread(run.exec, error instanceof Unhashed ? error.message : 'it could not be read');
    } finally {
      opened.close();
    }
    if (runs.has(run)) takeRun(run, Date.now());
    parts.commit();
    void serve();
  };

  // -- What waits.
  /** Files of which the event is still to come: their version is found out while they are there. */
  let young: { file: ScriptFile; name: string; sinceMs: number }[] = [];
  const isYoung = ({ file, name, sinceMs }: (typeof young)[number], nowMs: number): boolean =>
    versions.of(file, name) === undefined && nowMs - sinceMs < holdMs;
  const somethingWaits = (): boolean => files.length > 0 || runs.size > 0 || young.length > 0;
  const takeWhatIsReady = (nowMs: number): void => {
    young = young.filter((one) => isYoung(one, nowMs));
    while (files[0] !== undefined && takeFile(files[0], nowMs - files[0].receivedMs >= holdMs)) files.shift();
    for (const run of [...runs]) takeRun(run, nowMs);
    parts.commit();
  };
  let serving = false;
  /** Until nothing waits. */
  const serve = async (): Promise<void> => {
    if (serving) return;
    serving = true;
    try {
      while (somethingWaits()) {
        await refresh(Date.now());
        if (stopped) return;
        takeWhatIsReady(Date.now());
        if (!somethingWaits()) return;
        const pauseMs = young.length > 0 ? soonMs : againMs;
        await new Promise<void>((resolve) => timers.later(pauseMs, resolve));
      }
    } catch (error) {
      onFault(error);
    } finally {
      serving = false;
    }
  };

  // -- What is there already.
  const baselineOf = async (path: string): Promise<SeenScript | undefined> => {
    const opened = openFile(path);
    if (opened === undefined) return undefined;
    try {
      if (!opened.stat.isFile()) return undefined;
      const content = await opened.content(maxScriptBytes);
      const named = scriptOfFile(path) ?? {};
      const { package: name = '', phase = '' } = named;
      const { ino, ctimeMs } = opened.stat;
      const file = { path, inode: `${ino}`, ctimeMs: Number(ctimeMs) };
      const find = () => versions.of(file, name);
      let found = find();
      if (found === undefined) {
        // It was made a moment ago, or dpkg is at work on it.
        await sleep(baselinePauseMs);
        await refresh(Date.now());
        found = find();
      }
      const version = found?.version;
      const slot = { package: name, version: version ?? '', phase };
      // An event was quicker.
      if (store.scriptsOf(slot).length > 0) return undefined;
      const { sha256, sizeBytes, head } = content;
      // Of one whose version is not known nothing can be said later, but it is kept.
      const state = found === undefined ? '' : 'first';
      const seen: SeenScript = { ...slot, path, sha256, sizeBytes, content: head, state, origin: 'baseline' };
      if (version !== undefined || found === undefined) return seen;
      const { event } = await describeFileChange(
        {
          action: 'creation',
          actionInferredFrom: 'it was there at the first look, and no installed package has it',
          path,
          atNs: readBootNs(),
          opened,
          unseen: undefined,
          writer: notSeen,
          details: {},
          found: 'initial_scan',
          provider: 'stepparent',
        },
        { table, context },
      );
      takeFile({ event, content, receivedMs: Date.now() }, true);
      return undefined;
    } catch (error) {
      if (!(error instanceof Unhashed)) parts.onFault('a script could not be read', error);
      return undefined;
    } finally {
      opened.close();
    }
  };

  return {
    prepare: () => refresh(),

    heard(path) {
      const name = scriptOfFile(path)?.package;
      const file = name === undefined || young.length >= maxHeldFiles ? undefined : readScriptFile(context.host, path);
      if (name === undefined || file === undefined || versions.of(file, name) !== undefined) return;
      young.push({ file, name, sinceMs: Date.now() });
      void serve();
    },

    file(event, content) {
      const one = { event, content, receivedMs: Date.now() };
      if (files.length === 0 && takeFile(one, false)) return;
      files.push(one);
      while (files.length > maxHeldFiles) takeFile(files.shift() as HeldFile, true);
      void serve();
    },

    exec(exec) {
      const { lifecycle, entry, timeNs } = exec.snapshot;
      const path = lifecycle?.depth === 0 && lifecycle.script.manager === 'dpkg' ? lifecycle.script.path : undefined;
      const own = path === undefined ? undefined : scriptOfFile(path);
      if (path === undefined || own === undefined) {
        parts.takeExec(exec);
        return;
      }
      // First of all: it may be gone in a moment.
      const opened = openScript(context.host, path);
      let reading = false;
      try {
        const event = exec.document();
        // In a container, or below another root, the name means another file.
        if (event.container?.id !== undefined || entry.details?.hostRoot === false) parts.takeExec(exec);
        else if (opened === undefined) unread(exec, 'it could not be read');
        else if (entry.details === undefined) unread(exec, 'the process had ended before it could be read');
        else if (runs.size >= maxHeldRuns) unread(exec, `more than ${maxHeldRuns} scripts ran at once`);
        else {
          const nowMs = Date.now();
          const file = { path, inode: `${opened.stat.ino}`, ctimeMs: Number(opened.stat.ctimeMs) };
          const latestMs =
            context.host.clock.bootEpochMs() + timeNs / 1e6 + (oldPhases.has(own.phase) ? -1 : 1) * clockStepMs;
          if (file.ctimeMs > latestMs && file.ctimeMs <= nowMs + clockStepMs) {
            unread(exec, 'another file had taken its place before it could be read');
          } else {
            // What dpkg said last may be of before it began to work on the package.
            if (own.package !== undefined) versions.of(file, own.package);
            const run: HeldRun = { exec, own, file, sinceMs: nowMs, content: undefined, reading: Promise.resolve() };
            runs.add(run);
            reading = true;
            run.reading = readRun(run, opened).catch(onFault);
          }
        }
      } catch (error) {
        parts.onFault('a script that runs could not be judged', error);
        parts.takeExec(exec);
      } finally {
        if (!reading) opened?.close();
      }
    },

    async takeBaseline() {
      if (store.scriptsComplete()) return;
      const info = `${directory}/info`;
      let names: string[];
      try {
        names = (await fs.promises.readdir(info)).filter((name) => scriptOfFile(`${info}/${name}`) !== undefined);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
        throw error;
      }
      for (let at = 0; at < names.length; at += baselineScripts) {
        if (stopped) return;
        const some: SeenScript[] = [];
        for (const name of names.slice(at, at + baselineScripts)) {
          const script = await baselineOf(`${info}/${name}`);
          if (script !== undefined) some.push(script);
        }
        save(some);
        await sleep(baselinePauseMs);
      }
      if (!stopped) store.completeScripts(Date.now());
    },

    async stop() {
      stopped = true;
      timers.close();
      await Promise.all([...runs].map(({ reading }) => reading));
      await refresh(Date.now());
      takeWhatIsReady(Number.POSITIVE_INFINITY);
      newUnpacking();
    },
  };
}

/** Undefined: it is gone, or may not be opened. */
const openScript = (host: Host, path: string): OpenedFile | undefined =>
  tryRead(() => openFile(host.realPath(path) ?? path));
