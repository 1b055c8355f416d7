// The table of fields: one row for each field that an event or an alert can have. It is the source of the type of an
// event (event.ts), the checks of rules (event-classes.ts), SQL columns, journal fields, the Elasticsearch mapping and
// docs/fields.md.

import { inferredBases, unobservedReasons } from './reasons.ts';

/** The documents that can have a field: exec events, file events, health events, findings of hunts, or alerts only. */
export type EventKind = 'exec' | 'file' | 'health' | 'finding' | 'alert';

/** The type of a value in a document, by the Elasticsearch type of the field; a date is ISO 8601 in UTC. */
interface Values {
  keyword: string;
  wildcard: string;
  match_only_text: string;
  date: string;
  long: number;
  float: number;
  boolean: boolean;
}

interface Appearance {
  /** A list of values, or of objects. */
  list?: true;
  /** Present in every event that has the group around it. */
  required?: true;
  /**
   * The documents that can have the field. Absent: those of the group around it; at the top level `exec` and `file`.
   */
  on?: readonly EventKind[];
  /** Name of the journal field with the value. */
  journal?: string;
}

/** One field. */
export interface Row extends Appearance {
  /** `flattened`: an object whose keys are names of fields or columns, not rows of this table. */
  type: keyof Values | 'flattened';
  about: string;
  unit?: string;
  /** All possible values; of a flattened field, the possible values of its keys. */
  values?: readonly string[];
  /** A list in which null stands for a value that was not observed. */
  nullable?: true;
  /** Type of the values in a flattened field. Absent: any scalar or null. */
  holds?: keyof Values;
}

/** An object with fields of its own. Several groups may share the same `fields`. */
export interface Group extends Appearance {
  about: string;
  fields: Fields;
  /** Journal fields by the name of the row in `fields`, for rows that several groups share. */
  journalOf?: Readonly<Record<string, string>>;
}

/** Rows and groups by key. The full name of a field is its keys from the top level down, joined by dots. */
export type Fields = { readonly [name: string]: Row | Group };

const keysOf = <Table extends object>(table: Table): readonly (keyof Table)[] => Object.keys(table) as (keyof Table)[];

const always = ['exec', 'file', 'health', 'finding'] as const;
const alertOnly = ['alert'] as const;

/** A user or a group. */
const identity = {
  id: { type: 'keyword', about: 'Numeric id' },
  name: { type: 'keyword', about: 'Name in /etc/passwd or /etc/group; absent if the id has no entry' },
} as const satisfies Fields;

const processFields = {
  entity_id: { type: 'keyword', about: 'Identity of the process: boot, pid and start time' },
  pid: { type: 'long', about: 'Process id' },
  name: { type: 'keyword', about: 'File name of the executable' },
  executable: { type: 'keyword', about: 'Path of the program; for a script, of the script itself' },
  args: { type: 'keyword', list: true, about: 'Arguments, the program name first' },
  args_count: { type: 'long', about: 'Number of arguments' },
  command_line: { type: 'wildcard', about: 'Arguments joined by spaces' },
  start: { type: 'date', about: 'Start of the process' },
  working_directory: { type: 'keyword', about: 'Working directory' },
  interactive: { type: 'boolean', about: 'Whether the process has a controlling terminal' },
  user: { about: 'Effective user', fields: identity },
  real_user: { about: 'Real user', fields: identity },
  saved_user: { about: 'Saved user', fields: identity },
  group: { about: 'Effective group', fields: identity },
  real_group: { about: 'Real group', fields: identity },
  saved_group: { about: 'Saved group', fields: identity },
  supplemental_groups: { list: true, about: 'Supplementary groups, at most 64', fields: identity },
  tty: {
    about: 'Controlling terminal',
    fields: {
      char_device: {
        about: 'Its device',
        required: true,
        fields: {
          major: { type: 'long', about: 'Major number of the controlling terminal' },
          minor: { type: 'long', about: 'Minor number of the controlling terminal' },
        },
      },
    },
  },
} as const satisfies Fields;

const leaderFields = {
  ...processFields,
  same_as_process: { type: 'boolean', about: 'Whether the leader is the process itself' },
} as const satisfies Fields;

/** The properties of a file that the agent compares with the last known ones. */
const previousFields = {
  inode: { type: 'keyword', about: 'Inode number before the change' },
  size: { type: 'long', unit: 'bytes', about: 'Size before the change' },
  mtime: { type: 'date', about: 'Last change of the content before this one' },
  ctime: { type: 'date', about: 'Last change of the inode before this one' },
  mode: { type: 'keyword', about: 'Permissions before the change, octal' },
  uid: { type: 'keyword', about: 'Id of the owner before the change' },
  gid: { type: 'keyword', about: 'Id of the group before the change' },
} as const satisfies Fields;

/** ATT&CK entries as parallel lists: the values at one position belong together. */
const attackFields = {
  id: { type: 'keyword', list: true, about: 'ATT&CK ids' },
  name: { type: 'keyword', list: true, about: 'ATT&CK names' },
  reference: { type: 'keyword', list: true, about: 'Pages on attack.mitre.org' },
} as const satisfies Fields;

/** The fields that ECS does not define. */
const stepparentFields = {
  exec: {
    about: 'The call of execve',
    on: ['exec'],
    fields: {
      filename: {
        type: 'keyword',
        required: true,
        about:
          'File name passed to execve: may be relative, a symlink or /dev/fd/N; `process.executable` is its target',
      },
    },
  },
  image: {
    about: 'The file that the kernel mapped',
    fields: {
      path: { type: 'keyword', required: true, about: 'Path of the mapped file; for a script, of its interpreter' },
    },
  },
  systemd: {
    about: 'The innermost systemd unit',
    fields: {
      unit: { type: 'keyword', required: true, journal: 'STEPPARENT_UNIT', about: 'Name of the unit' },
      user: { about: 'The user whose service manager runs the unit; absent for units of the system', fields: identity },
    },
  },
  terminal: { type: 'keyword', about: 'Controlling terminal: `pts/3`, `tty1`' },
  found: {
    type: 'keyword',
    on: ['file'],
    values: ['offline_diff', 'comparison', 'new_directory', 'initial_scan'],
    journal: 'STEPPARENT_FOUND',
    about:
      'How the agent found a change that it did not observe: the file differs from its state when the agent last ran, or a moment ago; it was in a directory that had just been created; or it was present when the agent first ran, and no installed package contains it',
  },
  login_user: {
    about: 'The user who logged in (/proc/PID/loginuid), also after sudo; absent outside of logins',
    journalOf: { id: 'STEPPARENT_LOGIN_USER_ID', name: 'STEPPARENT_LOGIN_USER' },
    fields: { ...identity, id: { ...identity.id, required: true } },
  },
  package: {
    about: 'The command line of a package manager, by its own option grammar (dpkg(1), rpm(8))',
    fields: {
      manager: {
        type: 'keyword',
        required: true,
        values: ['dpkg', 'rpm'],
        journal: 'STEPPARENT_PACKAGE_MANAGER',
        about: 'Package manager',
      },
      operation: {
        type: 'keyword',
        required: true,
        values: ['install', 'upgrade', 'unpack', 'configure', 'remove', 'purge', 'query', 'verify', 'build', 'other'],
        journal: 'STEPPARENT_PACKAGE_OPERATION',
        about: 'What the package manager does',
      },
      packages: {
        type: 'keyword',
        list: true,
        required: true,
        journal: 'STEPPARENT_PACKAGES',
        about: 'Package files or package names as given; at most 64',
      },
      packages_count: {
        type: 'long',
        required: true,
        journal: 'STEPPARENT_PACKAGES_COUNT',
        about: 'Number of packages on the command line, also if more than 64',
      },
      root: {
        type: 'keyword',
        journal: 'STEPPARENT_PACKAGE_ROOT',
        about: 'Tree that is changed, as given by --root or --instdir; the environment is not read',
      },
      database: {
        type: 'keyword',
        journal: 'STEPPARENT_PACKAGE_DATABASE',
        about: 'Package database, as given by --admindir or --dbpath',
      },
      dry_run: {
        type: 'boolean',
        required: true,
        journal: 'STEPPARENT_PACKAGE_DRY_RUN',
        about: 'Whether an option (--dry-run, --no-act, --simulate, --test) keeps it from changing anything',
      },
    },
  },
  lifecycle_script: {
    about: 'The package script that the process runs, or that started the process at any distance',
    fields: {
      manager: {
        type: 'keyword',
        required: true,
        values: ['dpkg', 'rpm'],
        journal: 'STEPPARENT_SCRIPT_MANAGER',
        about: 'Package manager that runs the script',
      },
      path: { type: 'keyword', journal: 'STEPPARENT_SCRIPT', about: 'File of the script; rpm uses a temporary file' },
      package: { type: 'keyword', journal: 'STEPPARENT_SCRIPT_PACKAGE', about: 'Package of the script' },
      phase: {
        type: 'keyword',
        journal: 'STEPPARENT_SCRIPT_PHASE',
        about: '`preinst`, `postinst`, `prerm`, `postrm` or `config`; rpm does not show it',
      },
      depth: {
        type: 'long',
        required: true,
        unit: 'processes',
        journal: 'STEPPARENT_SCRIPT_DEPTH',
        about:
          '0: the script itself; otherwise the distance from it; a program that the script executes in its place has 1',
      },
    },
  },
  initiator: {
    about: 'The nearest ancestor that is neither a package front end nor a shell, sudo, env or the like',
    fields: {
      entity_id: { type: 'keyword', required: true, about: 'Identity of the initiator' },
      pid: { type: 'long', required: true, journal: 'STEPPARENT_INITIATOR_PID', about: 'Process id of the initiator' },
      name: { type: 'keyword', about: 'File name of the initiator' },
      executable: {
        type: 'keyword',
        journal: 'STEPPARENT_INITIATOR',
        about:
          'Path of the initiator; for an interpreter, of its script. `*` replaces the changing part of a temporary name',
      },
      origin: {
        type: 'keyword',
        journal: 'STEPPARENT_ORIGIN',
        about:
          'Where the initiator came from: `unit nginx.service`, `user unit NAME of alice`, `ssh as alice`, `session as alice`, `cron`, `console as root`, `container`, `init`',
      },
      wrappers: {
        type: 'keyword',
        list: true,
        required: true,
        journal: 'STEPPARENT_INITIATOR_WRAPPERS',
        about: 'Names of the programs between the initiator and the process, nearest first',
      },
    },
  },
  genuine: {
    about:
      'Whether a process runs the distribution’s own file of its name; for an ancestor, whether it did so when it forked the next process of the lineage. Absent: not verified, or not named like a package tool',
    fields: {
      process: { type: 'boolean', journal: 'STEPPARENT_GENUINE_PROCESS', about: 'The process' },
      parent: { type: 'boolean', journal: 'STEPPARENT_GENUINE_PARENT', about: 'Its parent' },
      session_leader: {
        type: 'boolean',
        journal: 'STEPPARENT_GENUINE_SESSION_LEADER',
        about: 'Its session leader, if that is an ancestor',
      },
      group_leader: {
        type: 'boolean',
        journal: 'STEPPARENT_GENUINE_GROUP_LEADER',
        about: 'Its group leader, if that is an ancestor',
      },
    },
  },
  script: {
    about: 'A maintainer script or scriptlet: its file and content',
    fields: {
      path: {
        type: 'keyword',
        journal: 'STEPPARENT_MAINTAINER_SCRIPT',
        about: 'Script that runs, also by `sh FILE`, or script file that changed',
      },
      sha256: { type: 'keyword', journal: 'STEPPARENT_MAINTAINER_SCRIPT_SHA256', about: 'SHA-256 of the content' },
      package: { type: 'keyword', journal: 'STEPPARENT_MAINTAINER_SCRIPT_PACKAGE', about: 'Package of the script' },
      version: {
        type: 'keyword',
        journal: 'STEPPARENT_MAINTAINER_SCRIPT_VERSION',
        about: 'Installed version of the package',
      },
      phase: { type: 'keyword', journal: 'STEPPARENT_MAINTAINER_SCRIPT_PHASE', about: 'Kind of the script' },
      state: {
        type: 'keyword',
        values: ['known', 'first', 'changed', 'unowned'],
        journal: 'STEPPARENT_MAINTAINER_SCRIPT_STATE',
        about:
          'The content compared with earlier content of the same package version on this host: the same, the first, or different; `unowned`: no such package is installed',
      },
      copy_of: {
        type: 'keyword',
        on: ['exec'],
        journal: 'STEPPARENT_MAINTAINER_SCRIPT_COPY_OF',
        about: 'Maintainer script with the same content, if the script runs from another path',
      },
      diff: { type: 'wildcard', about: 'Difference from the known content: unified, cut' },
      findings: {
        list: true,
        journal: 'STEPPARENT_MAINTAINER_SCRIPT_FINDINGS',
        about: 'Lines that can establish persistence',
        fields: {
          id: { type: 'keyword', required: true, about: 'Name of the indicator' },
          technique: { type: 'keyword', required: true, about: 'ATT&CK technique of the indicator' },
          line: { type: 'long', required: true, about: 'Number of the line, from 1' },
          text: { type: 'wildcard', required: true, about: 'The line, cut' },
        },
      },
    },
  },
  transaction: {
    about: 'The package transaction: the topmost run of a package tool among the ancestors',
    fields: {
      id: {
        type: 'keyword',
        required: true,
        journal: 'STEPPARENT_TRANSACTION',
        about: '`process.entity_id` of that process',
      },
      executable: {
        type: 'keyword',
        journal: 'STEPPARENT_TRANSACTION_EXECUTABLE',
        about: 'Path of that process’s program',
      },
    },
  },
  lineage: {
    list: true,
    about: 'The ancestors, nearest first: the parent, its parent, up to the session root; at most 16',
    fields: {
      entity_id: { ...processFields.entity_id, required: true },
      pid: { ...processFields.pid, required: true },
      name: processFields.name,
      executable: processFields.executable,
      args: processFields.args,
      start: processFields.start,
      working_directory: processFields.working_directory,
      user: processFields.user,
    },
  },
  file: {
    about: 'Fields of a file change that ECS does not define',
    on: ['file'],
    fields: {
      writer_source: {
        type: 'keyword',
        values: ['kernel', 'inferred', 'only_package_manager'],
        about:
          'How the process is known: fanotify named it; it is inferred from the process that fanotify named; or it is the only package manager that ran at that time',
      },
      original_path: {
        type: 'keyword',
        journal: 'STEPPARENT_FILE_ORIGINAL_PATH',
        about: 'Path before a rename, if the agent watched that directory',
      },
      moved_out: {
        type: 'boolean',
        about: 'The deleted file was moved to a directory that the agent does not watch; absent if that was not seen',
      },
      changed: {
        type: 'keyword',
        list: true,
        about: 'Properties that differ from the last known state of the file, named as in `stepparent.file.previous`',
      },
      previous: { about: 'Last known state of the file: the properties that differ', fields: previousFields },
    },
  },
  sensor: {
    about: 'Report of the agent about itself',
    on: ['health'],
    fields: {
      name: { type: 'keyword', required: true, about: 'Sensor: `tracefs` or `procfs`' },
      lost_events: { type: 'long', unit: 'records', about: 'Number of records that were lost' },
      reason: { type: 'keyword', about: 'What happened and why, in one clause' },
    },
  },
  unobserved: {
    type: 'flattened',
    holds: 'keyword',
    values: keysOf(unobservedReasons),
    journal: 'STEPPARENT_UNOBSERVED',
    about: 'Fields that could not be read, by name, each with the reason: [keywords](#reasons)',
  },
  inferred: {
    type: 'flattened',
    holds: 'keyword',
    values: keysOf(inferredBases),
    about: 'Fields that are concluded and were not read, by name, each with the basis: [keywords](#bases)',
  },
  truncated: {
    type: 'flattened',
    holds: 'long',
    about: 'Fields cut at a bound, by name, each with the bound: bytes, or the number of entries',
  },
  alert: {
    about: 'The alert',
    on: alertOnly,
    fields: {
      id: {
        type: 'keyword',
        required: true,
        journal: 'STEPPARENT_ALERT_ID',
        about: 'Id of the alert; a summary has none',
      },
      terms: {
        type: 'keyword',
        list: true,
        required: true,
        nullable: true,
        journal: 'STEPPARENT_TERMS',
        about: 'Values of the fields that the rule compares, in the order of the rule; null if not observed',
      },
      reason: {
        type: 'keyword',
        required: true,
        journal: 'STEPPARENT_REASON',
        about: 'Why this is unusual, in one clause',
      },
      state: {
        type: 'keyword',
        required: true,
        values: ['open', 'learning', 'rate_limited', 'suppressed'],
        about:
          '`open`: delivered or to be delivered; `learning`: raised during learning, only stored; `rate_limited`: over the limit, stored and counted in a summary; `suppressed`: hidden by an exception, stored and counted',
      },
      exception: {
        about: 'The exception that hid the alert',
        fields: {
          id: { type: 'keyword', required: true, about: 'Id of the exception' },
          reason: { type: 'keyword', required: true, about: 'Reason of the exception' },
          owner: { type: 'keyword', required: true, about: 'Owner of the exception' },
          expires: { type: 'date', about: 'End of the exception; absent if it never ends' },
        },
      },
    },
  },
  hunt: {
    about: 'A new row of a hunt',
    on: ['finding'],
    fields: {
      id: { type: 'keyword', required: true, journal: 'STEPPARENT_HUNT', about: 'Id of the hunt' },
      row: { type: 'flattened', required: true, journal: 'STEPPARENT_HUNT_ROW', about: 'The row, by column' },
    },
  },
  summary: {
    about: 'A summary of rate-limited alerts of the rule in `rule.id`',
    on: alertOnly,
    fields: {
      alerts: { type: 'long', required: true, about: 'Number of alerts that were stored and not delivered' },
      from: { type: 'date', required: true, about: 'Time of the first of them' },
      to: { type: 'date', required: true, about: 'Time of the last of them' },
    },
  },
} as const satisfies Fields;

/** The whole table. Names outside of `stepparent` are those of ECS, except `Ext`, which is as in Elastic Defend. */
export const fieldTable = {
  '@timestamp': { type: 'date', required: true, on: always, about: 'Time of the event' },
  ecs: {
    about: 'Elastic Common Schema',
    required: true,
    on: always,
    fields: { version: { type: 'keyword', required: true, about: 'Version of the schema that defines the names' } },
  },
  message: {
    type: 'match_only_text',
    on: ['health', 'alert'],
    journal: 'MESSAGE',
    about: 'What happened and why it is unusual, in one sentence; of a health event, the reason',
  },
  tags: { type: 'keyword', list: true, on: alertOnly, about: 'Tags of the rule or the hunt' },
  event: {
    about: 'What happened',
    required: true,
    on: always,
    fields: {
      id: { type: 'keyword', required: true, about: 'Id of the event' },
      kind: { type: 'keyword', required: true, values: ['event', 'alert'], about: 'Event or alert' },
      category: {
        type: 'keyword',
        list: true,
        about: '`process`, `file`; `host` of a health event; `intrusion_detection` of a finding',
      },
      type: { type: 'keyword', list: true, about: '`start`, `creation`, `change`, `deletion` or `info`' },
      action: {
        type: 'keyword',
        journal: 'STEPPARENT_ACTION',
        about:
          '`exec`; `creation`, `rename`, `modification`, `attribute-change`, `deletion` of a file; the change of a health event; `hunt-finding`, `alert-summary`',
      },
      module: { type: 'keyword', about: '`stepparent`' },
      dataset: {
        type: 'keyword',
        about: '`stepparent.process`, `stepparent.file`, `stepparent.hunt` or `stepparent.agent`',
      },
      provider: {
        type: 'keyword',
        about: 'Source of the observation: `tracefs`, `procfs`, `fanotify`, `chokidar` or `stepparent`',
      },
      created: { type: 'date', about: 'When the agent made the event' },
      severity: {
        type: 'long',
        on: alertOnly,
        journal: 'STEPPARENT_SEVERITY',
        about: 'Severity of the rule: 21 low, 47 medium, 73 high, 99 critical',
      },
      risk_score: {
        type: 'float',
        on: alertOnly,
        journal: 'STEPPARENT_RISK_SCORE',
        about: 'Risk score of the rule, 0 to 100',
      },
      start: { type: 'date', on: alertOnly, about: 'Time of the first alert of a summary' },
      end: { type: 'date', on: alertOnly, about: 'Time of the last alert of a summary' },
    },
  },
  host: {
    about: 'The host of the event',
    required: true,
    on: always,
    fields: {
      hostname: { type: 'keyword', about: 'Host name' },
      name: { type: 'keyword', about: 'Host name' },
      id: { type: 'keyword', about: 'Machine id (/etc/machine-id)' },
      architecture: { type: 'keyword', about: '`x86_64` or `aarch64`' },
      boot: {
        about: 'The current boot',
        fields: { id: { type: 'keyword', required: true, about: 'Random id of the boot' } },
      },
      os: {
        about: 'The operating system',
        fields: {
          type: { type: 'keyword', about: '`linux`' },
          platform: { type: 'keyword', about: 'ID of os-release(5)' },
          name: { type: 'keyword', about: 'NAME of os-release(5)' },
          version: { type: 'keyword', about: 'VERSION_ID of os-release(5)' },
          kernel: { type: 'keyword', about: 'Release of the kernel' },
        },
      },
    },
  },
  agent: {
    about: 'The agent that made the event',
    required: true,
    on: always,
    fields: {
      id: { type: 'keyword', journal: 'STEPPARENT_AGENT_ID', about: 'Id of the installation' },
      type: { type: 'keyword', about: '`stepparent`' },
      version: { type: 'keyword', about: 'Version of the agent' },
      name: { type: 'keyword', about: 'Host name' },
    },
  },
  user: {
    about: 'The effective user of the process',
    journalOf: { id: 'STEPPARENT_USER_ID', name: 'STEPPARENT_USER' },
    fields: {
      ...identity,
      Ext: {
        about: 'Named as in Elastic Defend',
        fields: { real: { required: true, about: 'The real user of the process', fields: identity } },
      },
    },
  },
  group: {
    about: 'The effective group of the process',
    fields: {
      ...identity,
      Ext: {
        about: 'Named as in Elastic Defend',
        fields: { real: { required: true, about: 'The real group of the process', fields: identity } },
      },
    },
  },
  container: {
    about: 'The container; absent on the host itself',
    fields: { id: { type: 'keyword', journal: 'STEPPARENT_CONTAINER_ID', about: 'Id of the container' } },
  },
  process: {
    about: 'The process that was started, or that changed the file',
    journalOf: {
      pid: 'STEPPARENT_PID',
      executable: 'STEPPARENT_EXECUTABLE',
      command_line: 'STEPPARENT_COMMAND_LINE',
      working_directory: 'STEPPARENT_WORKING_DIRECTORY',
    },
    fields: {
      ...processFields,
      parent: {
        about: 'The parent of the process; `stepparent.lineage` has the ancestors above it',
        journalOf: {
          pid: 'STEPPARENT_PARENT_PID',
          executable: 'STEPPARENT_PARENT_EXECUTABLE',
          command_line: 'STEPPARENT_PARENT_COMMAND_LINE',
        },
        fields: processFields,
      },
      session_leader: { about: 'The leader of its session', fields: leaderFields },
      group_leader: { about: 'The leader of its process group', fields: leaderFields },
    },
  },
  file: {
    about: 'The file that changed, in its state after the change',
    on: ['file'],
    fields: {
      path: { type: 'keyword', journal: 'STEPPARENT_FILE', about: 'Path' },
      name: { type: 'keyword', about: 'Name in its directory' },
      directory: { type: 'keyword', about: 'Directory' },
      extension: { type: 'keyword', about: 'Extension, without the dot' },
      type: { type: 'keyword', about: '`file`, `dir`, `symlink`, `fifo`, `socket`, `block_device` or `char_device`' },
      inode: { type: 'keyword', about: 'Inode number' },
      device: { type: 'keyword', about: 'Device of the file system, as MAJOR:MINOR' },
      mode: { type: 'keyword', about: 'Permissions, octal' },
      uid: { type: 'keyword', about: 'Id of the owner' },
      gid: { type: 'keyword', about: 'Id of the group' },
      owner: { type: 'keyword', about: 'Name of the owner' },
      group: { type: 'keyword', about: 'Name of the group' },
      size: { type: 'long', unit: 'bytes', about: 'Size' },
      mtime: { type: 'date', about: 'Last change of the content' },
      ctime: { type: 'date', about: 'Last change of the inode' },
      accessed: { type: 'date', about: 'Last access' },
      created: { type: 'date', about: 'Creation, if the file system records it' },
      target_path: { type: 'keyword', about: 'Target of a symlink' },
      hash: {
        about: 'Hash of the content',
        fields: { sha256: { type: 'keyword', journal: 'STEPPARENT_FILE_SHA256', about: 'SHA-256 of the content' } },
      },
    },
  },
  rule: {
    about: 'The rule or hunt that raised the alert',
    on: alertOnly,
    fields: {
      id: { type: 'keyword', journal: 'STEPPARENT_RULE', about: 'Id of the rule; `hunt:` and the id of a hunt' },
      name: { type: 'keyword', journal: 'STEPPARENT_RULE_NAME', about: 'Name' },
      description: { type: 'keyword', about: 'Description' },
      version: { type: 'keyword', about: 'Version of the rule, a whole number; absent if its file has none' },
      category: { type: 'keyword', about: 'Name of its first ATT&CK tactic' },
      license: { type: 'keyword', about: 'License' },
      author: { type: 'keyword', list: true, about: 'Authors' },
      reference: { type: 'keyword', about: 'First reference' },
      ruleset: { type: 'keyword', about: '`stepparent`' },
    },
  },
  threat: {
    list: true,
    about: 'ATT&CK tactics and techniques of the rule',
    on: alertOnly,
    journal: 'STEPPARENT_TECHNIQUE',
    fields: {
      framework: { type: 'keyword', about: '`MITRE ATT&CK`' },
      tactic: { about: 'The tactic', fields: attackFields },
      technique: {
        about: 'Techniques of the tactic',
        fields: { ...attackFields, subtechnique: { about: 'Their subtechniques', fields: attackFields } },
      },
    },
  },
  stepparent: { about: 'Fields that ECS does not define', required: true, fields: stepparentFields },
} as const satisfies Fields;

/** The object that a group of the table describes. */
export type DocumentOf<Table> = Plain<
  {
    -readonly [Name in keyof Table as Table[Name] extends { required: true } ? Name : never]: ListOf<Table[Name]>;
  } & {
    -readonly [Name in keyof Table as Table[Name] extends { required: true } ? never : Name]?: ListOf<Table[Name]>;
  }
>;

/** Turns an intersection into one object type, so that error messages of the compiler show its members. */
type Plain<Type> = { [Name in keyof Type]: Type[Name] };

type ListOf<Node> = Node extends { list: true } ? ValueOf<Node>[] : ValueOf<Node>;

type ValueOf<Node> = Node extends { fields: infer Inner }
  ? DocumentOf<Inner>
  : Node extends { type: 'flattened' }
    ? Record<
        string,
        Node extends { values: readonly (infer Value)[] }
          ? Value
          : Node extends { holds: infer Held extends keyof Values }
            ? Values[Held]
            : string | number | null
      >
    : Node extends { values: readonly (infer Value)[] }
      ? Value
      : Node extends { type: infer Type extends keyof Values }
        ? Values[Type] | (Node extends { nullable: true } ? null : never)
        : never;

/**
 * A row of the table under its full name. A list of objects is a field itself, in addition to the fields of its
 * objects.
 */
export interface Field extends Omit<Row, 'type'> {
  name: string;
  type: Row['type'] | 'objects';
  on: readonly EventKind[];
  /** Name of the list of objects that contains the field. */
  within?: string;
}

function fieldsOf(group: Fields, prefix: string, outer: Pick<Field, 'on' | 'within'>, journalOf?: Group['journalOf']) {
  return Object.entries(group).flatMap(([key, node]): Field[] => {
    const name = `${prefix}${key}`;
    const inherited = { ...outer, on: node.on ?? outer.on };
    const journal = journalOf?.[key];
    if ('type' in node) return [{ ...node, ...inherited, name, ...(journal !== undefined && { journal }) }];
    if (node.list === undefined) return fieldsOf(node.fields, `${name}.`, inherited, node.journalOf);
    const { fields: inner, journalOf: _, ...list } = node;
    return [
      { ...list, ...inherited, name, type: 'objects' },
      ...fieldsOf(inner, `${name}.`, { ...inherited, within: name }),
    ];
  });
}

/** Every field, in the order of the table. */
export const fields: readonly Field[] = fieldsOf(fieldTable, '', { on: ['exec', 'file'] });

/** Whether an event can have the field, and not only an alert. */
export const isOfEvent = ({ on }: Field): boolean => on.some((kind) => kind !== 'alert');
