// A booted Debian system. A test runs commands in it as root, over a socket or serial line to a shell inside.

import { connect, type Socket } from 'node:net';
import { until } from '../e2e/run-agent.ts';

interface Answer {
  code: number;
  /** stdout and stderr together. */
  output: string;
}

export interface Machine {
  /** Runs shell text as root in the machine and waits for its end. */
  run(script: string): Promise<Answer>;
  /** Reboots the machine; resolves when its shell answers again. */
  reboot(): Promise<void>;
  /** Shuts the machine down and returns the text of its console. */
  stop(): Promise<string>;
}

/** Runs in the machine. It reads a script as a line of base64 and answers with a line of exit code and output (base64). */
export const shellProgram = `#!/bin/sh
echo hello
while IFS= read -r line; do
  printf '%s' "$line" | base64 -d >/run/test-script
  sh /run/test-script </dev/null >/run/test-output 2>&1
  printf 'done %s %s\\n' "$?" "$(base64 -w0 /run/test-output)"
done
`;

export interface Shell {
  /** Resolves when `shellProgram` greets; may be called again after each `leave`. */
  greeted(): Promise<void>;
  run(script: string): Promise<Answer>;
  /** Sends a script that ends the shell, such as a reboot, and does not wait for an answer. */
  leave(script: string): void;
  close(): void;
}

/** Generous: an emulated machine is some thirty times slower than this one. */
const patienceMs = 420_000;

/** Connects to the shell of a machine. `trouble` returns the reason once the machine has ended. */
export async function openShell(socket: string, trouble: () => string | undefined): Promise<Shell> {
  let text = '';
  let greetings = 0;
  const take = <T>(pattern: RegExp, convert: (found: RegExpExecArray) => T): T | undefined => {
    const found = pattern.exec(text);
    if (found === null) return undefined;
    text = text.slice(found.index + found[0].length);
    return convert(found);
  };
  const ask = <T>(what: string, answer: () => T | undefined): Promise<T> =>
    until(
      what,
      () => {
        const why = trouble();
        if (why !== undefined) throw new Error(why);
        return answer();
      },
      patienceMs,
    );
  const line = await until(`a connection to ${socket}`, () => connected(socket, trouble), patienceMs);
  line.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const send = (script: string): void => {
    text = '';
    line.write(`${Buffer.from(script).toString('base64')}\n`);
  };
  return {
    async greeted() {
      await ask(`greeting ${greetings + 1} of the shell`, () => take(/hello\r?\n/, () => true));
      greetings += 1;
    },
    run(script) {
      send(script);
      return ask(`an answer to ${script}`, () =>
        take(/done (\d+) (\S*)\r?\n/, ([, code, output = '']) => ({
          code: Number(code),
          output: Buffer.from(output, 'base64').toString('utf8'),
        })),
      );
    },
    leave: send,
    close: () => line.destroy(),
  };
}

const connected = (path: string, trouble: () => string | undefined): Promise<Socket | undefined> => {
  const why = trouble();
  if (why !== undefined) throw new Error(why);
  return new Promise((resolve) => {
    const socket = connect(path, () => resolve(socket));
    socket.on('error', () => resolve(undefined));
  });
};
