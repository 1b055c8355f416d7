// The types of a package tool's parsed command line.

import type { PackageOperation, StepparentEvent } from '../../collectors/event/event.ts';

/** The action of a package tool, as in `stepparent.package.operation`. */
export type Operation = PackageOperation['operation'];

/** What dpkg and rpm turn off, as in `stepparent.package.verification_off`. */
export type VerificationOff = NonNullable<PackageOperation['verification_off']>[number];
/** What any tool of a transaction turns off, as in `stepparent.verification.off`. */
export type AnyVerificationOff = NonNullable<StepparentEvent['stepparent']['verification']>['off'][number];

/** A command line that the tool accepts; `root` and `database` as the command line has them. */
export interface Command {
  operation: Operation;
  operands: string[];
  dryRun: boolean;
  root: string | undefined;
  database: string | undefined;
  /** What turns the verification of packages off, as in `stepparent.package.verification_off`. */
  verificationOff: VerificationOff[];
}
