// Follows each run of dpkg from its start to its end: the archives that it opens, and the states that it writes to its
// database.

import path from 'node:path';
import type { Notes } from '../event/notes.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import { readHead, withFile } from '../host/read-file.ts';
import type { DpkgJournal, DpkgUpdate } from '../packagedb/dpkg-journal.ts';
import type { DatabaseRow, InstalledVersions, RowChange } from '../packages/installed-versions.ts';
import { isControlFile, maxScriptBytes, type PackageControl, parseControl } from '../packages/script-file.ts';
import { parseDebFile, unpackDirectory } from '../packages/tools.ts';
import { hasHostRoot, type Place } from '../proc/place.ts';
import { ancestorsOf } from '../process/ancestors.ts';
import type { ActorSnapshot, ExecSnapshot, Image, ProcessEntry } from '../process/process.ts';
import type { BootNs } from '../process/process-record.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { argsOf, isNamed } from '../process/program-name.ts';
import type { FollowedArchive, Provenance } from '../provenance/provenance.ts';
import type { Timers } from '../timers.ts';
import {
  actionOf,
  addStep,
  beginSteps,
  changeOf,
  isHalf,
  isSelection,
  isUnpackedIn,
  type PackageSteps,
  selectionOf,
} from './dpkg-steps.ts';
import { loggedState, loggedSteps, openLoggedRuns } from './logged-runs.ts';
import type { PackageChange, PackageTransaction } from './package-transaction.ts';

/** What the arguments of dpkg ask for. */
interface DpkgCommand {
  operation: string;
  dryRun: boolean;
  root: string | undefined;
  database: string | undefined;
}

/** The host, the process table, the sources of the changes, and the receiver of the transactions. */
export interface DpkgRunsDeps {
  host: Host;
  /** The administrative directory of the host's dpkg. */
  directory: string;
  table: Pick<ProcessTable, 'recall' | 'inspect' | 'placeOf'>;
  installed: Pick<InstalledVersions, 'find' | 'refresh' | 'readUpdate'>;
  journal: Pick<DpkgJournal, 'check' | 'drain'>;
  /** Parses the arguments of dpkg (argv[0] included). Undefined: dpkg rejects them. */
  commandOf(args: readonly string[]): DpkgCommand | undefined;
  /** Handles all records of the process sensor up to now. */
  readNow(): void;
  soon: Timers['soon'];
  report(transaction: PackageTransaction): void;
  /** Finds out where archives came from. Undefined: it is not asked. */
  provenance: Pick<Provenance, 'follow' | 'refresh'> | undefined;
  onFault(fault: string, error?: unknown): void;
}

/** Turns the runs of dpkg into package transactions. */
export interface DpkgRuns {
  /** Must be called for every exec. */
  handleExec(snapshot: ExecSnapshot): void;
  /** Must be called for every process that has ended. */
  handleExit(entry: ProcessEntry): void;
  /** Finds runs whose end was lost. Must be called after the table was read from /proc again. */
  findEnded(): void;
  /** Notes a file in dpkg's directories when it was opened. Reads the control file of a package that is unpacked. */
  noteFile(file: string): void;
  /** Reads a file of the journal. */
  handleUpdate(update: DpkgUpdate): void;
  /** Updates were lost: the database is read at the end of the runs. */
  handleLost(): void;
  /** Handles a change in the database that no update has shown. Returns whether one run can have made it. */
  handleChange(change: RowChange): boolean;
  /**
   * Finds the nearest run of dpkg above a process. The returned function says whether the run has changed the host's database. Undefined:
   * no run.
   */
  above(entry: ProcessEntry): (() => boolean) | undefined;
  /** Number of runs that have not been reported. */
  readonly underway: number;
  /** Reports the runs that have ended, and those that go on with what is known of them. */
  stop(): Promise<void>;
}

/** An archive that dpkg has opened to unpack it. */
interface Archive {
  path: string;
  atNs: BootNs;
  /** dpkg has begun to unpack its files. */
  isRead: boolean;
  /** Undefined: dpkg installs it into another root. */
  followed: FollowedArchive | undefined;
}

interface Run {
  /** dpkg as it was at its start. */
  actor: ActorSnapshot;
  startNs: BootNs;
  endNs: BootNs | undefined;
  hasEnded: boolean;
  /** By name; of packages that can be installed for several architectures, by name and architecture. */
  packages: Map<string, PackageSteps>;
  /** Number of packages that were not kept. */
  dropped: number;
  archives: Archive[];
  /** The program that opened an archive was seen without its arguments. */
  hasUnseenArchives: boolean;
  /** The directory into which the control files are unpacked, as dpkg names it. */
  unpackTarget: string | undefined;
  /** Whether the database is that of the host. Undefined: not known. */
  isOnHost: boolean | undefined;
  /** All states that were written have been read. */
  sawAll: boolean;
  /** The steps are those in dpkg's log, since some states were not read. */
  isLogged: boolean;
  /** The first states that were read, as the log has them. */
  seen: string[];
  /** The database was read after the end. */
  wasCompared: boolean;
  lastUpdate: string | undefined;
  isFinishing: boolean;
}

/** Maximum number of packages, and of archives, that are kept of one run. */
const maxPackages = 8192;
/** Maximum number of runs of dpkg that go on at the same time. At the bound the oldest is dropped. */
const maxRuns = 1024;
/** Maximum number of control files: one of each package that is unpacked. */
const maxControls = 1024;
/** Maximum number of states by which a run is found in dpkg's log. */
const maxSeen = 16;
/** How far the clock of file times may be behind (10 ms on a kernel of 100 Hz), plus the error of the boot clock. */
const clockStepNs = 12e6;

const isDpkg = (name: string): boolean => name === 'dpkg';
const isDpkgDeb = (name: string): boolean => name === 'dpkg-deb';

/** Operations that change packages also without an archive. */
const changing: ReadonlySet<string> = new Set(['configure', 'remove', 'purge']);

/** Opens a view of no run. */
export function openDpkgRuns(deps: DpkgRunsDeps): DpkgRuns {
  const { host, directory, table, installed, journal, onFault } = deps;
  const runs = new Map<ProcessEntry, Run>();
  let controls: { control: PackageControl; atNs: BootNs }[] = [];
  const finishing = new Set<Promise<void>>();
  const logged = openLoggedRuns(host);

  const isIdle = ({ packages, archives, hasUnseenArchives }: Run): boolean =>
    packages.size === 0 && archives.length === 0 && !hasUnseenArchives;

  const begin = (entry: ProcessEntry, image: Image): Run => {
    const known = runs.get(entry);
    if (known !== undefined && (known.actor.image === image || !isIdle(known))) return known;
    if (runs.size >= maxRuns) runs.delete(runs.keys().next().value as ProcessEntry);
    const run: Run = {
      actor: { entry, image, ancestors: ancestorsOf(entry) },
      startNs: image.execNs ?? entry.startNs,
      endNs: entry.endNs,
      // An exec may have waited for its arguments while its process has ended.
      hasEnded: entry.ended,
      packages: new Map(),
      dropped: 0,
      archives: [],
      hasUnseenArchives: false,
      unpackTarget: undefined,
      isOnHost: undefined,
      sawAll: journal.check(),
      isLogged: false,
      seen: [],
      wasCompared: false,
      lastUpdate: undefined,
      isFinishing: false,
    };
    runs.set(entry, run);
    if (run.hasEnded) finishSoon();
    return run;
  };

  /** The run of dpkg in a process. Its exec may still wait for its arguments. */
  const runAt = (entry: ProcessEntry): Run | undefined => {
    const { image } = entry;
    return runs.get(entry) ?? (image !== undefined && isNamed(image, isDpkg) ? begin(entry, image) : undefined);
  };

  /** The same by pid: it may have begun a moment ago. */
  const runOf = (pid: number): Run | undefined => {
    if (pid <= 0) return undefined;
    const find = (): Run | undefined => {
      const entry = table.recall(pid);
      return entry && runAt(entry);
    };
    const run = find();
    if (run !== undefined) return run;
    deps.readNow();
    return find();
  };

  /** Whether dpkg sees the database of the host at its path. Undefined: the process has ended. */
  const seesHost = (pid: number): boolean | undefined => {
    const [own, seen] = [directory, `/proc/${pid}/root${directory}`].map((file) => tryRead(() => host.stat(file)));
    return own && seen && own.dev === seen.dev && own.ino === seen.ino;
  };

  const noteArchive = (run: Run, { image, timeNs }: ExecSnapshot): void => {
    const args = argsOf(image)?.slice(1);
    if (args === undefined) {
      run.hasUnseenArchives = true;
      return;
    }
    const [option, archive, target] = args.filter((arg) => arg !== '--');
    const last = run.archives.at(-1);
    if (option === '--fsys-tarfile' && last !== undefined) {
      last.isRead = true;
      last.followed?.again();
    }
    // A dry run unpacks the control files into another directory.
    if (option !== '--control' || archive === undefined || path.basename(target ?? '') !== unpackDirectory) return;
    const { entry } = run.actor;
    const details = table.inspect(entry);
    if (run.archives.length >= maxPackages) return;
    if (run.unpackTarget === undefined) {
      run.unpackTarget = target;
      run.isOnHost ??= target === `${directory}/${unpackDirectory}` ? seesHost(entry.pid) : false;
    }
    const file = path.resolve(details?.workingDirectory ?? '/', archive);
    // A dpkg that has ended saw the same files as its parent, or its transaction turns out to be that of another root.
    const pids = [entry.pid, ...run.actor.ancestors.slice(0, 2).map(({ entry: { pid } }) => pid)];
    const followed = run.isOnHost === false ? undefined : deps.provenance?.follow({ path: file, pids, atNs: timeNs });
    run.archives.push({ path: file, atNs: timeNs, isRead: false, followed });
    // The lists may have changed before the run.
    if (run.archives.length === 1 && followed !== undefined) void deps.provenance?.refresh();
  };

  const addChange = (run: Run, { before, after }: RowChange): void => {
    const row = after ?? before;
    if (row === undefined) return;
    const key = keyOf(row);
    let steps = run.packages.get(key);
    if (steps === undefined) {
      if (run.packages.size >= maxPackages) {
        run.dropped++;
        return;
      }
      if (run.packages.size === 0) table.inspect(run.actor.entry);
      // What is known of the package may be from before another run, whose states were not all read.
      for (const other of runs.values()) if (other !== run && isUncertain(other)) run.sawAll = false;
      steps = beginSteps(before);
      run.packages.set(key, steps);
    }
    addStep(steps, after);
  };

  /** Takes the steps from dpkg's log if some were not seen. The log also has the runs of which all were seen. */
  const readLog = (run: Run): void => {
    if (run.isOnHost !== true && run.packages.size === 0) return;
    const { image } = run.actor;
    const epochMs = host.clock.bootEpochMs();
    const text = logged.take({
      startMs: epochMs + run.startNs / 1e6,
      endMs: epochMs + (run.endNs ?? host.clock.bootNs()) / 1e6,
      operation: image && commandIn(argsOf(image))?.operation,
      seen: run.seen,
    });
    if (run.sawAll || text === undefined) return;
    const known = new Map([...run.packages.values()].map((steps) => [fullNameOf(steps), steps.before]));
    run.packages = loggedSteps(text, (name, architecture) => known.get(`${name}:${architecture}`), maxPackages);
    run.isLogged = true;
    run.sawAll = true;
  };

  // -- The end of a run.
  const finish = (run: Run): void => {
    if (run.isFinishing) return;
    run.isFinishing = true;
    const done = (): void => {
      runs.delete(run.actor.entry);
      try {
        if (run.isOnHost !== false && run.endNs !== undefined) readLog(run);
        report(run);
      } catch (error) {
        onFault('a run of dpkg could not be reported', error);
      }
    };
    // Selections are not in updates: dpkg writes them into its status file.
    if ((run.sawAll && !selects(run)) || run.isOnHost === false) {
      done();
      return;
    }
    const ended = (async () => {
      try {
        await installed.refresh(host.clock.nowMs());
        run.wasCompared = true;
      } catch (error) {
        // The host may have no dpkg, and a chroot have one.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          onFault('the installed packages could not be read', error);
      }
      done();
    })().finally(() => finishing.delete(ended));
    finishing.add(ended);
  };
  const finishEnded = (): void => {
    journal.drain();
    for (const run of [...runs.values()]) if (run.hasEnded) finish(run);
  };
  const finishSoon = deps.soon(0, finishEnded);

  const report = (run: Run): void => {
    const transaction = transactionOf(run);
    if (transaction !== undefined) deps.report(transaction);
  };
  const transactionOf = (run: Run): PackageTransaction | undefined => {
    const { image } = run.actor;
    const command = image && commandIn(argsOf(image));
    const place = hasPlace(run) ? table.placeOf(run.actor).place : undefined;
    if (run.packages.size === 0 && isElsewhere(run, command, place)) return transactionElsewhere(run, command, place);
    return isIdle(run) ? undefined : transactionOnHost(run, command);
  };
  /** Whether the run is to change selections, or may be, because its arguments were not observed. */
  const selects = ({ actor: { image } }: Run): boolean => {
    const args = image && argsOf(image);
    return args === undefined || deps.commandOf(args)?.operation === 'select';
  };
  const commandIn = (args: readonly string[] | undefined): DpkgCommand | undefined => args && deps.commandOf(args);
  /** A run that has changed the host's database, or did nothing, need not be looked up. */
  const hasPlace = (run: Run): boolean => run.packages.size === 0;

  const isElsewhere = (run: Run, command: DpkgCommand | undefined, place: Place | undefined): boolean => {
    if (run.isOnHost !== undefined) return !run.isOnHost;
    const named = command?.database ?? command?.root;
    if (named !== undefined && named !== '/' && path.resolve(named) !== directory) return true;
    return place !== undefined && !hasHostRoot(place);
  };

  const transactionElsewhere = (
    run: Run,
    command: DpkgCommand | undefined,
    place: Place | undefined,
  ): PackageTransaction | undefined => {
    const isChanging = command !== undefined && !command.dryRun && changing.has(command.operation);
    if (run.archives.length === 0 && !run.hasUnseenArchives && !isChanging) return undefined;
    const packages = run.archives.map(({ path: archive }) => ({ ...ofFileName(archive), applied: undefined, archive }));
    const root = command?.root ?? place?.root;
    const target = run.unpackTarget && path.dirname(run.unpackTarget);
    const named = command?.database ?? target ?? (root === undefined ? undefined : path.join(root, directory));
    // Of another root or mount namespace the host has another name, or none.
    const database = hasHostRoot(place) && named !== directory ? named : undefined;
    return {
      ...commonOf(run),
      outcome: 'unknown',
      changed: undefined,
      root,
      database,
      packages,
      packagesCount: packages.length,
      notes: {
        unobserved: {
          'event.outcome': 'other_database',
          'stepparent.transaction.packages': 'other_database',
          ...(root === undefined && { 'stepparent.transaction.root': 'other_database' }),
          ...(database === undefined && { 'stepparent.transaction.database': 'other_database' }),
        } satisfies Notes['unobserved'],
        inferred: packages.length === 0 ? {} : { 'stepparent.transaction.packages': 'package_file_name' },
      },
    };
  };

  const transactionOnHost = (run: Run, command: DpkgCommand | undefined): PackageTransaction | undefined => {
    const { changes, hasFailed, inferred, isArchiveUnseen } = changesOf(run, command);
    const isSelecting = changes.length > 0 || selects(run);
    const selections = isSelecting ? [...run.packages.values()].flatMap((steps) => selectionOf(steps) ?? []) : [];
    if (changes.length === 0 && selections.length === 0 && !hasFailed) return undefined;
    const unobserved: Record<string, UnobservedReason> = {};
    if (run.dropped > 0) unobserved['stepparent.transaction.packages'] = 'too_many_packages';
    if (isArchiveUnseen) unobserved['stepparent.transaction.packages.archive'] = 'archive_unseen';
    const isKnown = run.endNs !== undefined && (run.sawAll || run.wasCompared);
    const outcome = !isKnown ? 'unknown' : hasFailed ? 'failure' : 'success';
    if (outcome === 'unknown') unobserved['event.outcome'] = 'transaction_unfinished';
    return {
      ...commonOf(run),
      outcome,
      changed:
        selections.length > 0 || changes.some(({ applied }) => applied === true) || (run.sawAll ? false : undefined),
      root: '/',
      database: directory,
      packages: changes,
      ...(selections.length > 0 && { selections }),
      packagesCount: changes.length + run.dropped,
      notes: {
        unobserved,
        inferred: {
          ...inferred,
          ...(!run.sawAll && { 'stepparent.transaction.packages': 'database_compared' }),
          ...(run.isLogged && { 'stepparent.transaction.packages': 'dpkg_log' }),
        },
      },
    };
  };

  const commonOf = ({ actor, startNs, endNs }: Run) =>
    ({ manager: 'dpkg', actor, startNs, endNs, test: false, comparison: undefined }) as const;

  /** The changes of a run on the host, with the archives that they come from. */
  const changesOf = (run: Run, command: DpkgCommand | undefined) => {
    const { packages, archives, sawAll } = run;
    for (const steps of packages.values()) {
      const row = steps.after ?? steps.begun;
      if (row !== undefined && (steps.isUnpacked || !sawAll)) steps.hasNewList = hasNewList(run, row);
    }
    const opened = archives.map((archive, index) => ({
      archive,
      control: controlOf(run, index),
      isRead: archive.isRead || run.hasUnseenArchives,
    }));
    const remaining = new Set(opened);
    const take = ({ before, after, begun }: PackageSteps) => {
      const row = after ?? before ?? begun;
      const found = [...remaining].find(
        ({ control }) =>
          control?.package === row?.name && (row?.isMultiple !== true || control?.architecture === row.architecture),
      );
      if (found !== undefined) remaining.delete(found);
      return found;
    };
    const changed = [...packages.values()].map((steps) => ({ steps, opened: take(steps) }));
    // Archives whose control files were not seen: dpkg unpacks them in the order in which it opens them.
    const unnamed = [...remaining].filter(({ control }) => control === undefined);
    const unpacked = changed.filter((one) => one.opened === undefined && isReplacedIn(one.steps));
    const isPaired = unnamed.length === unpacked.length;
    if (isPaired) {
      for (const [index, one] of unpacked.entries()) {
        one.opened = unnamed[index];
        if (one.opened !== undefined) remaining.delete(one.opened);
      }
    }
    const changes: PackageChange[] = [];
    let hasFailed = isInterrupted(run);
    for (const { steps, opened: from } of changed) {
      const change = changeOf(steps, from, sawAll);
      if (change === undefined) continue;
      const isIncomplete = command?.operation === 'install' && isReplacedIn(steps) && steps.after?.state === 'unpacked';
      hasFailed ||= isHalf(steps) || change.applied === false || isIncomplete;
      changes.push({
        ...change,
        ...(from !== undefined && change.action !== 'remove' && originOf(from.archive)),
      });
    }
    // An archive that has changed nothing, unless it may be that of a package whose states were not all seen.
    const inferred: Notes['inferred'] = {};
    if (sawAll && (isPaired || unnamed.length > unpacked.length)) hasFailed ||= remaining.size > 0;
    for (const { archive, control } of isPaired || unpacked.length === 0 ? remaining : []) {
      const change = failedChange(run, archive.path, control);
      hasFailed ||= change.applied === false && control !== undefined;
      changes.push({ ...change, ...originOf(archive) });
      if (control === undefined) inferred['stepparent.transaction.packages'] = 'package_file_name';
    }
    const isArchiveUnseen = changed.some((one) => one.opened === undefined && isReplacedIn(one.steps));
    return { changes, hasFailed, inferred, isArchiveUnseen };
  };

  /** The control file that was in dpkg's directory between the start of dpkg-deb for this archive and for the next one. */
  const controlOf = ({ archives, endNs }: Run, index: number): PackageControl | undefined => {
    const fromNs = archives[index]?.atNs ?? 0;
    const untilNs = archives[index + 1]?.atNs ?? endNs ?? Number.POSITIVE_INFINITY;
    return controls.find(({ atNs }) => atNs >= fromNs && atNs < untilNs)?.control;
  };

  /** Whether the list of files of a package is of this run. Undefined: the package has no list, or a later run has replaced it. */
  const hasNewList = (
    { startNs, endNs }: Run,
    row: { name: string; architecture: string | undefined },
  ): boolean | undefined => {
    const names = [row.name, `${row.name}:${row.architecture}`].filter((name) => !name.includes('/'));
    const stats = names.flatMap((name) => tryRead(() => host.stat(`${directory}/info/${name}.list`)) ?? []);
    const writtenNs = Math.max(...stats.map(({ ctimeMs }) => (Number(ctimeMs) - host.clock.bootEpochMs()) * 1e6));
    if (stats.length === 0 || writtenNs > (endNs ?? Number.POSITIVE_INFINITY) + clockStepNs) return undefined;
    return writtenNs >= startNs - clockStepNs;
  };

  /** The change that was to come from an archive that has changed no row of the database. */
  const failedChange = (run: Run, archive: string, control: PackageControl | undefined): PackageChange => {
    if (control === undefined) return { ...ofFileName(archive), applied: run.sawAll ? false : undefined };
    const { package: name, version, architecture } = control;
    const found = installed.find(name);
    const isSame = found !== undefined && found.version === version;
    const applied = run.sawAll ? false : isSame ? hasNewList(run, { name, architecture }) : undefined;
    return {
      name,
      version,
      architecture,
      action: found === undefined ? 'install' : actionOf(found.version, version),
      ...(found !== undefined && found.version !== version && { formerVersion: found.version }),
      applied,
    };
  };

  /** A run that ends itself removes its updates: dpkg was killed, or ended by an error that it did not expect. */
  const isInterrupted = ({ lastUpdate, endNs }: Run): boolean => {
    if (lastUpdate === undefined || endNs === undefined) return false;
    const left = tryRead(() => host.stat(`${directory}/updates/${lastUpdate}`));
    return left !== undefined && Number(left.ctimeMs) <= host.clock.bootEpochMs() + endNs / 1e6;
  };

  return {
    handleExec(snapshot) {
      const { entry, image } = snapshot;
      if (isNamed(image, isDpkg)) begin(entry, image);
      const own = runs.get(entry);
      if (own !== undefined && own.actor.image !== image && entry.image === image && isIdle(own)) runs.delete(entry);
      if (!isNamed(image, isDpkgDeb)) return;
      const above = entry.parent && runAt(entry.parent);
      if (above !== undefined) noteArchive(above, snapshot);
    },
    handleExit(entry) {
      const run = runs.get(entry);
      if (run === undefined) return;
      run.hasEnded = true;
      run.endNs = entry.endNs;
      finishSoon();
    },
    findEnded() {
      for (const [entry, run] of runs) run.hasEnded ||= entry.ended;
      finishSoon();
    },
    noteFile(file) {
      if (!isControlFile(file) || file !== `${directory}/${unpackDirectory}/control`) return;
      const text = tryRead(() => withFile(host.open(file), (opened) => readHead(opened, maxScriptBytes).toString()));
      const control = text === undefined ? undefined : parseControl(text);
      if (control === undefined) return;
      controls.push({ control, atNs: host.clock.bootNs() });
      if (controls.length > maxControls) controls = controls.slice(-maxControls / 2);
    },
    handleUpdate({ name, pid }) {
      const change = installed.readUpdate(name);
      const run = runOf(pid);
      if (run === undefined) return;
      run.isOnHost = true;
      if (change === undefined) {
        run.sawAll = false;
        return;
      }
      run.lastUpdate = name;
      const { after } = change;
      // dpkg writes other states also when only what is wanted has changed, and does not log them then.
      if (after?.state.startsWith('half-') && run.seen.length < maxSeen) run.seen.push(loggedState(after));
      addChange(run, change);
    },
    handleLost() {
      for (const run of runs.values()) run.sawAll = false;
    },
    handleChange(change) {
      const atNs = (change.atMs - host.clock.bootEpochMs()) * 1e6;
      const possible = [...runs.values()].filter(
        ({ startNs, endNs, isOnHost }) =>
          isOnHost !== false &&
          atNs >= startNs - clockStepNs &&
          atNs <= (endNs ?? Number.POSITIVE_INFINITY) + clockStepNs,
      );
      const active = possible.filter((run) => !isIdle(run));
      // dpkg locks its database: the next run may wait with its archives while this one writes.
      const row = change.after ?? change.before;
      const owners = active.filter(({ packages }) => row !== undefined && packages.has(keyOf(row)));
      // dpkg ends when it has written them.
      const selecting = isSelection(change.before, change.after)
        ? possible
            .filter(selects)
            .toSorted((a, b) => endOf(a) - endOf(b))
            .slice(0, 1)
        : [];
      const [only, other] = [selecting, owners, active, possible].find((runs) => runs.length > 0) ?? [];
      if (only === undefined || other !== undefined) return false;
      only.sawAll = false;
      addChange(only, change);
      return true;
    },
    above(entry) {
      for (let current = entry.parent; current; current = current.parent) {
        const run = runs.get(current);
        if (run !== undefined) return () => run.isOnHost === true;
      }
      return undefined;
    },
    get underway() {
      return runs.size;
    },
    async stop() {
      finishEnded();
      for (const run of [...runs.values()]) if (!isIdle(run)) finish(run);
      await Promise.all(finishing);
    },
  };
}

/** Whether the run has changed the host's database, and not all of its states were read. */
const isUncertain = ({ isOnHost, sawAll }: Run): boolean => isOnHost === true && !sawAll;

const fullNameOf = ({ before, after, begun }: PackageSteps): string => {
  const row = after ?? before ?? begun;
  return `${row?.name}:${row?.architecture}`;
};

/** Packages that can be installed for several architectures have their own steps for each. */
const keyOf = ({ name, architecture, isMultiple }: DatabaseRow): string =>
  isMultiple ? `${name}:${architecture}` : name;

const endOf = ({ endNs }: Run): number => endNs ?? Number.POSITIVE_INFINITY;

const isReplacedIn = (steps: PackageSteps): boolean => {
  const { before, after } = steps;
  return (
    isUnpackedIn(steps) ||
    (after !== undefined && after.state !== 'half-installed' && after.version !== before?.version)
  );
};

const originOf = ({ path: archive, followed }: Archive): Pick<PackageChange, 'archive' | 'provenance'> => ({
  archive,
  ...(followed !== undefined && { provenance: followed.provenance }),
});

/** A package by the name of its archive, which anybody can choose. */
const ofFileName = (archive: string): Pick<PackageChange, 'name' | 'version' | 'architecture' | 'action'> => ({
  name: parseDebFile(archive)?.package ?? path.basename(archive),
  version: undefined,
  architecture: undefined,
  action: undefined,
});
