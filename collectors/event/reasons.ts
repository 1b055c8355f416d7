// The keywords of `stepparent.unobserved` and `stepparent.inferred`, each with what it means. docs/fields.md lists them.

export const unobservedReasons = {
  process_exited: 'the process ended before the agent could read it',
  ancestor_exited: 'an ancestor ended before the agent could read it',
  no_leader: 'there is none: begun by the kernel or by an init without a session, or led from another pid namespace',
  parent_unobserved: 'the parent was not observed',
  only_wrappers: 'all ancestors that are kept are shells, sudo, env or the like',
  user_and_unit_unobserved: 'neither the user nor the unit was observed',
  change_not_seen: 'the agent did not see the change happen',
  other_pid_namespace: 'the kernel does not name a process of another pid namespace',
  no_package_manager: 'the kernel named no process, and no package manager ran',
  several_package_managers: 'the kernel named no process, and several package managers ran',
  file_gone: 'the file was gone before the agent could open it',
  file_replaced: 'another file had taken its place before the agent could read it',
  not_regular_file: 'it is not a regular file',
  too_large: 'the file is larger than the agent reads, 1 MiB',
  grew_while_read: 'the file grew all the while the agent read it',
  unreadable: 'the file could not be opened or read',
  read_timeout: 'the file could not be read in time',
  too_many_scripts: 'more scripts ran at once than the agent reads',
  unsupported: 'the file system does not keep it',
  not_shown: 'the package manager does not show it',
  no_dpkg_status: 'the status file of dpkg lists no package',
  version_uncertain: 'dpkg may be at work on the package, and the agent did not see which version the script is of',
} as const;

/** Why a field was not observed. */
export type UnobservedReason = keyof typeof unobservedReasons;

export const inferredBases = {
  nearest_ancestor: 'the nearest ancestor that could be read',
  earlier_program: 'the process, as another program',
  proc_parent: '/proc, after the fork: that process may have adopted this one',
  execve_args: 'the arguments that execve was given',
  interpreter_argument: 'the argument of the interpreter',
  filename_file_gone: 'the name that execve was given; the file is gone',
  filename_relative: 'the name that execve was given, relative to an unknown directory',
  filename_other_program: 'the name that execve was given; /proc shows another program',
  script_path: 'the path of the script; no dpkg started it, and the user is not known',
  package_file_name: 'the name of the one package file that the package manager was given',
  args_unobserved: 'the path of an interpreter or linker whose arguments were not observed',
  script_relative: 'the name of a script, relative to an unknown directory',
  directory_creator: 'the process that made the directory',
  closing_process: 'the process that closed the file, whose last change is older than the process',
  program_before_exec: 'the time of the change: the process has executed another program since',
  program_at_exec: 'the time of the change: the process executed a program at that moment',
  reused_pid: 'the pid, which another process had just before',
  closed_by_other: 'the process that wrote to the file; another one closed it',
  only_package_manager: 'the one package manager that ran at that time',
  initial_scan: 'the first scan of the agent: the file was there, and no installed package has it',
  change_time_only: 'the change time of the inode: attributes were set, or it was written and its time set back',
  writer_unobserved: 'dpkg was not seen to write the file, and the file could not be read',
} as const;

/** What a field was concluded from. */
export type InferredBasis = keyof typeof inferredBases;
