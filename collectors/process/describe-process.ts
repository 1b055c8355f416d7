// Describes an exec as an ECS event: quickly field by field while rules look at it, in full once it is to be kept.

import path from 'node:path';
import type { Answer } from '../answer.ts';
import {
  ecsVersion,
  type FieldReader,
  type FieldValue,
  type Identity,
  type LineageStep,
  type ProcessFields,
  type StepparentEvent,
  type TransactionFields,
} from '../event/event.ts';
import type { Notes } from '../event/notes.ts';
import { readPath } from '../event/read-path.ts';
import type { Host } from '../host/host.ts';
import type { HostContext } from '../host/host-context.ts';
import type { PackageTools } from '../packages/package-tools.ts';
import type { ScriptCopies } from '../packages/script-copies.ts';
import { maxSupplementalGroups, type ProcessDetails } from '../proc/inspect-process.ts';
import { deviceNumbers, systemdUnit, terminalName, userOfManager } from '../proc/parse-proc.ts';
import { executableOf, sharesRoot } from './executable.ts';
import { describeLifecycle } from './lifecycle.ts';
import type {
  ActorSnapshot,
  ExecSnapshot,
  Image,
  LeaderSnapshots,
  ProcessEntry,
  ProcessSnapshot,
  Transaction,
} from './process.ts';
import type { BootNs } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { glanceAtScript, scriptPath } from './script-path.ts';

/** What the host's own files say of a process. */
export interface PackageKnowledge {
  tools: Pick<PackageTools, 'notice' | 'genuine' | 'genuineProcess'>;
  copies: ScriptCopies;
}

/** An exec that rules can look at. */
export interface ObservedExec {
  snapshot: ExecSnapshot;
  read: FieldReader;
  /**
   * To be called while the process is fresh, before a rule looks at it. What takes time to find out is in the answers of the others once
   * this resolves; undefined: all is known.
   */
  settle(): Promise<void> | undefined;
  /** The full description; made once, when first asked for. */
  document(): StepparentEvent;
  /** Whether it has been made: from then on `read` reads it. */
  described(): boolean;
  /** container.id, or '' on the host itself. */
  scope(): string;
}

/** The most ancestors that an event carries. */
const maxLineage = 16;
/** Bytes of arguments that an event keeps of its process; one argument can have 128 KiB (execve(2)). */
export const maxEventArgsBytes = 256 * 1024;
/** The same for its ancestors, which are many. */
const maxAncestorArgsBytes = 8 * 1024;

/** The ancestors of a process as they are now. */
export function ancestorsOf(entry: ProcessEntry): ProcessSnapshot[] {
  const ancestors: ProcessSnapshot[] = [];
  for (let at = entry.parent; at && ancestors.length < maxLineage; at = at.parent) {
    ancestors.push({ entry: at, image: at.image });
  }
  return ancestors;
}

/** ECS process.entity_id: boot, pid and start together name one process for ever. */
export const entityId = (bootId: string, entry: ProcessEntry): string =>
  `${bootId.slice(0, 8)}-${entry.pid}-${Math.floor(entry.startNs / 1e7)}`;

const nameOf = (executable: string): string => path.basename(executable);

export function observeExec(
  snapshot: ExecSnapshot,
  table: ProcessTable,
  context: HostContext,
  knowledge: PackageKnowledge,
): ObservedExec {
  const { entry, image } = snapshot;
  let described: DescribedExec | undefined;
  const copies = new Map<string, Answer<string>>();
  const copyOf = (file: string): Answer<string> => {
    const answer = copies.get(file) ?? knowledge.copies.originalOf(file);
    copies.set(file, answer);
    return answer;
  };
  const full = (): StepparentEvent => {
    described ??= describeExec(snapshot, table, context, { tools: knowledge.tools, copyOf });
    return described.document;
  };
  const { host } = context;
  const own = () => executableOf(host, entry, image).path;
  const parents = () => {
    const parent = snapshot.ancestors[0];
    return parent?.image && executableOf(host, parent.entry, parent.image).path;
  };
  /** Null: none. */
  let script: string | null | undefined;
  const ownScript = (): string | null => {
    script ??= glanceAtScript(host, entry, own(), table) ?? null;
    return script;
  };
  /** The fields that most rules ask first, without a look at /proc. Null: absent, and known to be. */
  const quick = (field: string): FieldValue | null => {
    switch (field) {
      case 'host.os.type':
        return 'linux';
      case 'event.kind':
        return 'event';
      case 'event.category':
        return 'process';
      case 'event.type':
        return 'start';
      case 'event.action':
        return 'exec';
      case 'process.pid':
        return entry.pid;
      case 'process.executable':
        return own();
      case 'process.name':
        return nameOf(own());
      case 'process.parent.executable':
        return parents();
      case 'process.parent.name': {
        const executable = parents();
        return executable === undefined ? undefined : nameOf(executable);
      }
      case 'process.args':
        return image.argsTruncated ? undefined : image.args;
      case 'stepparent.exec.filename':
        return image.filename;
      case 'stepparent.script.path':
        return ownScript();
      case 'stepparent.script.copy_of': {
        const file = ownScript();
        return file === null ? null : (copyOf(file).value ?? null);
      }
      case 'stepparent.genuine.process':
        return knowledge.tools.genuineProcess(snapshot) ?? null;
      case 'stepparent.lifecycle_script.manager':
        return snapshot.lifecycle?.script.manager ?? null;
      case 'stepparent.lifecycle_script.depth':
        return snapshot.lifecycle?.depth ?? null;
      case 'stepparent.transaction.id':
      case 'stepparent.transaction.executable':
        return snapshot.transaction === undefined ? null : undefined;
      case 'stepparent.script.state':
        // Is added to the document of a maintainer script that runs.
        return null;
      default:
        return undefined;
    }
  };
  return {
    snapshot,
    settle() {
      const genuine = knowledge.tools.notice(snapshot);
      const file = ownScript();
      const copy = file === null ? undefined : copyOf(file).pending;
      if (genuine === undefined && copy === undefined) {
        // It may have been described while the answers were pending.
        described?.complete();
        return undefined;
      }
      // Its process may have ended by then.
      full();
      const copied = [...copies.values()].map((answer) => answer.pending);
      return Promise.all([genuine, ...copied]).then(() => described?.complete());
    },
    document: full,
    described: () => described !== undefined,
    scope: () => full().container?.id ?? '',
    read(field) {
      const value = described === undefined ? quick(field) : undefined;
      return value === null ? undefined : (value ?? readPath(full(), field));
    },
  };
}

const noNotes = (): Notes => ({ unobserved: {}, inferred: {}, truncated: {} });

const endedFirst = 'the process had ended before it could be read';
/** What 0 means where /proc/PID/stat has the id of a session or a process group. */
const noLeader =
  'none to be seen: begun by the kernel or by an init without a session, or led from another pid namespace';

interface Described {
  fields: ProcessFields;
  /** Under the names of the fields: `args`. */
  notes: Notes;
}

/** Ancestors are described again and again, and seldom change: for each process the last description and what it is of. */
const describedAncestors = new WeakMap<ProcessEntry, DescribedAncestor>();

interface DescribedAncestor extends Described {
  /** As the lineage has it. */
  step: LineageStep;
  hasNotes: boolean;
  image: unknown;
  details: unknown;
  epochMs: number;
}

/** Boot, in whole milliseconds, is redetermined all the time: what was described a moment ago still holds. */
const sameEpoch = (a: number, b: number): boolean => Math.abs(a - b) < 2;

function describeAncestor(snapshot: ProcessSnapshot, context: HostContext, epochMs: number): DescribedAncestor {
  const { entry, image } = snapshot;
  const known = describedAncestors.get(entry);
  if (known && known.image === image && known.details === entry.details && sameEpoch(known.epochMs, epochMs))
    return known;
  const { fields, notes } = describeProcess(snapshot, context, epochMs, maxAncestorArgsBytes);
  const hasNotes = Object.values(notes).some((some) => Object.keys(some).length > 0);
  const described = { fields, notes, hasNotes, step: lineageStep(fields), image, details: entry.details, epochMs };
  describedAncestors.set(entry, described);
  return described;
}

function describeProcess(
  { entry, image }: ProcessSnapshot,
  context: HostContext,
  epochMs: number,
  argsBytes: number,
): Described {
  const seen = entry.details;
  const current = seen !== undefined && entry.detailsImage === image;
  const notes = noNotes();
  const fields: ProcessFields = { pid: entry.pid, entity_id: entityId(context.bootId, entry) };
  if (entry.startNs > 0 || seen) fields.start = dateOf(epochMs, entry.startNs);
  if (image) {
    const executable = executableOf(context.host, entry, image, current ? seen?.exe : undefined);
    fields.executable = executable.path;
    fields.name = nameOf(executable.path);
    if (executable.inferredFrom) notes.inferred.executable = executable.inferredFrom;
    describeArgs(image, current && !executable.replaced ? seen : undefined, fields, argsBytes, notes);
  } else {
    notes.unobserved.executable = endedFirst;
  }
  if (seen) {
    Object.assign(fields, describeCredentials(seen, context));
    if (seen.supplementalGroupsTruncated) notes.truncated.supplemental_groups = maxSupplementalGroups;
    if (seen.workingDirectory !== undefined) fields.working_directory = seen.workingDirectory;
    if (seen.tty !== 0) fields.tty = { char_device: deviceNumbers(seen.tty) };
    fields.interactive = seen.tty !== 0;
  }
  for (const name of fieldsOfDetails) if (isUnobserved(name, fields, seen)) notes.unobserved[name] = endedFirst;
  return { fields, notes };
}

const credentialFields = [
  'user',
  'real_user',
  'saved_user',
  'group',
  'real_group',
  'saved_group',
  'supplemental_groups',
] as const;

/** What is known of every process that could be read. */
const fieldsOfDetails = [...credentialFields, 'working_directory', 'interactive'] as const;

/** An empty list of groups is known, and has no value. */
const isUnobserved = (
  name: (typeof fieldsOfDetails)[number],
  fields: ProcessFields,
  seen: ProcessDetails | undefined,
): boolean =>
  fields[name] === undefined && !(name === 'supplemental_groups' && seen?.supplementalGroupIds !== undefined);

/** Every one that is known, also where several are the same: to a rule an absent field differs from any value. */
function describeCredentials(
  seen: ProcessDetails,
  context: HostContext,
): Pick<ProcessFields, (typeof credentialFields)[number]> {
  const groups = seen.supplementalGroupIds ?? [];
  return {
    user: user(seen.userId, context),
    real_user: user(seen.realUserId, context),
    saved_user: user(seen.savedUserId, context),
    group: group(seen.userGroupId, context),
    real_group: group(seen.realUserGroupId, context),
    saved_group: group(seen.savedUserGroupId, context),
    ...(groups.length > 0 && { supplemental_groups: groups.map((id) => group(id, context)) }),
  };
}

/** For an event's `user` and `group`. */
export function whoseProcess(process: ProcessFields | undefined): Pick<StepparentEvent, 'user' | 'group'> {
  const { user, real_user, group, real_group } = process ?? {};
  const withReal = <Known>(known: Known, real: object | undefined) => ({
    ...known,
    ...(real && { Ext: { real: real as Identity } }),
  });
  return { ...(user && { user: withReal(user, real_user) }), ...(group && { group: withReal(group, real_group) }) };
}

const dateOf = (epochMs: number, ns: BootNs): string => new Date(epochMs + ns / 1e6).toISOString();

/** Everything that an event says of the process that it is about, and what could not be observed of it. */
export interface DescribedActor {
  process: ProcessFields;
  containerId: string | undefined;
  stepparent: Pick<StepparentEvent['stepparent'], 'image' | 'lineage' | 'login_user' | 'systemd' | 'terminal'>;
  leaders: LeaderSnapshots;
  /** The file that it has mapped, where that could be read. */
  mapped: string | undefined;
  notes: Notes;
}

/** Describes a process with its ancestors; reads /proc where nobody has yet. */
export function describeActor(snapshot: ActorSnapshot, table: ProcessTable, context: HostContext): DescribedActor {
  const { entry, image, ancestors } = snapshot;
  const notes = noNotes();
  const epochMs = context.host.clock.bootEpochMs();

  const details = table.inspect(entry);
  const current = details !== undefined && entry.detailsImage === image;
  if (current && image && !executableOf(context.host, entry, image, details.exe).replaced) {
    table.completeArgs(entry, maxEventArgsBytes);
  }
  for (const ancestor of ancestors) table.inspect(ancestor.entry);
  /** Who of the ancestry was looked at, nearest first: what a process inherits is read there when it ended too early. */
  const knowledge = ancestors.find((ancestor) => ancestor.entry.details)?.entry.details;
  const scopeDetails = details ?? knowledge;

  /** Takes a description into the event, its notes under the names that the fields have there. */
  const placed = ({ fields, notes: own }: Described, field: string): ProcessFields => {
    const isStep = field.startsWith('stepparent.lineage.');
    for (const kind of ['unobserved', 'inferred', 'truncated'] as const) {
      for (const [name, note] of Object.entries(own[kind])) {
        if (!isStep || lineageFields.has(name)) notes[kind][`${field}.${name}`] = note;
      }
    }
    return fields;
  };
  const ancestorAt = (field: string, of: ProcessSnapshot): DescribedAncestor => {
    const described = describeAncestor(of, context, epochMs);
    if (described.hasNotes) placed(described, field);
    return described;
  };

  const process = placed(describeProcess(snapshot, context, epochMs, maxEventArgsBytes), 'process');
  if (details !== undefined && !current) {
    for (const name of [...credentialFields, 'working_directory'] as const) {
      if (process[name] !== undefined) notes.inferred[`process.${name}`] = 'the process, as another program';
    }
  } else if (details === undefined) {
    // Credentials, folder, session and terminal pass from parent to child (fork(2)); execve of a package tool, which
    // is not setuid, keeps them. Setsid and chdir in between would not be seen: hence the note.
    if (knowledge) {
      const { workingDirectory } = knowledge;
      const passed = {
        ...describeCredentials(knowledge, context),
        ...(workingDirectory !== undefined && { working_directory: workingDirectory }),
      };
      Object.assign(process, passed);
      for (const name of fieldsOfDetails) {
        if (!isUnobserved(name, process, knowledge)) delete notes.unobserved[`process.${name}`];
      }
      for (const name of Object.keys(passed)) {
        notes.inferred[`process.${name}`] = 'its nearest ancestor that could be read';
      }
    }
  }

  const leaders: LeaderSnapshots = {};
  const leader = (role: 'session_leader' | 'group_leader', pid: number | undefined): void => {
    const field = `process.${role}`;
    if (!pid) {
      notes.unobserved[field] = pid === undefined ? endedFirst : noLeader;
      return;
    }
    if (details === undefined) notes.inferred[field] = 'its nearest ancestor that could be read';
    const found =
      pid === entry.pid
        ? snapshot
        : (ancestors.find((ancestor) => ancestor.entry.pid === pid) ?? leaderOutside(table, pid));
    if (found === undefined) {
      process[role] = { pid, same_as_process: false };
      notes.unobserved[`${field}.name`] = endedFirst;
      return;
    }
    leaders[role] = found;
    table.inspect(found.entry);
    const { fields } = ancestorAt(field, found);
    process[role] = { ...(fields as NonNullable<ProcessFields[typeof role]>), same_as_process: found === snapshot };
  };
  leader('session_leader', scopeDetails?.sessionId);
  leader('group_leader', scopeDetails?.groupId);

  const described = ancestors.map((ancestor, index) =>
    ancestorAt(index === 0 ? 'process.parent' : `stepparent.lineage.${index}`, ancestor),
  );
  if (described[0]) {
    process.parent = described[0].fields as NonNullable<ProcessFields['parent']>;
    if (entry.parentInferred)
      notes.inferred['process.parent'] = '/proc, after the fork: it may have adopted the process';
  } else notes.unobserved['process.parent'] = endedFirst;
  const lineage = described.map(({ step }) => step);
  const eldest = ancestors.at(-1)?.entry;
  if (eldest?.lineageCut || eldest?.parent) notes.truncated['stepparent.lineage'] = ancestors.length;

  const unit = scopeDetails?.cgroupPath && systemdUnit(scopeDetails.cgroupPath);
  const manager = scopeDetails?.cgroupPath === undefined ? undefined : userOfManager(scopeDetails.cgroupPath);
  const terminal = scopeDetails && terminalName(scopeDetails.tty);
  const login = scopeDetails?.loginUserId;
  const mapped = image?.probedImage ?? (current && !image?.executable?.replaced ? details.exe : undefined);
  // One that waits for its parent to ask for its end has no files any more, and so no place.
  const livingDetails = [details, ...ancestors.map((ancestor) => ancestor.entry.details)].find(
    (seen) => seen?.exe !== undefined,
  );
  if (livingDetails === undefined) notes.unobserved['container.id'] = endedFirst;
  const containerId = livingDetails?.containerId;
  if (containerId !== undefined && livingDetails !== details) {
    notes.inferred['container.id'] = 'its nearest ancestor that could be read';
  }

  return {
    process,
    containerId,
    leaders,
    mapped,
    stepparent: {
      ...(mapped === undefined ? {} : { image: { path: mapped } }),
      lineage,
      ...(login === undefined ? {} : { login_user: user(login, context) }),
      ...(unit ? { systemd: { unit, ...(manager === undefined ? {} : { user: user(manager, context) }) } } : {}),
      ...(terminal ? { terminal } : {}),
    },
    notes,
  };
}

/** The notes that there are, for the event's `stepparent` object. */
export const notesOf = (notes: Notes): Partial<Notes> =>
  Object.fromEntries(Object.entries(notes).filter(([, some]) => Object.keys(some).length > 0));

/** The script that runs. */
function scriptThatRuns(
  host: Host,
  { entry }: ExecSnapshot,
  { process: { executable, args, working_directory }, mapped }: DescribedActor,
): string | undefined {
  if (executable === undefined) return undefined;
  return scriptPath(host, entry, {
    executable,
    mapped,
    args: (args ?? []) as readonly string[],
    workingDirectory: working_directory,
  });
}

interface DescribedExec {
  document: StepparentEvent;
  /** Adds what was not known yet. */
  complete(): void;
}

/** For an event's `stepparent` object. */
export const describeTransaction = ({ root, image }: Transaction, context: HostContext): TransactionFields => ({
  id: entityId(context.bootId, root),
  executable: executableOf(context.host, root, image).path,
});

function describeExec(
  snapshot: ExecSnapshot,
  table: ProcessTable,
  context: HostContext,
  { tools, copyOf }: Pick<PackageKnowledge, 'tools'> & { copyOf(file: string): Answer<string> },
): DescribedExec {
  const { entry, image, timeNs } = snapshot;
  const actor = describeActor(snapshot, table, context);
  const { process, containerId, stepparent, notes } = actor;
  const script = scriptThatRuns(context.host, snapshot, actor);
  const copy = script !== undefined && containerId === undefined && sharesRoot(entry) ? copyOf(script) : undefined;
  const genuine = tools.genuine(snapshot, actor.leaders);
  const lifecycle = snapshot.lifecycle && describeLifecycle(snapshot.lifecycle, process.args, notes);
  const document: StepparentEvent = {
    '@timestamp': dateOf(context.host.clock.bootEpochMs(), timeNs),
    ecs: { version: ecsVersion },
    event: {
      id: `${entityId(context.bootId, entry)}-${Math.round(timeNs / 1e3)}`,
      kind: 'event',
      category: ['process'],
      type: ['start'],
      action: 'exec',
      module: 'stepparent',
      dataset: 'stepparent.process',
      provider: context.sensor,
      created: new Date(context.host.clock.nowMs()).toISOString(),
    },
    host: context.hostFields,
    agent: context.agent,
    process,
    ...whoseProcess(process),
    ...(containerId === undefined ? {} : { container: { id: containerId } }),
    stepparent: {
      exec: { filename: image.filename },
      ...stepparent,
      ...(lifecycle === undefined ? {} : { lifecycle_script: lifecycle }),
      ...(script === undefined ? {} : { script: { path: script } }),
      ...(snapshot.transaction && { transaction: describeTransaction(snapshot.transaction, context) }),
      ...notesOf(notes),
    },
  };
  const complete = (): void => {
    const { stepparent } = document;
    const { fields, inferred } = genuine();
    if (Object.keys(fields).length > 0) stepparent.genuine = fields;
    if (Object.keys(inferred).length > 0) stepparent.inferred = { ...stepparent.inferred, ...inferred };
    if (copy?.value !== undefined) stepparent.script = { ...stepparent.script, copy_of: copy.value };
  };
  complete();
  return { document, complete };
}

const lineageFields: ReadonlySet<string> = new Set<keyof LineageStep>([
  'entity_id',
  'pid',
  'name',
  'executable',
  'args',
  'start',
  'user',
  'working_directory',
]);

/** What the lineage keeps of an ancestor. */
function lineageStep(fields: ProcessFields): LineageStep {
  const { entity_id = '', pid = 0, name, executable, args, start, user, working_directory } = fields;
  return {
    entity_id,
    pid,
    ...(name === undefined ? {} : { name }),
    ...(executable === undefined ? {} : { executable }),
    ...(args === undefined ? {} : { args: args as string[] }),
    ...(start === undefined ? {} : { start }),
    ...(user === undefined ? {} : { user: user as { id?: string; name?: string } }),
    ...(working_directory === undefined ? {} : { working_directory }),
  };
}

function leaderOutside(table: ProcessTable, pid: number): ProcessSnapshot | undefined {
  const entry = table.find(pid);
  return entry && { entry, image: entry.image };
}

const identity = (id: number, name: string | undefined): Identity => ({
  id: String(id),
  ...(name === undefined ? {} : { name }),
});
const user = (id: number, context: HostContext): Identity => identity(id, context.userName(id));
const group = (id: number, context: HostContext): Identity => identity(id, context.groupName(id));

/** Arguments from the entry probe where there are any, else from /proc, cut at the bound. */
function describeArgs(
  image: Image,
  seen: { args: string[] | undefined; argsTruncated: boolean } | undefined,
  fields: ProcessFields,
  maxBytes: number,
  notes: Notes,
): void {
  // The probe's record is the evidence; what it had no room for was read from the process, if that lived.
  const fromProc = image.args === undefined || (image.argsTruncated === true && seen?.args !== undefined);
  let args = fromProc ? seen?.args : image.args;
  if (args === undefined && image.attemptArgs) {
    args = image.attemptArgs.args;
    notes.inferred.args = 'what execve was given';
    if (image.attemptArgs.truncated) notes.truncated.args = maxBytes;
  }
  if (args === undefined) {
    notes.unobserved.args = endedFirst;
    return;
  }
  const { kept, cut } = cutArgs(args, maxBytes);
  fields.args = kept;
  fields.args_count = args.length;
  fields.command_line = kept.join(' ');
  if (cut || (fromProc ? seen?.argsTruncated : image.argsTruncated)) notes.truncated.args = maxBytes;
}

/** Arguments up to a number of bytes: the one that crosses it is cut, those after it dropped. */
export function cutArgs(args: readonly string[], maxBytes: number): { kept: string[]; cut: boolean } {
  let left = maxBytes;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const bytes = Buffer.byteLength(arg);
    if (bytes > left) {
      const head = Buffer.from(arg)
        .subarray(0, left)
        .toString('utf8')
        .replace(/\ufffd+$/, '');
      return { kept: [...args.slice(0, i), head], cut: true };
    }
    left -= bytes;
  }
  return { kept: [...args], cut: false };
}
