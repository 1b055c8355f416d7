// Describes a file change as an ECS event: the current state of the file, the action, and the process that caused it.

import path from 'node:path';
import {
  ecsVersion,
  type FieldValue,
  type FileChangeFields,
  type FileFields,
  type FoundBy,
  type LineageStep,
  type StepparentEvent,
} from '../event/event.ts';
import { eventClasses } from '../event/event-classes.ts';
import type { Notes } from '../event/notes.ts';
import { readPath } from '../event/read-path.ts';
import type { InferredBasis, UnobservedReason } from '../event/reasons.ts';
import { fileType } from '../host/file-stat.ts';
import type { HostContext } from '../host/host-context.ts';
import { type FileCheck, type FileContent, type OpenedFile, Unhashed } from '../host/opened-file.ts';
import { isControlFile, maxScriptBytes, scriptOfFile } from '../packages/script-file.ts';
import {
  type DescribedActor,
  describeActor,
  describeTransaction,
  notesOf,
  ownerFields,
} from '../process/describe-process.ts';
import { describeLifecycle } from '../process/lifecycle.ts';
import type { BootNs } from '../process/process-record.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { transactionAt } from '../process/transaction.ts';
import type { FileAction } from './differences.ts';
import type { FileWriter } from './file-writer.ts';
import { dateOfNs, permissionsOf } from './listing.ts';

/** One change of one file. `describeFileChange` turns it into an event. */
export interface FileChange {
  action: FileAction;
  /** Why `action` is a conclusion. */
  actionInferredFrom: InferredBasis | undefined;
  path: string;
  /**
   * Time by the boot clock at which the agent read the event. The sensor's records up to then are needed to find the
   * writer.
   */
  atNs: BootNs;
  /** Undefined: the file was gone, or could not be opened (`unseen`). The receiver of the change closes the file. */
  opened: OpenedFile | undefined;
  unseen: FileCheck['unseen'];
  /** Finds the writer in the process table. Must be called once, when the table has the records up to `atNs`. */
  writer(): FileWriter;
  details: Omit<FileChangeFields, 'writer_source'>;
  /** How the agent found the change; undefined: the kernel reported it. */
  found: FoundBy | undefined;
  /** event.provider. */
  provider: 'fanotify' | 'chokidar' | 'stepparent';
}

/** The process table and the host data from which `describeFileChange` takes the fields. */
export interface FileEventDeps {
  table: ProcessTable;
  context: HostContext;
}

const types: Readonly<Record<FileAction, string>> = {
  creation: 'creation',
  rename: 'change',
  modification: 'change',
  'attribute-change': 'change',
  deletion: 'deletion',
};

/** What a process did to a file, with the process if it is known. */
export interface FileAct
  extends Pick<FileChange, 'path' | 'atNs' | 'opened' | 'found' | 'provider' | 'actionInferredFrom'> {
  /** Why the file could not be opened, or must not be. */
  unseen: UnobservedReason | undefined;
  /** event.action and event.type. */
  action: string;
  type: string;
  writer: FileWriter;
  /** Further fields of the event, and notes on them. */
  fields: Pick<StepparentEvent['stepparent'], 'file' | 'read' | 'tampering'>;
  inferred?: Notes['inferred'];
}

/** The event of a file change, and the content that is kept for the judgment of package scripts. */
export interface DescribedFileAct {
  event: StepparentEvent;
  /** Content of the file, cut at the number of bytes to keep; undefined: nothing is to be kept, or it was not read. */
  content: FileContent | undefined;
}

/** By default the content of package scripts, and of control files in the unpack directory, is kept. */
const scriptBytes = (filePath: string): number =>
  scriptOfFile(filePath) !== undefined || isControlFile(filePath) ? maxScriptBytes : 0;

/**
 * Reads the content of the file for its hash, and /proc of its writer if it was not read yet. Does not close the file.
 */
export function describeFileChange(
  change: FileChange,
  deps: FileEventDeps,
  keptBytes: number = scriptBytes(change.path),
): Promise<DescribedFileAct> {
  const writer = change.writer();
  const file: FileChangeFields = {
    ...('snapshot' in writer && { writer_source: writer.source }),
    ...change.details,
  };
  const fields = Object.keys(file).length > 0 ? { file } : {};
  return describeFileAct({ ...change, type: types[change.action], writer, fields }, deps, keptBytes);
}

/** The same of any act of a process on a file. */
export async function describeFileAct(
  act: FileAct,
  { table, context }: FileEventDeps,
  keptBytes: number = scriptBytes(act.path),
): Promise<DescribedFileAct> {
  const { writer } = act;
  const known = 'snapshot' in writer ? writer : undefined;
  const actor = known && describeActor(known.snapshot, table, context);
  const notes: Notes = actor?.notes ?? { unobserved: {}, inferred: {}, truncated: {} };
  for (const entries of Object.values(notes)) {
    for (const field of Object.keys(entries)) if (field.startsWith('stepparent.lineage.')) delete entries[field];
  }
  if ('unobserved' in writer) notes.unobserved.process = writer.unobserved;
  else if (writer.inferredFrom !== undefined) notes.inferred.process = writer.inferredFrom;
  if (act.actionInferredFrom !== undefined) notes.inferred['event.action'] = act.actionInferredFrom;
  Object.assign(notes.inferred, act.inferred);
  const { file, content } = await describeFile(act, keptBytes, context, notes);
  const process = actor?.process ?? ('pid' in writer && writer.pid !== undefined ? { pid: writer.pid } : undefined);
  const lifecycle = known?.snapshot.entry.lifecycle;
  const script = lifecycle && describeLifecycle(lifecycle, actor?.process.args, notes);
  const transaction = known && transactionAt(known.snapshot.entry, act.atNs);
  const ownScript = act.action === 'deletion' ? undefined : scriptOfFile(act.path);
  const time = new Date(context.host.clock.bootEpochMs() + act.atNs / 1e6).toISOString();
  const event: StepparentEvent = {
    '@timestamp': time,
    ecs: { version: ecsVersion },
    event: {
      id: `${context.bootId.slice(0, 8)}-file-${Math.round(act.atNs / 1e3)}-${context.nextSerial()}`,
      kind: 'event',
      category: ['file'],
      type: [act.type],
      action: act.action,
      module: 'stepparent',
      dataset: 'stepparent.file',
      provider: act.provider,
      created: new Date(context.host.clock.nowMs()).toISOString(),
    },
    host: context.hostFields,
    agent: context.agent,
    file,
    ...(process === undefined ? {} : { process }),
    ...ownerFields(actor?.process),
    ...(actor?.container && { container: actor.container }),
    stepparent: {
      ...(actor && shortened(actor.stepparent)),
      ...(script === undefined ? {} : { lifecycle_script: script }),
      ...(transaction && { transaction: describeTransaction(transaction, context) }),
      ...(ownScript && {
        script: { path: act.path, ...ownScript, ...(content && { sha256: content.sha256 }) },
      }),
      ...act.fields,
      ...(act.found === undefined ? {} : { found: act.found }),
      ...notesOf(notes),
    },
  };
  return { event, content };
}

/** The fields of a change that need no description, as far as they can differ between changes of one action. */
const cheapFields: ReadonlySet<string> = new Set([
  ...['event.provider', 'file.path', 'file.name', 'file.directory', 'file.extension', 'stepparent.found'],
  ...[
    'stepparent.file.watched',
    'stepparent.file.syntax',
    'stepparent.file.original_path',
    'stepparent.file.moved_out',
    'stepparent.file.changed',
  ],
]);

/**
 * Returns a function that reads the fields which are known before the change is described. Its result is undefined for
 * any other field.
 */
export function cheapFileFields(change: FileChange): (field: string) => { value: FieldValue } | undefined {
  const { action, provider, details, found, path: filePath } = change;
  const known = eventClasses.find((each) => each.category === 'file' && each.action === action)?.known;
  const document = { event: { provider }, file: namesOf(filePath), stepparent: { found, file: details } };
  return (field) => known?.(field) ?? (cheapFields.has(field) ? { value: readPath(document, field) } : undefined);
}

/** The fields of a path. */
function namesOf(filePath: string): Pick<FileFields, 'path' | 'name' | 'directory' | 'extension'> {
  const extension = path.extname(filePath).slice(1);
  return {
    path: filePath,
    name: path.basename(filePath),
    directory: path.dirname(filePath),
    ...(extension === '' ? {} : { extension }),
  };
}

/**
 * Reduces the lineage to the fields that name each ancestor: one run of a package manager causes dozens of these
 * events.
 */
function shortened({ lineage, ...rest }: DescribedActor['stepparent']): DescribedActor['stepparent'] {
  return {
    ...rest,
    ...(lineage && { lineage: lineage.map(shortStep) }),
  };
}

/** The reduced form of each step: events share the same step objects. */
const shortSteps = new WeakMap<LineageStep, LineageStep>();

function shortStep(step: LineageStep): LineageStep {
  const known = shortSteps.get(step);
  if (known !== undefined) return known;
  const { args, start, user, working_directory, ...short } = step;
  shortSteps.set(step, short);
  return short;
}

async function describeFile(
  { action, path: filePath, opened, unseen }: FileAct,
  keptBytes: number,
  context: HostContext,
  notes: Notes,
): Promise<{ file: FileFields; content?: FileContent }> {
  const file: FileFields = namesOf(filePath);
  if (opened === undefined) {
    if (action !== 'deletion') notes.unobserved.file = unseen ?? 'file_gone';
    return { file };
  }
  const { stat } = opened;
  file.type = fileType(stat);
  file.inode = String(stat.ino);
  file.device = `${majorOf(stat.dev)}:${minorOf(stat.dev)}`;
  file.mode = permissionsOf(Number(stat.mode));
  file.uid = String(stat.uid);
  file.gid = String(stat.gid);
  const owner = context.userName(Number(stat.uid));
  const group = context.groupName(Number(stat.gid));
  if (owner !== undefined) file.owner = owner;
  if (group !== undefined) file.group = group;
  file.size = Number(stat.size);
  file.mtime = dateOfNs(stat.mtimeNs);
  file.ctime = dateOfNs(stat.ctimeNs);
  file.accessed = dateOfNs(stat.atimeNs);
  if (stat.birthtimeNs > 0n) file.created = dateOfNs(stat.birthtimeNs);
  else notes.unobserved['file.created'] = 'unsupported';
  const target = opened.target();
  if (target !== undefined) file.target_path = target;
  if (!stat.isFile()) return { file };
  try {
    const content = await opened.content(keptBytes);
    file.hash = { sha256: content.sha256 };
    if (keptBytes > 0) return { file, content };
  } catch (error) {
    notes.unobserved['file.hash.sha256'] = error instanceof Unhashed ? error.reason : 'unreadable';
  }
  return { file };
}

// makedev(3), as glibc packs it.
const majorOf = (device: bigint): bigint => ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
const minorOf = (device: bigint): bigint => (device & 0xffn) | ((device >> 12n) & ~0xffn);
