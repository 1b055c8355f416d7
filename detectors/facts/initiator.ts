// Finds the initiator of an event: the nearest ancestor that is not a wrapper, such as sudo, env or a shell.

import path from 'node:path';
import type { InitiatorFields, LineageStep, StepparentEvent } from '../../collectors/event/event.ts';
import type { InferredBasis, UnobservedReason } from '../../collectors/event/reasons.ts';
import { namesOf, toolsOf } from '../../collectors/packages/tools.ts';
import { parseInterpreterRun } from '../../collectors/process/interpreters.ts';

/** Directories of the distribution's programs. The last two hold Ubuntu's sudo and coreutils written in Rust. */
const systemDirectory = /^\/(?:(?:usr\/)?s?bin|usr\/lib\/cargo\/bin(?:\/coreutils)?)\/([^/]+)$/;

/** The same, with the directories of daemons' helper programs, such as `/usr/lib/openssh/sshd-session`. */
const daemonDirectory = /^\/(?:usr\/)?(?:s?bin|lib(?:exec|64)?)\/(?:.*\/)?([^/]+)$/s;

const words = (text: string): string[] => text.trim().split(/\s+/);

/** The package tools that are wrappers; a tool that installs by itself or at a request over D-Bus is not one. */
const wrapperTools = toolsOf('manager', 'front end', 'wrapper');

/**
 * Programs that only start the program that their caller names. A program counts only if it is in a system directory.
 */
const wrappers: ReadonlySet<string> = new Set([
  ...words(`
    sudo sudo-rs sudo.ws su su-rs doas pkexec runuser setpriv capsh newgrp sg runcon
    env nohup timeout xargs nice ionice chrt taskset numactl prlimit choom setarch linux32 linux64 setsid stdbuf time watch
    flock script find parallel start-stop-daemon systemd-run systemd-inhibit systemd-cat dbus-run-session
    unshare nsenter chroot tmux screen
  `),
  ...namesOf(wrapperTools),
]);

/** Package tools with paths of their own. */
const wrapperPaths: ReadonlySet<string> = new Set(wrapperTools.flatMap(({ paths = [] }) => paths));

/** The dynamic linker, by its links and its file. If it is executed directly, it runs its argument. */
const dynamicLinker =
  /^\/(?:usr\/)?lib(?:32|64|x32)?\/(?:[\w-]+\/)?(?:ld(?:-linux[\w-]*|64)?|ld-musl-\w+|ld-[\d.]+)\.so(?:\.\d+)?$/;
const linkerOptionsWithValue = new Set(
  words('--library-path --inhibit-rpath --audit --preload --argv0 --glibc-hwcaps-prepend --glibc-hwcaps-mask'),
);

type LoginKind = 'ssh' | 'cron' | 'console';

/** Programs that start the sessions and jobs of users. */
const loginDaemons: readonly (readonly [kind: LoginKind, names: ReadonlySet<string>])[] = [
  ['ssh', new Set(words('sshd sshd-session dropbear'))],
  ['cron', new Set(words('cron crond atd anacron fcron'))],
  [
    'console',
    new Set(
      words('login agetty getty mingetty gdm gdm3 gdm-session-worker sddm sddm-helper lightdm xdm lxdm slim greetd ly'),
    ),
  ],
];

/** Parts of a script's path that change with each run: with them in its name, every run would have a new initiator. */
const changingNames: readonly (readonly [RegExp, string])[] = [
  [/(?<=\/ansible-tmp-)[\d.-]+(?=\/)/, '*'],
  [/(?<=\/rpm-tmp\.)\w{6}$/, '*'],
  // mktemp(1)
  [/(?<=\/tmp\.)[A-Za-z0-9]{10}(?=\/|$)/, '*'],
];

/** `stepparent.initiator.executable` in the form that is compared: with `*` for the parts that change with each run. */
export const stableExecutable = (file: string): string =>
  changingNames.reduce((name, [pattern, by]) => name.replace(pattern, by), file);

/** `stepparent.initiator.origin` in the form that is compared. */
export const stableOrigin = (origin: string): string =>
  origin.replace(/(?<=^(?:user )?unit )\S+/, (unit) => stableUnit(unit));

/** Whether the text has the form of an origin that `originOf` returns. */
export const isOrigin = (text: string): boolean =>
  /^(?:container|init|cron|unit \S+|user unit \S+ of .+|\S+ as .+)$/s.test(text);

/**
 * An initiator's executable or origin without the `*` that `stableExecutable` and `stableOrigin` write, and without the
 * name of a unit.
 */
export const withoutStableStars = (text: string): string =>
  text.replace(/(?<=\/ansible-tmp-)\*(?=\/)|(?<=\/rpm-tmp\.)\*$|(?<=\/tmp\.)\*(?=\/|$)|(?<=^(?:user )?unit )\S+/g, '');

/** PATH_MAX: a longer text is not a path. */
const maxPathBytes = 4096;
/**
 * Depth to which commands such as `ld.so ld.so ...` are resolved; below it the program counts as the command line names
 * it.
 */
const maxNested = 4;

/** The initiator, or why it was not found. */
export interface FoundInitiator {
  initiator?: InitiatorFields;
  /** Reasons by field name. */
  unobserved: Record<string, UnobservedReason>;
  inferred: Record<string, InferredBasis>;
}

/** The part of an event that its initiator is derived from. */
export type InitiatedEvent = Pick<StepparentEvent, 'process' | 'container'> & {
  stepparent: Pick<StepparentEvent['stepparent'], 'lineage' | 'login_user' | 'systemd' | 'truncated'>;
};

const field = 'stepparent.initiator';

/** Finds the initiator from the event, without reading the host. Undefined: the event has no process. */
export function findInitiator(event: InitiatedEvent): FoundInitiator | undefined {
  if (event.process === undefined) return undefined;
  const lineage = event.stepparent.lineage ?? [];
  const found: FoundInitiator = { unobserved: {}, inferred: {} };
  const unobserved = (reason: UnobservedReason): FoundInitiator => {
    found.unobserved[field] = reason;
    return found;
  };
  /** The programs of the ancestors that were checked so far: all but the last are wrappers. */
  const programs: Program[] = [];

  const first = lineage.findIndex((step) => {
    const { program } = ancestorOf(step);
    programs.push(program);
    return !program.wraps;
  });
  const seen = first === -1 ? lineage.length : first;
  if (lineage.length === 0) return unobserved('parent_unobserved');
  if (first === -1 && event.stepparent.truncated?.['stepparent.lineage'] !== undefined) {
    return unobserved('only_wrappers');
  }
  // A service manager only runs the command of a unit, so the initiator is the first program of that unit.
  const isTopmost = seen > 0 && (first === -1 || isServiceManager(lineage[first]));
  const index = isTopmost ? seen - 1 : seen;
  const step = lineage[index];
  const program = programs[index];
  if (step === undefined || program?.path === undefined) {
    return unobserved('ancestor_exited');
  }

  const uncertainty = programs.slice(0, index + 1).find(({ uncertainty }) => uncertainty !== undefined)?.uncertainty;
  if (uncertainty !== undefined) found.inferred[field] = uncertainty;
  const executable = stableExecutable(program.path);
  const origin = originOf(event, lineage, index);
  if (origin === undefined) found.unobserved[`${field}.origin`] = 'user_and_unit_unobserved';
  found.initiator = {
    entity_id: step.entity_id,
    pid: step.pid,
    name: path.basename(executable),
    executable,
    ...(origin === undefined ? {} : { origin }),
    wrappers: lineage.slice(0, index).map(({ name, executable = '' }) => name ?? path.basename(executable)),
  };
  return found;
}

/** The program that an ancestor really runs: a script instead of its interpreter. */
interface Program {
  /** Undefined: not observed. */
  path: string | undefined;
  /** The program is a wrapper: it only runs the command that its parent names. */
  wraps: boolean;
  /** Why the path is inferred. */
  uncertainty?: InferredBasis;
}

const isWrapper = (file: string): boolean =>
  wrapperPaths.has(file) || wrappers.has(systemDirectory.exec(file)?.[1] ?? '');

/** The program of an ancestor and whether it is a login daemon. */
interface Ancestor {
  program: Program;
  /** Undefined: the program is not a login daemon. */
  login: LoginKind | undefined;
}

/** Events of one process share the objects of their lineage. */
const ancestors = new WeakMap<LineageStep, Ancestor>();

function ancestorOf(step: LineageStep): Ancestor {
  const known = ancestors.get(step);
  if (known !== undefined) return known;
  const ancestor = { program: findProgram(step), login: loginKind(step.executable ?? '') };
  ancestors.set(step, ancestor);
  return ancestor;
}

/** What kind of session or job the daemon of this path starts; undefined: it is no such daemon. */
export function loginKind(executable: string): LoginKind | undefined {
  const name = daemonDirectory.exec(executable)?.[1] ?? '';
  return loginDaemons.find(([, names]) => names.has(name))?.[0];
}

function findProgram({ executable, args, working_directory: directory }: LineageStep): Program {
  let file = executable;
  let line: readonly string[] | undefined = args;
  for (let nested = 0; nested < maxNested && file !== undefined; nested++) {
    const isLinker = dynamicLinker.test(file);
    const run = isLinker ? undefined : parseInterpreterRun(systemDirectory.exec(file)?.[1] ?? '', line ?? []);
    if (!isLinker && run === undefined) return { path: file, wraps: isWrapper(file) };
    const wraps = isLinker || run?.isShell === true;
    if (line === undefined) {
      return {
        path: file,
        wraps,
        uncertainty: 'args_unobserved',
      };
    }
    const rest = run?.script ?? afterLinker(line);
    const [next] = rest;
    if (next === undefined || !isPath(next)) return { path: file, wraps };
    if (!path.isAbsolute(next) && directory === undefined) {
      return { path: path.normalize(next), wraps: false, uncertainty: 'script_relative' };
    }
    file = path.resolve(directory ?? '/', next);
    line = rest;
    // From here on only the path of the script decides, not its interpreter.
    if (!isLinker) return { path: file, wraps: isWrapper(file) };
  }
  return { path: file, wraps: false };
}

/** Excludes a pipe in place of a file: `bash <(curl ...)` passes /dev/fd/63 to bash. */
const isPath = (text: string): boolean =>
  text !== '' && Buffer.byteLength(text) < maxPathBytes && !/^\/(?:dev\/(?:fd\/|std)|proc\/)/.test(text);

/** The command that the dynamic linker runs, with its arguments (ld.so(8)). */
function afterLinker(args: readonly string[]): readonly string[] {
  let index = 1;
  while (args[index]?.startsWith('--')) index += linkerOptionsWithValue.has(args[index] ?? '') ? 2 : 1;
  return args.slice(index);
}

const isServiceManager = (step: LineageStep | undefined): boolean =>
  step !== undefined && (step.pid === 1 || /^(?:\/usr)?\/lib\/systemd\/systemd$/.test(step.executable ?? ''));

/**
 * Where the initiator came from, such as `ssh as alice` or `unit cron.service`. Undefined: neither user nor unit was
 * observed.
 */
function originOf(event: InitiatedEvent, lineage: readonly LineageStep[], index: number): string | undefined {
  const { systemd, login_user } = event.stepparent;
  if (event.container !== undefined) return 'container';
  // Every program below the initiator is a wrapper, and a login daemon is not a wrapper.
  const above = lineage.findIndex((step) => ancestorOf(step).login !== undefined);
  const kind = lineage[above] && ancestorOf(lineage[above]).login;
  if (kind === 'cron') return kind;
  if (kind !== undefined) {
    const below = above === 0 ? event.process : lineage[above - 1];
    const user = userText(login_user) ?? userText(below?.user);
    return user && `${kind} as ${user}`;
  }
  const unit = systemd?.unit;
  if (unit === undefined) return event.process?.user === undefined ? undefined : 'init';
  if (systemd?.user !== undefined) return `user unit ${stableUnit(unit)} of ${userText(systemd.user)}`;
  if (/^session-.+\.scope$/.test(unit)) {
    const user = userText(login_user) ?? userText(lineage[index]?.user);
    return user && `session as ${user}`;
  }
  return /\.slice$|^init\.scope$/.test(unit) ? 'init' : `unit ${stableUnit(unit)}`;
}

const userText = (user: { id?: unknown; name?: unknown } | undefined): string | undefined =>
  user?.name !== undefined ? String(user.name) : user?.id === undefined ? undefined : `uid ${user.id}`;

/** The unit's name with `*` for the parts that change with each run: numbers of runs, connections and processes. */
function stableUnit(unit: string): string {
  const uuidOrHash = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}/g;
  const stable = unit
    .replace(uuidOrHash, '*')
    // systemd-run(1)
    .replace(/^run-(?:[ru]?[0-9a-f*]+|p\d+-i\d+)(?=\.)/, 'run-*')
    // An instance for each connection (systemd.socket(5), Accept=)
    .replace(/@\d+-(?:[\d_]+-\d+|.*:\d+-.*:\d+)(?=\.service$)/, '@*');
  return unit.endsWith('.scope') ? stable.replaceAll(/\d+/g, '*') : stable;
}
