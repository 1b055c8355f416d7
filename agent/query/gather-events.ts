// Puts the events of many hosts into a database of its own for as long as a command asks statements of it.

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, errorMessage } from '../../collectors/error-message.ts';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { sqlFunctions } from '../../detectors/query/esql-functions.ts';
import {
  columnsRead,
  createGatheredDatabase,
  type GatheredWriter,
  joinColumns,
} from '../../storage/gathered-database.ts';
import { SqlError } from '../../storage/query-database.ts';
import { StoreError, storeError } from '../../storage/store-error.ts';
import { QueryEnded, type QuerySource } from './ask-query.ts';
import { type EventFile, findEventFiles, type LeftOut, leaveOut, nothingLeftOut, readLines } from './event-files.ts';
import { gatheredLedger } from './gathered-ledger.ts';

/** Events that are read at most: they take some GB on the disk. */
const maxEvents = 10_000_000;
/** Blank and damaged lines of one file: one of 10 MB can expand to billions of them. */
const maxOtherLines = 100_000;
const maxPathChars = 1000;

interface Gathered {
  source: QuerySource;
  /** What was read, and what was left out. */
  notes: string[];
}

/**
 * Reads all events below the directory, and calls `use` with a source that has the columns of the statements. A wrong statement is
 * passed over: asking it gives the error. The database is in a private directory below TMPDIR, or /var/tmp, which is removed when `use`
 * has ended or a signal ends the process. `bounds` are others in tests. Throws a StoreError, a QueryEnded where there is no such
 * directory, and EACCES or EPERM where it may not be read.
 */
export async function withGatheredEvents<T>(
  directory: string,
  statements: readonly string[],
  use: (gathered: Gathered) => Promise<T>,
  bounds = { maxEvents },
): Promise<T> {
  const columns = statements.flatMap((sql) => {
    try {
      return [columnsRead(sql, sqlFunctions)];
    } catch (error) {
      if (error instanceof SqlError) return [];
      throw error;
    }
  });
  const leftOut = nothingLeftOut();
  const files = openDirectory(directory, leftOut);
  const place = process.env.TMPDIR || '/var/tmp';
  return await withTemporaryDirectory(join(place, 'stepparent-events-'), async (temporary) => {
    const path = join(temporary, 'events.db');
    const writer = createGatheredDatabase(path, joinColumns(columns), gatheredLedger);
    let counts: Counts;
    try {
      counts = columns.length === 0 ? noCounts() : await fill(writer, files, leftOut, bounds.maxEvents);
      writer.commit();
    } catch (error) {
      if (error instanceof StoreError && error.trouble === 'full') {
        throw new StoreError('full', `no space left in ${place} for the events; set TMPDIR to another directory`);
      }
      throw error;
    } finally {
      writer.close();
    }
    const notes = columns.length === 0 ? [] : notesOf(counts, writer.counts(), leftOut);
    return await use({ source: { kind: 'gathered', path }, notes });
  });
}

function openDirectory(directory: string, leftOut: LeftOut): Iterable<EventFile> {
  try {
    return findEventFiles(directory, leftOut);
  } catch (error) {
    const code = errorCode(error);
    if (['EACCES', 'EPERM'].includes(code)) throw error;
    const reason = ['ENOENT', 'ENOTDIR'].includes(code) ? 'no such directory' : code;
    throw new QueryEnded(`--events ${escapeText(directory, maxPathChars)}: ${reason}`);
  }
}

interface Counts {
  files: number;
  events: number;
  duplicates: number;
  isCut: boolean;
}

const noCounts = (): Counts => ({ files: 0, events: 0, duplicates: 0, isCut: false });

async function fill(
  writer: GatheredWriter,
  files: Iterable<EventFile>,
  leftOut: LeftOut,
  maxEvents: number,
): Promise<Counts> {
  const counts = noCounts();
  for (const file of files) {
    counts.files++;
    let number = 0;
    let others = 0;
    try {
      for await (const lines of readLines(file)) {
        for (const line of lines) {
          number++;
          const isBlank = line?.trim() === '';
          const added = line === undefined || isBlank ? 'damaged' : writer.add(parseLine(line));
          if (added === 'damaged' && ++others > maxOtherLines) {
            throw new Error(`more than ${maxOtherLines} lines without an event`);
          }
          if (isBlank) continue;
          if (added === 'added') counts.events++;
          else if (added === 'duplicate') counts.duplicates++;
          else leaveOut(leftOut, 'line', `line ${number} of ${file.path}`);
          counts.isCut = counts.events >= maxEvents;
          if (counts.isCut) return counts;
        }
      }
    } catch (error) {
      if (error instanceof StoreError) throw error;
      leaveOut(leftOut, 'file', `${file.path}: ${errorMessage(error).replace(file.opened, file.path)}`);
    }
  }
  return counts;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function notesOf(
  counts: Counts,
  { hosts, sharedAgents, differing, largest }: ReturnType<GatheredWriter['counts']>,
  leftOut: LeftOut,
): string[] {
  const of = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const { line, file, directory, symlink, other } = leftOut;
  const again = counts.duplicates === 0 ? '' : `, ${of(counts.duplicates, 'event')} more than once`;
  const notes = [`${of(counts.events, 'event')} of ${of(hosts, 'host')} in ${of(counts.files, 'file')}${again}`];
  const add = (count: number, text: string): void => {
    if (count > 0) notes.push(text);
  };
  const ofLargest = `${largest.events} of them have the host.id ${largest.host}`;
  add(counts.isCut ? 1 : 0, `only the first ${counts.events} events were read; ${ofLargest}`);
  add(differing, `events that differ from another with the same event.id and host.id: ${differing}; all are rows`);
  add(line.count, `${of(line.count, 'line')} without an event left out, the first: ${line.first}`);
  add(file.count, `${of(file.count, 'file')} not read to the end, the first: ${file.first}`);
  add(directory.count, `directories not read: ${directory.count}, the first: ${directory.first}`);
  add(symlink.count, `${of(symlink.count, 'symlink')} not followed, the first: ${symlink.first}`);
  add(other.count, `${of(other.count, 'file')} passed over by name, the first: ${other.first}`);
  add(sharedAgents, `values of agent.id that several hosts have, as clones do: ${sharedAgents}; count by host.id`);
  return notes;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Removes the directory (0700) however the process ends, except by SIGKILL. Throws a StoreError where it cannot be made. */
async function withTemporaryDirectory<T>(prefix: string, use: (directory: string) => Promise<T>): Promise<T> {
  let directory: string;
  try {
    directory = mkdtempSync(prefix);
  } catch (error) {
    throw storeError(error, prefix);
  }
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const onSignal = (signal: NodeJS.Signals): void => {
    end();
    process.kill(process.pid, signal);
  };
  const end = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
    process.off('exit', remove);
    remove();
  };
  for (const signal of signals) process.on(signal, onSignal);
  process.on('exit', remove);
  try {
    return await use(directory);
  } finally {
    end();
  }
}
