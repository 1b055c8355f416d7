// Preloaded into an agent. Its wall clock is ahead by the number of days in the file $CLOCK_OFFSET, and intervals of half a minute or more
// fire each second.

import { readFileSync, writeFileSync } from 'node:fs';

const file = process.env.CLOCK_OFFSET ?? '';
const dayMs = 86_400_000;
const RealDate = Date;
const realInterval = setInterval;
let offsetMs = 0;
let readAtMs = Number.NEGATIVE_INFINITY;

function nowMs(): number {
  if (performance.now() - readAtMs > 200) {
    readAtMs = performance.now();
    offsetMs = Number(readFileSync(file, 'utf8')) * dayMs;
    if (offsetMs > 0) writeFileSync(`${file}.read`, `${offsetMs}\n`);
  }
  return RealDate.now() + offsetMs;
}

globalThis.Date = class extends RealDate {
  constructor(...args: [] | [string | number | Date]) {
    super(args[0] ?? nowMs());
  }
  static override now = nowMs;
} as DateConstructor;
globalThis.setInterval = ((run: () => void, ms: number) =>
  realInterval(run, ms >= 30_000 ? 1000 : ms)) as typeof setInterval;
