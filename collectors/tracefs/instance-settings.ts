// The control files of the tracing instance: what each had when the agent had set it up, compared with what it has now,
// and set again.

import fs from 'node:fs';
import path from 'node:path';
import { errorCode } from '../error-message.ts';

/** A control file that no longer has what the agent left there. */
export interface ChangedSetting {
  /** Path of the file. */
  path: string;
  before: string;
  /** Undefined: the file is gone, or cannot be read. */
  after: string | undefined;
  /** Whether the file has `before` again. */
  restored: boolean;
}

/** The settings of one instance. */
export interface InstanceSettings {
  /** Writes the text into a control file, and keeps what the file has from then on. Throws the error of the system call. */
  write(file: string, text: string): void;
  /** Enables an event, with `filter` in force, and keeps its settings. */
  enable(event: string, filter?: string): void;
  /** Forgets the settings of an event. */
  forget(event: string): void;
  /** Compares every setting that was kept, and writes those that differ again. */
  restore(): ChangedSetting[];
  /** The directories of the files, which can be watched. */
  directories(): string[];
}

/**
 * Settings that decide what the kernel records and how the agent reads it, which the agent does not write itself. Each
 * takes what it shows (Linux: Documentation/trace/ftrace.rst), but an empty list of pids, which is cleared by an open
 * with O_TRUNC, as are triggers (Documentation/trace/events.rst).
 */
const initialFiles = [
  'tracing_on',
  'tracing_cpumask',
  'current_tracer',
  'set_event_pid',
  'set_event_notrace_pid',
  'options/overwrite',
  'buffer_subbuf_size_kb',
];
const noFilter = '0';
/** The text of a file that has no trigger is a comment. */
const withoutComments = (text: string): string => text.replace(/^#.*\n?/gm, '').trim();
const shownBytes = 200;

interface Kept {
  /** What to write. */
  text: string;
  /** What the file then has. */
  has: string;
}

/** Opens the settings of the instance in `directory`, which must have its initial ones. */
export function openInstanceSettings(directory: string): InstanceSettings {
  const kept = new Map<string, Kept>();
  const pathOf = (file: string): string => path.join(directory, file);
  const read = (file: string): string | undefined => {
    try {
      return withoutComments(fs.readFileSync(pathOf(file), 'latin1')).slice(0, shownBytes);
    } catch {
      return undefined;
    }
  };
  const set = (file: string, text: string): void => fs.writeFileSync(pathOf(file), text, { flag: 'w' });
  const keep = (file: string, text: string): void => {
    const has = read(file);
    if (has !== undefined) kept.set(file, { text, has });
  };
  const write = (file: string, text: string): void => {
    set(file, text);
    keep(file, text);
  };
  for (const file of initialFiles) keep(file, read(file) ?? '');

  return {
    write,
    enable(event, filter) {
      const file = (name: string): string => path.join('events', event, name);
      if (filter === undefined) keep(file('filter'), noFilter);
      else write(file('filter'), filter);
      keep(file('trigger'), '');
      write(file('enable'), '1');
    },
    forget(event) {
      for (const name of ['filter', 'trigger', 'enable']) kept.delete(path.join('events', event, name));
    },
    restore() {
      return [...kept].flatMap(([file, { text, has }]) => {
        const after = read(file);
        if (after === has) return [];
        try {
          set(file, text);
        } catch (error) {
          if (!errorCode(error)) throw error;
        }
        return [{ path: pathOf(file), before: has, after, restored: read(file) === has }];
      });
    },
    directories: () => [...new Set([directory, ...[...kept.keys()].map((file) => path.dirname(pathOf(file)))])],
  };
}
