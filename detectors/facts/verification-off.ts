// What the command lines of a package transaction turn off: those of its process and of the front ends above it.

import path from 'node:path';
import type { LineageStep, StepparentEvent } from '../../collectors/event/event.ts';
import { afterLinker, isDynamicLinker } from '../../collectors/process/dynamic-linker.ts';
import { isInterpreter, parseInterpreterRun } from '../../collectors/process/interpreters.ts';
import type { AnyVerificationOff } from './command.ts';
import { frontEndOptions, isFrontEnd } from './front-end-options.ts';
import { isPackageProgram, parsePackageOperation } from './package-operation.ts';

/** Undefined: nothing, or the packages are not those of the host. */
export function findVerificationOff(event: StepparentEvent): StepparentEvent['stepparent']['verification'] {
  const { process, stepparent } = event;
  const { transaction, unobserved = {}, lineage = [], program } = stepparent;
  const isElsewhere = ['packages', 'verified'].some(
    (name) => unobserved[`stepparent.transaction.${name}`] === 'other_database',
  );
  if (isElsewhere || path.resolve(transaction?.root ?? '/') !== '/') return undefined;
  const own = { ...process, program: program?.path } as Step;
  const steps = [own, ...lineage];
  const last = steps.findIndex(({ entity_id: id }) => id !== undefined && id === transaction?.id);
  const off = new Set(steps.slice(0, last + 1 || 1).flatMap(offIn));
  return off.size === 0 ? undefined : { off: [...off] };
}

type Step = Pick<LineageStep, 'executable' | 'args'> & { entity_id?: string; program?: string | undefined };

function offIn(step: Step): readonly AnyVerificationOff[] {
  const [file, args] = commandOf(step);
  const name = path.basename(file);
  return isPackageProgram(name)
    ? (parsePackageOperation(name, args)?.verification_off ?? [])
    : frontEndOptions(file, args);
}

const isTool = (file: string): boolean => isPackageProgram(path.basename(file)) || isFrontEnd(file);

/** The program that runs, and its arguments: a script instead of its interpreter, a copy under the name of the original. */
function commandOf({ executable = '', args = [], program }: Step): [file: string, args: readonly string[]] {
  if (isDynamicLinker(executable)) {
    const rest = afterLinker(args);
    return [program ?? rest[0] ?? '', rest];
  }
  if (isTool(program ?? executable)) {
    // The kernel gives a script as the argument of its interpreter.
    const script = scriptIn(args[0] ?? '', args);
    return [program ?? executable, path.basename(script[0] ?? '') === path.basename(executable) ? script : args];
  }
  const script = isInterpreter(executable) ? scriptIn(executable, args) : [];
  return [script[0] ?? '', script];
}

const scriptIn = (interpreter: string, args: readonly string[]): readonly string[] =>
  parseInterpreterRun(interpreter, args)?.script ?? [];
