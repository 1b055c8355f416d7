// The socket of the administrator's command: what counts as handed over, and why an alert waits otherwise.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openAlertSocketSink } from '../../../agent/sinks/alert-socket.ts';
import { alertDocument } from '../journal/alert-document.ts';

const patienceMs = 1000;
const one = alertDocument({ message: 'one\ntwo' });
const two = alertDocument({ message: 'three' });

/** A socket whose command is `command`, which gets the whole document. */
async function listening(command: (connection: Socket, document: string) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-alert-'));
  const path = join(directory, 'alert.sock');
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    let text = '';
    connection.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    connection.on('error', () => {});
    connection.once('end', () => command(connection, text));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true });
  });
  return openAlertSocketSink(path, patienceMs);
}

test('hands over one alert after the other, each a line of JSON', async () => {
  const received: string[] = [];
  let running = 0;
  let most = 0;
  const sink = await listening((connection, document) => {
    received.push(document);
    most = Math.max(most, ++running);
    setTimeout(() => {
      running--;
      connection.end('0\n');
    }, 20);
  });
  expect(await sink.deliver([one, two])).toEqual({ delivered: 2 });
  expect(received.map((text) => JSON.parse(text))).toEqual([one, two]);
  for (const text of received) expect(text.indexOf('\n')).toBe(text.length - 1);
  expect(most).toBe(1);
});

test.each([
  ['fails', (connection: Socket) => connection.end('3\n'), 'the command ended with 3'],
  ['is killed', (connection: Socket) => connection.end(), 'the command ended without an exit status'],
  ['answers something else', (connection: Socket) => connection.end('x'.repeat(17)), 'the answer is no exit status'],
  ['answers half a line', (connection: Socket) => connection.end('0'), 'the command ended without an exit status'],
  ['hangs', () => {}, `the command has not ended after ${patienceMs / 1000} s`],
] as const)('a command that %s leaves the alert and those after it', async (_, answer, trouble) => {
  let commands = 0;
  const sockets: Socket[] = [];
  const sink = await listening((connection) => {
    sockets.push(connection);
    if (++commands === 1) connection.end('0\n');
    else answer(connection);
  });
  expect(await sink.deliver([one, two, one])).toEqual({ delivered: 1, trouble });
  expect(commands).toBe(2);
  for (const socket of sockets) socket.destroy();
});

test('without the socket unit, the reason names it', async () => {
  const path = join(tmpdir(), 'stepparent-none', 'alert.sock');
  expect(await openAlertSocketSink(path, patienceMs).deliver([one])).toEqual({
    delivered: 0,
    trouble: `stepparent-alert.socket is not active: ${path} (ENOENT)`,
  });
});
