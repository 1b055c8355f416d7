// A vitest reporter: after a run it lists the tests that were skipped, by reason, and the tiers that did not run.

import type { Reporter, TestModule } from 'vitest/node';
import { tiers } from './tiers.ts';

/** The reason that `titled` (needs.ts) put into a title; the last one counts, as the innermost. */
const reasonOf = (title: string): string =>
  [...title.matchAll(/\(skipped: ([^)]*)\)/g)].at(-1)?.[1] ?? 'no reason given';

/** The lines after a run. `skipped`: full titles; `ran`: names of projects. */
export function leftOut(skipped: readonly string[], ran: ReadonlySet<string>): string[] {
  const reasons = [...Map.groupBy(skipped, reasonOf)].map(
    ([reason, titles]) => `  ${titles.length} ${titles.length === 1 ? 'test' : 'tests'}: ${reason}`,
  );
  const others = tiers.filter(({ name }) => !ran.has(name));
  const width = Math.max(...others.map(({ command }) => command.length));
  return [
    ...(reasons.length > 0 ? ['Skipped:', ...reasons.sort()] : []),
    ...(others.length > 0 ? ['Not run:'] : []),
    ...others.map(({ command, what }) => `  ${command.padEnd(width)}  ${what}`),
  ];
}

export default class LeftOut implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    const ran = new Set(modules.map(({ project }) => project.name));
    console.log(
      `\n${leftOut(
        skipped.map(({ fullName }) => fullName),
        ran,
      ).join('\n')}\n`,
    );
  }
}
