// What was done, for people: `ran dpkg to install agent_1.1.deb`, `ran agent.postinst`, `changed /var/lib/dpkg/status with vi`.

import type {
  PackageAction,
  PackageOperation,
  StepparentEvent,
  TransactionFields,
} from '../../collectors/event/event.ts';
import { dpkgInfoDirectory } from '../../collectors/packages/tools.ts';
import { durationText, unitMs } from '../duration.ts';
import { named, programText, quoted } from './shown.ts';

const commandBytes = 200;
/** The whole command is in `process.command_line`. */
const commandWords = 8;
const fileBytes = 128;
const versionBytes = 48;

/** An exec is described while it runs, when nobody knows how it will end: it `ran`, and `installed` nothing yet. */
export const whatText = (event: StepparentEvent): string => textOf(event, false);

/** The same in fewer words, for a table: without the usual package tool, and scripts of dpkg by their names. */
export const briefWhatText = (event: StepparentEvent): string => textOf(event, true);

function textOf(event: StepparentEvent, isBrief: boolean): string {
  const { file } = event;
  if (file?.path !== undefined) return fileText(event, file.path, isBrief);
  return `${deedText(event, isBrief)}${rootText(event)}`;
}

/** Of a container the subject of the message says it. */
function rootText({ stepparent: { place } }: StepparentEvent): string {
  if (place === undefined || place.root === '/' || place.kind === 'container') return '';
  if (place.root === undefined) return ' in a chroot';
  return ` in the ${place.kind === 'chroot' ? 'chroot' : 'root directory'} ${named(place.root, fileBytes)}`;
}

function deedText(event: StepparentEvent, isBrief: boolean): string {
  const { destination, process, stepparent } = event;
  if (destination !== undefined) return connectionText(event, destination);
  const { gap, package: operation, script, transaction } = stepparent;
  if (gap !== undefined) return gapText(gap, isBrief);
  if (transaction?.manager !== undefined) return transactionText(event, transaction, isBrief);
  if (transaction?.survivors !== undefined) return survivorsText(event, transaction);
  const verb = operation && operationVerbs[operation.operation];
  if (operation !== undefined && verb !== undefined) {
    const program = programOf(event) ?? operation.manager;
    const deed = `${verb} ${packagesText(operation)}`;
    return isBrief && program === operation.manager ? deed : `ran ${program} to ${deed}`;
  }
  if (script?.path !== undefined) {
    const original = script.copy_of === undefined ? '' : `, a copy of ${scriptText(script.copy_of)}`;
    return `ran ${scriptText(script.path)}${original}`;
  }
  return `ran ${commandText(process)}`;
}

const gapCauses = {
  stopped: 'since it was stopped',
  killed: 'since it was killed or ended by itself',
  rebooted: 'since before the boot of the host',
} as const;

/** `started the agent, which had not run for 12 minutes since it was stopped`; in brief `agent stopped, off 12 minutes`. */
function gapText({ reason, seconds }: NonNullable<StepparentEvent['stepparent']['gap']>, isBrief: boolean): string {
  const unit = [unitMs.d, unitMs.h, unitMs.m].find((ms) => seconds * 1000 >= 2 * ms) ?? unitMs.s;
  const length = durationText(Math.round((seconds * 1000) / unit) * unit);
  if (isBrief) return `${reason === 'rebooted' ? 'host' : 'agent'} ${reason}, off ${length}`;
  return `started the agent, which had not run for ${length} ${gapCauses[reason]}`;
}

/**
 * A copy is named with its original. An impostor at the path of the distribution's program is marked: by its bare name it
 * would pass for that program.
 */
function programOf({ process, stepparent: { genuine, program: recognized } }: StepparentEvent): string | undefined {
  if (recognized !== undefined) {
    const isSame = recognized.recognized_by === 'same_file';
    const original = programText(recognized.path);
    const file = named(recognized.argument ?? process?.executable);
    return `${file} (${isSame ? original : `a copy of ${original}`})`;
  }
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

/** A transaction is described when it has ended, so that its result is known. */
function transactionText(event: StepparentEvent, transaction: TransactionFields, isBrief: boolean): string {
  const { packages = [], packages_count: count = 0, root, test, manager } = transaction;
  const [first] = packages;
  if (first === undefined && (transaction.held ?? transaction.released) !== undefined) {
    return selectionText(event, transaction);
  }
  const { plain, past, before = ' ' } = transactionVerbs[first?.action ?? 'change'];
  const what = [
    first === undefined ? 'packages' : (named(first.name, fileBytes) ?? 'a package'),
    first?.version === undefined ? '' : `${before}${named(first.version, versionBytes)}`,
    count > 1 ? ` and ${count - 1} more` : '',
    root === undefined || root === '/' ? '' : ` in ${named(root, fileBytes)}`,
  ].join('');
  const program = programOf(event) ?? manager;
  // The program is then the subject of the sentence.
  const { initiator } = event.stepparent;
  const isOwn = initiator !== undefined && initiator.entity_id === event.process?.entity_id;
  const by = isOwn || (isBrief && program === manager) ? '' : ` with ${program}`;
  if (test === true) return `tested${by} to ${plain} ${what}`;
  if (first === undefined || first.applied === true) return `${past} ${what}${by}`;
  return `${event.event.outcome === 'unknown' ? 'began' : 'failed'} to ${plain} ${what}${by}`;
}

/** `put cron 1.2 on hold with dpkg`, `released cron 1.2 from hold with dpkg`. */
function selectionText(event: StepparentEvent, { held, released = [] }: TransactionFields): string {
  const [first = '', ...more] = held ?? released;
  const words = first.split(' ').map((word) => named(word, fileBytes));
  const what = `${words.join(' ')}${more.length > 0 ? ` and ${more.length} more` : ''}`;
  const by = `with ${programOf(event) ?? 'dpkg'}`;
  return held === undefined ? `released ${what} from hold ${by}` : `put ${what} on hold ${by}`;
}

/** `before`: what stands before the version. */
const transactionVerbs: Readonly<Record<PackageAction | 'change', { plain: string; past: string; before?: string }>> = {
  install: { plain: 'install', past: 'installed' },
  upgrade: { plain: 'upgrade', past: 'upgraded', before: ' to ' },
  downgrade: { plain: 'downgrade', past: 'downgraded', before: ' to ' },
  reinstall: { plain: 'reinstall', past: 'reinstalled' },
  remove: { plain: 'remove', past: 'removed' },
  change: { plain: 'change', past: 'changed' },
};

function packageText(operand: string): string | undefined {
  const isFile = /\.(?:deb|rpm)$/.test(operand);
  if (!isFile && operand.includes('/')) return `packages in ${named(operand, fileBytes)}`;
  return named(operand.slice(operand.lastIndexOf('/') + 1), fileBytes);
}

/** The agent sees the attempt, and not whether the other end answered. */
function connectionText(event: StepparentEvent, { ip, port }: NonNullable<StepparentEvent['destination']>): string {
  const { lifecycle_script: script } = event.stepparent;
  const program = programOf(event);
  return [
    `opened a connection to ${named(ip)} port ${port}`,
    program === undefined ? '' : ` with ${program}`,
    script?.path === undefined ? '' : ` from ${scriptText(script.path)}`,
  ].join('');
}

function survivorsText(
  event: StepparentEvent,
  { survivors = [], survivors_count: count = 0 }: TransactionFields,
): string {
  const [first] = survivors;
  const name = programText(first?.executable ?? first?.name) ?? 'an unobserved program';
  const more = count > 1 ? ` and ${count - 1} more` : '';
  return `left ${name}${more} running after ${programOf(event) ?? 'a package transaction'}`;
}

/** The scripts in dpkg's directory are known by their names. */
const scriptText = (file: string): string | undefined =>
  named(file.startsWith(`${dpkgInfoDirectory}/`) ? file.slice(dpkgInfoDirectory.length + 1) : file, fileBytes);

const briefPathChars = 24;

/** Of a long path the last name. */
function briefPath(file: string): string | undefined {
  const script = scriptText(file);
  if (script === undefined || script.length <= briefPathChars) return script;
  return `…/${named(file.slice(file.lastIndexOf('/') + 1), fileBytes)}`;
}

function commandText(process: StepparentEvent['process']): string {
  const { args, executable, name } = process ?? {};
  const program = executable ?? name;
  if (args === undefined && program === undefined) return 'an unobserved program';
  const words = [args ?? program ?? ''].flat().map((word) => (/^[^\s']+$/.test(word) ? word : `'${word}'`));
  const shownWords = words.join(' ').split(' ');
  const line = shownWords.slice(0, commandWords).join(' ');
  return quoted(shownWords.length > commandWords ? `${line} …` : line, commandBytes);
}

function fileText(document: StepparentEvent, path: string, isBrief: boolean): string {
  const { event, process, stepparent } = document;
  const action = event.action ?? 'change';
  const program = programOf(document);
  if (action === 'script-read') return readText(document, path);
  // dpkg writes a script under another name first; with its own name it is in place.
  const isDpkg = process?.name === 'dpkg' && stepparent.genuine?.process !== false;
  if (isDpkg && action === 'rename' && path.startsWith(`${dpkgInfoDirectory}/`)) {
    return isBrief ? `installed ${scriptText(path)}` : `installed the script ${scriptText(path)} with ${program}`;
  }
  const verb = fileVerbs[action] ?? `did ${named(action, fileBytes)} to`;
  const script = stepparent.sources === undefined ? undefined : stepparent.lifecycle_script?.path;
  return [
    `${verb} ${isBrief ? briefPath(path) : named(path, fileBytes)}`,
    program === undefined ? '' : ` with ${program}`,
    script === undefined ? '' : ` from ${scriptText(script)}`,
    (stepparent.found && foundTimes[stepparent.found]) ?? '',
  ].join('');
}

/** `read cron.postinst into dash`, `read cron.postinst into dash through cat`. */
function readText(document: StepparentEvent, path: string): string {
  const { read, inferred } = document.stepparent;
  const through = read === undefined || read.by === 'interpreter' ? undefined : programOf(document);
  const doubt = inferred?.['stepparent.read.interpreter'] === undefined ? '' : ', probably';
  return [
    `read ${scriptText(path)}${doubt} into ${programText(read?.interpreter.executable) ?? 'an unobserved interpreter'}`,
    through === undefined ? '' : ` through ${through}`,
  ].join('');
}

/** The action of a file event (`event.action`) as a verb before the path. */
export const fileVerbs: Readonly<Record<string, string>> = {
  creation: 'created',
  deletion: 'deleted',
  rename: 'renamed a file to',
  modification: 'changed',
  'attribute-change': 'changed attributes of',
  'script-read': 'read',
  'tracing-changed': 'changed',
  'tracing-read': 'read records from',
};

/** When a change was made that was found later. */
const foundTimes: Readonly<Record<string, string>> = {
  offline_diff: ' while the agent was not running',
  initial_scan: ' before the agent first ran',
};
