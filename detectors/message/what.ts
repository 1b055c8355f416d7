// What was done, for people: `ran dpkg to install agent_1.1.deb`, `ran agent.postinst`, `changed /var/lib/dpkg/status with vi`.

import type { PackageOperation, StepparentEvent } from '../../collectors/event/event.ts';
import { dpkgInfoDirectory } from '../../collectors/packages/tools.ts';
import { named, programText, quoted } from './shown.ts';

const commandBytes = 200;
/** The whole command is in `process.command_line`. */
const commandWords = 8;
const fileBytes = 128;

/** An exec is described while it runs, when nobody knows how it will end: it `ran`, and `installed` nothing yet. */
export function whatText(event: StepparentEvent): string {
  const { file, process, stepparent } = event;
  if (file?.path !== undefined) return fileText(event, file.path);
  const { package: operation, script } = stepparent;
  const verb = operation && operationVerbs[operation.operation];
  if (operation !== undefined && verb !== undefined) {
    return `ran ${programOf(event) ?? operation.manager} to ${verb} ${packagesText(operation)}`;
  }
  if (script?.path !== undefined) {
    const original = script.copy_of === undefined ? '' : `, a copy of ${scriptText(script.copy_of)}`;
    return `ran ${scriptText(script.path)}${original}`;
  }
  return `ran ${commandText(process)}`;
}

/** An impostor at the path of the distribution's program is marked: by its bare name it would pass for that program. */
function programOf({ process, stepparent: { genuine } }: StepparentEvent): string | undefined {
  const program = programText(process?.executable ?? process?.name);
  const path = named(process?.executable);
  return genuine?.process === false && path !== program ? `${path ?? program} (not genuine)` : program;
}

const operationVerbs: Readonly<Partial<Record<PackageOperation['operation'], string>>> = {
  install: 'install',
  upgrade: 'upgrade to',
  unpack: 'unpack',
  configure: 'configure',
  remove: 'remove',
  purge: 'purge',
};

/** Packages as they were given: files by their names alone, and how many there are more. */
function packagesText({ operation, packages, packages_count: count, root, dry_run }: PackageOperation): string {
  const [first] = packages;
  const name = first === undefined ? undefined : packageText(first);
  const none = operation === 'configure' ? 'pending packages' : 'packages';
  return [
    name ?? none,
    count > 1 ? ` and ${count - 1} more` : '',
    root === undefined || root === '/' ? '' : ` in ${named(root, fileBytes)}`,
    dry_run ? ' (dry run)' : '',
  ].join('');
}

function packageText(operand: string): string | undefined {
  const isFile = /\.(?:deb|rpm)$/.test(operand);
  if (!isFile && operand.includes('/')) return `packages in ${named(operand, fileBytes)}`;
  return named(operand.slice(operand.lastIndexOf('/') + 1), fileBytes);
}

/** The scripts in dpkg's directory are known by their names. */
const scriptText = (file: string): string | undefined =>
  named(file.startsWith(`${dpkgInfoDirectory}/`) ? file.slice(dpkgInfoDirectory.length + 1) : file, fileBytes);

function commandText(process: StepparentEvent['process']): string {
  const { args, executable, name } = process ?? {};
  const program = executable ?? name;
  if (args === undefined && program === undefined) return 'an unobserved program';
  const words = [args ?? program ?? ''].flat().map((word) => (/^[^\s']+$/.test(word) ? word : `'${word}'`));
  const shownWords = words.join(' ').split(' ');
  const line = shownWords.slice(0, commandWords).join(' ');
  return quoted(shownWords.length > commandWords ? `${line} …` : line, commandBytes);
}

function fileText(document: StepparentEvent, path: string): string {
  const { event, process, stepparent } = document;
  const action = event.action ?? 'change';
  const program = programOf(document);
  // dpkg writes a script under another name first; with its own name it is in place.
  const isDpkg = process?.name === 'dpkg' && stepparent.genuine?.process !== false;
  if (isDpkg && action === 'rename' && path.startsWith(`${dpkgInfoDirectory}/`)) {
    return `installed the script ${scriptText(path)} with ${program}`;
  }
  const verb = fileVerbs[action] ?? `did ${named(action, fileBytes)} to`;
  return [
    `${verb} ${named(path, fileBytes)}`,
    program === undefined ? '' : ` with ${program}`,
    (stepparent.found && foundTimes[stepparent.found]) ?? '',
  ].join('');
}

/** The action of a file event (`event.action`) as a verb before the path. */
export const fileVerbs: Readonly<Record<string, string>> = {
  creation: 'created',
  deletion: 'deleted',
  rename: 'renamed a file to',
  modification: 'changed',
  'attribute-change': 'changed attributes of',
};

/** When a change was made that was found later. */
const foundTimes: Readonly<Record<string, string>> = {
  offline_diff: ' while the agent was not running',
  initial_scan: ' before the agent first ran',
};
