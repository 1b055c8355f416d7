// Finds the executions of the benchmark in an observer's output: a parser for each format, and a count. Pure functions.
//
// Each execution has one argument `PREFIX-NUMBER-xxx...`: the number identifies it, and the length of the x's shows
// whether the argument is complete. The executable may lie in a directory that is named PREFIX.

import type { Seen } from './results.ts';

/** The part of one line of output that concerns one execution. */
export interface Sighting {
  /** Identifies the lines of one execution if an observer writes several. */
  record?: string;
  /** Identifies the execution: its number, or an id of the observer; undefined: the line continues an argument. */
  key?: string;
  /** Number of x's on this line. */
  padding: number;
  /** Whether the observer reports that it cut the argument or could not read it. */
  flagged: boolean;
}

/** Parses one line of an observer's output. Undefined: the line has no execution with the prefix. */
export type ParseLine = (line: string, prefix: string) => Sighting | undefined;

function findMarker(text: string, prefix: string): { key: string; padding: number } | undefined {
  const begin = text.indexOf(`${prefix}-`);
  if (begin < 0) return undefined;
  const match = /^(\d+)-(x*)/.exec(text.slice(begin + prefix.length + 1));
  return match === null ? undefined : { key: match[1] ?? '', padding: match[2]?.length ?? 0 };
}

/** Parses a line of `stepparent events --json`. An execution without arguments is identified by its executable. */
export const parseStepparent: ParseLine = (line, prefix) => {
  if (!line.includes(prefix)) return undefined;
  const { event, process, stepparent } = JSON.parse(line);
  if (event?.action !== 'exec') return undefined;
  const notes = [...Object.keys(stepparent?.truncated ?? {}), ...Object.keys(stepparent?.unobserved ?? {})];
  const flagged = notes.some((name) => /^process\.(?:args|command_line)/.test(name));
  const found = findMarker((process?.args ?? []).join('\n'), prefix);
  if (found !== undefined) return { ...found, flagged };
  const isOfPrefix = String(process?.executable).split('/').includes(prefix);
  return isOfPrefix ? { key: `event ${event.id}`, padding: 0, flagged } : undefined;
};

/** Parses a line of bpftrace's join(), which does not report that it cut an argument. */
export const parseBpftrace: ParseLine = (line, prefix) => {
  const found = findMarker(line, prefix);
  return found && { ...found, flagged: false };
};

/** The arguments of one EXECVE record: in quotes, or in hexadecimal if they are long or have special characters. */
const argumentText = (line: string): string =>
  [...line.matchAll(/ a\d+(?:\[\d+\])?=(?:"([^"]*)"|([0-9A-F]+))/g)]
    .map(([, quoted, hex]) => quoted ?? Buffer.from(hex ?? '', 'hex').toString('latin1'))
    .join(' ');

/** Parses an EXECVE record of auditd. A long argument has several records with the same serial number. */
export const parseAudit: ParseLine = (line, prefix) => {
  if (!line.startsWith('type=EXECVE')) return undefined;
  const record = /msg=audit\(([^)]+)\)/.exec(line)?.[1] ?? '';
  const text = argumentText(line);
  const found = findMarker(text, prefix);
  if (found !== undefined) return { record, ...found, flagged: false };
  return /^x+$/.test(text) ? { record, padding: text.length, flagged: false } : undefined;
};

/** Parses a line of laurel, which writes `<<< ... >>>` in the place of a part that it cut. */
export const parseLaurel: ParseLine = (line, prefix) => {
  const found = findMarker(line, prefix);
  return found && { ...found, flagged: line.includes('<<<') };
};

/** Joins the lines of each execution, and counts executions by the state of their argument. */
export function createCount(padding: number): { add(sighting: Sighting): void; result(): Seen } {
  const byKey = new Map<string, { padding: number; flagged: boolean }>();
  let open: { record: string; key: string } | undefined;
  return {
    add({ record, key: ownKey, padding: length, flagged }) {
      const isContinued = record !== undefined && open?.record === record;
      const key = ownKey ?? (isContinued ? open?.key : undefined);
      if (key === undefined) return;
      const known = byKey.get(key) ?? { padding: 0, flagged: false };
      byKey.set(key, {
        padding: isContinued ? known.padding + length : Math.max(known.padding, length),
        flagged: flagged || known.flagged,
      });
      open = record === undefined ? undefined : { record, key };
    },
    result() {
      const all = [...byKey.values()];
      const complete = all.filter((each) => each.padding >= padding).length;
      const flagged = all.filter((each) => each.padding < padding && each.flagged).length;
      return { seen: all.length, complete, flagged, cut: all.length - complete - flagged };
    },
  };
}
