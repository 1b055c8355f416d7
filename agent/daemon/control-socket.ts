// The socket through which the command line queries a running agent.

import { lstatSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { errorCode, errorMessage } from '../../collectors/error-message.ts';
import { fileIdentity } from '../../collectors/host/file-identity.ts';
import { openHostFiles } from '../../collectors/host/host-files.ts';
import { ensureDirectory } from '../../collectors/linux/ensure-directory.ts';
import { openTimers } from '../../collectors/timers.ts';

/** The handlers by command; their results are sent as JSON. */
export type ControlHandlers = Readonly<Record<string, () => unknown>>;

/** The agent does not answer, or another agent uses the socket. `message` is one line. */
class ControlError extends Error {
  override readonly name = 'ControlError';
}

const requestBytes = 4096;
const answerBytes = 4 * 1024 * 1024;
const patienceMs = 2_000;
const maxConnections = 16;

/**
 * Listens at `path` (0600; a missing directory is created, 0700). Each connection carries one request, a line such as
 * `{"command":"status"}`, and one line of answer: the handler's, or `{"error": …}`. The socket of an agent that died is
 * replaced. Throws ControlError if another agent answers there, or if the socket cannot be created.
 *
 * Checks every `checkEveryMs` whether the socket is still its own. A socket that was removed or has failed is created again and reported
 * to `onFault`.
 */
export async function listenControl(
  path: string,
  handlers: ControlHandlers,
  onFault: (fault: string, error: unknown) => void,
  checkEveryMs = 3000,
): Promise<{ close(): Promise<void> }> {
  let listener = await listen(path, handlers, onFault);
  let busy = false;
  let closed = false;
  const check = async (): Promise<void> => {
    if (busy || listener.isAlive()) return;
    busy = true;
    try {
      onFault('the control socket is gone', new Error(`${path} was removed or replaced, or the socket failed`));
      await removeLeftover(path);
      await listener.close();
      if (!closed) listener = await listen(path, handlers, onFault);
    } catch (error) {
      onFault('the control socket cannot be created again', error);
    } finally {
      busy = false;
    }
    if (closed) await listener.close();
  };
  const timers = openTimers((error) => onFault('the control socket could not be checked', error));
  timers.every(checkEveryMs, () => void check());
  return {
    close() {
      closed = true;
      timers.close();
      return listener.close();
    },
  };
}

interface Listener {
  /** The server listens, and the path still leads to its socket. */
  isAlive(): boolean;
  close(): Promise<void>;
}

async function listen(
  path: string,
  handlers: ControlHandlers,
  onFault: (fault: string, error: unknown) => void,
): Promise<Listener> {
  await removeLeftover(path);
  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
    serve(connection, handlers);
  });
  server.maxConnections = maxConnections;
  try {
    ensureDirectory(dirname(path));
    await bind(server, path, onFault);
  } catch (error) {
    const code = errorCode(error);
    if (['', 'EACCES', 'EPERM'].includes(code)) throw error;
    throw new ControlError(`${path} cannot be created (${code}): \`directories.runtime\` must be a writable directory`);
  }
  const files = openHostFiles('');
  const ownIdentity = fileIdentity(files, path);
  return {
    isAlive: () => server.listening && fileIdentity(files, path) === ownIdentity,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of connections) connection.destroy();
      }),
  };
}

async function removeLeftover(path: string): Promise<void> {
  const existing = lstatSync(path, { throwIfNoEntry: false });
  if (!existing) return;
  if (!existing.isSocket()) throw new ControlError(`${path} exists and is not a socket`);
  const answer = await askControl(path, 'status');
  if (answer === undefined) return unlinkSync(path);
  const pid = typeof answer === 'object' && answer !== null && 'pid' in answer ? ` (pid ${Number(answer.pid)})` : '';
  throw new ControlError(`another stepparent is running${pid}`);
}

function bind(server: Server, path: string, onFault: (fault: string, error: unknown) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // listen() creates the socket with this mask, so no other user can connect at any time.
    const mask = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        // A failed accept (EMFILE) loses one request and must not end the agent.
        server.on('error', (error) => onFault('the control socket could not accept a request', error));
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

function serve(connection: Socket, handlers: ControlHandlers): void {
  let request = '';
  connection.setEncoding('utf8');
  connection.setTimeout(patienceMs, () => connection.destroy());
  connection.on('error', () => connection.destroy());
  connection.on('data', (text: string) => {
    request += text;
    const end = request.indexOf('\n');
    if (end < 0 && request.length < requestBytes) return;
    connection.removeAllListeners('data');
    const answer =
      end < 0 ? refusal(`a request has at most ${requestBytes} bytes`) : answerTo(request.slice(0, end), handlers);
    connection.end(`${answer}\n`);
  });
}

const refusal = (error: string): string => JSON.stringify({ error });

/** The answer as JSON; an error of the handler is an answer too. */
function answerTo(request: string, handlers: ControlHandlers): string {
  try {
    const parsed: unknown = JSON.parse(request);
    const command = typeof parsed === 'object' && parsed !== null && 'command' in parsed ? parsed.command : undefined;
    const handler = typeof command === 'string' && Object.hasOwn(handlers, command) ? handlers[command] : undefined;
    if (handler) return JSON.stringify(handler()) ?? refusal('the command gave no answer');
    return refusal(`unknown command; known commands: ${Object.keys(handlers).join(', ')}`);
  } catch (error) {
    return refusal(errorMessage(error));
  }
}

/**
 * Sends a command to the agent at `path` and returns its answer; undefined if no agent listens there. Throws ControlError if the
 * agent does not answer in time or answers with an error, and the system's error (EACCES) if this user may not connect.
 */
export function askControl(path: string, command: string, timeoutMs = patienceMs): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = createConnection(path);
    const fail = (fault: string): void => {
      connection.destroy();
      reject(new ControlError(`stepparent at ${path} ${fault}`));
    };
    const timer = setTimeout(() => fail('does not answer'), timeoutMs);
    connection.setEncoding('utf8');
    connection.once('close', () => clearTimeout(timer));
    connection.once('connect', () => connection.write(`${JSON.stringify({ command })}\n`));
    connection.on('data', (text: string) => {
      answer += text;
      if (answer.length > answerBytes) fail('sent an answer that is too long');
    });
    connection.once('end', () => {
      const document = parseAnswer(answer);
      if (document === undefined) fail('sent an incomplete answer');
      else if (typeof document.error === 'string') fail(`reports: ${document.error}`);
      else resolve(document);
    });
    connection.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
    });
  });
}

function parseAnswer(text: string): { error?: unknown } | undefined {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null ? document : undefined;
  } catch {
    return undefined;
  }
}
