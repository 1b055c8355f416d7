// Parses the text of the files in /proc/PID (proc(5)).

/** The fields of /proc/PID/stat (proc_pid_stat(5)) that the agent uses. */
export interface ProcStat {
  pid: number;
  /** State letter: R, S, D, Z (zombie) and others. */
  state: string;
  parentPid: number;
  groupId: number;
  sessionId: number;
  /** Device number of the controlling terminal; 0: none. */
  tty: number;
  /** Clock ticks (1/100 s) since boot, including suspend. */
  startTicks: number;
}

/**
 * Parses /proc/PID/stat. The name in parentheses may contain `)`, so that the last one ends it. Undefined: the text is
 * incomplete.
 */
export function parseStat(text: string): ProcStat | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  const rest = text.slice(close + 2).split(' ');
  // The 21st part follows: a number at the end may be cut.
  if (rest.length < 21 || !/^\d+$/.test(rest[19] ?? '')) return undefined;
  const startTicks = Number(rest[19]);
  return {
    pid: Number(text.slice(0, open)),
    state: rest[0] ?? '',
    parentPid: Number(rest[1]),
    groupId: Number(rest[2]),
    sessionId: Number(rest[3]),
    tty: Number(rest[4]),
    startTicks,
  };
}

/** The thread group, user and group ids of /proc/PID/status. */
export interface ProcStatus {
  threadGroupId: number;
  realUserId: number;
  effectiveUserId: number;
  savedUserId: number;
  realGroupId: number;
  effectiveGroupId: number;
  savedGroupId: number;
  /** Undefined: the line is missing or incomplete. */
  supplementalGroupIds: number[] | undefined;
}

/** Parses /proc/PID/status. Undefined: the text is incomplete. */
export function parseStatus(text: string): ProcStatus | undefined {
  const numbers = (key: string): number[] | undefined =>
    new RegExp(`^${key}:([\\t \\d]*)\\n`, 'm')
      .exec(text)?.[1]
      ?.split(/[\t ]+/)
      .filter(Boolean)
      .map(Number);
  const [threadGroupId] = numbers('Tgid') ?? [];
  const [realUserId, effectiveUserId, savedUserId] = numbers('Uid') ?? [];
  const [realGroupId, effectiveGroupId, savedGroupId] = numbers('Gid') ?? [];
  if (
    threadGroupId === undefined ||
    realUserId === undefined ||
    effectiveUserId === undefined ||
    savedUserId === undefined ||
    realGroupId === undefined ||
    effectiveGroupId === undefined ||
    savedGroupId === undefined
  ) {
    return undefined;
  }
  return {
    threadGroupId,
    realUserId,
    effectiveUserId,
    savedUserId,
    realGroupId,
    effectiveGroupId,
    savedGroupId,
    supplementalGroupIds: numbers('Groups'),
  };
}

/**
 * Parses /proc/PID/cmdline: arguments that each end in NUL. If the process has overwritten them, the last NUL may be
 * missing.
 */
export function parseCmdline(text: string): string[] {
  if (text === '') return [];
  const args = text.split('\0');
  if (args.at(-1) === '') args.pop();
  return args;
}

/**
 * Finds the cgroup path in /proc/PID/cgroup: in systemd's own hierarchy if there is one (cgroup v1), else in the
 * unified one. With both (hybrid), container engines create groups only in the v1 hierarchies: in the unified one the
 * processes of a container are in the unit of the engine.
 */
export function parseCgroupPath(text: string): string | undefined {
  return /^\d+:name=systemd:(.*)$/m.exec(text)?.[1] ?? /^0::(.*)$/m.exec(text)?.[1];
}

/** The innermost systemd unit of a cgroup path: `ssh.service`, `session-3.scope`. */
export function systemdUnit(cgroupPath: string): string | undefined {
  return cgroupPath
    .split('/')
    .reverse()
    .find((part) => /^[^.].*\.(service|scope|socket|mount|swap|slice)$/.test(part));
}

/**
 * User id of the service manager of a cgroup path (`user@1000.service`); undefined: the system manager. The outermost
 * one counts, since users choose the names below.
 */
export function userOfManager(cgroupPath: string): number | undefined {
  const id = /\/user@(\d+)\.service(?:\/|$)/.exec(cgroupPath)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** The container id in a cgroup path of docker, podman, containerd, CRI-O, LXC or systemd-nspawn. */
export function containerOfCgroup(cgroupPath: string): string | undefined {
  const id = /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:\/|$)/.exec(cgroupPath)?.[1];
  if (id !== undefined) return id;
  return (
    /\/lxc(?:\.payload)?[./]([^/]+)/.exec(cgroupPath)?.[1] ??
    /\/machine-([^/]+)\.scope/.exec(cgroupPath)?.[1]?.replaceAll('\\x2d', '-') ??
    /\/systemd-nspawn@([^/]+)\.service/.exec(cgroupPath)?.[1]
  );
}

/** The name of a controlling terminal by its device number: `pts/3`, `tty1`; undefined for other devices. */
export function terminalName(device: number): string | undefined {
  const { major, minor } = deviceNumbers(device);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return undefined;
}

/** Major and minor number of a device number, as packed in /proc/PID/stat (proc_pid_stat(5)). */
export const deviceNumbers = (device: number): { major: number; minor: number } => ({
  major: (device >>> 8) & 0xfff,
  minor: (device & 0xff) | ((device >>> 12) & 0xfff00),
});
