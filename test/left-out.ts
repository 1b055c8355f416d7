// A vitest reporter: after a run it lists the tests that were skipped, by reason, and the tiers that did not run.

import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { tiers } from './tiers.ts';

/** The reason that `titled` (needs.ts) added to a title; the last one, which is that of the innermost title. */
const reasonOf = (title: string): string =>
  [...title.matchAll(/\(skipped: ([^)]*)\)/g)].at(-1)?.[1] ?? 'no reason given';

/** The lines to print after a run. `skipped`: full titles; `ran`: names of vitest projects; `pattern`: that of `-t`. */
export function leftOut(skipped: readonly string[], ran: ReadonlySet<string>, pattern?: RegExp): string[] {
  // Vitest counts tests that the pattern excludes as skipped. It matches the pattern against titles without the separator.
  const asked = skipped.filter((title) => pattern === undefined || pattern.test(title.replaceAll(' > ', ' ')));
  const reasons = [...Map.groupBy(asked, reasonOf)].map(
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
  #pattern: RegExp | undefined;

  onInit({ config }: Vitest): void {
    this.#pattern = config.testNamePattern;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    const ran = new Set(modules.map(({ project }) => project.name));
    console.log(
      `\n${leftOut(
        skipped.map(({ fullName }) => fullName),
        ran,
        this.#pattern,
      ).join('\n')}\n`,
    );
  }
}
