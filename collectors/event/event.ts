// The event: one ECS document, as rules, storage, sinks and people see it.

import type { EcsAgent, EcsContainer, EcsEvent, EcsFile, EcsGroup, EcsHost, EcsProcess, EcsUser } from '@elastic/ecs';

/** The ECS version whose field names are used; `ecs.version` in every document. */
export const ecsVersion = '9.4.0';

/** What ECS calls a process, narrowed to what a Linux host shows. Absent means not observed: `stepparent.unobserved` says so. */
export type ProcessFields = Omit<EcsProcess, 'supplemental_groups'> & { supplemental_groups?: Identity[] };

/** A user or a group. No name: /etc/passwd or /etc/group does not have the id. */
export interface Identity {
  id: string;
  name?: string;
}

/** One step of the ancestry, nearest first: the parent, its parent, up to the session root. */
export interface LineageStep {
  entity_id: string;
  pid: number;
  name?: string;
  executable?: string;
  args?: string[];
  start?: string;
  user?: { id?: string; name?: string };
  working_directory?: string;
}

/** A package manager's command line, understood by that manager's own option grammar (dpkg(1), rpm(8)). */
export interface PackageOperation {
  manager: 'dpkg' | 'rpm';
  operation:
    | 'install'
    | 'upgrade'
    | 'unpack'
    | 'configure'
    | 'remove'
    | 'purge'
    | 'query'
    | 'verify'
    | 'build'
    | 'other';
  /** Package files or package names, as given on the command line; at most 64. */
  packages: string[];
  /** The number of packages on the command line, also those past the 64 kept in `packages`. */
  packages_count: number;
  /** --root, --instdir: the tree that is changed, as given. Without the option it is not known: the environment is not read. */
  root?: string;
  /** --admindir, --dbpath: the package database, as given. */
  database?: string;
  /** --dry-run, --no-act, --simulate, --test: nothing is changed. */
  dry_run: boolean;
}

/** A script that a package brings and its manager runs (deb-postinst(5), rpm scriptlets). */
export interface LifecycleFields {
  manager: 'dpkg' | 'rpm';
  /** The script's file: of rpm a temporary one. */
  path?: string;
  package?: string;
  /** `preinst`, `postinst`, `prerm`, `postrm`, `config`; rpm does not say. */
  phase?: string;
  /** 0: the script itself; else processes below it, where a program that has taken its place counts as one. */
  depth: number;
}

/** Who really started something: the nearest ancestor that is no shell, sudo, env and the like, nor a package front end. */
export interface InitiatorFields {
  entity_id: string;
  pid: number;
  name?: string;
  /** Of an interpreter the script that it runs; `*` stands for what is new in a temporary name each time. */
  executable?: string;
  /**
   * Where it came from: `unit nginx.service`, `user unit NAME of alice`, `ssh as alice`, `session as alice`, `cron`,
   * `console as root`, `container`, `init`; `*` as above.
   */
  origin?: string;
  /** Names of the programs between it and the process, nearest first. */
  through: string[];
}

/**
 * Whether processes of the event run the distribution's own file of their name; absent: that could not be verified, or they
 * have no name of a package tool's. Parent and leaders count as they were when they forked the line that leads to the process: one
 * that took its face later, or a leader that is no ancestor, is not verified.
 */
export interface GenuineFields {
  process?: boolean;
  parent?: boolean;
  session_leader?: boolean;
  group_leader?: boolean;
}

/** A maintainer script or scriptlet: its file and its content. */
export interface ScriptFields {
  /** The script that runs, or the file that changed; also of `sh FILE`. */
  path?: string;
  sha256?: string;
  package?: string;
  /** As installed. */
  version?: string;
  phase?: string;
  /**
   * `known`: the content that this version of the package has had here; `first`: the first that was seen of this version;
   * `changed`: another one than this version has had; `unowned`: no such package is installed.
   */
  state?: 'known' | 'first' | 'changed' | 'unowned';
  /** The maintainer script with the same content, of a script that runs from elsewhere. */
  copy_of?: string;
  /** What in it persistence is made of: a name, the ATT&CK technique, the line's number from 1, and the line, cut. */
  findings?: { id: string; technique: string; line: number; text: string }[];
  /** Against the content that was known: unified, cut. */
  diff?: string;
}

/** The package transaction that something belongs to: the topmost run of a package tool among its ancestors. */
export interface TransactionFields {
  /** That process's entity_id. */
  id: string;
  /** Its program. */
  executable?: string;
}

/**
 * How the process of a file event is known, where it is:
 * - `kernel`: fanotify named it.
 * - `inferred`: fanotify named a process, and which process or program made the change is inferred from that.
 * - `only_package_manager`: no process was named; it is the only package manager that ran at that time.
 */
export type WriterSource = 'kernel' | 'inferred' | 'only_package_manager';

/**
 * How a file event came to be known whose change was not observed:
 * - `offline_diff`: the file differs from what the agent knew when it last ran.
 * - `comparison`: the file differs from what the agent knew a moment ago.
 * - `new_directory`: the file was in a directory when the agent began to watch it, just after it was made.
 * - `initial_scan`: the file was there when the agent first ran, and no installed package has it.
 */
export type FoundBy = 'offline_diff' | 'comparison' | 'new_directory' | 'initial_scan';

export interface FileChangeFields {
  /** Absent where the process is not known. */
  writer_source?: WriterSource;
  /** Of a rename: the path before it, where that was watched. */
  original_path?: string;
  /** Of a deletion: it was moved to a folder that is not watched. Absent where that was not seen. */
  moved_out?: boolean;
  /** What differs from what was known of the file: `size`, `mtime`, `ctime`, `mode`, `uid`, `gid`, `inode`. */
  changed?: string[];
  /** What was known of it, as far as it differs. */
  previous?: {
    inode?: string;
    size?: number;
    mtime?: string;
    ctime?: string;
    mode?: string;
    uid?: string;
    gid?: string;
  };
}

/**
 * `open`: delivered or on its way. `learning`: raised while learning, kept and not delivered. `capped`: over the cap, told in a
 * summary. `excepted`: hidden by an exception of the operator's, kept, counted and never delivered.
 */
export const alertStates = ['open', 'learning', 'capped', 'excepted'] as const;
export type AlertState = (typeof alertStates)[number];

/** What ECS has no word for. */
interface StepparentFields {
  /** What execve was given: may be relative, a symlink, or /dev/fd/N. `process.executable` is what that leads to. */
  exec?: { filename: string };
  /** The file that the kernel mapped: for a script its interpreter, else the same as `process.executable`. */
  image?: { path: string };
  package?: PackageOperation;
  /** The package's script that runs here, or that this program was started by, at whatever distance. */
  lifecycle_script?: LifecycleFields;
  initiator?: InitiatorFields;
  genuine?: GenuineFields;
  script?: ScriptFields;
  transaction?: TransactionFields;
  /** Of a file event: what `file` has no word for. */
  file?: FileChangeFields;
  /** How a file event came to be known whose change was not observed. */
  found?: FoundBy;
  /** Ancestors, nearest first, at most 16. */
  lineage?: LineageStep[];
  /** Who logged in (`/proc/PID/loginuid`), whatever sudo made of it; absent when nobody did. */
  login_user?: { id: string; name?: string };
  /** The innermost unit; `user`: it is one of that user's own service manager (`user@UID.service`). */
  systemd?: { unit: string; user?: { id: string; name?: string } };
  /** The controlling terminal: `pts/3`, `tty1`. */
  terminal?: string;
  /** The collector's account of itself: records lost, sensor degraded. */
  sensor?: { name: string; lost_events?: number; reason?: string };
  /** Fields that could not be read, by ECS name, each with the reason (`process ended first`, `no probe on this binary`). */
  unobserved?: Record<string, string>;
  /** Fields that were concluded, not read, by ECS name, each with what from (`parent's user`). */
  inferred?: Record<string, string>;
  /** Fields cut at a bound, by ECS name, each with the bound in bytes. */
  truncated?: Record<string, number>;
  /** Set on alerts only. */
  alert?: {
    id: string;
    /** The new_terms or alert_suppression values, in the order of the rule's fields; null where not observed. */
    terms: (string | null)[];
    /** Why this is unusual: one clause. */
    reason: string;
    state: AlertState;
    /** The exception that hid it; only with `excepted`. `expires` is absent when it never does. */
    exception?: { id: string; reason: string; owner: string; expires?: string };
  };
  /** Set on a hunt's finding only: the row that is new, by its columns. */
  hunt?: { id: string; row: Record<string, string | number | null> };
  /** Set on a summary of capped alerts only: how many of the rule in `rule.id` were kept and not sent one by one, between two times. */
  summary?: { alerts: number; from: string; to: string };
}

/** ECS `rule.*` and `threat[]` are set on alerts only. */
export interface StepparentEvent {
  '@timestamp': string;
  ecs: { version: typeof ecsVersion };
  message?: string;
  /** The rule's tags; set on alerts only. */
  tags?: string[];
  event: EcsEvent & { id: string; kind: 'event' | 'alert' };
  host: EcsHost & { id?: string; boot?: { id: string } };
  agent: EcsAgent;
  process?: ProcessFields;
  /** `process.user`; `Ext.real`, Elastic Defend's name for it, is `process.real_user`. */
  user?: EcsUser & { Ext?: { real: Identity } };
  /** The same of `process.group`. */
  group?: EcsGroup & { Ext?: { real: Identity } };
  file?: EcsFile;
  container?: EcsContainer;
  rule?: Record<string, unknown>;
  threat?: Record<string, unknown>[];
  stepparent: StepparentFields;
}

/** One value of a field, or several: ECS makes no difference between a value and a list of one. `undefined`: absent. */
export type FieldValue = undefined | string | number | boolean | readonly (string | number | boolean)[];

/**
 * Reads one field of an event by its dotted ECS name. Rules see an event only through this, so that a collector
 * may compute a field when it is first asked for: most events are dismissed after one or two fields.
 */
export type FieldReader = (field: string) => FieldValue;
