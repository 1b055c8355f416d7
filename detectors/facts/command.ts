// The types of a package tool's parsed command line.

import type { PackageOperation } from '../../collectors/event/event.ts';

/** The action of a package tool, as in `stepparent.package.operation`. */
export type Operation = PackageOperation['operation'];

/** A command line that the tool accepts; `root` and `database` as the command line has them. */
export interface Command {
  operation: Operation;
  operands: string[];
  dryRun: boolean;
  root: string | undefined;
  database: string | undefined;
}
