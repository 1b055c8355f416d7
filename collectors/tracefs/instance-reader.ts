// Reads and decodes the records in the ring buffers of a tracing instance.

import fs from 'node:fs';
import path from 'node:path';
import { uint16At } from '../linux/integers.ts';
import { readInto } from '../linux/libc.ts';
import type { BootNs, ProcessRecord } from '../process/process-record.ts';
import type { RecordDecoder } from './decode-record.ts';
import { type EventFormat, fieldOf, parseEventFormat } from './event-format.ts';
import type { Instance } from './instance.ts';
import { visitPage } from './ring-buffer-page.ts';

/** Counts of lost and damaged data since the reader was opened. */
export interface ReadCounts {
  /** Number of records that the kernel overwrote before the agent read them. */
  lost: number;
  malformedPages: number;
  /** Number of records that are shorter than their format, or whose text begins or ends outside of the record. */
  undecodable: number;
}

/** Maximum number of pages that are read of one CPU before the records are handled: 1 MiB. */
const maxPages = 256;

/**
 * The open ring buffers of an instance, with one decoder for each registered event. Records of other events are
 * skipped.
 */
export interface InstanceReader {
  /** One descriptor for each CPU, for poll(2). */
  fds: readonly number[];
  /** Sets the decoder of an event, in place of an earlier one with the same number. */
  register(format: EventFormat, decode: RecordDecoder): void;
  /**
   * Appends the records in the buffers, one CPU after the other, each CPU in order, but of each CPU no more than
   * `maxPages` pages: while processes write faster than the agent reads, the buffers never become empty. Returns the time
   * up to which all records were read; undefined: all that were in the buffers.
   */
  readAll(records: ProcessRecord[]): BootNs | undefined;
  counts: Readonly<ReadCounts>;
  /** Must be called before the instance is removed. */
  close(): void;
}

/**
 * Opens the ring buffer of each CPU (`per_cpu/cpuN/trace_pipe_raw`), from which a read removes the records. Throws the
 * errors of open(2) and read(2), and an error if the kernel's page header lacks a needed field.
 */
export function openInstanceReader(instance: Instance): InstanceReader {
  const header = parseEventFormat(fs.readFileSync(path.join(instance.directory, '../../events/header_page'), 'utf8'));
  const data = fieldOf(header, 'data');
  const layout = { commitOffset: fieldOf(header, 'commit').offset, dataOffset: data.offset };
  const page = Buffer.alloc(data.offset + data.size);
  const cpus = fs.readdirSync(path.join(instance.directory, 'per_cpu')).sort();
  const cpuFile = (cpu: string, name: string): string => path.join(instance.directory, 'per_cpu', cpu, name);
  const fds: number[] = [];
  const close = (): void => {
    for (const fd of fds.splice(0)) fs.closeSync(fd);
  };
  try {
    const { O_RDONLY, O_NONBLOCK } = fs.constants;
    for (const cpu of cpus) fds.push(fs.openSync(cpuFile(cpu, 'trace_pipe_raw'), O_RDONLY | O_NONBLOCK));
  } catch (error) {
    // An open descriptor would keep the instance from being removed.
    close();
    throw error;
  }
  /** Number of records overwritten on each CPU so far, by the kernel's count. */
  const overruns = cpus.map(() => 0);
  const newOverruns = (index: number): number => {
    const stats = fs.readFileSync(cpuFile(cpus[index] ?? '', 'stats'), 'utf8');
    const overrun = Number(/^overrun: (\d+)/m.exec(stats)?.[1] ?? 0);
    const since = overrun - (overruns[index] ?? 0);
    overruns[index] = overrun;
    return since;
  };
  /** Decoders by event id. The array is sparse, and ids are small numbers. */
  const decoders: { decode: RecordDecoder; minBytes: number }[] = [];
  const counts: ReadCounts = { lost: 0, malformedPages: 0, undecodable: 0 };

  /** Returns the time of the last record of the page; 0: it has none. */
  const readPage = (index: number, size: number, records: ProcessRecord[]): BootNs => {
    let lastNs = 0;
    const { lost, malformed } = visitPage(page, size, layout, (bytes, offset, length, timeNs) => {
      lastNs = timeNs;
      const known = length >= 2 ? decoders[uint16At(bytes, offset)] : undefined;
      if (known === undefined) return;
      try {
        if (length < known.minBytes) throw new RangeError('record shorter than its format');
        const record = known.decode(bytes, offset, length, timeNs);
        if (record) records.push(record);
      } catch {
        counts.undecodable++;
      }
    });
    if (malformed) counts.malformedPages++;
    if (lost > 0) {
      // The page shows that records are missing, but seldom how many.
      const count = Math.max(lost, newOverruns(index));
      counts.lost += count;
      records.push({ kind: 'lost', timeNs: lastNs, count });
    }
    return lastNs;
  };

  return {
    fds,
    register(format, decode) {
      const minBytes = Math.max(...[...format.fields.values()].map((field) => field.offset + field.size));
      decoders[format.id] = { decode, minBytes };
    },
    readAll(records) {
      let untilNs: BootNs | undefined;
      for (const [index, fd] of fds.entries()) {
        let lastNs = 0;
        let pages = 0;
        for (let size = readInto(fd, page); size > 0; size = readInto(fd, page)) {
          lastNs = Math.max(lastNs, readPage(index, size, records));
          if (++pages < maxPages) continue;
          untilNs = Math.min(untilNs ?? lastNs, lastNs);
          break;
        }
      }
      return untilNs;
    },
    counts,
    close,
  };
}
