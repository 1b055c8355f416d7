// The table `processes`, from /proc/PID of every process that lives while the table is read.

import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import type { HostTable, SqlValue } from './host-table.ts';

const maxCmdlineBytes = 128 * 1024;
/** Clock tick of proc_pid_stat(5): there are 100 in a second on every Linux that Node supports. */
const tickMs = 10;

/**
 * Units are those of osquery: sizes in bytes, `user_time` and `system_time` in milliseconds, `start_time` in seconds
 * since 1970. A text that cannot be read is empty. `cmdline` has the first 128 KiB of the arguments. `on_disk`: 1 if a
 * file is at the path of the executable, 0 if not or if it is not safe to check (`mayReadInside`), -1 if the path is
 * not known.
 */
export const processesTable = (host: Host): HostTable => ({
  name: 'processes',
  columns: [
    ['pid', 'BIGINT'],
    ['name', 'TEXT'],
    ['path', 'TEXT'],
    ['cmdline', 'TEXT'],
    ['state', 'TEXT'],
    ['cwd', 'TEXT'],
    ['root', 'TEXT'],
    ['uid', 'BIGINT'],
    ['gid', 'BIGINT'],
    ['euid', 'BIGINT'],
    ['egid', 'BIGINT'],
    ['suid', 'BIGINT'],
    ['sgid', 'BIGINT'],
    ['on_disk', 'INTEGER'],
    ['wired_size', 'BIGINT'],
    ['resident_size', 'BIGINT'],
    ['total_size', 'BIGINT'],
    ['user_time', 'BIGINT'],
    ['system_time', 'BIGINT'],
    ['disk_bytes_read', 'BIGINT'],
    ['disk_bytes_written', 'BIGINT'],
    ['start_time', 'BIGINT'],
    ['parent', 'BIGINT'],
    ['pgroup', 'BIGINT'],
    ['threads', 'INTEGER'],
    ['nice', 'INTEGER'],
    ['cgroup_path', 'TEXT'],
  ],
  *rows() {
    const bootMs = host.clock.bootEpochMs();
    for (const pid of host.proc.listPids()) {
      const row = rowOf(host, pid, bootMs);
      if (row !== undefined) yield row;
    }
  },
});

function rowOf(host: Host, pid: number, bootMs: number): SqlValue[] | undefined {
  const { proc } = host;
  const stat = tryRead(() => host.readText(`/proc/${pid}/stat`));
  const status = tryRead(() => host.readText(`/proc/${pid}/status`));
  if (stat === undefined || status === undefined) return undefined;
  const close = stat.lastIndexOf(')');
  const rest = stat.slice(close + 2).split(' ');
  /** By the field's number in proc_pid_stat(5). */
  const field = (number: number): number => Number(rest[number - 3]);
  const ids = (key: string): number[] =>
    new RegExp(`^${key}:([\\t \\d]*)$`, 'm').exec(status)?.[1]?.match(/\d+/g)?.map(Number) ?? [];
  const kibibytes = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  const [uid = null, euid = null, suid = null] = ids('Uid');
  const [gid = null, egid = null, sgid = null] = ids('Gid');
  const file = proc.readExe(pid);
  const io = tryRead(() => host.readText(`/proc/${pid}/io`)) ?? '';
  const ioBytes = (key: string): number => Number(new RegExp(`^${key}: (\\d+)$`, 'm').exec(io)?.[1] ?? 0);
  return [
    pid,
    stat.slice(stat.indexOf('(') + 1, close),
    file ?? '',
    proc.readCmdline(pid, maxCmdlineBytes)?.args.join(' ') ?? '',
    rest[0] ?? '',
    proc.readCwd(pid) ?? '',
    tryRead(() => host.readLink(`/proc/${pid}/root`)) ?? '',
    uid,
    gid,
    euid,
    egid,
    suid,
    sgid,
    file === undefined ? -1 : Number(proc.readIdentityInside(pid, file) !== undefined),
    kibibytes('VmLck') * 1024,
    kibibytes('VmRSS') * 1024,
    kibibytes('VmSize') * 1024,
    field(14) * tickMs,
    field(15) * tickMs,
    ioBytes('read_bytes'),
    ioBytes('write_bytes'),
    Math.floor((bootMs + field(22) * tickMs) / 1000),
    field(4),
    field(5),
    field(20),
    field(19),
    proc.readCgroupPath(pid) ?? '',
  ];
}
