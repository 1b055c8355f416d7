// CPU time and memory of running processes, from /proc, and sizes of directories.

import fs from 'node:fs';
import path from 'node:path';

const clockTicksPerSecond = 100;

function readOfProcess(pid: number, name: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** Milliseconds of CPU, user and system, of these processes and their ended children. */
export const cpuMs = (pids: readonly number[]): number =>
  pids.reduce((total, pid) => {
    const stat = readOfProcess(pid, 'stat');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
    return total + (ticks * 1000) / clockTicksPerSecond;
  }, 0);

/** Memory in megabytes; `VmHWM` is the maximum in the life of a process. A kernel thread has none. */
export const memoryMb = (pids: readonly number[], field: 'VmRSS' | 'VmHWM'): number =>
  pids.reduce((total, pid) => {
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readOfProcess(pid, 'status'))?.[1];
    return total + Number(kilobytes ?? 0) / 1024;
  }, 0);

/** The running children of a process. */
export const childrenOf = (pid: number): number[] =>
  readOfProcess(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number);

/** The pid of the kernel thread with that name. */
export const kernelThread = (name: string): number | undefined =>
  fs
    .readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .find((pid) => readOfProcess(pid, 'comm').trim() === name && readOfProcess(pid, 'cmdline') === '');

/** Bytes of all files below a directory. */
export const sizeOf = (directory: string): number =>
  fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((total, entry) => total + fs.statSync(path.join(entry.parentPath, entry.name)).size, 0);
