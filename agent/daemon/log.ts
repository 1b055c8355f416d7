// The agent's log about itself. Alerts do not come here: no log level can hide one.

import { fstatSync } from 'node:fs';
import type { Writable } from 'node:stream';
import winston from 'winston';
import Transport from 'winston-transport';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { journalSocket, sendEntry } from '../journal/journal-entry.ts';
import { localTime } from '../output/local-time.ts';

type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** The fields of a message, by name. */
type LogValues = Readonly<Record<string, unknown>>;

type LogFunction = (message: string, values?: LogValues) => void;

/** Logs messages. A message is constant text of the agent; observed text goes into the values, which are escaped. */
export type Log = Readonly<Record<LogLevel, LogFunction>> & { setLevel(level: LogLevel): void };

/** The destination of messages. Messages of a lower level than `level` are not written. */
export interface LogOptions {
  level: LogLevel;
  /** `journal`: journal entries; a line on `stream` for each entry that journald does not accept. */
  to: 'stream' | 'journal';
  stream: Writable;
  /** The socket of journald. Default: `journalSocket`. */
  socket?: string;
}

/** syslog(3): error, warning, info, debug. */
const priorities: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };
const valueChars = 1024;

/** Opens the log. Its functions never throw: a message that cannot be written is lost. */
export function openLog({ level, to, stream, socket = journalSocket }: LogOptions): Log {
  const lines = new winston.transports.Stream({ stream, format: winston.format.printf(terminalLine) });
  const logger = winston.createLogger({
    level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    transports: [to === 'journal' ? new JournalTransport(stream, socket) : lines],
    exitOnError: false,
  });
  const logAt =
    (entryLevel: LogLevel): LogFunction =>
    (message, values = {}) => {
      // The values go under one key, since winston interprets keys such as `message` and `level`.
      logger.log({ level: entryLevel, message, values });
    };
  const setLevel = (next: LogLevel): void => {
    logger.level = next;
  };
  return { error: logAt('error'), warn: logAt('warn'), info: logAt('info'), debug: logAt('debug'), setLevel };
}

/**
 * Whether standard error is connected to the journal. systemd sets $JOURNAL_STREAM to the device and inode of the stream
 * (systemd.exec(5)); a later redirection of standard error changes them.
 */
export function stderrIsJournal(environment: Readonly<Record<string, string | undefined>>): boolean {
  const { dev, ino } = fstatSync(2);
  return environment.JOURNAL_STREAM === `${dev}:${ino}`;
}

class JournalTransport extends Transport {
  readonly #stream: Writable;
  readonly #socket: string;

  constructor(stream: Writable, socket: string) {
    super();
    this.#stream = stream;
    this.#socket = socket;
  }

  override log(info: winston.Logform.TransformableInfo, next: () => void): void {
    const priority = priorities[info.level as LogLevel];
    const text = lineOf(info);
    const fields = [
      ['MESSAGE', text],
      ['PRIORITY', String(priority)],
      ['SYSLOG_IDENTIFIER', 'stepparent'],
    ] as const;
    // systemd reads the prefix as the priority (sd-daemon(3)).
    if (sendEntry(fields, this.#socket) !== undefined) this.#stream.write(`<${priority}>${text}\n`);
    next();
  }
}

function terminalLine(info: winston.Logform.TransformableInfo): string {
  const time = localTime(Date.now()).slice(11);
  return `${time} ${info.level.padEnd(5)} ${lineOf(info)}`;
}

function lineOf({ message, values }: winston.Logform.TransformableInfo): string {
  const pairs = Object.entries(values as LogValues).filter(([, value]) => value !== undefined);
  return [
    escapeText(String(message), valueChars),
    ...pairs.map(([name, value]) => `${name}=${shownValue(value)}`),
  ].join(' ');
}

function shownValue(value: unknown): string {
  const text =
    value instanceof Error ? value.message : typeof value === 'object' ? JSON.stringify(value) : String(value);
  const shown = escapeText(text, valueChars);
  return /^[^\s"=]+$/.test(shown) ? shown : `"${shown.replaceAll('"', '\\"')}"`;
}
