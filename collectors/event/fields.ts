// The table of fields: one row for each field that an event or an alert can have. It is the source of the type of an
// event (event.ts), the checks of rules (event-classes.ts), SQL columns, journal fields, the Elasticsearch mapping and
// docs/fields.md.

import { configurationSyntaxes } from '../hooks/configuration-commands.ts';
import { originKinds } from '../packages/origins.ts';
import { watchedKinds } from '../watched/watched-paths.ts';
import { inferredBases, unobservedReasons } from './reasons.ts';

/**
 * The documents that can have a field: events of execs, files, connections and package transactions, the list of
 * processes that a transaction left running, starts of the agent, health events, findings of hunts, or alerts only.
 */
export type EventKind =
  | 'exec'
  | 'file'
  | 'connection'
  | 'transaction'
  | 'survivors'
  | 'start'
  | 'health'
  | 'finding'
  | 'alert';

/** The type of a value in a document, by the Elasticsearch type of the field; a date is ISO 8601 in UTC. */
interface Values {
  keyword: string;
  ip: string;
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
   * The documents that can have the field. Absent: those of the group around it; at the top level those of `observed`.
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

/** Events of what happens on the host. */
const observed = ['exec', 'file', 'connection', 'transaction', 'survivors', 'start'] as const;
const always = [...observed, 'health', 'finding'] as const;
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
  user: {
    about: 'Effective user at the start of the program, or in /proc if the start was not observed',
    fields: identity,
  },
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

/** Arguments of dpkg and rpm that turn the verification of packages off. */
const managerVerificationOff = [
  ...(['nosignature', 'nodigest', 'noverify', 'pkgverify_level'] as const),
  ...(['force_bad_verify', 'no_debsig'] as const),
] as const;
/** Arguments of apt, aptitude, dnf and zypper that do the same. */
const frontEndVerificationOff = [
  ...(['allow_unauthenticated', 'force_yes', 'allow_untrusted', 'allow_insecure_repositories'] as const),
  ...(['allow_weak_repositories', 'allow_downgrade_to_insecure_repositories'] as const),
  ...(['nogpgcheck', 'gpgcheck', 'no_gpg_checks', 'allow_unsigned_rpm'] as const),
] as const;

/** An ancestor, or another process that an event lists. */
const stepFields = {
  entity_id: { ...processFields.entity_id, required: true },
  pid: { ...processFields.pid, required: true },
  name: processFields.name,
  executable: processFields.executable,
  program: {
    type: 'keyword',
    about: 'Path of the host’s program whose content the executable has, if it ran under another path',
  },
  args: processFields.args,
  start: processFields.start,
  working_directory: processFields.working_directory,
  user: processFields.user,
} as const satisfies Fields;

/** The package script that a process runs or descends from. */
const packageScriptFields = {
  manager: {
    type: 'keyword',
    required: true,
    values: ['dpkg', 'rpm'],
    about: 'Package manager that runs the script',
  },
  path: { type: 'keyword', about: 'File of the script; rpm uses a temporary file' },
  package: { type: 'keyword', about: 'Package of the script' },
  phase: {
    type: 'keyword',
    about: '`preinst`, `postinst`, `prerm`, `postrm` or `config`; rpm does not show it',
  },
} as const satisfies Fields;

/** One end of a connection. */
const endpointFields = {
  ip: { type: 'ip', about: 'IPv4 or IPv6 address' },
  port: { type: 'long', about: 'Port' },
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
  sha256: { type: 'keyword', about: 'SHA-256 of the content that was last seen at the path; in watched paths' },
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
  program: {
    about:
      'The package tool, interpreter or dynamic linker of the host whose content the executed file has. Absent if it runs under its own path',
    fields: {
      path: {
        type: 'keyword',
        required: true,
        journal: 'STEPPARENT_PROGRAM',
        about: 'Path of the host’s file with that content',
      },
      name: { type: 'keyword', required: true, about: 'File name of the host’s file' },
      recognized_by: {
        type: 'keyword',
        required: true,
        values: ['same_file', 'build_id', 'sha256'],
        about:
          'How it is recognized: `same_file`, the host’s own file under another name; another file with the same GNU build ID, or with the same hash',
      },
      argument: {
        type: 'keyword',
        about: 'File of the program, if a dynamic linker was executed with it as the argument',
      },
    },
  },
  systemd: {
    about: 'The innermost systemd unit',
    fields: {
      unit: { type: 'keyword', required: true, journal: 'STEPPARENT_UNIT', about: 'Name of the unit' },
      user: { about: 'The user whose service manager runs the unit; absent for units of the system', fields: identity },
      timer: {
        type: 'keyword',
        on: ['exec', 'transaction'],
        about: 'The timer with the name of the unit, if there is one; only of package managers',
      },
    },
  },
  terminal: { type: 'keyword', about: 'Controlling terminal: `pts/3`, `tty1`' },
  place: {
    about: 'Where the process runs, by the files that it sees; absent if its root directory is that of the host',
    fields: {
      kind: {
        type: 'keyword',
        required: true,
        values: ['host', 'chroot', 'container'],
        journal: 'STEPPARENT_PLACE',
        about:
          '`host`: another root directory with directories of the host (/usr, /etc or a package database); `chroot`: another root directory; `container`: also another mount or pid namespace',
      },
      root: {
        type: 'keyword',
        journal: 'STEPPARENT_PLACE_ROOT',
        about: 'Root directory of the process, as its mount namespace names it; absent if it was not observed',
      },
    },
  },
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
        values: [
          ...(['install', 'upgrade', 'unpack', 'configure', 'remove', 'purge', 'select'] as const),
          ...(['query', 'verify', 'build', 'other'] as const),
        ],
        journal: 'STEPPARENT_PACKAGE_OPERATION',
        about: 'What the package manager does; `select`: it changes which packages are on hold or to be removed',
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
      other_database: {
        type: 'keyword',
        journal: 'STEPPARENT_PACKAGE_OTHER_DATABASE',
        about:
          'Package database that is not the one of the host, while packages are installed, configured or removed on the host itself: by arguments or by DPKG_ADMINDIR. Databases of other roots do not count',
      },
      dry_run: {
        type: 'boolean',
        required: true,
        journal: 'STEPPARENT_PACKAGE_DRY_RUN',
        about: 'Whether an option (--dry-run, --no-act, --simulate, --test) keeps it from changing anything',
      },
      verification_off: {
        type: 'keyword',
        list: true,
        journal: 'STEPPARENT_PACKAGE_VERIFICATION_OFF',
        values: managerVerificationOff,
        about:
          'Arguments that turn the verification of packages off: options of rpm, and its macro `_pkgverify_level` if it does not ask for signatures; options of dpkg, which verifies packages only if debsig-verify is installed. Absent without any; configuration files are not read. `stepparent.verification.off` also has the options of apt, dnf and zypper',
      },
    },
  },
  lifecycle_script: {
    about: 'The package script that the process runs, or that started the process at any distance',
    on: ['exec', 'file', 'connection'],
    journalOf: {
      manager: 'STEPPARENT_SCRIPT_MANAGER',
      path: 'STEPPARENT_SCRIPT',
      package: 'STEPPARENT_SCRIPT_PACKAGE',
      phase: 'STEPPARENT_SCRIPT_PHASE',
    },
    fields: {
      ...packageScriptFields,
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
    about:
      'The nearest ancestor that is neither a package front end nor a shell, sudo, env or the like. Of a package transaction, the process itself if it is another program: one that installs by a library',
    fields: {
      entity_id: { type: 'keyword', required: true, about: 'Identity of the initiator' },
      pid: { type: 'long', required: true, journal: 'STEPPARENT_INITIATOR_PID', about: 'Process id of the initiator' },
      name: { type: 'keyword', about: 'File name of the initiator' },
      executable: {
        type: 'keyword',
        journal: 'STEPPARENT_INITIATOR',
        about: 'Path of the initiator; for an interpreter, of its script',
      },
      origin: {
        type: 'keyword',
        journal: 'STEPPARENT_ORIGIN',
        about:
          'Where the initiator came from, see [origins.md](origins.md): `unit nginx.service`, `user unit NAME of alice`, `ssh as alice`, `session as alice`, `cron`, `console as root`, `container`, `init`, `PackageKit for alice`, `puppet from unit puppet.service`, `claude (claimed) from ssh as alice`',
      },
      origin_kind: {
        type: 'keyword',
        values: keysOf(originKinds),
        journal: 'STEPPARENT_ORIGIN_KIND',
        about: 'Kind of the origin, see [origins.md](origins.md)',
      },
      origin_claimed: {
        type: 'boolean',
        about:
          'True: the initiator could have claimed a part of the origin by itself, such as a path in a home directory; absent otherwise',
      },
      requester: {
        about: 'Who asked for what the initiator did, as far as it is known',
        journalOf: { claimed: 'STEPPARENT_REQUESTER_CLAIMED', source: 'STEPPARENT_REQUESTER_SOURCE' },
        fields: {
          user: {
            about: 'The user',
            fields: identity,
            journalOf: { id: 'STEPPARENT_REQUESTER_ID', name: 'STEPPARENT_REQUESTER' },
          },
          executable: {
            type: 'keyword',
            about:
              'The program that asked on behalf of the user, such as a runner, an AI agent or a client of a daemon',
          },
          session: { type: 'keyword', about: 'Login session (logind), from the unit `session-ID.scope`' },
          elevated_by: {
            type: 'keyword',
            about: 'The program by which the user became another one: `sudo`, `su`, `pkexec`, `doas`',
          },
          claimed: {
            type: 'boolean',
            required: true,
            about: 'Whether a process could have made the user up: it counts as a claim',
          },
          source: {
            type: 'keyword',
            required: true,
            values: ['login', 'lineage', 'environment', 'journal'],
            about:
              'How the user is known: the login (/proc/PID/loginuid); the user of an ancestor; a variable of the environment; the journal of the daemon',
          },
        },
      },
      hash: {
        about: 'Hash of the initiator’s script, if its path is temporary or random',
        fields: {
          sha256: { type: 'keyword', journal: 'STEPPARENT_INITIATOR_SHA256', about: 'SHA-256 of the script' },
        },
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
  named_callers: {
    list: true,
    on: ['exec', 'transaction'],
    about:
      'Users whom the environment of a package manager or the journal of a daemon names as those who asked; `stepparent.initiator.requester` says whether they count',
    fields: {
      source: { type: 'keyword', required: true, values: ['environment', 'journal'], about: 'Where the user is named' },
      variable: { type: 'keyword', about: 'The variable of the environment' },
      user: { required: true, about: 'The user', fields: identity },
      executable: { type: 'keyword', about: 'The client of the daemon, if the distribution runs it by itself' },
    },
  },
  genuine: {
    about:
      'Whether a process runs the distribution’s own file of its name; for an ancestor, whether it did so when it forked the next process of the lineage. A copy of a package tool does not. Absent: not verified, or neither named like a package tool nor a copy of one',
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
    on: ['exec', 'file'],
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
      manager: {
        type: 'keyword',
        on: ['transaction'],
        values: ['dpkg', 'rpm'],
        journal: 'STEPPARENT_TRANSACTION_MANAGER',
        about: 'Package manager whose database the transaction changes',
      },
      test: {
        type: 'boolean',
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_TEST',
        about: 'Whether it is a test that changes nothing (rpm: `--test`). dnf tests each transaction first',
      },
      root: {
        type: 'keyword',
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_ROOT',
        about: 'Tree that is changed, as the process names it',
      },
      database: {
        type: 'keyword',
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_DATABASE',
        about: 'Directory of the package database, as the host names it',
      },
      packages_count: {
        type: 'long',
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_PACKAGES_COUNT',
        about: 'Number of packages, also if more than 256',
      },
      packages: {
        list: true,
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_PACKAGES',
        about:
          'The packages of the transaction, at most 256: those that were changed come first, and of these the installed ones',
        fields: {
          name: { type: 'keyword', required: true, about: 'Name' },
          version: { type: 'keyword', about: 'Version: `[EPOCH:]VERSION[-RELEASE]`; of a removal, the removed one' },
          architecture: { type: 'keyword', about: 'Architecture' },
          action: {
            type: 'keyword',
            values: ['install', 'upgrade', 'downgrade', 'reinstall', 'remove'],
            about: 'What the transaction does with the package',
          },
          former_version: { type: 'keyword', about: 'Version that it replaces' },
          applied: {
            type: 'boolean',
            about: 'Whether the package manager wrote the change to its database; absent if that was not observed',
          },
          state: {
            type: 'keyword',
            about:
              'State of the package afterwards, as dpkg names it; `not-installed` after a removal with the configuration files. Only of dpkg',
          },
          archive: {
            type: 'keyword',
            about: 'Path of the archive that the package was unpacked from. Only of dpkg',
          },
          archive_target: {
            type: 'keyword',
            about: 'Path of the file, if links lead to it: apt makes links when it installs several packages',
          },
          sha256: { type: 'keyword', about: 'SHA-256 of the archive, read when dpkg opened it. Only of dpkg' },
          source: {
            type: 'keyword',
            values: ['repository', 'local_file', 'unlisted'],
            about:
              'Where the archive came from. Of dpkg, by its content: `repository`, a package list of apt has its digest; `local_file`, no list has it, and the file was not in a directory of apt’s archives; `unlisted`, no list has it, and the file was in such a directory. Of rpm, by the history of dnf or zypper: `repository` or `local_file`',
          },
          repository: {
            about:
              'The package list of apt that has the digest; of several the one that is signed and in force. Of rpm: the repository of dnf or zypper',
            fields: {
              id: { type: 'keyword', about: 'Id or alias of the repository: `fedora`. Only of rpm' },
              site: { type: 'keyword', about: 'Address without its scheme: `deb.example.org/debian`. Only of dpkg' },
              suite: { type: 'keyword', about: 'Suite, by the Release file' },
              component: { type: 'keyword', about: 'Component: `main`; absent of a flat repository' },
              origin: { type: 'keyword', about: 'Origin, by the Release file' },
              label: { type: 'keyword', about: 'Label, by the Release file' },
              signed: {
                type: 'boolean',
                about:
                  'Whether a signed Release file has the digest of the list. apt, not the agent, verified the signature; it drops a signature that it does not accept if the source has `trusted=yes`',
              },
              key: {
                type: 'keyword',
                list: true,
                about:
                  'Fingerprints or ids of the keys, as the signatures name them. apt, not the agent, verified them',
              },
            },
          },
          superseded: {
            type: 'boolean',
            about: 'Whether only a former state of the list has the digest',
          },
          signature: {
            about:
              'The signature in the header of the installed package, as rpm keeps it in its database. It is read after the transaction; the agent did not verify it, and rpm did only if nothing turned that off',
            fields: {
              exists: { type: 'boolean', about: 'Whether the header has a signature. Only of rpm' },
              key: {
                type: 'keyword',
                about: 'Id of the key that the signature names: 16 hexadecimal digits. Only of rpm',
              },
              key_imported: {
                type: 'boolean',
                about:
                  'Whether that key, or the key that it is a subkey of, is one of the keys in the database of rpm. Absent if not, and rpm may keep keys elsewhere, as rpm 6 does. Only of rpm',
              },
            },
          },
          cached_before: {
            type: 'boolean',
            about: 'Whether the file was in a directory of apt’s archives before the agent first started',
          },
        },
      },
      downgrades: {
        type: 'keyword',
        list: true,
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_DOWNGRADES',
        about:
          'The packages that now have a lower version, at most 64: `NAME FORMER -> VERSION`. Absent for another root or database, and if the package manager did not write the change',
      },
      lost_fixes: {
        type: 'keyword',
        list: true,
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_LOST_FIXES',
        about:
          'The downgrades below a version that a security source of apt offers and that the former version contained: `NAME VERSION, SUITE has SECURITY-VERSION`. Only of dpkg',
      },
      held: {
        type: 'keyword',
        list: true,
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_HELD',
        about:
          'The installed packages that were put on hold, so that they are not upgraded, at most 64: `NAME VERSION`. Only of dpkg',
      },
      released: {
        type: 'keyword',
        list: true,
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_RELEASED',
        about: 'The installed packages that are no longer on hold, at most 64: `NAME VERSION`. Only of dpkg',
      },
      blocked_fixes: {
        type: 'keyword',
        list: true,
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_BLOCKED_FIXES',
        about:
          'The packages that were put on hold below a version that a security source of apt offers: `NAME VERSION, SUITE has SECURITY-VERSION`. Only of dpkg',
      },
      verified: {
        type: 'boolean',
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_VERIFIED',
        about: 'Whether the database listed the same changes afterwards; absent if it was not compared',
      },
      differences: {
        list: true,
        on: ['transaction'],
        journal: 'STEPPARENT_TRANSACTION_DIFFERENCES',
        about: 'How the database differs from the observed changes, at most 64',
        fields: {
          package: { type: 'keyword', required: true, about: '`NAME-[EPOCH:]VERSION-RELEASE.ARCHITECTURE`' },
          kind: {
            type: 'keyword',
            required: true,
            values: ['not_listed', 'still_listed', 'unreported_addition', 'unreported_removal'],
            about:
              'An observed addition is not in the database, an observed removal is still in it, or the database has gained or lost a package of which no transaction was observed',
          },
        },
      },
      survivors: {
        list: true,
        on: ['survivors'],
        about: 'Processes below a package script that lived when the transaction was over; at most 32',
        fields: {
          ...stepFields,
          script: {
            about: 'The package script that started the process, at any distance',
            fields: packageScriptFields,
          },
        },
      },
      survivors_count: {
        type: 'long',
        unit: 'processes',
        on: ['survivors'],
        about: 'Number of these processes, also if more than 32',
      },
    },
  },
  unlisted: {
    about:
      'Packages of a transaction that came from a file in a directory of apt’s archives though no package list of apt has the file. Files that were there before the agent first started do not count',
    on: ['transaction'],
    fields: {
      packages: { type: 'keyword', list: true, required: true, about: 'Names of the packages' },
      archives: {
        type: 'keyword',
        list: true,
        required: true,
        journal: 'STEPPARENT_UNLISTED_ARCHIVES',
        about: 'Paths of their archives',
      },
      sha256: { type: 'keyword', list: true, required: true, about: 'SHA-256 of their archives' },
    },
  },
  verification: {
    about: 'What turns the verification of the packages of a transaction off',
    on: ['transaction'],
    fields: {
      off: {
        type: 'keyword',
        list: true,
        required: true,
        journal: 'STEPPARENT_VERIFICATION_OFF',
        values: [...managerVerificationOff, ...frontEndVerificationOff],
        about:
          'Arguments of dpkg or rpm, and of apt, aptitude, dnf, yum, zypper and the like above them in the transaction: an option without its dashes, or a setting of the same meaning; `gpgcheck` is any setting of dnf with that name that is set to 0. Absent without any and for another root; configuration files are not read',
      },
    },
  },
  lineage: {
    list: true,
    about: 'The ancestors, nearest first: the parent, its parent, up to the session root; at most 16',
    fields: {
      ...stepFields,
      verified: {
        type: 'boolean',
        about:
          'True: the ancestor ran the distribution’s own file when it forked the next process; false: another file at that path, or a copy. Only of programs in [origins.md](origins.md) and of package tools; absent if that was not checked, or no package owns the file',
      },
      temporary_script: {
        about:
          'The script that the ancestor runs, also by an interpreter, if its path is temporary or random; only of ancestors of dpkg and rpm',
        fields: {
          path: { type: 'keyword', required: true, about: 'Path of the script' },
          sha256: { type: 'keyword', required: true, about: 'SHA-256 of the script' },
        },
      },
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
      watched: {
        type: 'keyword',
        values: keysOf(watchedKinds),
        journal: 'STEPPARENT_FILE_WATCHED',
        about: 'Kind of the watched path, see [watched-paths.md](watched-paths.md); absent in package databases',
      },
      syntax: {
        type: 'keyword',
        values: keysOf(configurationSyntaxes),
        journal: 'STEPPARENT_FILE_SYNTAX',
        about:
          'How a package tool or a script of a package reads the file to find code that it runs, see [watched-paths.md](watched-paths.md); absent if it does not',
      },
      content: {
        type: 'wildcard',
        about: 'Text of a file in a watched path, at most 64 KiB; absent if it is no text, or may contain passwords',
      },
      diff: {
        type: 'wildcard',
        about: 'Difference from the content that was last seen at the path: unified, cut',
      },
      package: {
        about: 'The package that a file in a watched path belongs to, by the databases of dpkg and rpm at that moment',
        fields: {
          manager: { type: 'keyword', values: ['dpkg', 'rpm'], about: 'Package manager of the package' },
          name: { type: 'keyword', journal: 'STEPPARENT_FILE_PACKAGE', about: 'Name of the package' },
          state: {
            type: 'keyword',
            required: true,
            values: ['unchanged', 'changed', 'listed', 'none'],
            journal: 'STEPPARENT_FILE_PACKAGE_STATE',
            about:
              '`unchanged`: the content is as the package brought it; `changed`: it is not; `listed`: the package lists the file and no digest of it, as with every package of rpm; `none`: no installed package lists the file',
          },
        },
      },
    },
  },
  sources: {
    about:
      'What a change of the package sources did, by the configuration of all package managers before it and some seconds after. A source that moves to another file is no change',
    on: ['file'],
    fields: {
      added: {
        type: 'keyword',
        list: true,
        journal: 'STEPPARENT_SOURCES_ADDED',
        about:
          'Sources and keys that the host has never had since the agent first started: site and suite, site and id of a repository, or `key` and its fingerprint, at most 32. Options that turn verification off follow in brackets',
      },
      unverified: {
        type: 'keyword',
        list: true,
        journal: 'STEPPARENT_SOURCES_UNVERIFIED',
        about: 'Those of them whose packages the package manager does not verify',
      },
      lost_security: {
        type: 'keyword',
        list: true,
        journal: 'STEPPARENT_SOURCES_LOST_SECURITY',
        about:
          'Sources of security updates that are not configured any more and that no other source replaces: site and suite, with the components if only these are lost, or site and id of a repository, at most 32',
      },
      blocked: {
        type: 'keyword',
        list: true,
        journal: 'STEPPARENT_SOURCES_BLOCKED',
        about:
          'Security updates that apt no longer installs because of a new pin: `NAME VERSION, SUITE has SECURITY-VERSION` of an installed package, or site and suite if the pin is for all packages, at most 32',
      },
      pins: {
        type: 'keyword',
        list: true,
        journal: 'STEPPARENT_SOURCES_PINS',
        about:
          'The new pins that do it: package or pattern, what the pin is for, and its priority, as in `openssl release a=stable-security -1`, at most 32',
      },
      locked: {
        type: 'keyword',
        list: true,
        journal: 'STEPPARENT_SOURCES_LOCKED',
        about:
          'New excludes and version locks of dnf and yum, and locks of zypper, whether or not an update exists: `exclude kernel*`, `exclude kernel* of updates`, `versionlock vim-2:9.0-1.*`, `zypper lock vim`, at most 32',
      },
      packaged: {
        type: 'boolean',
        about:
          'True: a package contains or contained the file, and the package manager wrote or removed it. What scripts of packages write does not count. Absent: not so',
      },
    },
  },
  named_configuration: {
    about:
      'Configuration files that a package tool of root is given by its arguments or variables: `apt-get -c FILE`, APT_CONFIG, `dnf --config FILE`, and those in HOME if that is no watched home',
    on: ['exec'],
    fields: {
      commands: {
        type: 'wildcard',
        list: true,
        required: true,
        about: 'What they make the tool run, as in `stepparent.hook.commands`',
      },
    },
  },
  unowned_program: {
    about:
      'A program or script that root runs below a package tool of the host while the tool runs, outside of the scripts of packages, and that no installed package brought. Files in the directories of the system (`/usr`, but not `/usr/local`) are not checked',
    on: ['exec'],
    fields: {
      path: {
        type: 'keyword',
        required: true,
        journal: 'STEPPARENT_UNOWNED_PROGRAM',
        about: 'Path of the script, or else of the program',
      },
      sha256: {
        type: 'keyword',
        journal: 'STEPPARENT_UNOWNED_PROGRAM_SHA256',
        about: 'SHA-256 of the file, only if its path is temporary or random; absent above 64 MiB',
      },
    },
  },
  setuid_program: {
    about:
      'A set-user-ID program of root that a process of another user executed on the host, and that no installed package brought as one: no package lists the file, or it is an interpreter or a tool that runs commands or reads any file, such as bash or find',
    on: ['exec'],
    fields: {
      path: {
        type: 'keyword',
        required: true,
        journal: 'STEPPARENT_SETUID_PROGRAM',
        about: 'Path of the program',
      },
      owned: {
        type: 'boolean',
        required: true,
        journal: 'STEPPARENT_SETUID_PROGRAM_OWNED',
        about: 'Whether a package lists the file',
      },
      sha256: {
        type: 'keyword',
        journal: 'STEPPARENT_SETUID_PROGRAM_SHA256',
        about: 'SHA-256 of the file, only if its path is temporary or random; absent above 64 MiB',
      },
    },
  },
  hook: {
    about: 'What makes a package tool run other code than its own',
    on: ['exec', 'file'],
    fields: {
      commands: {
        type: 'wildcard',
        list: true,
        required: true,
        journal: 'STEPPARENT_HOOK_COMMANDS',
        about:
          'Of a process: by its arguments, its environment and the configuration file that these name. Of a file: what it has since its change, see [watched-paths.md](watched-paths.md). As `NAME VALUE`, at most 16 of at most 256 bytes; `***` replaces passwords in URLs',
      },
    },
  },
  override: {
    about: 'What the arguments of update-alternatives, dpkg-divert or dpkg-statoverride change on the host',
    on: ['exec'],
    fields: {
      kind: {
        type: 'keyword',
        required: true,
        values: ['alternative', 'diversion', 'statoverride'],
        journal: 'STEPPARENT_OVERRIDE_KIND',
        about: 'Which kind of override: of the default program, of the path, or of owner and mode of a file',
      },
      action: {
        type: 'keyword',
        required: true,
        values: ['add', 'set', 'remove'],
        journal: 'STEPPARENT_OVERRIDE_ACTION',
        about: '`add`; `set`, another alternative is chosen; `remove`, also the return to the automatic choice',
      },
      path: {
        type: 'keyword',
        journal: 'STEPPARENT_OVERRIDE_PATH',
        about: 'The file that is overridden, or the name of the alternative; absent if the standard input names it',
      },
      target: {
        type: 'keyword',
        journal: 'STEPPARENT_OVERRIDE_TARGET',
        about: 'The program of the alternative, the new path of the diverted file, or the mode',
      },
    },
  },
  read: {
    about: 'How an interpreter got the content of the file that the process read',
    on: ['file'],
    fields: {
      by: {
        type: 'keyword',
        required: true,
        values: ['interpreter', 'pipe', 'substitution'],
        journal: 'STEPPARENT_READ_BY',
        about:
          '`interpreter`: the process is one; `pipe`: an interpreter reads its output; `substitution`: a shell took its output, and ran lines of the script',
      },
      interpreter: {
        about: 'The interpreter: the process itself, or another one',
        required: true,
        journalOf: { pid: 'STEPPARENT_READ_INTERPRETER_PID', executable: 'STEPPARENT_READ_INTERPRETER' },
        fields: {
          entity_id: { ...processFields.entity_id, required: true },
          pid: { ...processFields.pid, required: true },
          executable: processFields.executable,
        },
      },
    },
  },
  tampering: {
    about: 'What differed in a control file of the agent’s tracing instance; absent: only the access was seen',
    on: ['file'],
    fields: {
      before: { type: 'keyword', required: true, about: 'What the agent had set' },
      after: { type: 'keyword', about: 'What the file had instead; absent: it was gone' },
      restored: { type: 'boolean', required: true, about: 'Whether the agent could set it again' },
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
  gap: {
    about: 'The time before a start of the agent in which no agent ran',
    on: ['start'],
    fields: {
      reason: {
        type: 'keyword',
        required: true,
        values: ['stopped', 'killed', 'rebooted'],
        journal: 'STEPPARENT_GAP_REASON',
        about:
          '`stopped`: the agent before was asked to stop; `killed`: it ended without a stop, by a signal, a crash or a lack of memory; `rebooted`: the host has booted since',
      },
      seconds: {
        type: 'long',
        unit: 'seconds',
        required: true,
        journal: 'STEPPARENT_GAP_SECONDS',
        about: 'Length; after a kill from the last sign of life, which is at most a minute older than the end',
      },
    },
  },
  review: {
    about: 'What a person decided about an alert',
    on: ['health'],
    fields: {
      alert: { type: 'keyword', required: true, about: 'Id of the alert' },
      rule: { type: 'keyword', required: true, about: 'Id of the rule or hunt of the alert' },
      state: {
        type: 'keyword',
        required: true,
        values: ['acknowledged', 'closed', 'open'],
        about: '`acknowledged`: someone looks into it; `closed`: it is answered; `open`: it was opened again',
      },
      reason: { type: 'keyword', about: 'The reason that the person gave' },
      user: { about: 'The effective user of the command', required: true, fields: identity },
      login_user: { about: 'The user who logged in; absent without a login', fields: identity },
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
      findings: {
        list: true,
        journal: 'STEPPARENT_ALERT_FINDINGS',
        about: 'What other rules found in the same event: they raise no alert of their own',
        fields: {
          rule: {
            about: 'The other rule',
            required: true,
            fields: {
              id: { type: 'keyword', required: true, about: 'Id of the other rule' },
              name: { type: 'keyword', about: 'Name of the other rule' },
            },
          },
          terms: {
            type: 'keyword',
            list: true,
            required: true,
            nullable: true,
            about: 'Values of the fields that the other rule compares; null if not observed',
          },
          reason: { type: 'keyword', required: true, about: 'Why this is unusual by the other rule, in one clause' },
          severity: {
            type: 'long',
            required: true,
            about: 'Severity of the other rule; `event.severity` is the highest of all',
          },
          risk_score: {
            type: 'float',
            required: true,
            about: 'Risk score of the other rule; `event.risk_score` is the highest of all',
          },
        },
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
        about:
          '`process`, `file`, `network`, `package`; `host` of a health event, `configuration` of a review; `intrusion_detection` of a finding',
      },
      type: {
        type: 'keyword',
        list: true,
        about:
          '`start`, `creation`, `change`, `deletion`, `access`, `connection` or `info`; of a package transaction `installation`, `change` and `deletion`, or `info` if it changed nothing; `change` also if that was not observed',
      },
      action: {
        type: 'keyword',
        journal: 'STEPPARENT_ACTION',
        about:
          '`exec`; `creation`, `rename`, `modification`, `attribute-change`, `deletion` of a file; `script-read` if an interpreter got the content of a maintainer script; `tracing-changed`, `tracing-read` of the agent’s tracing instance; `connection_attempted`; `install`, `upgrade`, `downgrade`, `reinstall`, `remove` of a package transaction, the first of these that it did, or `hold`, `unhold`; `processes-left-running`; `agent-started` after an earlier run; the change of a health event; `alert-acknowledged`, `alert-closed`, `alert-reopened`; `hunt-finding`, `alert-summary`',
      },
      outcome: {
        type: 'keyword',
        on: ['transaction'],
        values: ['success', 'failure', 'unknown'],
        journal: 'STEPPARENT_OUTCOME',
        about: 'Result of the package transaction: `unknown` if its end was not observed',
      },
      module: { type: 'keyword', about: '`stepparent`' },
      dataset: {
        type: 'keyword',
        about:
          '`stepparent.process`, `stepparent.file`, `stepparent.network`, `stepparent.package`, `stepparent.hunt` or `stepparent.agent`',
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
      start: {
        type: 'date',
        on: ['transaction', 'start', 'alert'],
        about:
          'Beginning of a package transaction, or of the time without an agent; time of the first alert of a summary',
      },
      end: {
        type: 'date',
        on: ['transaction', 'start', 'alert'],
        about:
          'End of a package transaction, or of the time without an agent; absent if it was not observed; time of the last alert of a summary',
      },
      duration: { type: 'long', unit: 'nanoseconds', on: ['transaction'], about: 'Duration of a package transaction' },
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
    about: 'The effective user of the process; absent if it was not observed',
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
    about: 'The container; absent outside of containers, see `stepparent.place`',
    fields: { id: { type: 'keyword', journal: 'STEPPARENT_CONTAINER_ID', about: 'Id of the container' } },
  },
  package: {
    about: 'The packages of a transaction as parallel lists; `stepparent.transaction.packages` has more of each',
    on: ['transaction'],
    fields: {
      type: { type: 'keyword', about: 'Format of the packages: `rpm` or `deb`' },
      name: { type: 'keyword', list: true, journal: 'STEPPARENT_PACKAGE_NAME', about: 'Names' },
      version: {
        type: 'keyword',
        list: true,
        journal: 'STEPPARENT_PACKAGE_VERSION',
        about: 'Versions; empty if not observed',
      },
      architecture: { type: 'keyword', list: true, about: 'Architectures; empty if not observed' },
      checksum: {
        type: 'keyword',
        list: true,
        about: 'SHA-256 digests of the archives; empty if not observed, absent if none was',
      },
    },
  },
  process: {
    about: 'The process that was started, that changed the file, or that ran the package transaction',
    journalOf: {
      pid: 'STEPPARENT_PID',
      executable: 'STEPPARENT_EXECUTABLE',
      command_line: 'STEPPARENT_COMMAND_LINE',
      working_directory: 'STEPPARENT_WORKING_DIRECTORY',
    },
    fields: {
      ...processFields,
      env_vars: {
        type: 'keyword',
        list: true,
        on: ['exec', 'transaction'],
        journal: 'STEPPARENT_ENV_VARS',
        about:
          'Variables of the environment as `NAME=value`, of a package tool, of a package’s script and of what these run: only those in [Environment](#environment). Each value is cut at 512 bytes, all together at 4,096; `***` replaces passwords in URLs',
      },
      parent: {
        about: 'The parent of the process; `stepparent.lineage` has the ancestors above it',
        journalOf: {
          pid: 'STEPPARENT_PARENT_PID',
          executable: 'STEPPARENT_PARENT_EXECUTABLE',
          command_line: 'STEPPARENT_PARENT_COMMAND_LINE',
        },
        fields: {
          ...processFields,
          hash: {
            about: 'Hash of the script that the parent is',
            fields: {
              sha256: {
                type: 'keyword',
                journal: 'STEPPARENT_PARENT_SHA256',
                about: 'SHA-256 of the script; only of one with a temporary or random path that started dpkg or rpm',
              },
            },
          },
        },
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
  source: {
    about: 'The end of a connection on this host',
    on: ['connection'],
    fields: endpointFields,
  },
  destination: {
    about: 'The other end of a connection',
    on: ['connection'],
    journalOf: { ip: 'STEPPARENT_DESTINATION_IP', port: 'STEPPARENT_DESTINATION_PORT' },
    fields: endpointFields,
  },
  network: {
    about: 'The kind of a connection',
    on: ['connection'],
    fields: {
      transport: { type: 'keyword', about: '`tcp`' },
      type: { type: 'keyword', about: '`ipv4` or `ipv6`' },
      direction: { type: 'keyword', about: '`egress`: a process of this host opens it' },
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
export const fields: readonly Field[] = fieldsOf(fieldTable, '', { on: observed });

/** Whether every event can have the field. */
export const isOnAll = ({ on }: Field): boolean => always.every((kind) => on.includes(kind));

/** Whether an event can have the field, and not only an alert. */
export const isOfEvent = ({ on }: Field): boolean => on.some((kind) => kind !== 'alert');
