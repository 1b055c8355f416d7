// Finds the interpreter that got the content of a script which a process read: the process itself, or one that reads its
// output.

import path from 'node:path';
import type { InferredBasis } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import { shebangInterpreter } from '../proc/script-of-interpreter.ts';
import { executableOf } from '../process/executable.ts';
import { isInterpreter, parseInterpreterRun } from '../process/interpreters.ts';
import type { Image, ProcessEntry, ProcessSnapshot } from '../process/process.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { knownPathOf } from '../process/program-name.ts';
import { isPipe, readDescriptor, type ScriptAccess } from './script-access.ts';

/** The interpreter that got the content. */
export interface FoundInterpreter {
  /** `interpreter`: it read the script itself. `pipe`: it reads the output of the process that did. */
  by: 'interpreter' | 'pipe';
  interpreter: ProcessSnapshot;
  /** Why it is a conclusion; absent: the two ends of the pipe were observed. */
  inferredFrom?: InferredBasis;
}

/** The parts of the agent that the search reads. */
export interface FindInterpreterDeps {
  host: Host;
  table: Pick<ProcessTable, 'aliveSince' | 'peekArgs'>;
}

/** How an interpreter gets the commands that it runs. */
interface Commands {
  /**
   * `input`: from a descriptor that it inherited. `script`, `code`: from its arguments. `unknown`: the arguments were
   * not observed.
   */
  from: 'input' | 'script' | 'code' | 'unknown';
  /** The descriptor of `input`, usually 0. */
  descriptor: number;
  /** The script as the arguments name it. */
  script?: string;
  /** It opens files for the programs that it starts. */
  isShell: boolean;
}

/** The search over the processes as they are now. */
export interface InterpreterSearch {
  /** Where the interpreter takes its commands from; undefined: the process is no interpreter. */
  commandsOf(process: ProcessSnapshot): Commands | undefined;
  /**
   * The interpreter that got the content. `'output'`: none was found, and the process may pass the content on.
   * Undefined: the content stays in the process, or the process runs the script as every script is run.
   */
  find(entry: ProcessEntry, access: ScriptAccess): FoundInterpreter | 'output' | undefined;
}

/** How many generations above the reader, and below a process there, are searched. */
const maxGenerations = 3;
/** The processes of a pipeline are forked within some milliseconds. */
const pipelineNs = 500e6;
/** How long before its access was handled a shell with a redirected input may have been executed. */
const redirectedNs = 1e9;

/** A script argument that names an inherited descriptor. */
const descriptorName = /^\/(?:dev\/stdin|(?:dev|proc\/(?:thread-)?self)\/fd\/(\d{1,4}))$/;

/** Creates the search. */
export function createInterpreterSearch({ host, table }: FindInterpreterDeps): InterpreterSearch {
  const argsOf = (entry: ProcessEntry, image: Image): readonly string[] | undefined =>
    image === entry.image ? table.peekArgs(entry)?.args : (image.args ?? image.attemptArgs?.args);

  const commandsOf: InterpreterSearch['commandsOf'] = ({ entry, image }) => {
    if (image === undefined) return undefined;
    const { path: ownPath } = executableOf(host, entry, image);
    // A copy of an interpreter is one, whatever its name.
    const executable = knownPathOf(image, ownPath);
    if (!isInterpreter(executable)) {
      const interpreter = shebangInterpreter(host, ownPath);
      if (interpreter === undefined) return undefined;
      // Behind env(1) it is any interpreter.
      const isShell = parseInterpreterRun(interpreter, [])?.isShell ?? true;
      return { from: 'script', descriptor: 0, script: ownPath, isShell };
    }
    const args = argsOf(entry, image);
    if (args === undefined) {
      return { from: 'unknown', descriptor: 0, isShell: parseInterpreterRun(executable, [])?.isShell ?? true };
    }
    const run = parseInterpreterRun(executable, args);
    if (run === undefined) return undefined;
    const { isShell, readsInput } = run;
    const [script] = run.script;
    if (script === undefined) return { from: readsInput ? 'input' : 'code', descriptor: 0, isShell };
    const descriptor = descriptorName.exec(script);
    if (descriptor !== null) return { from: 'input', descriptor: Number(descriptor[1] ?? 0), isShell };
    return { from: 'script', descriptor: 0, script, isShell };
  };

  /** Whether the program is the script itself, or an interpreter that was given it as its script: that is an exec. */
  const runsFile = (entry: ProcessEntry, image: Image | undefined, file: string): boolean => {
    if (image === undefined) return false;
    const { path: executable } = executableOf(host, entry, image);
    if (executable === file) return true;
    const isRun = isInterpreter(knownPathOf(image, executable));
    const { script } = isRun ? (commandsOf({ entry, image }) ?? {}) : {};
    if (script === undefined) return false;
    const directory = path.isAbsolute(script)
      ? '/'
      : (table.peekArgs(entry)?.workingDirectory() ?? entry.details?.workingDirectory);
    if (directory === undefined) return false;
    const absolute = path.resolve(directory, script);
    return (host.realPath(absolute) ?? absolute) === file;
  };

  /** A process that reads the output of the reader, or was started together with it and may do so. */
  const readerOfOutput = (reader: ProcessEntry, { seen, atNs }: ScriptAccess): FoundInterpreter | undefined => {
    const output = seen?.output;
    const above = ancestry(reader);
    let started: FoundInterpreter | undefined;
    for (const entry of table.aliveSince(reader.startNs)) {
      const { image } = entry;
      // A fork that executed nothing runs the code of its parent.
      if (image === undefined || image === entry.parentImageAtFork || above.includes(entry)) continue;
      const relation = relationOf(entry, above);
      if (relation === undefined || !isInterpreter(knownPathOf(image, executableOf(host, entry, image).path))) continue;
      const process = { entry, image };
      const commands = commandsOf(process);
      if (commands?.from !== 'input') continue;
      const input = entry.ended ? undefined : readDescriptor(host, entry.pid, commands.descriptor);
      if (input !== undefined && input === output) return { by: 'pipe', interpreter: process };
      const mayRead = (input === undefined || isPipe(input)) && (output === undefined || isPipe(output));
      const isTogether = relation.isNear && relation.apartNs <= pipelineNs && entry.startNs <= atNs + pipelineNs;
      if (mayRead && isTogether) started ??= { by: 'pipe', interpreter: process, inferredFrom: 'started_together' };
    }
    return started;
  };

  return {
    commandsOf,
    find(entry, access) {
      const { path: file, read, seen, atNs } = access;
      const { image, formerImage } = entry;
      if (runsFile(entry, image, file) || runsFile(entry, formerImage, file)) return undefined;
      const self = (own: Image | undefined): FoundInterpreter => ({
        by: 'interpreter',
        interpreter: { entry, image: own },
      });
      const passedOn = (): FoundInterpreter | 'output' | undefined => {
        const found = readerOfOutput(entry, access);
        if (found !== undefined) return found;
        return seen?.output === undefined || isPipe(seen.output) ? 'output' : undefined;
      };
      const commands = commandsOf({ entry, image });
      if (commands === undefined) {
        // The program may have taken the place of the interpreter that read the script, or of a shell that opened it.
        const isFormer = formerImage !== undefined && executableOf(host, entry, formerImage).path === seen?.executable;
        const program = isFormer ? knownPathOf(formerImage, seen.executable) : seen?.executable;
        const readItself = read && program !== undefined && seen?.input !== file && isInterpreter(program);
        return readItself ? self(formerImage ?? image) : passedOn();
      }
      // A shell opens files for the programs that it starts. Other interpreters may map a file instead of reading it.
      if (!read && commands.isShell) return undefined;
      if (seen?.input !== file) return self(image);
      // `sh <SCRIPT` runs the script. Others get it as data: a loop in a shell, or a program of another interpreter.
      const isNew = (image?.execNs ?? 0) >= atNs - redirectedNs;
      return commands.from === 'input' && isNew ? self(image) : passedOn();
    },
  };
}

/** The process and its nearest ancestors. */
function ancestry(entry: ProcessEntry): ProcessEntry[] {
  const chain = [entry];
  for (let above = entry.parent; above && chain.length <= maxGenerations; above = above.parent) chain.push(above);
  return chain;
}

/** How two processes of one pipeline may be related. */
interface Relation {
  /** Time between the starts of the two members of the pipeline that are, or started, the processes. */
  apartNs: number;
  /** The member on the side of the reader is the reader itself. */
  isNear: boolean;
}

/** The relation of a process to the reader, which is the first in `chain`. Undefined: they belong to no common pipeline. */
function relationOf(entry: ProcessEntry, chain: readonly ProcessEntry[]): Relation | undefined {
  let member = entry;
  for (let generation = 0; generation < maxGenerations && member.parent !== undefined; generation++) {
    const index = chain.indexOf(member.parent);
    const other = chain[Math.max(0, index - 1)];
    if (index >= 0 && other !== undefined) {
      return { apartNs: Math.abs(member.startNs - other.startNs), isNear: index <= 1 };
    }
    member = member.parent;
  }
  return undefined;
}
