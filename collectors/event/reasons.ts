// The keywords of `stepparent.unobserved` and `stepparent.inferred`, each with its meaning. docs/fields.md lists them.

/** Why a field is absent: one clause for each keyword. */
export const unobservedReasons = {
  process_exited: 'the process ended before the agent could read it',
  ancestor_exited: 'an ancestor ended before the agent could read it',
  no_leader: 'no leader: the kernel or an init without a session started it, or the leader is in another pid namespace',
  parent_unobserved: 'the parent was not observed',
  only_wrappers: 'all ancestors in the event are shells, sudo, env or the like',
  user_and_unit_unobserved: 'neither the user nor the unit was observed',
  change_not_seen: 'the agent did not see the change happen',
  other_pid_namespace: 'the kernel does not name a process of another pid namespace',
  no_package_manager: 'the kernel named no process, and no package manager ran',
  several_package_managers: 'the kernel named no process, and several package managers ran',
  file_gone: 'the file was gone before the agent could open it',
  file_replaced: 'another file replaced it before the agent could read it',
  not_regular_file: 'the file is not a regular file',
  too_large: 'the file is larger than the agent reads, 1 MiB',
  grew_while_read: 'the file kept growing while the agent read it',
  unreadable: 'the file could not be opened or read',
  read_timeout: 'the file could not be read in time',
  too_many_scripts: 'more scripts ran at once than the agent can read',
  unsupported: 'the file system does not record it',
  not_shown: 'the package manager does not show it',
  no_dpkg_status: 'the status file of dpkg lists no package',
  version_uncertain: 'dpkg may be changing the package, and the agent did not see which version the script belongs to',
} as const;

/** Why a field was not observed. */
export type UnobservedReason = keyof typeof unobservedReasons;

/** The source of a value that was not read: one noun phrase for each keyword. */
export const inferredBases = {
  nearest_ancestor: 'the nearest ancestor that could be read',
  earlier_program: 'the process while it ran another program',
  proc_parent: '/proc, read after the fork: the parent may have adopted the process',
  execve_args: 'the arguments passed to execve',
  interpreter_argument: 'the argument of the interpreter',
  filename_file_gone: 'the name passed to execve; the file is gone',
  filename_relative: 'the name passed to execve, relative to an unknown directory',
  filename_other_program: 'the name passed to execve; /proc shows another program',
  script_path: 'the path of the script; dpkg did not start it, and the user is not known',
  package_file_name: 'the name of the only package file among the arguments of the package manager',
  args_unobserved: 'the path of an interpreter or linker whose arguments were not observed',
  script_relative: 'the name of a script, relative to an unknown directory',
  directory_creator: 'the process that created the directory',
  closing_process: 'the process that closed the file; the last change of the file is older than the process',
  program_before_exec: 'the time of the change: the process has executed another program since',
  program_at_exec: 'the time of the change: the process executed a program at that moment',
  reused_pid: 'the pid, which another process had shortly before',
  closed_by_other: 'the process that wrote to the file; another one closed it',
  only_package_manager: 'the only package manager that ran at that time',
  initial_scan: 'the first scan of the agent: the file was present, and no installed package contains it',
  change_time_only: 'the change time of the inode: attributes were set, or content was written and its time set back',
  writer_unobserved: 'the fact that the agent saw no write by dpkg; the file could not be read',
} as const;

/** The source that a field was concluded from. */
export type InferredBasis = keyof typeof inferredBases;
