// A package tool's command line, as the parser of that tool's options understands it. Types only.

import type { PackageOperation } from '../../collectors/event/event.ts';

export type Operation = PackageOperation['operation'];

/** A command line that the tool would carry out; `root` and `database` as given. */
export interface Command {
  operation: Operation;
  operands: string[];
  dryRun: boolean;
  root: string | undefined;
  database: string | undefined;
}
