// Makes executions at a fixed rate, or as fast as it can: `node generate-execs.ts PROGRAM PREFIX COUNT RATE PADDING
// SECONDS`.
//
// RATE is in executions per second; 0: a burst. Each execution has one argument `PREFIX-NUMBER-xxx...` with PADDING
// x's. It stops after SECONDS, because an observer can delay executions. It prints the numbers of executions and
// seconds as JSON. posix_spawn(3) takes much less time than a fork of this process or of a shell.

import koffi from 'koffi';

const [program = '', prefix = '', ...numbers] = process.argv.slice(2);
const [count = 0, rate = 0, paddingChars = 0, maxSeconds = 0] = numbers.map(Number);
/** Children that run at the same time. */
const maxRunning = 64;
const noHang = 1;

const libc = koffi.load('libc.so.6');
const posixSpawn = libc.func(
  'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
);
const waitpid = libc.func('int waitpid(int pid, void *status, int options)');

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms: number): void => void Atomics.wait(sleeper, 0, 0, ms);

let running = 0;
const reap = (options: number): boolean => {
  if (running === 0 || waitpid(-1, null, options) <= 0) return false;
  running--;
  return true;
};

const padding = 'x'.repeat(paddingChars);
const startMs = performance.now();
let made = 0;
const endMs = startMs + maxSeconds * 1000;
for (let i = 0; i < count && performance.now() < endMs; i++) {
  while (reap(noHang));
  if (running >= maxRunning) reap(0);
  const dueMs = rate === 0 ? 0 : startMs + (i * 1000) / rate;
  for (let leftMs = dueMs - performance.now(); leftMs > 0; leftMs = dueMs - performance.now()) {
    sleep(leftMs);
    while (reap(noHang));
  }
  const error = posixSpawn([0], program, null, null, [program, `${prefix}-${i}-${padding}`, null], ['LC_ALL=C', null]);
  if (error !== 0) continue;
  made++;
  running++;
}
while (reap(0));
process.stdout.write(`${JSON.stringify({ made, seconds: (performance.now() - startMs) / 1000 })}\n`);
