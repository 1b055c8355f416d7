// Observes an exec: reads single fields cheaply as rules ask for them, and builds the whole ECS event only when it is
// needed.

import path from 'node:path';
import type { Answer } from '../answer.ts';
import { ecsVersion, type FieldReader, type FieldValue, type StepparentEvent } from '../event/event.ts';
import { readPath } from '../event/read-path.ts';
import { type Scope, scopeOf } from '../event/scope.ts';
import { configurationTools } from '../hooks/configuration-tools.ts';
import { namedCommands, namedFiles } from '../hooks/named-configuration.ts';
import { isSystemPath } from '../hooks/system-paths.ts';
import type { Host } from '../host/host.ts';
import type { HostContext } from '../host/host-context.ts';
import { type FoundCallers, type NamedCallers, withNamedCallers } from '../packages/named-callers.ts';
import type { PackageTools } from '../packages/package-tools.ts';
import { noOriginal, type ScriptCopies } from '../packages/script-copies.ts';
import { isInDpkgDirectory, isPackageTool } from '../packages/tools.ts';
import { type CheckedProgram, mayBeUnowned, type UnownedPrograms } from '../packages/unowned-programs.ts';
import { withTimer } from '../proc/timer-of-unit.ts';
import {
  type AncestorScript,
  type AncestorScripts,
  isPackageManager,
  withAncestorScripts,
} from './ancestor-scripts.ts';
import { visitAncestors } from './ancestors.ts';
import { startCredentials } from './credentials.ts';
import {
  type DescribedActor,
  dateOf,
  describeActor,
  describeTransaction,
  entityId,
  nameOf,
  notesOf,
  ownerFields,
  programFields,
} from './describe-process.ts';
import { selectVariables } from './environment.ts';
import { executableOf, sharesRoot } from './executable.ts';
import { describeLifecycle } from './lifecycle.ts';
import type { ExecSnapshot } from './process.ts';
import type { ProcessTable } from './process-table.ts';
import { environmentOf } from './program-start.ts';
import { peekScriptPath, scriptPath } from './script-path.ts';
import { isNeverSetuid, type SetuidBasis, setuidBasis } from './setuid-program.ts';
import { withVerified } from './verified-lineage.ts';

/** Compares the programs and scripts that processes run with the files of the host and its packages. */
export interface PackageKnowledge {
  tools: Pick<PackageTools, 'notice' | 'genuine' | 'genuineProcess'>;
  copies: ScriptCopies;
  ancestorScripts: AncestorScripts;
  namedCallers: NamedCallers;
  unowned: UnownedPrograms;
}

/** An exec that rules can read. */
export interface ObservedExec {
  snapshot: ExecSnapshot;
  /** The file name of the exec. Two execs with the same key and the same values of fields are judged alike. */
  key: string;
  read: FieldReader;
  /**
   * Starts the slow checks: is the program genuine, is the script a copy, what is in the scripts above a package tool.
   * Must be called while the process is fresh, before a rule reads a field. Resolves when the answers are known;
   * undefined: they are already.
   */
  pending(): Promise<void> | undefined;
  /** The event. It is built at the first call and never changed. */
  document(): StepparentEvent;
  /** Whether the event was built; `read` then reads from it. */
  isDescribed(): boolean;
  scope(): Scope;
  /** The arguments as in the event. Does not build the event, which may still wait for answers. */
  args(): FieldValue;
}

/** The event as observed at once, and the answers that are added to it when they are known. */
interface Observation {
  document: StepparentEvent;
  /** Returns the fields of `stepparent.genuine` and the notes on them. */
  genuine: ReturnType<PackageKnowledge['tools']['genuine']>;
  copy: Answer<string> | undefined;
  /** The scripts of ancestors whose paths do not identify them. */
  scripts: readonly AncestorScript[];
  /** Undefined: the program is no package manager. */
  callers: FoundCallers | undefined;
  /** Whether a package brought the script and the program that run below a package tool. */
  owners: readonly Answer<CheckedProgram>[];
  setuid: SetuidRun | undefined;
}

/** The execution of a set-user-ID program of root. */
interface SetuidRun {
  basis: SetuidBasis;
  owner: Answer<CheckedProgram>;
}

const noOwners: readonly Answer<CheckedProgram>[] = [];

/** Observes one exec. Reads /proc only when a field or the event needs it. */
export const observeExec = (
  snapshot: ExecSnapshot,
  table: ProcessTable,
  context: HostContext,
  knowledge: PackageKnowledge,
): ObservedExec => new LazyObservedExec(snapshot, { table, context, knowledge });

/** What every observed exec is read with. */
interface ExecSources {
  table: ProcessTable;
  context: HostContext;
  knowledge: PackageKnowledge;
}

/** A class, not an object of functions: one is made for each exec on the host, and most are dismissed at once. */
class LazyObservedExec implements ObservedExec {
  readonly snapshot: ExecSnapshot;
  readonly #sources: ExecSources;
  #originals: { file: string; answer: Answer<string> }[] | undefined;
  #owners: readonly Answer<CheckedProgram>[] | undefined;
  /** Null: no set-user-ID program that counts; undefined: not determined yet. */
  #setuid: SetuidRun | null | undefined;
  #observation: Observation | undefined;
  #document: StepparentEvent | undefined;
  /** Path of the script that runs. Null: no script runs; undefined: not determined yet. */
  #script: string | null | undefined;

  constructor(snapshot: ExecSnapshot, sources: ExecSources) {
    this.snapshot = snapshot;
    this.#sources = sources;
  }

  get key(): string {
    return this.snapshot.image.filename;
  }

  pending(): Promise<void> | undefined {
    const { snapshot } = this;
    const { tools, ancestorScripts, namedCallers } = this.#sources.knowledge;
    const genuine = tools.notice(snapshot);
    const file = this.#ownScript();
    const copy = file === null ? undefined : this.#originalOf(file).pending;
    // Below a script with a temporary path most processes are no package tools: they are not described for it.
    const mayReadScripts = snapshot.transaction !== undefined && ancestorScripts.mayBeAbove(snapshot);
    const mayAskCaller = isPackageManager(snapshot.image) && namedCallers.mayWait(snapshot);
    const setuid = this.#askSetuid();
    const owners = setuid === null ? this.#askOwners() : [...this.#askOwners(), setuid.owner];
    const isKnown = genuine === undefined && copy === undefined && owners.every((owner) => owner.pending === undefined);
    if (isKnown && !mayReadScripts && !mayAskCaller) return undefined;
    // Reads /proc now: the process may end while the checks run.
    const { scripts, callers } = this.#observe();
    const answers = [
      ...scripts.map(({ hash }) => hash),
      ...(this.#originals ?? []).map(({ answer }) => answer),
      ...(callers?.fromJournal === undefined ? [] : [callers.fromJournal]),
      ...owners,
    ];
    const pending = [genuine, ...answers.map((answer) => answer.pending)].filter((each) => each !== undefined);
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => {});
  }

  document(): StepparentEvent {
    this.#document ??= withAnswers(this.#observe());
    return this.#document;
  }

  isDescribed(): boolean {
    return this.#document !== undefined;
  }

  scope(): Scope {
    return scopeOf(this.#observe().document.stepparent.place);
  }

  args(): FieldValue {
    return readPath(this.#observe().document, 'process.args');
  }

  read(field: string): FieldValue {
    const value = this.#document === undefined ? this.#readCheapField(field) : undefined;
    return value === null ? undefined : (value ?? readPath(this.document(), field));
  }

  #observe(): Observation {
    this.#observation ??= {
      ...observeAll(this.snapshot, this.#sources, (file) => this.#originalOf(file), this.#hasEnvironment()),
      owners: this.#askOwners(),
      setuid: this.#askSetuid() ?? undefined,
    };
    return this.#observation;
  }

  #originalOf(file: string): Answer<string> {
    const asked = this.#originals?.find((original) => original.file === file);
    if (asked !== undefined) return asked.answer;
    const answer = this.#sources.knowledge.copies.originalOf(file);
    if (answer === noOriginal) return answer;
    this.#originals ??= [];
    this.#originals.push({ file, answer });
    return answer;
  }

  /** Asks who owns the script and the program, if they run below a package tool. Most execs on a host do not. */
  #askOwners(): readonly Answer<CheckedProgram>[] {
    const { context, knowledge } = this.#sources;
    this.#owners ??= isRunByTool(this.snapshot, context.host, knowledge.tools)
      ? this.#ownFiles()
          .filter(mayBeUnowned)
          .map((file) => knowledge.unowned.check(file))
      : noOwners;
    return this.#owners;
  }

  /** Asks who owns the program, if it gives another user the rights of root. */
  #askSetuid(): SetuidRun | null {
    if (this.#setuid === undefined) {
      const { context, knowledge } = this.#sources;
      const file = this.#ownPath();
      const basis = setuidBasis(this.snapshot, file, context.host);
      this.#setuid = basis === undefined ? null : { basis, owner: knowledge.unowned.check(file) };
    }
    return this.#setuid;
  }

  /** The script, if one runs, and the program. */
  #ownFiles(): string[] {
    const program = this.#ownPath();
    return [...new Set([this.#ownScript() ?? program, program])];
  }

  #ownPath(): string {
    const { entry, image } = this.snapshot;
    return executableOf(this.#sources.context.host, entry, image).path;
  }

  #parentPath(): string | undefined {
    let parent: string | undefined;
    visitAncestors(this.snapshot, (entry, image) => {
      parent = image && executableOf(this.#sources.context.host, entry, image).path;
      return true;
    });
    return parent;
  }

  #ownScript(): string | null {
    const { context, table } = this.#sources;
    this.#script ??= peekScriptPath(context.host, this.snapshot.entry, this.#ownPath(), table) ?? null;
    return this.#script;
  }

  /** Whether the event has the environment: of a package tool, of a script of a package, and of all that these run. */
  #hasEnvironment(): boolean {
    const { transaction, lifecycle } = this.snapshot;
    return (
      transaction !== undefined ||
      lifecycle !== undefined ||
      isPackageTool(this.#ownPath()) ||
      isInDpkgDirectory(this.#ownScript() ?? '')
    );
  }

  /** Whether arguments or variables of a package tool may name configuration files. */
  #namesConfiguration(): boolean {
    const { image } = this.snapshot;
    const executable = this.#ownPath();
    const name = (image.program && programFields(image, executable)?.name) ?? nameOf(executable);
    if (!configurationTools.has(name)) return false;
    const { args, argsTruncated, start } = image;
    if (args === undefined || argsTruncated || start === undefined || start.environmentTruncated) return true;
    return namedFiles(name, args, environmentOf(start)).length > 0;
  }

  /** Null and undefined as in `#readCheapField`. */
  #readVariables(): FieldValue | null {
    if (!this.#hasEnvironment()) return null;
    const { start } = this.snapshot.image;
    if (start === undefined || start.environmentTruncated) return undefined;
    const { variables } = selectVariables(environmentOf(start));
    return variables.length === 0 ? null : variables;
  }

  /**
   * Reads the fields that most rules ask for first, without reading /proc. Null: the field is absent; undefined: only
   * the event has it.
   */
  #readCheapField(field: string): FieldValue | null {
    const { snapshot } = this;
    const { image } = snapshot;
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
        return snapshot.entry.pid;
      case 'process.executable':
        return this.#ownPath();
      case 'process.name':
        return nameOf(this.#ownPath());
      case 'process.parent.executable':
        return this.#parentPath();
      case 'process.parent.name': {
        const executable = this.#parentPath();
        return executable === undefined ? undefined : nameOf(executable);
      }
      case 'process.args':
        return image.argsTruncated ? undefined : image.args;
      case 'process.env_vars':
        return this.#readVariables();
      case 'stepparent.named_configuration.commands':
        return this.#namesConfiguration() ? undefined : null;
      case 'stepparent.exec.filename':
        return image.filename;
      case 'stepparent.program.name':
        return (image.program && programFields(image, this.#ownPath())?.name) ?? null;
      case 'stepparent.program.path':
        return (image.program && programFields(image, this.#ownPath())?.path) ?? null;
      case 'stepparent.script.path':
        return this.#ownScript();
      case 'stepparent.script.copy_of': {
        const file = this.#ownScript();
        return file === null ? null : (this.#originalOf(file).value ?? null);
      }
      case 'stepparent.genuine.process':
        return this.#sources.knowledge.tools.genuineProcess(snapshot) ?? null;
      case 'stepparent.lifecycle_script.manager':
        return snapshot.lifecycle?.script.manager ?? null;
      case 'stepparent.lifecycle_script.depth':
        return snapshot.lifecycle?.depth ?? null;
      case 'stepparent.unowned_program.path':
        return this.#askOwners().some(({ value }) => value?.isOwned === false) ? undefined : null;
      case 'stepparent.setuid_program.path':
        return countsAsSetuid(this.#askSetuid()?.owner.value) ? undefined : null;
      case 'stepparent.transaction.id':
      case 'stepparent.transaction.executable':
        return snapshot.transaction === undefined ? null : undefined;
      case 'stepparent.script.state':
        // Only runs of maintainer scripts have a state, and their events are built before a rule reads a field.
        return null;
      default:
        return undefined;
    }
  }
}

/**
 * Whether a package tool of the host was above the process at the exec, without a script of a package in between: such
 * scripts run what they like.
 */
function isRunByTool(snapshot: ExecSnapshot, host: Host, tools: PackageKnowledge['tools']): boolean {
  const { entry, image, lifecycle, timeNs, transaction } = snapshot;
  // The cheap tests come first: they dismiss most execs on a host.
  if (transaction === undefined || lifecycle !== undefined || transaction.image === image) return false;
  const { root, image: toolImage } = transaction;
  // The event may have waited for its arguments, and the tool may have ended since.
  const endNs = transaction.endNs ?? root.endNs ?? (root.ended ? 0 : Number.POSITIVE_INFINITY);
  if (endNs < timeNs || !sharesRoot(entry, image)) return false;
  // Each question reads the lists of all packages: other users could ask without end.
  if ((startCredentials(entry, image)?.userId ?? 0) !== 0) return false;
  const tool = executableOf(host, root, toolImage).path;
  if (!isSystemPath(tool) || !isPackageTool(tool)) return false;
  if (tools.genuineProcess({ entry: root, image: toolImage }) === false) return false;
  let isBelowScript = false;
  visitAncestors(snapshot, (ancestor) => {
    // What a script executes after some thousand programs does not belong to it any more.
    isBelowScript = ancestor.lifecycle !== undefined;
    return isBelowScript || ancestor === root;
  });
  return !isBelowScript;
}

/** Path of the script that the process runs; undefined: no script, or not known. */
function scriptThatRuns(
  host: Host,
  { entry, image }: ExecSnapshot,
  { process: { executable, args, working_directory }, mapped }: DescribedActor,
): string | undefined {
  if (executable === undefined) return undefined;
  return scriptPath(host, entry, {
    executable,
    mapped,
    program: image.program,
    args: (args ?? []) as readonly string[],
    workingDirectory: working_directory,
  });
}

/** What the configuration files that a package tool of root is given make it run; undefined: nothing, or none was given. */
function namedConfiguration(
  { entry, image }: ExecSnapshot,
  process: DescribedActor['process'],
  host: Host,
): StepparentEvent['stepparent']['named_configuration'] {
  const { name, executable = '', args = [], env_vars: variables = [], working_directory: directory } = process;
  const tool = (image.program && programFields(image, executable)?.name) ?? name;
  // Other users cannot change packages, and could have the agent read without end.
  if (tool === undefined || process.user?.id !== '0') return undefined;
  const root = sharesRoot(entry, image) ? '' : `/proc/${entry.pid}/root`;
  const files = namedFiles(tool, args as readonly string[], variables as readonly string[]);
  const commands = namedCommands(files, (file) => host.open(`${root}${path.resolve(directory ?? '/', file)}`));
  return commands.length === 0 ? undefined : { commands };
}

/** Builds the event without the slow answers. Reads /proc for processes that were not read yet. */
function observeAll(
  snapshot: ExecSnapshot,
  { table, context, knowledge: { tools, ancestorScripts, namedCallers } }: ExecSources,
  originalOf: ScriptCopies['originalOf'],
  withEnvironment: boolean,
): Omit<Observation, 'owners' | 'setuid'> {
  const { entry, image, timeNs } = snapshot;
  const actor = describeActor(snapshot, table, context, withEnvironment);
  const { process, container, stepparent, notes } = actor;
  const script = scriptThatRuns(context.host, snapshot, actor);
  const lifecycle = snapshot.lifecycle && describeLifecycle(snapshot.lifecycle, process.args, notes);
  const isManager = isPackageManager(image);
  const configuration = namedConfiguration(snapshot, process, context.host);
  return {
    genuine: tools.genuine(snapshot, actor.leaders),
    copy: script !== undefined && sharesRoot(entry, image) ? originalOf(script) : undefined,
    scripts: isManager ? ancestorScripts.above(snapshot, stepparent.lineage ?? []) : [],
    callers: isManager ? namedCallers.of(snapshot, (process.env_vars ?? []) as readonly string[], timeNs) : undefined,
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
      ...(container && { container }),
      stepparent: {
        exec: { filename: image.filename },
        ...stepparent,
        ...(configuration && { named_configuration: configuration }),
        ...(isManager && stepparent.systemd && { systemd: withTimer(stepparent.systemd, context.host) }),
        ...(lifecycle === undefined ? {} : { lifecycle_script: lifecycle }),
        ...(script === undefined ? {} : { script: { path: script } }),
        ...(snapshot.transaction && { transaction: describeTransaction(snapshot.transaction, context) }),
        ...notesOf(notes),
      },
    },
  };
}

/** The event with the answers that are known by now. */
function withAnswers(observation: Observation): StepparentEvent {
  const { document: observed, genuine, copy, scripts, callers, owners, setuid } = observation;
  const { fields, inferred, verified } = genuine();
  const called = callers === undefined ? observed : withNamedCallers(observed, callers);
  const document = withSetuid(withUnowned(called, owners), setuid);
  const { process, stepparent } = withVerified(withAncestorScripts(document, scripts), verified);
  return {
    ...document,
    ...(process && { process }),
    stepparent: {
      ...stepparent,
      ...(Object.keys(fields).length > 0 && { genuine: fields }),
      ...(Object.keys(inferred).length > 0 && { inferred: { ...stepparent.inferred, ...inferred } }),
      ...(copy?.value !== undefined && { script: { ...stepparent.script, copy_of: copy.value } }),
    },
  };
}

/**
 * The event with the script or program that no package owns. The packages of the host say nothing of other roots, and
 * only root changes packages.
 */
function withUnowned(document: StepparentEvent, owners: readonly Answer<CheckedProgram>[]): StepparentEvent {
  if (owners.length === 0) return document;
  const { process, stepparent } = document;
  const isOnHost = stepparent.place === undefined && stepparent.unobserved?.['stepparent.place'] === undefined;
  if (!isOnHost || (process?.user?.id ?? '0') !== '0') return document;
  const unowned = owners.find(({ value }) => value?.isOwned === false)?.value;
  const isUnknown = unowned === undefined && owners.some(({ value }) => value?.isOwned === undefined);
  if (isUnknown) {
    const unobserved = { ...stepparent.unobserved, 'stepparent.unowned_program': 'database_unreadable' } as const;
    return { ...document, stepparent: { ...stepparent, unobserved } };
  }
  if (unowned === undefined) return document;
  const { path: file, sha256 } = unowned;
  const program = { path: file, ...(sha256 !== undefined && { sha256 }) };
  return { ...document, stepparent: { ...stepparent, unowned_program: program } };
}

/** Whether no package brought the program as a set-user-ID program. */
const countsAsSetuid = (owner: CheckedProgram | undefined): boolean =>
  owner?.isOwned === false || (owner?.isOwned === true && isNeverSetuid(owner.path));

/** The event with the set-user-ID program that no package brought as one. */
function withSetuid(document: StepparentEvent, setuid: SetuidRun | undefined): StepparentEvent {
  const { process, stepparent } = document;
  if (setuid === undefined || stepparent.place !== undefined) return document;
  const { user, real_user } = process ?? {};
  // It may have set its ids since. A user that was not observed counts.
  if (setuid.basis !== 'passed' && (user?.id ?? '0') !== '0') return document;
  if (setuid.basis === 'file' && real_user?.id === '0') return document;
  const owner = setuid.owner.value;
  if (owner?.isOwned === undefined) {
    const unobserved = { ...stepparent.unobserved, 'stepparent.setuid_program': 'database_unreadable' } as const;
    return { ...document, stepparent: { ...stepparent, unobserved } };
  }
  if (!countsAsSetuid(owner)) return document;
  const { path: file, isOwned, sha256 } = owner;
  const program = { path: file, owned: isOwned, ...(sha256 !== undefined && { sha256 }) };
  return { ...document, stepparent: { ...stepparent, setuid_program: program } };
}
