// What the kernel passed to a program: arguments, environment and credentials, as they were on its stack before its
// first instruction.

/** The user and group ids of a process at an exec, from the auxiliary vector (getauxval(3)). */
export interface StartCredentials {
  /** AT_EUID. The saved user id is the same: execve(2) copies it. */
  userId: number;
  /** AT_UID. */
  realUserId: number;
  /** AT_EGID. The saved group id is the same. */
  groupId: number;
  /** AT_GID. */
  realGroupId: number;
  /** AT_SECURE: the exec gave privileges (set-user-ID, set-group-ID, capabilities). */
  secure: boolean;
}

/** The stack of a program at its entry point. Everything beyond the sizes that a probe copies is not known. */
export interface ProgramStart {
  /** Path of the file whose probe was hit: the dynamic linker or, if the program is static or a package tool, the program. */
  probe: string;
  /** At least argv[0] unless the kernel passed none; the last one is cut if `truncated`. */
  args: string[];
  /** Number of arguments that the kernel passed. */
  argc: number;
  /** `args` has fewer than `argc` entries, or its last one is cut. */
  truncated: boolean;
  /** Undefined: the auxiliary vector lies beyond the bytes that the probe copied. */
  credentials: StartCredentials | undefined;
  /** The complete strings behind the arguments that were copied, with a NUL between them: see `environmentOf`. */
  environment: string;
  /** The environment has more than `environment`. */
  environmentTruncated: boolean;
  /** Number of variables that the kernel passed; undefined: not known. */
  environmentCount?: number;
}

/** What one probe copied of the stack. */
export interface RecordedStart {
  /** Path of the probed file; the process may have executed it by another name. */
  image: string;
  args: string[];
  /** Number of arguments that the kernel passed. */
  argc: number;
  /** `args` has fewer than `argc` entries, or its last one is cut. */
  truncated: boolean;
  /** Absent: beyond the bytes that the probe copies. */
  credentials?: StartCredentials;
  /** As in `ProgramStart`. Most starts are dismissed without their environment, so that it is not taken apart. */
  environment?: string;
  environmentTruncated?: boolean;
  /** Number of variables that the kernel passed; absent: beyond the bytes that the probe copies. */
  environmentCount?: number;
}

/** The start of a program by the record of its entry probe. `earlier`: what another probe read at the same exec. */
export function startOf(record: RecordedStart, earlier?: ProgramStart): ProgramStart {
  const { environment = '', environmentTruncated = true } = record;
  const count = record.environmentCount ?? earlier?.environmentCount;
  const start: ProgramStart = {
    probe: record.image,
    args: record.args,
    argc: record.argc,
    truncated: record.truncated,
    credentials: record.credentials ?? earlier?.credentials,
    environment,
    environmentTruncated:
      count === record.environmentCount ? environmentTruncated : countStrings(environment) < (count ?? 0),
  };
  if (count !== undefined) start.environmentCount = count;
  return start;
}

/** Number of strings in a text with a NUL between them. */
function countStrings(text: string): number {
  if (text === '') return 0;
  let count = 1;
  for (let at = text.indexOf('\0'); at >= 0; at = text.indexOf('\0', at + 1)) count++;
  return count;
}

/** The environment of a start. If its length is not known, strings without a name are left out: they may lie behind it. */
export function environmentOf({ environment, environmentCount }: ProgramStart): string[] {
  const strings = environment === '' ? [] : environment.split('\0');
  return environmentCount === undefined
    ? strings.filter((text) => text.includes('='))
    : strings.slice(0, environmentCount);
}
