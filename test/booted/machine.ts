// A booted Debian system that a test commands as root, over one line to a shell inside.

import { connect, type Socket } from 'node:net';
import { until } from '../e2e/run-agent.ts';

interface Answer {
  code: number;
  /** What it wrote, to stdout and stderr. */
  output: string;
}

export interface Machine {
  /** Runs shell text as root inside; waits until it has ended. */
  run(script: string): Promise<Answer>;
  /** Resolves when it has booted again. */
  reboot(): Promise<void>;
  /** Ends it, and gives what its console said. */
  stop(): Promise<string>;
}

/** The guest's end: a line of base64 is a script, a line back its exit code and output. */
export const shellProgram = `#!/bin/sh
echo hello
while IFS= read -r line; do
  printf '%s' "$line" | base64 -d >/run/test-script
  sh /run/test-script </dev/null >/run/test-output 2>&1
  printf 'done %s %s\\n' "$?" "$(base64 -w0 /run/test-output)"
done
`;

export interface Shell {
  /** Resolves when the guest's end is there; again after each `leave`. */
  greeted(): Promise<void>;
  run(script: string): Promise<Answer>;
  /** Starts a script that ends the shell. */
  leave(script: string): void;
  close(): void;
}

/** Generous: an emulated machine is some thirty times slower than this one. */
const patienceMs = 420_000;

/** `trouble` says why nobody can answer any more. */
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
  const line = await until(`a line to ${socket}`, () => connected(socket, trouble), patienceMs);
  line.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const send = (script: string): void => {
    text = '';
    line.write(`${Buffer.from(script).toString('base64')}\n`);
  };
  return {
    async greeted() {
      await ask(`greeting ${greetings + 1}`, () => take(/hello\r?\n/, () => true));
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
