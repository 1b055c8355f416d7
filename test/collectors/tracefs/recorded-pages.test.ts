// Recorded trace pages, decoded: the story's records and no others.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ProcessRecord } from '../../../collectors/process/process-record.ts';
import {
  decodeArgv,
  decodeExec,
  decodeExit,
  decodeFork,
  decodeNewTask,
  type RecordDecoder,
} from '../../../collectors/tracefs/decode-record.ts';
import { fieldOf, parseEventFormat } from '../../../collectors/tracefs/event-format.ts';
import { visitPage } from '../../../collectors/tracefs/ring-buffer-page.ts';

interface Recording {
  story: string;
  formats: Record<string, string>;
  header_page: string;
  pages: { cpu: number; base64: string }[];
  expected: ProcessRecord[];
}

const directory = path.join(import.meta.dirname, 'fixtures');
const recordings = fs
  .readdirSync(directory)
  .map((name): [string, Recording] => [name, JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8'))]);

const decodersOf = (recording: Recording, forkFrom: 'task_newtask' | 'sched_process_fork') => {
  const decoders = new Map<number, RecordDecoder>();
  for (const [name, text] of Object.entries(recording.formats)) {
    const format = parseEventFormat(text);
    if (name === 'sched/sched_process_exec') decoders.set(format.id, decodeExec(format));
    else if (name === 'sched/sched_process_exit') decoders.set(format.id, decodeExit(format));
    else if (name === 'task/task_newtask' && forkFrom === 'task_newtask')
      decoders.set(format.id, decodeNewTask(format));
    else if (name === 'sched/sched_process_fork' && forkFrom === 'sched_process_fork') {
      decoders.set(format.id, decodeFork(format));
    } else if (name.endsWith('/dpkg_0')) decoders.set(format.id, decodeArgv(format, '/usr/bin/dpkg', 'program'));
  }
  return decoders;
};

const decode = (recording: Recording, forkFrom: 'task_newtask' | 'sched_process_fork' = 'task_newtask') => {
  const decoders = decodersOf(recording, forkFrom);
  const header = parseEventFormat(recording.header_page);
  const layout = { commitOffset: fieldOf(header, 'commit').offset, dataOffset: fieldOf(header, 'data').offset };
  const records: ProcessRecord[] = [];
  for (const { base64 } of recording.pages) {
    const page = Buffer.from(base64, 'base64');
    const summary = visitPage(page, page.length, layout, (bytes, offset, length, timeNs) => {
      const record = decoders.get(bytes.readUInt16LE(offset))?.(bytes, offset, length, timeNs);
      if (record) records.push(record);
    });
    expect(summary).toEqual({ lost: 0, malformed: false });
  }
  return records.sort((a, b) => a.timeNs - b.timeNs);
};

describe.each(recordings)('%s', (_name, recording) => {
  test(recording.story, () => {
    expect(decode(recording)).toEqual(recording.expected);
  });

  test('sched_process_fork reports the same parents as task_newtask', () => {
    const pairs = (records: ProcessRecord[]) =>
      records.flatMap((record) => (record.kind === 'fork' ? [[record.creator, record.pid]] : []));
    expect(pairs(decode(recording, 'sched_process_fork'))).toEqual(pairs(recording.expected));
  });
});
