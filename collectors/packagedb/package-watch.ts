// Watches package databases: tells what happens to each of their files, live where the kernel says it, else by comparison.

import path from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { FileChangeFields, StepparentEvent } from '../event.ts';
import { readBootNs } from '../libc.ts';
import type { HostContext } from '../process-event.ts';
import type { ProcessTable } from '../process-table.ts';
import type { SensorAction } from '../sensor-event.ts';
import { type ChangeQueue, createChangeQueue, mergeable, type Queued } from './change-queue.ts';
import { FanotifyUnavailable, type FanotifyWatcher, openFanotify } from './fanotify.ts';
import { describeFileChange, type FileChange } from './file-event.ts';
import { pathIn } from './file-name.ts';
import { type FileContent, type FileWitness, openWitness } from './file-witness.ts';
import { createFileWriters, type FileTimes, type FileWriter, type WriterSeen } from './file-writer.ts';
import { watchFolderHints } from './folder-hints.ts';
import {
  differenceOf,
  type FileAction,
  type FileDifference,
  type FileState,
  isStillEmpty,
  knownFile,
  type ListingMemory,
  listNames,
  listSome,
  previousOf,
  readState,
  stateOf,
} from './listing.ts';
import { type PackageFolder, unpackFolder } from './package-folders.ts';
import { type FanotifyEvent, type FolderEntry, fanotifyMask } from './parse-fanotify.ts';
import { type FolderPlace, maxKnownFiles, placeOf, type WatchedFolder, watchedFolder } from './watched-folder.ts';

export interface PackageWatchOptions {
  folders: readonly PackageFolder[];
  memory: ListingMemory;
  table: ProcessTable;
  context: HostContext;
  /** `content`: of a script that came or changed, and of the control file beside it. */
  onEvent(event: StepparentEvent, content: FileContent | undefined): void;
  /** A folder is missing or was replaced, events were lost. */
  onNotice(action: SensorAction, reason: string, count?: number): void;
  /** Called before listings are saved: what was told before is to be on disk first. */
  commit(): void;
  onFault(what: string, error?: unknown): void;
  /** In the place of the kernel's; throws FanotifyUnavailable where there is none. */
  openFanotify?: typeof openFanotify;
}

/** What `status` shows of the watch. */
export interface PackageWatchReport {
  /** `reason`: why it is not fanotify. `files`: those known one by one. */
  folders: { path: string; real_path?: string; by: 'fanotify' | 'chokidar'; reason?: string; files: number }[];
  /** Folders that should be there. */
  missing: string[];
  /** Events told. */
  told: number;
  /** Changes that were not told since there were too many. */
  untold: number;
  /** Changes of other users' files in folders that everybody may write to: they are not told. */
  ignored: number;
  /** Files that are not known one by one, since their folder has too many. */
  uncounted: number;
}

export interface PackageWatch {
  report(): PackageWatchReport;
  /** Saves every listing once more: the memory has forgotten them. */
  saveAgain(): void;
  /** Tells what is known until now, and saves it. */
  stop(): Promise<void>;
}

/** The exec sensor is behind by up to 40 ms. */
const settleMs = 70;
const againMs = 1000;
const lookEveryMs = 2000;
const compareEveryMs = 60_000;
/** A comparison takes at most this part of a core. */
const comparisonShare = 1 / 50;
const burstOverMs = 2000;
const compareAgainMs = 10_000;
const saveAfterMs = 1000;
const noticeEveryMs = 10_000;
/** What changes of some folders may cost, so that those of the others need not pay for it. */
interface Bounds {
  /** Events that are told in one go, and a second in the long run. */
  burst: number;
  perSecond: number;
  waiting: number;
  /** Files kept open while their change waits. */
  open: number;
  /** Why more is not told. */
  reason: string;
}
/** So many describe the upgrade of a whole distribution. */
const databaseBounds: Bounds = {
  burst: 20_000,
  perSecond: 100,
  waiting: 4096,
  open: 256,
  reason: 'there were more changes to package databases than are told',
};
/** Of folders with a prefix: everybody may write to /var/tmp. */
const scriptletBounds: Bounds = {
  burst: 4000,
  perSecond: 1,
  waiting: 512,
  open: 64,
  reason: 'there were more changes to files of scriptlets than are told',
};
/** More than the kernel's queue holds. */
const maxDrainTurns = 16;
/** Files of which it is known who writes to them, and writers of one. */
const maxOpenWrites = 512;
const maxOpenWriters = 4;
/** Longer than any change waits. */
const readMemoryNs = 10e9;
/** A writer that is concluded has run since this long before. */
const inferNs = 2e9;
const reopenAfterMs = 5000;

const whileOff = 'while the agent was off';
const byComparison = 'by comparison';

interface LiveChange extends Queued {
  at: WatchedFolder;
  name: string;
  path: string;
  witness: FileWitness | undefined;
  /** Its state when it was looked at. */
  heard: FileState | undefined;
  /** Later changes are told with it. */
  merged: boolean;
  /** It was not looked at when it was heard of: there were too many. */
  late: boolean;
  unseen: string | undefined;
  writer: WriterSeen;
  /** As they were when it was looked at. */
  times: FileTimes | undefined;
  /** `writer` made the folder that it was found in; that it made the file too is a conclusion. */
  madeFolder: boolean;
  details: FileChangeFields;
  /** Of a rename: the name that is gone. */
  from: { at: WatchedFolder; name: string } | undefined;
}

interface Comparison {
  /** Nothing is told: it is the first look that there ever was. */
  silent?: boolean;
  found?: string;
  /** Who is concluded to have made what is found. */
  writer?: () => FileWriter;
}

/** A difference that a look has found. */
export interface Found {
  name: string;
  before: FileState | undefined;
  after: FileState | undefined;
  difference: FileDifference;
  /** Of a rename: the name that is gone. */
  from?: string;
}

/** Events that leave a file's name alone. */
const writing = fanotifyMask.modify | fanotifyMask.closeWrite | fanotifyMask.attribute | fanotifyMask.onChild;

const rootUser = 0;
const isRoots = (state: FileState | undefined): boolean => state?.split(':')[5] === String(rootUser);

const notSeen = (): FileWriter => ({ unobserved: 'it was not seen happening', pid: undefined });

export function openPackageWatch(options: PackageWatchOptions): PackageWatch {
  const { memory, table, context, onFault } = options;
  const writers = createFileWriters(table);
  let folders: WatchedFolder[] = options.folders.map((folder) => watchedFolder(folder, memory));
  /** As fanotify names them. */
  const byKey = new Map<string, WatchedFolder>();
  const byPath = new Map<string, WatchedFolder>();
  let closing = false;
  let started = false;
  let told = 0;
  let untold = 0;
  let ignored = 0;

  // -- One thing after the other: whoever touches what is known of files does so in here.
  let chain: Promise<void> = Promise.resolve();
  const serially = (what: string, task: () => Promise<void> | void): Promise<void> => {
    chain = chain.then(task).catch((error: unknown) => onFault(what, error));
    return chain;
  };
  const timers = new Set<NodeJS.Timeout>();
  const later = (ms: number, run: () => void): NodeJS.Timeout => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
    return timer;
  };

  // -- Telling, within bounds.
  interface Budget {
    readonly bounds: Bounds;
    readonly queue: ChangeQueue<LiveChange>;
    allowance: number;
    allowanceMs: number;
    openFiles: number;
    lost: number;
  }
  const budgetWithin = (bounds: Bounds): Budget => ({
    bounds,
    allowance: bounds.burst,
    allowanceMs: performance.now(),
    openFiles: 0,
    lost: 0,
    queue: createChangeQueue({
      settleMs,
      againMs,
      maxWaiting: bounds.waiting,
      onMerged(into, change) {
        release(change);
        into.merged = true;
        if (!into.madeFolder || change.madeFolder) return;
        into.writer = change.writer;
        into.pid = change.pid;
        into.madeFolder = false;
      },
    }),
  });
  const ofDatabases = budgetWithin(databaseBounds);
  const ofScriptlets = budgetWithin(scriptletBounds);
  const budgets = [ofDatabases, ofScriptlets];
  const budgetOf = (at: WatchedFolder): Budget => (at.folder.namePrefix === undefined ? ofDatabases : ofScriptlets);
  const allowed = (budget: Budget): boolean => {
    const nowMs = performance.now();
    const { burst, perSecond } = budget.bounds;
    budget.allowance = Math.min(burst, budget.allowance + ((nowMs - budget.allowanceMs) / 1000) * perSecond);
    budget.allowanceMs = nowMs;
    if (budget.allowance < 1) return false;
    budget.allowance--;
    return true;
  };
  const noteLost = (budget: Budget): void => {
    untold++;
    if (budget.lost === 0) later(noticeEveryMs, () => tellLost(budget));
    budget.lost++;
  };
  const tellLost = (budget: Budget): void => {
    if (budget.lost === 0) return;
    options.onNotice('file-events-lost', budget.bounds.reason, budget.lost);
    budget.lost = 0;
  };
  let saving = false;
  const saveSoon = (): void => {
    if (saving || closing) return;
    saving = true;
    later(saveAfterMs, () => {
      saving = false;
      void serially('the listing of a folder could not be saved', save);
    });
  };
  const save = (): void => {
    options.commit();
    for (const at of folders) {
      try {
        at.save();
      } catch (error) {
        onFault('the listing of a folder could not be saved', error);
      }
    }
  };
  const remember = (at: WatchedFolder, name: string, state: FileState | undefined): void => {
    at.remember(name, state);
    if (at.unsaved > 0) saveSoon();
  };
  const pathOf = (at: WatchedFolder, name: string): string => {
    const folder = at.place?.path ?? at.folder.path;
    return name === '.' ? folder : path.join(folder, name);
  };
  const keyOf = (at: WatchedFolder, name: string): string => `${at.folder.path}\0${name}`;
  /** A change of it is about to be told. */
  const waits = (at: WatchedFolder, name: string): boolean => budgetOf(at).queue.has(keyOf(at, name));
  const providerOf = (at: WatchedFolder): string => (at.hintedBecause === undefined ? 'fanotify' : 'chokidar');
  let turn = 0;
  const tell = async (at: WatchedFolder, change: FileChange): Promise<void> => {
    const budget = budgetOf(at);
    if (!allowed(budget)) {
      noteLost(budget);
      return;
    }
    told++;
    const { event, content } = await describeFileChange(change, { table, context, provider: providerOf(at) });
    options.onEvent(event, content);
    if (++turn % 32 === 0) await setImmediate();
  };

  // -- What the kernel tells.
  const release = (change: LiveChange): void => {
    if (change.witness === undefined) return;
    change.witness.close();
    change.witness = undefined;
    budgetOf(change.at).openFiles--;
  };
  let ticking = false;
  const tick = (ms: number): void => {
    if (ticking) return;
    ticking = true;
    later(ms, () => {
      ticking = false;
      flushMove();
      void serially('a file change could not be told', () => tellDue(performance.now()));
    });
  };
  const tellDue = async (nowMs: number): Promise<void> => {
    for (const change of budgets.flatMap(({ queue }) => queue.take(nowMs))) {
      try {
        await tellLive(change);
      } catch (error) {
        onFault('a file change could not be told', error);
      } finally {
        release(change);
      }
    }
    if (budgets.some(({ queue }) => queue.size > 0) && !closing) tick(settleMs / 2);
  };

  const look = (change: LiveChange): void => {
    change.late = false;
    try {
      const { name } = change;
      change.witness = openWitness(name === '.' ? change.path : pathIn(path.dirname(change.path), name));
      if (change.witness === undefined) return;
      budgetOf(change.at).openFiles++;
      const { stat } = change.witness;
      change.heard = stateOf(stat);
      const epochNs = context.bootEpochMs() * 1e6;
      const isNew = change.action === 'creation' && stat.birthtimeNs > 0n;
      change.times = {
        changedNs: Number(stat.ctimeNs) - epochNs,
        bornNs: isNew ? Number(stat.birthtimeNs) - epochNs : undefined,
      };
    } catch (error) {
      change.unseen = `it could not be looked at (${(error as NodeJS.ErrnoException).code})`;
    }
  };
  const offer = (
    at: WatchedFolder,
    name: string,
    action: FileAction,
    writer: WriterSeen,
    more: Partial<Pick<LiveChange, 'from' | 'details' | 'madeFolder'>> = {},
  ): void => {
    const change: LiveChange = {
      key: keyOf(at, name),
      action,
      pid: writer.pid,
      at,
      name,
      path: pathOf(at, name),
      witness: undefined,
      heard: undefined,
      merged: false,
      late: true,
      unseen: undefined,
      writer,
      times: undefined,
      madeFolder: false,
      details: {},
      from: undefined,
      ...more,
    };
    // What is merged away keeps the file that was opened first: it is the same.
    const budget = budgetOf(at);
    const { queue } = budget;
    const mayOpen = (): boolean => budget.openFiles < budget.bounds.open;
    if (action === 'deletion') change.late = false;
    else if (mayOpen() && !queue.has(change.key)) look(change);
    if (queue.offer(change, performance.now())) {
      if (change.late && action !== 'deletion' && mayOpen()) look(change);
      tick(settleMs);
    } else {
      release(change);
      // Its difference is left to be found.
      compareSoon(at);
    }
  };
  /** By file: when the state that is known was read, if that was for another change a moment ago. */
  const readAtNs = new Map<string, number>();
  const noteRead = (key: string, heard: boolean): void => {
    const nowNs = readBootNs();
    readAtNs.delete(key);
    // Not all was heard: what comes within that time may be in it as well.
    readAtNs.set(key, heard ? nowNs : nowNs + readMemoryNs);
    for (const [oldest, ns] of readAtNs) {
      if (nowNs - ns < readMemoryNs) break;
      readAtNs.delete(oldest);
    }
  };

  /** Where everybody may write: a file that is not root's, by a process that is not root's either. It is counted. */
  const isOthersOwn = (
    at: WatchedFolder,
    writer: Parameters<typeof writers.userOf>[0],
    states: () => (FileState | undefined)[],
  ): boolean => {
    if (at.folder.namePrefix === undefined || (writers.userOf(writer) ?? rootUser) === rootUser) return false;
    if (states().some(isRoots)) return false;
    ignored++;
    return true;
  };

  const tellLive = async (change: LiveChange): Promise<void> => {
    const { at, name, action, from } = change;
    if (change.late) look(change);
    // Whatever else the state has in it is to be known, so that it is not taken for nothing.
    const heard = fanotify?.drain() !== false;
    change.witness?.refresh();
    const before = at.known.get(name);
    const state = change.witness && stateOf(change.witness.stat);
    const writer = writers.resolve(change.writer, change.times);
    // Only now may it be known who it was.
    if ('moment' in writer && isOthersOwn(at, writer.moment, () => [before, state])) return;
    if (from) remember(from.at, from.name, undefined);
    const details = { ...change.details };
    if (action === 'deletion') {
      if (before === undefined && at.gone.delete(name)) return;
      remember(at, name, undefined);
    } else if (state !== undefined) {
      // A comparison was quicker, or the file was opened for writing and nothing written; unless the state that is known
      // was read after this change, and has it in it.
      const included = (readAtNs.get(change.key) ?? 0) > change.writer.atNs;
      // The removal of its name changes a file once more.
      const removed = change.witness?.stat.nlink === 0n && !change.merged;
      if (before !== undefined && (removed ? change.heard : state) === before && !included) return;
      remember(at, name, state);
      noteRead(change.key, heard);
      if (before !== undefined && before !== state && mergeable.has(action)) {
        const difference = differenceOf(before, state);
        if (difference === undefined) return;
        details.changed = difference.changed;
        details.previous = previousOf(before, difference.changed);
      }
    }
    await tell(at, {
      action,
      actionInferredFrom: undefined,
      path: change.path,
      atNs: change.writer.atNs,
      witness: change.witness,
      unseen: change.unseen,
      writer: change.madeFolder ? madeBy(writer) : writer,
      details,
      found: change.madeFolder ? byComparison : undefined,
    });
  };

  /** Where an event's name is, if it is any of our business. */
  const locate = (entry: FolderEntry | undefined): { at: WatchedFolder; name: string } | undefined => {
    const at = entry && byKey.get(entry.folder);
    return at?.accepts(entry?.name ?? '') ? { at, name: entry?.name ?? '' } : undefined;
  };

  /** Kernels before 5.17 tell of the two sides of a rename one after the other. */
  let move: { at: WatchedFolder; name: string; writer: WriterSeen } | undefined;
  const flushMove = (): void => {
    if (move === undefined) return;
    const { at, name, writer } = move;
    move = undefined;
    offer(at, name, 'deletion', writer, { details: { moved_out: true } });
  };

  /**
   * A file that was opened for writing is as it was, or as empty: every run of dpkg takes locks, every query of rpm's opens
   * its database. Who it was need not be found out.
   */
  const nothingWritten = (at: WatchedFolder, name: string): boolean => {
    const before = at.known.get(name);
    const key = keyOf(at, name);
    if (before === undefined || name === '.' || waits(at, name)) return false;
    if (isStillEmpty(pathOf(at, '.'), name, before)) return true;
    if ((readAtNs.get(key) ?? 0) > readBootNs()) return false;
    const state = readState(pathOf(at, '.'), name);
    if (state === undefined || differenceOf(before, state) !== undefined) return false;
    if (state !== before) remember(at, name, state);
    return true;
  };

  /** By file: who has written to it since it was last closed. Whoever closes it may have inherited it, or was sent it. */
  const openWrites = new Map<string, Map<number, WriterSeen>>();
  const noteWrite = (key: string, writer: WriterSeen): void => {
    const by = openWrites.get(key) ?? new Map<number, WriterSeen>();
    if (by.has(writer.pid) || by.size >= maxOpenWriters) return;
    by.set(writer.pid, writer);
    if (by.size > 1) return;
    if (openWrites.size >= maxOpenWrites) openWrites.delete(openWrites.keys().next().value as string);
    openWrites.set(key, by);
  };
  /** Who wrote what is closed now: the one that closes it, or the first of the others. */
  const takeWrite = (key: string, closer: WriterSeen): WriterSeen => {
    const by = openWrites.get(key);
    const writer = by && (by.get(closer.pid) ?? by.values().next().value);
    if (writer === undefined) return closer;
    by?.delete(writer.pid);
    if (by?.size === 0) openWrites.delete(key);
    return writer.pid === closer.pid ? closer : { ...writer, closedBy: closer.pid };
  };

  const onEvent = (event: FanotifyEvent): void => {
    const { mask, pid } = event;
    const has = (bit: number): boolean => (mask & bit) !== 0;
    if (has(fanotifyMask.overflow)) {
      options.onNotice('file-events-lost', "the kernel's queue of file events overflowed");
      for (const at of folders) compareSoon(at);
      return;
    }
    if (has(fanotifyMask.deleteSelf | fanotifyMask.moveSelf)) lookSoon(0);
    const to = locate(event.at);
    const from = locate(event.from);
    if (to === undefined && from === undefined) return;
    if (to !== undefined && (mask & ~writing) === 0 && nothingWritten(to.at, to.name)) return;
    const writer = writers.see(pid);
    const { at: where, name: what } = to ?? (from as { at: WatchedFolder; name: string });
    if (isOthersOwn(where, writer, () => [where.known.get(what), readState(pathOf(where, '.'), what)])) return;
    if (move !== undefined && !(has(fanotifyMask.movedTo) && move.writer.pid === pid)) flushMove();
    if (to === undefined) {
      if (from) offer(from.at, from.name, 'deletion', writer, { details: { moved_out: true } });
      return;
    }
    const { at, name } = to;
    afterBurst(at);
    if (name === '.') {
      if (has(fanotifyMask.attribute)) offer(at, '.', 'attribute-change', writer);
      return;
    }
    const directory = has(fanotifyMask.onDirectory);
    const child = directory ? byPath.get(pathOf(at, name)) : undefined;
    const renamed = (origin: { at: WatchedFolder; name: string } | undefined): void => {
      const details = origin ? { original_path: pathOf(origin.at, origin.name) } : {};
      offer(at, name, 'rename', writer, { from: origin, details });
    };
    const deleted = has(fanotifyMask.delete);
    // One event may say several things of a name, and not in which order: what is there now came last.
    const stillThere = deleted && readState(pathOf(at, '.'), name) !== undefined;
    if (stillThere) offer(at, name, 'deletion', writer);
    if (has(fanotifyMask.create)) offer(at, name, 'creation', writer);
    if (has(fanotifyMask.rename)) renamed(from);
    if (has(fanotifyMask.movedTo)) {
      renamed(move);
      move = undefined;
    }
    // What else the same process did to a new name goes with it.
    const isNew = has(fanotifyMask.create | fanotifyMask.rename | fanotifyMask.movedTo);
    if (has(fanotifyMask.modify)) noteWrite(keyOf(at, name), writer);
    const wrote = has(fanotifyMask.closeWrite) ? takeWrite(keyOf(at, name), writer) : writer;
    if (has(fanotifyMask.closeWrite) && !isNew) offer(at, name, 'modification', wrote);
    else if (has(fanotifyMask.attribute) && !isNew) {
      // Of a folder that is itself watched this is told once, as its own.
      if (child) offer(child, '.', 'attribute-change', writer);
      else offer(at, name, 'attribute-change', writer);
    }
    if (has(fanotifyMask.movedFrom)) move = { at, name, writer };
    if (deleted && !stillThere) offer(at, name, 'deletion', writer);
    if (directory) lookAtFolder(at, name, writer);
  };

  // -- Comparison with what was known.
  interface Comparing {
    running: boolean;
    /** After the one that is running another is due, in so many milliseconds. */
    againMs: number | undefined;
    lastMs: number;
    timer: NodeJS.Timeout | undefined;
    dueMs: number;
  }
  const comparing = new WeakMap<WatchedFolder, Comparing>();
  const comparingOf = (at: WatchedFolder): Comparing => {
    let state = comparing.get(at);
    if (state === undefined) {
      state = { running: false, againMs: undefined, lastMs: Number.NEGATIVE_INFINITY, timer: undefined, dueMs: 0 };
      comparing.set(at, state);
    }
    return state;
  };
  /** The earliest of several wishes counts. */
  const compareIn = (at: WatchedFolder, ms: number): void => {
    const state = comparingOf(at);
    if (state.running) {
      state.againMs = Math.min(state.againMs ?? ms, ms);
      return;
    }
    const dueMs = performance.now() + ms;
    if (closing || (state.timer && state.dueMs <= dueMs)) return;
    if (state.timer) {
      clearTimeout(state.timer);
      timers.delete(state.timer);
    }
    state.dueMs = dueMs;
    state.timer = later(ms, () => {
      state.timer = undefined;
      compare(at, { found: byComparison });
    });
  };
  const compareSoon = (at: WatchedFolder): void => {
    const sinceMs = performance.now() - comparingOf(at).lastMs;
    compareIn(at, Math.max(burstOverMs, compareAgainMs - sinceMs));
  };
  /** Called with every event: what the kernel or inotify did not tell among many is found soon. */
  const afterBurst = (at: WatchedFolder): void => {
    if (!at.folder.temporary) compareSoon(at);
  };
  const compare = (at: WatchedFolder, how: Comparison, againMs = compareAgainMs): void => {
    const state = comparingOf(at);
    const { place } = at;
    if (closing || place === undefined) return;
    if (state.running) {
      compareIn(at, againMs);
      return;
    }
    state.running = true;
    const begunMs = performance.now();
    const done = compareNow(at, place.path, how)
      .catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') lookSoon(0);
        else onFault(`${place.path} could not be listed`, error);
      })
      .finally(() => {
        comparisons.delete(done);
        state.running = false;
        state.lastMs = performance.now();
        const restMs = Math.max(compareEveryMs, (state.lastMs - begunMs) / comparisonShare);
        if (folders.includes(at)) compareIn(at, state.againMs ?? restMs);
        state.againMs = undefined;
      });
    comparisons.add(done);
  };
  const comparisons = new Set<Promise<void>>();

  const compareNow = async (at: WatchedFolder, folder: string, how: Comparison): Promise<void> => {
    const candidates: string[] = ['.'];
    let met = at.known.has('.') ? 1 : 0;
    let unknown = 0;
    let total = 1;
    const stopped = (): boolean => closing || at.place?.path !== folder;
    if (how.silent) await serially('a folder could not be listed', () => rememberFresh(at, folder, ['.']));
    for await (const names of listNames(folder, at.folder.namePrefix)) {
      if (stopped()) return;
      const fresh: string[] = [];
      for (const name of names) {
        // A folder that is watched itself speaks for itself.
        if (byPath.has(`${folder}/${name}`)) continue;
        total++;
        const before = at.known.get(name);
        if (before !== undefined) met++;
        const state = readState(folder, name);
        if (state === undefined || state === before) continue;
        // Nobody knows who it was; a scriptlet is root's.
        if (before === undefined && at.folder.namePrefix !== undefined && !isRoots(state)) continue;
        if (how.silent) fresh.push(name);
        else if (before !== undefined || ++unknown + at.known.size <= maxKnownFiles) candidates.push(name);
      }
      if (how.silent) await serially('a folder could not be listed', () => rememberFresh(at, folder, fresh));
    }
    const uncounted = Math.max(0, total - maxKnownFiles);
    if (uncounted > 0 && at.uncounted === 0) {
      onFault(`${folder} has more than ${maxKnownFiles} files: those over it are counted, not compared`);
    }
    at.uncounted = uncounted;
    if (met < at.known.size) {
      let seen = 0;
      for (const name of [...at.known.keys()]) {
        if (++seen % 64 === 0) await setImmediate();
        if (stopped()) return;
        if (readState(folder, name) === undefined) candidates.push(name);
      }
    }
    if (how.silent) return;
    // What the kernel has to say of these goes first.
    await sleep(settleMs);
    for (let i = 0; i < candidates.length && !stopped(); i += 64) {
      const some = candidates.slice(i, i + 64);
      await serially('a difference could not be told', () => reconcile(at, folder, some, how));
    }
    if (!stopped()) at.copied = false;
  };

  /** Takes in what the kernel has to say of all that has happened until now; false: it says ever more. */
  const allHeard = async (): Promise<boolean> => {
    for (let turns = 0; turns < maxDrainTurns; turns++) {
      if (fanotify?.drain() !== false) return true;
      await setImmediate();
    }
    return false;
  };

  /** Takes files down as they are, unless their change is about to be told. */
  const rememberFresh = async (at: WatchedFolder, folder: string, names: readonly string[]): Promise<void> => {
    const states = names.map((name) => readState(folder, name));
    await allHeard();
    for (const [i, name] of names.entries()) {
      const state = states[i];
      if (state === undefined || at.known.has(name) || !at.accepts(name) || waits(at, name)) continue;
      remember(at, name, state);
    }
  };

  /** Looks at some names again, now that nobody else does, and tells what differs. */
  const reconcile = async (
    at: WatchedFolder,
    folder: string,
    names: readonly string[],
    how: Comparison,
  ): Promise<void> => {
    // Of a folder that has been replaced meanwhile everything would differ.
    if (at.place?.path !== folder || placeOf(at.folder.path)?.identity !== at.place.identity) {
      lookSoon(0);
      return;
    }
    const states = names.map((name) => readState(folder, name));
    if (!(await allHeard())) {
      compareIn(at, burstOverMs);
      return;
    }
    const found: Found[] = [];
    for (const [i, name] of names.entries()) {
      if (waits(at, name) || !at.accepts(name)) continue;
      const after = states[i];
      const before = at.known.get(name);
      if (before === after) continue;
      if (before === undefined && at.folder.namePrefix !== undefined && !isRoots(after)) continue;
      // The folder itself: another one is no change of a file.
      const difference = name === '.' ? ownDifference(before, after) : differenceOf(before, after, at.copied);
      remember(at, name, after);
      if (after === undefined) at.gone.add(name);
      if (difference !== undefined) found.push({ name, before, after, difference });
    }
    for (const one of withRenames(found)) {
      await tellFound(at, one, how);
      // What is in it is told by its own watch.
      if (one.name === unpackFolder && one.after !== undefined) lookAtFolder(at, one.name, undefined);
    }
  };

  const tellFound = async (
    at: WatchedFolder,
    { name, before, difference, from }: Found,
    { found, writer = notSeen }: Comparison,
  ): Promise<void> => {
    const at_ = pathOf(at, name);
    let witness: FileWitness | undefined;
    let unseen: string | undefined;
    if (difference.action !== 'deletion') {
      try {
        witness = openWitness(name === '.' ? at_ : pathIn(path.dirname(at_), name));
      } catch (error) {
        unseen = `it could not be looked at (${(error as NodeJS.ErrnoException).code})`;
      }
    }
    try {
      await tell(at, {
        action: difference.action,
        actionInferredFrom: difference.inferredFrom,
        path: at_,
        atNs: readBootNs(),
        witness,
        unseen,
        writer: writer(),
        details: {
          ...(from === undefined ? {} : { original_path: pathOf(at, from) }),
          ...(before === undefined || difference.changed.length === 0
            ? {}
            : { changed: difference.changed, previous: previousOf(before, difference.changed) }),
        },
        found,
      });
    } finally {
      witness?.close();
    }
  };

  // -- Hints, where there is no fanotify.
  const hints = new Map<WatchedFolder, { names: Set<string>; sinceNs: number }>();
  const onHint = (folder: string, name: string): void => {
    const at = byPath.get(folder);
    if (at === undefined || at.hintedBecause === undefined || !at.accepts(name)) return;
    const waiting = hints.get(at) ?? { names: new Set(), sinceNs: readBootNs() };
    if (!hints.has(at)) {
      hints.set(at, waiting);
      later(settleMs, () => {
        hints.delete(at);
        const names = [...waiting.names];
        const writer = () => writers.infer(at.folder.manager, waiting.sinceNs - inferNs);
        void serially('a difference could not be told', () => reconcile(at, folder, names, { writer }));
      });
    }
    if (waiting.names.size < budgetOf(at).bounds.waiting) waiting.names.add(name);
    else compareSoon(at);
    // Its own events say nothing of who: what comes up below it is watched in the same way.
    if (name === unpackFolder) lookAtFolder(at, name, undefined);
    afterBurst(at);
  };
  const folderHints = watchFolderHints({
    onHint,
    onReady(folder) {
      const at = byPath.get(folder);
      if (at !== undefined) compare(at, { found: byComparison }, 0);
    },
    onFault,
  });
  const updateHints = (): void => {
    folderHints.update(
      folders.flatMap(({ folder: { namePrefix }, place, hintedBecause }) =>
        place && hintedBecause !== undefined ? [{ ...place, namePrefix }] : [],
      ),
    );
  };

  // -- Which folders are there.
  let looking: NodeJS.Timeout | undefined;
  const lookSoon = (ms: number): void => {
    if (looking !== undefined || closing) return;
    looking = later(ms, () => {
      looking = undefined;
      lookAtFolders();
    });
  };
  const lookAtFolders = (): void => {
    for (const at of [...folders]) lookAt(at, undefined);
    for (const at of [...folders]) if (at.place && !at.folder.temporary) lookAtFolder(at, unpackFolder, undefined);
    updateHints();
  };

  const leave = (at: WatchedFolder): void => {
    if (at.key !== undefined && byKey.get(at.key) === at) byKey.delete(at.key);
    if (at.place && byPath.get(at.place.path) === at) byPath.delete(at.place.path);
    at.key = undefined;
    at.place = undefined;
  };

  const isAt = ({ place }: WatchedFolder, other: FolderPlace): boolean => place?.identity === other.identity;
  const lookAt = (at: WatchedFolder, maker: WriterSeen | undefined): void => {
    const { folder } = at;
    const place = placeOf(folder.path);
    // One that looks at some names only, or comes and goes, does not do another's work.
    const twin =
      place &&
      folders.find((other) => other !== at && !other.folder.temporary && !other.folder.namePrefix && isAt(other, place))
        ?.place;
    if (twin !== undefined) {
      const wasApart = !folder.temporary && (at.place !== undefined || (!started && at.known.has('.')));
      leave(at);
      if (wasApart) {
        const reason = `${folder.path} is another folder than before: it is now the same as ${twin.path}`;
        options.onNotice('package-folder-replaced', reason);
        at.saidMissing = folder.expected;
      } else if (at.sameAs === undefined) at.saidMissing = false;
      at.sameAs = twin.path;
      return;
    }
    at.sameAs = undefined;
    if (place?.identity === at.place?.identity && place?.path === at.place?.path) {
      if (place === undefined) missing(at, false);
      return;
    }
    const before = at.place;
    leave(at);
    if (place === undefined) {
      missing(at, before !== undefined);
      return;
    }
    at.place = place;
    byPath.set(place.path, at);
    mark(at);
    const led =
      before === undefined || before.path === place.path
        ? ''
        : `: it leads to ${place.path}, no longer to ${before.path}`;
    const replaced = !folder.temporary && isReplaced(at, place.path);
    if (replaced) {
      const since = started ? '' : ', since the agent was off';
      options.onNotice('package-folder-replaced', `${folder.path} is another folder than before${since}${led}`);
    } else if (at.saidMissing) options.onNotice('package-folder-found', `${folder.path} is there again`);
    at.saidMissing = false;
    at.copied = replaced;
    compare(at, firstLook(at, maker));
  };

  /** As far as is known. An inode number that is used again cannot be told from the old one; its files' can. */
  const isReplaced = (at: WatchedFolder, folder: string): boolean => {
    const known = at.known.get('.');
    const now = readState(folder, '.');
    return known !== undefined && now !== undefined && knownFile('', known).ino !== knownFile('', now).ino;
  };

  const firstLook = (at: WatchedFolder, maker: WriterSeen | undefined): Comparison => {
    if (at.folder.temporary) {
      if (!started || at.folder.namePrefix !== undefined) return { silent: true };
      at.known.clear();
      const writer = maker && (() => madeBy(writers.resolve(maker)));
      return { found: byComparison, ...(writer && { writer }) };
    }
    if (started) return { found: byComparison };
    return at.known.has('.') ? { found: whileOff } : { silent: true };
  };

  const missing = (at: WatchedFolder, wasThere: boolean): void => {
    const { folder } = at;
    if (folder.temporary) {
      if (folder.namePrefix === undefined) folders = folders.filter((other) => other !== at);
      return;
    }
    if (at.saidMissing || !(wasThere || (folder.expected && !started))) return;
    at.saidMissing = true;
    options.onNotice('package-folder-missing', `${folder.path} is missing; it is watched once it is there`);
  };

  /** A folder came or went in a watched one: the one that dpkg unpacks into is followed at once. */
  const lookAtFolder = (at: WatchedFolder, name: string, maker: WriterSeen | undefined): void => {
    const known = byPath.get(pathOf(at, name));
    if (known !== undefined) {
      lookAt(known, maker);
      return;
    }
    if (name !== unpackFolder || at.folder.temporary) {
      if (folders.some(({ place }) => place === undefined)) lookSoon(0);
      return;
    }
    const child: PackageFolder = {
      path: pathOf(at, name),
      manager: at.folder.manager,
      expected: false,
      temporary: true,
    };
    const added = watchedFolder(child, memory);
    folders.push(added);
    lookAt(added, maker);
    if (added.hintedBecause !== undefined) updateHints();
    else if (maker !== undefined) offerListed(added, maker);
  };

  /** What was put into a new folder before it could be watched: it may be gone again in a moment. */
  const offerListed = (at: WatchedFolder, maker: WriterSeen): void => {
    const place = at.place?.path;
    if (place === undefined) return;
    let names: string[];
    try {
      names = listSome(place, databaseBounds.open / 2);
    } catch {
      return;
    }
    for (const name of names) offer(at, name, 'creation', maker, { madeFolder: true });
  };

  // -- fanotify, opened again where it ends.
  let fanotify: FanotifyWatcher | undefined;
  let noFanotify = '';
  const open = (): void => {
    try {
      fanotify = (options.openFanotify ?? openFanotify)({
        onEvent,
        onFault,
        onStopped(error) {
          onFault('the reader of file events stopped', error);
          later(reopenAfterMs, reopen);
        },
      });
    } catch (error) {
      if (!(error instanceof FanotifyUnavailable)) throw error;
      noFanotify = error.message;
    }
  };
  const mark = (at: WatchedFolder): void => {
    at.hintedBecause = noFanotify;
    if (fanotify === undefined || at.place === undefined) return;
    try {
      const { key, identity } = fanotify.mark(at.place.path);
      at.key = key;
      // What was really marked counts, should the name lead elsewhere since.
      at.place = { ...at.place, identity };
      byKey.set(key, at);
      at.hintedBecause = undefined;
    } catch (error) {
      at.hintedBecause = (error as Error).message;
    }
  };
  const reopen = (): void => {
    const old = fanotify;
    fanotify = undefined;
    void old?.close().catch((error: unknown) => onFault('the reader of file events could not be closed', error));
    byKey.clear();
    open();
    for (const at of folders) {
      mark(at);
      compareSoon(at);
    }
    updateHints();
  };

  open();
  lookAtFolders();
  started = true;
  const lookTimer = setInterval(lookAtFolders, lookEveryMs);

  return {
    report: () => ({
      folders: folders.flatMap(({ folder, place, hintedBecause, known }) =>
        place === undefined
          ? []
          : [
              {
                path: folder.path + (folder.namePrefix === undefined ? '' : `/${folder.namePrefix}*`),
                ...(place.path === folder.path ? {} : { real_path: place.path }),
                by: hintedBecause === undefined ? ('fanotify' as const) : ('chokidar' as const),
                ...(hintedBecause === undefined ? {} : { reason: hintedBecause }),
                files: known.size - (known.has('.') ? 1 : 0),
              },
            ],
      ),
      missing: folders.flatMap(({ folder, place, saidMissing }) =>
        saidMissing && place === undefined ? [folder.path] : [],
      ),
      told,
      untold,
      ignored,
      uncounted: folders.reduce((sum, { uncounted }) => sum + uncounted, 0),
    }),
    saveAgain() {
      for (const at of folders) at.saveAgain();
      saveSoon();
    },
    async stop() {
      await allHeard();
      flushMove();
      closing = true;
      clearInterval(lookTimer);
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(comparisons);
      await serially('a file change could not be told', () => tellDue(Number.POSITIVE_INFINITY));
      for (const budget of budgets) tellLost(budget);
      await serially('the listing of a folder could not be saved', save);
      await folderHints.close();
      await fanotify?.close();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Of a folder itself: that it is another one is no change of a file. */
const ownDifference = (before: FileState | undefined, after: FileState | undefined): FileDifference | undefined =>
  before === undefined || after === undefined ? undefined : differenceOf(before, after, true);

const madeBy = (writer: FileWriter): FileWriter =>
  'moment' in writer ? { ...writer, inferredFrom: 'the process that made the folder' } : writer;

/** Makes one of a name that is gone and a new one that has all of it: an inode alone is soon used again. */
export function withRenames<T extends Found>(found: readonly T[]): T[] {
  const identity = (state: FileState | undefined): string => {
    const [inode, size, mtime] = state?.split(':') ?? [];
    return `${inode}:${size}:${mtime}`;
  };
  const gone = new Map(
    found.flatMap((one) => (one.difference.action === 'deletion' ? [[identity(one.before), one] as const] : [])),
  );
  const sources = new Set<T>();
  const renamed = found.map((one) => {
    const source = one.difference.action === 'creation' ? gone.get(identity(one.after)) : undefined;
    if (source === undefined || sources.has(source)) return one;
    sources.add(source);
    return { ...one, from: source.name, difference: { ...one.difference, action: 'rename' as const } };
  });
  return renamed.filter((one) => !sources.has(one));
}
