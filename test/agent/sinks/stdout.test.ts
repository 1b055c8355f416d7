// Alerts as lines on standard output: one each, escaped, with their priority; none while another sink works.

import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { openStdoutSink } from '../../../agent/sinks/stdout.ts';
import { alertDocument } from '../journal/alert-document.ts';

function collector(fault?: Error): { stream: Writable; text: () => string } {
  const chunks: string[] = [];
  const write: Writable['_write'] = (chunk, _, done) => {
    chunks.push(String(chunk));
    done(fault);
  };
  const stream = new Writable({ write });
  stream.on('error', () => {});
  return { stream, text: () => chunks.join('') };
}

test('writes one escaped line for each alert', async () => {
  const { stream, text } = collector();
  const sink = openStdoutSink(stream, () => true);
  const forged = alertDocument({
    message: 'x\n<0>forged \x1b[2J \\x1b',
    event: { id: 'e', kind: 'alert', severity: 99 },
  });
  expect(await sink.deliver([alertDocument({ message: 'plain' }), forged])).toEqual({ delivered: 2 });
  expect(text()).toBe('<4>dpkg-unusual-parent: plain\n<2>dpkg-unusual-parent: x\\n<0>forged \\x1b[2J \\x1b\n');
});

test('writes nothing while it is not needed', async () => {
  const { stream, text } = collector();
  expect(await openStdoutSink(stream, () => false).deliver([alertDocument()])).toEqual({ delivered: 1 });
  expect(text()).toBe('');
});

test('reports a closed output', async () => {
  const { stream } = collector(new Error('EPIPE'));
  expect(await openStdoutSink(stream, () => true).deliver([alertDocument()])).toEqual({
    delivered: 0,
    trouble: 'standard output: EPIPE',
  });
});
