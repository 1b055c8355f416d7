// Observes an exec: reads single fields cheaply as rules ask for them, and builds the whole ECS event only when it is
// needed.

import type { Answer } from '../answer.ts';
import { ecsVersion, type FieldReader, type FieldValue, type StepparentEvent } from '../event/event.ts';
import { readPath } from '../event/read-path.ts';
import type { Host } from '../host/host.ts';
import type { HostContext } from '../host/host-context.ts';
import type { PackageTools } from '../packages/package-tools.ts';
import type { ScriptCopies } from '../packages/script-copies.ts';
import {
  type DescribedActor,
  dateOf,
  describeActor,
  describeTransaction,
  entityId,
  nameOf,
  notesOf,
  ownerFields,
} from './describe-process.ts';
import { executableOf, sharesRoot } from './executable.ts';
import { describeLifecycle } from './lifecycle.ts';
import type { ExecSnapshot } from './process.ts';
import type { ProcessTable } from './process-table.ts';
import { peekScriptPath, scriptPath } from './script-path.ts';

/** Compares the programs and scripts that processes run with the files of the host and its packages. */
export interface PackageKnowledge {
  tools: Pick<PackageTools, 'notice' | 'genuine' | 'genuineProcess'>;
  copies: ScriptCopies;
}

/** An exec that rules can read. */
export interface ObservedExec {
  snapshot: ExecSnapshot;
  read: FieldReader;
  /**
   * Starts the slow checks: is the program genuine, is the script a copy. Must be called while the process is fresh,
   * before a rule reads a field. Resolves when the answers are known; undefined: they are already.
   */
  pending(): Promise<void> | undefined;
  /** The event. It is built at the first call and never changed. */
  document(): StepparentEvent;
  /** Whether the event was built; `read` then reads from it. */
  isDescribed(): boolean;
  /** container.id, or '' on the host itself. */
  scope(): string;
  /** The arguments as in the event. Does not build the event, which may still wait for answers. */
  args(): FieldValue;
}

/** The event as observed at once, and the answers that are added to it when they are known. */
interface Observation {
  document: StepparentEvent;
  /** Returns the fields of `stepparent.genuine` and the notes on them. */
  genuine: ReturnType<PackageKnowledge['tools']['genuine']>;
  copy: Answer<string> | undefined;
}

/** Observes one exec. Reads /proc only when a field or the event needs it. */
export function observeExec(
  snapshot: ExecSnapshot,
  table: ProcessTable,
  context: HostContext,
  { tools, copies }: PackageKnowledge,
): ObservedExec {
  const { entry, image } = snapshot;
  const originals = new Map<string, Answer<string>>();
  const originalOf = (file: string): Answer<string> => {
    const answer = originals.get(file) ?? copies.originalOf(file);
    originals.set(file, answer);
    return answer;
  };
  let observation: Observation | undefined;
  const observe = (): Observation => {
    observation ??= observeAll(snapshot, table, context, { tools, originalOf });
    return observation;
  };
  let document: StepparentEvent | undefined;
  const describe = (): StepparentEvent => {
    document ??= withAnswers(observe());
    return document;
  };

  const { host } = context;
  const ownPath = () => executableOf(host, entry, image).path;
  const parents = () => {
    const parent = snapshot.ancestors[0];
    return parent?.image && executableOf(host, parent.entry, parent.image).path;
  };
  /** Path of the script that runs. Null: no script runs; undefined: not determined yet. */
  let script: string | null | undefined;
  const ownScript = (): string | null => {
    script ??= peekScriptPath(host, entry, ownPath(), table) ?? null;
    return script;
  };
  /**
   * Reads the fields that most rules ask for first, without reading /proc. Null: the field is absent; undefined: only
   * the event has it.
   */
  const readCheapField = (field: string): FieldValue | null => {
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
        return ownPath();
      case 'process.name':
        return nameOf(ownPath());
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
        return file === null ? null : (originalOf(file).value ?? null);
      }
      case 'stepparent.genuine.process':
        return tools.genuineProcess(snapshot) ?? null;
      case 'stepparent.lifecycle_script.manager':
        return snapshot.lifecycle?.script.manager ?? null;
      case 'stepparent.lifecycle_script.depth':
        return snapshot.lifecycle?.depth ?? null;
      case 'stepparent.transaction.id':
      case 'stepparent.transaction.executable':
        return snapshot.transaction === undefined ? null : undefined;
      case 'stepparent.script.state':
        // Only runs of maintainer scripts have a state, and their events are built before a rule reads a field.
        return null;
      default:
        return undefined;
    }
  };
  return {
    snapshot,
    pending() {
      const genuine = tools.notice(snapshot);
      const file = ownScript();
      const copy = file === null ? undefined : originalOf(file).pending;
      if (genuine === undefined && copy === undefined) return undefined;
      // Reads /proc now: the process may end while the checks run.
      observe();
      return Promise.all([genuine, ...[...originals.values()].map((answer) => answer.pending)]).then(() => {});
    },
    document: describe,
    isDescribed: () => document !== undefined,
    scope: () => observe().document.container?.id ?? '',
    args: () => readPath(observe().document, 'process.args'),
    read(field) {
      const value = document === undefined ? readCheapField(field) : undefined;
      return value === null ? undefined : (value ?? readPath(describe(), field));
    },
  };
}

/** Path of the script that the process runs; undefined: no script, or not known. */
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

/** Builds the event without the slow answers. Reads /proc for processes that were not read yet. */
function observeAll(
  snapshot: ExecSnapshot,
  table: ProcessTable,
  context: HostContext,
  { tools, originalOf }: Pick<PackageKnowledge, 'tools'> & ScriptCopies,
): Observation {
  const { entry, image, timeNs } = snapshot;
  const actor = describeActor(snapshot, table, context);
  const { process, containerId, stepparent, notes } = actor;
  const script = scriptThatRuns(context.host, snapshot, actor);
  const lifecycle = snapshot.lifecycle && describeLifecycle(snapshot.lifecycle, process.args, notes);
  return {
    genuine: tools.genuine(snapshot, actor.leaders),
    copy: script !== undefined && containerId === undefined && sharesRoot(entry) ? originalOf(script) : undefined,
    document: {
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
      ...ownerFields(process),
      ...(containerId === undefined ? {} : { container: { id: containerId } }),
      stepparent: {
        exec: { filename: image.filename },
        ...stepparent,
        ...(lifecycle === undefined ? {} : { lifecycle_script: lifecycle }),
        ...(script === undefined ? {} : { script: { path: script } }),
        ...(snapshot.transaction && { transaction: describeTransaction(snapshot.transaction, context) }),
        ...notesOf(notes),
      },
    },
  };
}

/** The event with the answers that are known by now. */
function withAnswers({ document, genuine, copy }: Observation): StepparentEvent {
  const { fields, inferred } = genuine();
  const { stepparent } = document;
  return {
    ...document,
    stepparent: {
      ...stepparent,
      ...(Object.keys(fields).length > 0 && { genuine: fields }),
      ...(Object.keys(inferred).length > 0 && { inferred: { ...stepparent.inferred, ...inferred } }),
      ...(copy?.value !== undefined && { script: { ...stepparent.script, copy_of: copy.value } }),
    },
  };
}
