// Decodes the bytes of a trace record into a process record, by the `format` files of the running kernel.

import { ipv4Text, ipv6Text, isMapped } from '../connections/ip-address.ts';
import { int32At, uint16At, uint32At } from '../linux/integers.ts';
import { linux } from '../linux/linux-abi.ts';
import type { ArgvRecord, BootNs, EntryRole, ProcessRecord } from '../process/process-record.ts';
import { type EventField, type EventFormat, fieldOf } from './event-format.ts';
import { attemptArgBytes, attemptArgs } from './probe-definition.ts';

/**
 * Decodes one record. Undefined: the record is not needed. Throws RangeError if the record is shorter than its format.
 */
export type RecordDecoder = (page: Buffer, offset: number, length: number, timeNs: BootNs) => ProcessRecord | undefined;

function readText(page: Buffer, offset: number, length: number, field: EventField): string | undefined {
  const location = uint32At(page, offset + field.offset);
  const start = location & 0xffff;
  const size = location >>> 16;
  if (size === 0) return undefined;
  if (start + size > length) throw new RangeError('text outside its record');
  const begin = offset + start;
  const nul = page.indexOf(0, begin);
  return page.toString('utf8', begin, nul < 0 || nul > begin + size ? begin + size : nul);
}

/** `task:task_newtask`: a new task, its creator, and whether it is a thread. */
export function decodeNewTask(format: EventFormat): RecordDecoder {
  const creator = fieldOf(format, 'common_pid').offset;
  const pid = fieldOf(format, 'pid').offset;
  const flags = fieldOf(format, 'clone_flags').offset;
  return (page, offset, _length, timeNs) => {
    const cloneFlags = uint32At(page, offset + flags);
    return {
      kind: 'fork',
      timeNs,
      pid: int32At(page, offset + pid),
      creator: int32At(page, offset + creator),
      thread: (cloneFlags & linux.CLONE_THREAD) !== 0,
      sibling: (cloneFlags & linux.CLONE_PARENT) !== 0,
    };
  };
}

/** `sched:sched_process_fork`, for a kernel without task_newtask: it does not distinguish threads from processes. */
export function decodeFork(format: EventFormat): RecordDecoder {
  const creator = fieldOf(format, 'parent_pid').offset;
  const pid = fieldOf(format, 'child_pid').offset;
  return (page, offset, _length, timeNs) => ({
    kind: 'fork',
    timeNs,
    pid: int32At(page, offset + pid),
    creator: int32At(page, offset + creator),
    thread: false,
    sibling: false,
  });
}

/** `sched:sched_process_exec`. */
export function decodeExec(format: EventFormat): RecordDecoder {
  const filename = fieldOf(format, 'filename');
  const pid = fieldOf(format, 'pid').offset;
  const formerTid = fieldOf(format, 'old_pid').offset;
  return (page, offset, length, timeNs) => ({
    kind: 'exec',
    timeNs,
    pid: int32At(page, offset + pid),
    formerTid: int32At(page, offset + formerTid),
    filename: readText(page, offset, length, filename) ?? '',
  });
}

/** `sched:sched_process_exit`. */
export function decodeExit(format: EventFormat): RecordDecoder {
  const pid = fieldOf(format, 'pid').offset;
  const groupDead = format.fields.get('group_dead')?.offset;
  return (page, offset, _length, timeNs) => ({
    kind: 'exit',
    timeNs,
    pid: int32At(page, offset + pid),
    groupDead: groupDead === undefined ? undefined : page[offset + groupDead] !== 0,
  });
}

/** The fields NAME0, NAME1 ... of a format, which lie behind each other. Undefined: the format has none. */
function blocksOf({ fields }: EventFormat, name: string): EventField | undefined {
  const first = fields.get(`${name}0`);
  if (first === undefined) return undefined;
  let size = 0;
  for (let i = 0, block: EventField | undefined = first; block !== undefined; block = fields.get(`${name}${++i}`)) {
    size += block.size;
  }
  return { offset: first.offset, size };
}

/**
 * An entry probe (`entryProbe`). Its text begins with argv[0]; each argument ends in NUL, and the environment follows.
 * All of it is the process's own memory, and may have any content.
 */
export function decodeArgv(format: EventFormat, image: string, role: EntryRole): RecordDecoder {
  const pid = fieldOf(format, 'common_pid').offset;
  const argcAt = fieldOf(format, 'argc').offset;
  const text = blocksOf(format, 'b') ?? fieldOf(format, 'b0');
  const stack = blocksOf(format, 'w');
  const end = Math.max(text.offset + text.size, stack === undefined ? 0 : stack.offset + stack.size);
  return (page, offset, length, timeNs) => {
    if (end > length) throw new RangeError('bytes of a program outside their record');
    const begin = offset + text.offset;
    const record: ArgvRecord = {
      kind: 'argv',
      timeNs,
      pid: int32At(page, offset + pid),
      image,
      role,
      argc: uint32At(page, offset + argcAt),
      args: [],
      truncated: false,
      environment: '',
      environmentTruncated: true,
    };
    if (stack !== undefined) readStack(record, page, offset + stack.offset, stack.size);
    readStrings(record, page, begin, begin + text.size);
    return record;
  };
}

/**
 * Reads the arguments and the environment from the text of an entry probe into the record. All strings are parts of one
 * text: this runs at each exec on the host.
 */
function readStrings(record: ArgvRecord, page: Buffer, begin: number, end: number): void {
  const { args, argc, environmentCount } = record;
  const lastNul = page.lastIndexOf(0, end - 1);
  const complete = lastNul < begin ? begin : lastNul + 1;
  const text = complete === begin ? '' : page.toString('utf8', begin, complete);
  let at = 0;
  while (args.length < argc && at < text.length) {
    const nul = text.indexOf('\0', at);
    args.push(text.slice(at, nul));
    at = nul + 1;
  }
  if (args.length < argc) {
    if (complete < end) args.push(page.toString('utf8', complete, end));
    record.truncated = true;
    record.environmentTruncated = environmentCount !== 0;
    return;
  }
  // Beyond the environment are the file name of the exec and zeros.
  if (environmentCount === undefined) {
    let last = text.length;
    while (last > at && text.charCodeAt(last - 1) === 0) last--;
    record.environment = text.slice(at, last);
    return;
  }
  let behind = at;
  let count = 0;
  for (; count < environmentCount && behind < text.length; count++) behind = text.indexOf('\0', behind) + 1;
  if (count > 0) record.environment = text.slice(at, behind - 1);
  record.environmentTruncated = count < environmentCount;
}

/**
 * Reads the words behind argc into the record: the pointers of the arguments, a zero, the pointers of the environment, a
 * zero, and the auxiliary vector as pairs of type and value. Values that the block has no room for are absent.
 */
function readStack(record: ArgvRecord, page: Buffer, begin: number, size: number): void {
  const end = begin + size;
  const environment = begin + (record.argc + 1) * 8;
  let at = environment;
  while (at < end && !isZero(page, at)) at += 8;
  if (at >= end) return;
  record.environmentCount = (at - environment) / 8;
  let userId: number | undefined;
  let realUserId: number | undefined;
  let groupId: number | undefined;
  let realGroupId: number | undefined;
  let secure: number | undefined;
  for (at += 8; at + 16 <= end && !isZero(page, at); at += 16) {
    switch (uint32At(page, at)) {
      case linux.AT_UID:
        realUserId ??= uint32At(page, at + 8);
        break;
      case linux.AT_EUID:
        userId ??= uint32At(page, at + 8);
        break;
      case linux.AT_GID:
        realGroupId ??= uint32At(page, at + 8);
        break;
      case linux.AT_EGID:
        groupId ??= uint32At(page, at + 8);
        break;
      case linux.AT_SECURE:
        secure ??= uint32At(page, at + 8);
        break;
      default:
    }
  }
  if (
    realUserId !== undefined &&
    userId !== undefined &&
    realGroupId !== undefined &&
    groupId !== undefined &&
    secure !== undefined
  ) {
    record.credentials = { userId, realUserId, groupId, realGroupId, secure: secure !== 0 };
  }
}

/** Whether the word of 64 bits is zero. */
const isZero = (page: Buffer, at: number): boolean => uint32At(page, at) === 0 && uint32At(page, at + 4) === 0;

/** The event probe on execve and execveat (`attemptProbe`). */
export function decodeAttempt(format: EventFormat): RecordDecoder {
  const tid = fieldOf(format, 'common_pid').offset;
  const fields = Array.from({ length: attemptArgs }, (_, i) => fieldOf(format, `a${i}`));
  return (page, offset, length, timeNs) => {
    const args: string[] = [];
    let isCut = false;
    for (const field of fields) {
      const text = readText(page, offset, length, field);
      if (text === undefined) {
        // No argument at all is what a list reads as that is not in memory.
        isCut ||= args.length === 0;
        break;
      }
      isCut ||= Buffer.byteLength(text) >= attemptArgBytes - 1;
      args.push(text);
    }
    return {
      kind: 'attempt',
      timeNs,
      tid: int32At(page, offset + tid),
      args,
      truncated: isCut || args.length === attemptArgs,
    };
  };
}

/** The records of `sock:inet_sock_set_state` that `decodeConnect` needs; the kernel drops all others. */
export const connectFilter = `newstate == ${linux.TCP_SYN_SENT} && protocol == ${linux.IPPROTO_TCP}`;

/**
 * `sock:inet_sock_set_state`, from Linux 4.16 on: only the change to SYN_SENT, which connect(2) makes in the context of
 * its caller. The source port is chosen after that, unless the program has bound one.
 */
export function decodeConnect(format: EventFormat): RecordDecoder {
  const offsetOf = (name: string): number => fieldOf(format, name).offset;
  const [tid, newState, family] = [offsetOf('common_pid'), offsetOf('newstate'), offsetOf('family')];
  const [sourcePort, destinationPort] = [offsetOf('sport'), offsetOf('dport')];
  const [source4, destination4] = [offsetOf('saddr'), offsetOf('daddr')];
  const [source6, destination6] = [offsetOf('saddr_v6'), offsetOf('daddr_v6')];
  const protocol = fieldOf(format, 'protocol');
  return (page, offset, _length, timeNs) => {
    // A record from before the filter was set.
    if (int32At(page, offset + newState) !== linux.TCP_SYN_SENT) return undefined;
    if (page.readUIntLE(offset + protocol.offset, protocol.size) !== linux.IPPROTO_TCP) return undefined;
    const familyNow = uint16At(page, offset + family);
    const is6 = familyNow === linux.AF_INET6;
    if (!is6 && familyNow !== linux.AF_INET) return undefined;
    // A socket of IPv6 that connects to a mapped address has its own address only in the IPv4 field by then.
    const isReal6 = is6 && !isMapped(page, offset + destination6);
    const ipAt = (at4: number, at6: number): string =>
      isReal6 ? ipv6Text(page, offset + at6) : ipv4Text(page, offset + at4);
    return {
      kind: 'connect',
      timeNs,
      tid: int32At(page, offset + tid),
      source: { ip: ipAt(source4, source6), port: uint16At(page, offset + sourcePort) },
      destination: { ip: ipAt(destination4, destination6), port: uint16At(page, offset + destinationPort) },
    };
  };
}
