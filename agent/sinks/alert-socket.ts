// Hands each alert to a command of the administrator, which systemd starts for it: stepparent-alert.socket.

import { createConnection } from 'node:net';
import { errorCode } from '../../collectors/error-message.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import type { Sink } from './sink.ts';

/** ListenStream= of systemd/stepparent-alert.socket. */
const alertSocket = '/run/stepparent-alert.sock';

/** Longer than RuntimeMaxSec= of systemd/stepparent-alert@.service, so that systemd ends a command that hangs, and its journal says so. */
const answerMs = 45_000;
const answerBytes = 16;

/**
 * Opens the socket as a sink. Each alert is one connection with the document as a line of JSON; the answer is the command's exit status, as
 * packaging/root/on-alert writes it. Alerts are handed over one after the other, so that a burst starts one command at a time. One
 * whose command fails waits in the outbox.
 */
export function openAlertSocketSink(socket: string = alertSocket, patienceMs: number = answerMs): Sink {
  return {
    name: 'socket',
    deliver: async (documents) => {
      for (const [index, document] of documents.entries()) {
        const trouble = await handOver(document, socket, patienceMs);
        if (trouble !== undefined) return { delivered: index, trouble };
      }
      return { delivered: documents.length };
    },
    close: async () => {},
  };
}

/** Returns why the alert was not handled; undefined: the command ended with 0. */
function handOver(document: StepparentEvent, socket: string, patienceMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    const connection = createConnection({ path: socket, allowHalfOpen: true });
    const end = (trouble: string | undefined): void => {
      clearTimeout(timer);
      connection.destroy();
      resolve(trouble);
    };
    const timer = setTimeout(() => end(`the command has not ended after ${patienceMs / 1000} s`), patienceMs);
    connection.setEncoding('latin1');
    connection.on('data', (text: string) => {
      answer += text;
      const status = /^(\d{1,3})\n/.exec(answer)?.[1];
      if (status !== undefined) end(status === '0' ? undefined : `the command ended with ${status}`);
      else if (answer.length > answerBytes) end('the answer is no exit status');
    });
    connection.once('end', () => end('the command ended without an exit status'));
    // packaging/root/on-alert reads what the command left, so that the answer is never lost to a reset.
    connection.once('error', (error) => end(explainError(errorCode(error), socket)));
    connection.end(`${JSON.stringify(document)}\n`);
  });
}

function explainError(code: string, socket: string): string {
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return `stepparent-alert.socket is not active: ${socket} (${code})`;
  return `the command did not take the alert (${code})`;
}
