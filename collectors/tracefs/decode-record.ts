// Decodes the bytes of a trace record into a process record, by the `format` files of the running kernel.

import { linux } from '../linux/linux-abi.ts';
import type { BootNs, ProcessRecord } from '../process/process-record.ts';
import { type EventField, type EventFormat, fieldOf } from './event-format.ts';
import { argvBlocks, attemptArgBytes, attemptArgs } from './probe-definition.ts';

/**
 * Decodes one record. Undefined: the record is not needed. Throws RangeError if the record is shorter than its format.
 */
export type RecordDecoder = (page: Buffer, offset: number, length: number, timeNs: BootNs) => ProcessRecord | undefined;

function readText(page: Buffer, offset: number, length: number, field: EventField): string | undefined {
  const location = page.readUInt32LE(offset + field.offset);
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
    const cloneFlags = page.readUInt32LE(offset + flags);
    return {
      kind: 'fork',
      timeNs,
      pid: page.readInt32LE(offset + pid),
      creator: page.readInt32LE(offset + creator),
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
    pid: page.readInt32LE(offset + pid),
    creator: page.readInt32LE(offset + creator),
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
    pid: page.readInt32LE(offset + pid),
    formerTid: page.readInt32LE(offset + formerTid),
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
    pid: page.readInt32LE(offset + pid),
    groupDead: groupDead === undefined ? undefined : page.readUInt8(offset + groupDead) !== 0,
  });
}

/**
 * The entry probe of a program (`entryProbe`). The record has argc and then the bytes from argv[0] on, as they are on
 * the stack: each argument ends in NUL, and after the last one follows the environment, which is not read.
 */
export function decodeArgv(format: EventFormat, image: string): RecordDecoder {
  const pid = fieldOf(format, 'common_pid').offset;
  const argcAt = fieldOf(format, 'argc').offset;
  const first = fieldOf(format, 'b0');
  const last = fieldOf(format, `b${argvBlocks - 1}`);
  const size = last.offset + last.size - first.offset;
  return (page, offset, length, timeNs) => {
    if (first.offset + size > length) throw new RangeError('argument bytes outside their record');
    const argc = page.readUInt32LE(offset + argcAt);
    const args: string[] = [];
    const end = offset + first.offset + size;
    let argStart = offset + first.offset;
    let truncated = false;
    while (args.length < argc) {
      const nul = page.indexOf(0, argStart);
      if (nul < 0 || nul >= end) {
        if (argStart < end) args.push(page.toString('utf8', argStart, end));
        truncated = true;
        break;
      }
      args.push(page.toString('utf8', argStart, nul));
      argStart = nul + 1;
    }
    return { kind: 'argv', timeNs, pid: page.readInt32LE(offset + pid), image, args, argc, truncated };
  };
}

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
      tid: page.readInt32LE(offset + tid),
      args,
      truncated: isCut || args.length === attemptArgs,
    };
  };
}
