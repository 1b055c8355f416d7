// Decides for each access to a script whether an interpreter gets its content, when the processes around it are known.

import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import { readHead, withFile } from '../host/read-file.ts';
import { maxScriptBytes } from '../packages/script-file.ts';
import { ancestorsOf } from '../process/ancestors.ts';
import type { ActorSnapshot, ExecSnapshot, ProcessEntry, ProcessSnapshot } from '../process/process.ts';
import type { BootNs } from '../process/process-record.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { openTimers } from '../timers.ts';
import { commandLines, hasLines, isLine } from './command-lines.ts';
import { createInterpreterSearch, type FoundInterpreter } from './find-interpreter.ts';
import type { ScriptAccess } from './script-access.ts';

/** A read of a script whose content an interpreter got. */
export interface ScriptRead extends Omit<FoundInterpreter, 'by'> {
  /** `substitution`: a shell put the output of the reader into its code, and ran lines of the script. */
  by: FoundInterpreter['by'] | 'substitution';
  path: string;
  atNs: BootNs;
  /** The process that read the script. */
  reader: ActorSnapshot;
}

/** The host, the process table, and the receiver of reads. */
export interface ScriptReadersDeps {
  host: Host;
  table: ProcessTable;
  /** Reads the sensor's records up to now into the table. */
  catchUp(): void;
  onRead(read: ScriptRead): void;
  onFault(fault: string, error: unknown): void;
}

/** The state of the decisions, for `status`. */
export interface ScriptReadersReport {
  /** Number of reads that an interpreter got. */
  reads: number;
  /** Number of accesses that were not decided because too many waited. */
  dropped: number;
  /** Number of accesses by processes that had ended before the agent knew them. */
  unknown: number;
}

/** The accesses that wait for a decision. */
export interface ScriptReaders {
  handleAccess(access: ScriptAccess): void;
  /** Must be called for each exec, with its arguments, in the order of the execs. */
  noteExec(exec: ExecSnapshot): void;
  /** Decides all accesses at once, without new records of the sensor. */
  decideNow(): void;
  report(): ScriptReadersReport;
  /** Decides all accesses. Nothing is decided after that. */
  stop(): void;
}

/** By then the processes of a pipeline have executed their programs, and their records can be read. */
const settleMs = 60;
/** Maximum number of accesses that wait. */
const maxWaiting = 256;
/** Maximum number of scripts of which one process is examined at a time, and reported; a tool may read thousands. */
const maxOfReader = 16;
/** How long a shell is watched for lines of a script whose text it may have substituted. */
const watchedNs = 2e9;
/** Maximum number of such shells and scripts; a further one replaces the oldest. */
const maxWatched = 32;
/** How long the exec of a script is remembered: its interpreter reads the script. */
const executedNs = 5e9;
const maxExecuted = 512;
/** Maximum number of generations between a shell and the program that it was made to run. */
const maxGenerations = 4;

/** One process and one script. */
interface Waiting {
  access: ScriptAccess;
  entry: ProcessEntry | undefined;
  dueMs: number;
}

/** A script whose text a shell may have. */
interface Watched {
  shell: ProcessEntry;
  access: ScriptAccess;
  reader: ActorSnapshot;
  lines: readonly string[];
  untilNs: BootNs;
}

/** Starts without accesses. */
export function openScriptReaders({ host, table, catchUp, onRead, onFault }: ScriptReadersDeps): ScriptReaders {
  const { clock } = host;
  const search = createInterpreterSearch({ host, table });
  const timers = openTimers((error) => onFault('a read of a script could not be judged', error));
  const waiting = new Map<string, Waiting>();
  const waitingOf = new Map<number, number>();
  /** The times of the execs of scripts, by pid and script. */
  const executed = new Map<string, BootNs>();
  const readsOf = new WeakMap<object, number>();
  let watched: Watched[] = [];
  let reads = 0;
  let dropped = 0;
  let unknown = 0;

  const noteExecuted = (key: string, atNs: BootNs): void => {
    executed.delete(key);
    if (executed.size >= maxExecuted) executed.delete(executed.keys().next().value as string);
    executed.set(key, atNs);
  };

  const report = (
    { path, atNs }: ScriptAccess,
    reader: ActorSnapshot,
    found: Omit<ScriptRead, 'path' | 'atNs' | 'reader'>,
  ): void => {
    const program = reader.image ?? reader.entry;
    const before = readsOf.get(program) ?? 0;
    if (before >= maxOfReader) return;
    readsOf.set(program, before + 1);
    reads++;
    onRead({ ...found, path, atNs, reader });
  };

  // -- A shell that may have substituted the text of a script: what it runs in the next seconds, or has run since, shows it.
  /** The interpreter that ran lines of the script, if this exec shows it. */
  const runnerOf = (
    { shell, lines, reader }: Watched,
    { entry, image }: ProcessSnapshot,
  ): ProcessSnapshot | undefined => {
    if (image === undefined || entry === reader.entry || !isBelow(entry, shell)) return undefined;
    const args = image.args ?? image.attemptArgs?.args ?? [];
    if (isLine(args, lines)) return { entry: shell, image: shell.image };
    const isGivenCode = search.commandsOf({ entry, image })?.from === 'code';
    return isGivenCode && args.some((arg) => hasLines(arg, lines)) ? { entry, image } : undefined;
  };
  /** Reports the script if the process shows that it was run. */
  const endWatch = (one: Watched, process: ProcessSnapshot): boolean => {
    const interpreter = runnerOf(one, process);
    if (interpreter === undefined) return false;
    watched = watched.filter((other) => other !== one);
    report(one.access, one.reader, { by: 'substitution', interpreter, inferredFrom: 'same_lines' });
    return true;
  };
  const watchShell = (access: ScriptAccess, reader: ActorSnapshot): void => {
    const shell = interpreterAbove(reader.entry);
    if (shell === undefined) return;
    const text = tryRead(() =>
      withFile(host.open(access.path), (file) => readHead(file, maxScriptBytes).toString('utf8')),
    );
    const lines = text === undefined ? [] : commandLines(text);
    if (lines.length === 0) return;
    const one: Watched = { shell, access, reader, lines, untilNs: access.atNs + watchedNs };
    watched = [...watched.slice(1 - maxWatched), one];
    // The execs since the access were noted before the shell was watched.
    for (const entry of table.aliveSince(reader.entry.startNs)) {
      const isLater = (entry.image?.execNs ?? 0) >= reader.entry.startNs;
      if (isLater && endWatch(one, { entry, image: entry.image })) return;
    }
  };
  /** The nearest ancestor that is an interpreter: forks of a shell execute nothing. */
  const interpreterAbove = ({ parent }: ProcessEntry): ProcessEntry | undefined => {
    if (parent === undefined || search.commandsOf({ entry: parent, image: parent.image }) === undefined)
      return undefined;
    let shell = parent;
    while (shell.parent !== undefined && shell.image === shell.parentImageAtFork) shell = shell.parent;
    return shell;
  };

  // -- The decision.
  const decide = ({ access, entry: before }: Waiting): void => {
    const now = table.recall(access.pid);
    const entry = now !== undefined && (before === undefined || now.startNs <= access.atNs) ? now : before;
    if (entry === undefined) {
      unknown++;
      return;
    }
    const found = search.find(entry, access);
    if (found === undefined) return;
    const image = found !== 'output' && found.by === 'interpreter' ? found.interpreter.image : entry.image;
    const reader: ActorSnapshot = { entry, image, ancestors: ancestorsOf(entry) };
    if (found === 'output') watchShell(access, reader);
    else report(access, reader, found);
  };
  const remove = (key: string, { access: { pid } }: Waiting): void => {
    waiting.delete(key);
    const others = (waitingOf.get(pid) ?? 1) - 1;
    if (others === 0) waitingOf.delete(pid);
    else waitingOf.set(pid, others);
  };
  const decideDue = (nowMs: number): void => {
    for (const [key, one] of [...waiting]) {
      if (one.dueMs > nowMs) continue;
      remove(key, one);
      try {
        decide(one);
      } catch (error) {
        onFault('a read of a script could not be judged', error);
      }
    }
    if (waiting.size > 0) decideSoon();
  };
  const decideSoon = timers.soon(settleMs / 2, () => {
    catchUp();
    decideDue(clock.monotonicMs());
  });
  const decideNow = (): void => decideDue(Number.POSITIVE_INFINITY);

  const add = (key: string, access: ScriptAccess): void => {
    const ofReader = waitingOf.get(access.pid) ?? 0;
    if (ofReader >= maxOfReader) return;
    if (waiting.size >= maxWaiting) {
      dropped++;
      return;
    }
    waitingOf.set(access.pid, ofReader + 1);
    waiting.set(key, { access, entry: table.recall(access.pid), dueMs: clock.monotonicMs() + settleMs });
    decideSoon();
  };

  return {
    handleAccess(access) {
      const key = `${access.pid}\0${access.path}`;
      const before = waiting.get(key);
      if (access.executed) {
        noteExecuted(key, access.atNs);
        if (before !== undefined) remove(key, before);
        return;
      }
      const executedAtNs = executed.get(key);
      if (executedAtNs !== undefined && access.atNs - executedAtNs < executedNs) return;
      if (before === undefined) add(key, access);
      // The process that opened the file may have executed the program that reads it since.
      else if (access.read && !before.access.read) before.access = access;
    },
    noteExec(exec) {
      if (watched.length === 0) return;
      watched = watched.filter((one) => one.untilNs >= exec.timeNs);
      for (const one of watched) endWatch(one, exec);
    },
    decideNow,
    report: () => ({ reads, dropped, unknown }),
    stop() {
      decideNow();
      timers.close();
    },
  };
}

/** Whether the process is the ancestor, or some generations below it. */
function isBelow(entry: ProcessEntry, ancestor: ProcessEntry): boolean {
  let current: ProcessEntry | undefined = entry;
  for (let generation = 0; current !== undefined && generation <= maxGenerations; generation++) {
    if (current === ancestor) return true;
    current = current.parent;
  }
  return false;
}
