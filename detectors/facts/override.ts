// What a command line of update-alternatives, dpkg-divert or dpkg-statoverride changes: which program or file stands in
// place of that of a package.

import path from 'node:path';
import type { StepparentEvent } from '../../collectors/event/event.ts';

type Override = NonNullable<StepparentEvent['stepparent']['override']>;

/** One option that is an action. `path` and `target` count its operands from 0. */
interface Action {
  /** Undefined: it only prints. */
  change?: Override['action'];
  /** The number of operands; of dpkg's own option parser, which reads options up to the first operand, all that are left. */
  operands?: number;
  path?: number;
  target?: number;
}

interface OverrideTool {
  kind: Override['kind'];
  actions: Readonly<Record<string, Action>>;
  /** The action without an option for one. */
  preset?: Action;
  /** The numbers of values of the other options that have some. */
  values: Readonly<Record<string, number>>;
}

const prints = (...options: string[]): Record<string, Action> => Object.fromEntries(options.map((name) => [name, {}]));
const trees = ['--root', '--instdir'] as const;
const common = { '--root': 1, '--instdir': 1, '--admindir': 1 };

/** update-alternatives(1), and alternatives(8) of chkconfig. Both read an action with its operands wherever it stands. */
const alternatives: OverrideTool = {
  kind: 'alternative',
  actions: {
    '--install': { change: 'add', operands: 4, path: 0, target: 2 },
    '--set': { change: 'set', operands: 2, path: 0, target: 1 },
    '--set-selections': { change: 'set', operands: 0 },
    '--config': { change: 'set', operands: 1, path: 0 },
    '--all': { change: 'set', operands: 0 },
    '--add-slave': { change: 'add', operands: 5, path: 2, target: 4 },
    '--add-follower': { change: 'add', operands: 5, path: 2, target: 4 },
    '--auto': { change: 'remove', operands: 1, path: 0 },
    '--remove': { change: 'remove', operands: 2, path: 0, target: 1 },
    '--remove-all': { change: 'remove', operands: 1, path: 0 },
    '--display': { operands: 1 },
    '--query': { operands: 1 },
    '--list': { operands: 1 },
    '--get-selections': { operands: 0 },
    '--help': { operands: 0 },
    '--version': { operands: 0 },
  },
  values: { ...common, '--altdir': 1, '--log': 1, '--family': 1, '--initscript': 1, '--slave': 3, '--follower': 3 },
};

const add: Action = { change: 'add', path: 0 };

/** The tools by name: dpkg-divert(1), dpkg-statoverride(1). */
const overrideTools: ReadonlyMap<string, OverrideTool> = new Map<string, OverrideTool>([
  ['update-alternatives', alternatives],
  ['alternatives', alternatives],
  [
    'dpkg-divert',
    {
      kind: 'diversion',
      actions: {
        '--add': add,
        '--remove': { change: 'remove', path: 0 },
        ...prints('--list', '--listpackage', '--truename', '--test', '--help', '--version', '-?'),
      },
      preset: add,
      values: { ...common, '--divert': 1, '--package': 1 },
    },
  ],
  [
    'dpkg-statoverride',
    {
      kind: 'statoverride',
      actions: {
        '--add': { change: 'add', path: 3, target: 2 },
        '--remove': { change: 'remove', path: 0 },
        ...prints('--list', '--help', '--version', '-?'),
      },
      values: common,
    },
  ],
]);

/** Whether a program of that name is one of the tools. */
export const isOverrideTool = (name: string): boolean => overrideTools.has(name);

/**
 * What the arguments (argv[0] included) change on the host itself. Undefined: another program, nothing, or another tree.
 * Another database changes the files of the host all the same. Of arguments that the tool rejects, the first action
 * counts.
 */
export function findOverride(name: string, args: readonly string[]): Override | undefined {
  const tool = overrideTools.get(name);
  if (tool === undefined) return undefined;
  const values = new Map<string, string>();
  let operands: readonly string[] = [];
  let chosen: Action | undefined;
  let onlyPrints = false;
  for (let next = 1; next < args.length; next++) {
    const word = args[next] ?? '';
    const isAlternatives = tool.kind === 'alternative';
    if (!isAlternatives && (word === '--' || !word.startsWith('-'))) {
      operands = args.slice(word === '--' ? next + 1 : next);
      break;
    }
    const equals = isAlternatives ? -1 : word.indexOf('=');
    const option = equals < 0 ? word : word.slice(0, equals);
    const action = Object.hasOwn(tool.actions, option) ? tool.actions[option] : undefined;
    if (action !== undefined) {
      const taken = action.operands ?? 0;
      if (action.change === undefined) onlyPrints = true;
      else if (chosen === undefined) {
        chosen = action;
        operands = args.slice(next + 1, next + 1 + taken);
      }
      next += taken;
    } else if (Object.hasOwn(tool.values, option)) {
      values.set(option, equals < 0 ? (args[next + 1] ?? '') : word.slice(equals + 1));
      if (equals < 0) next += tool.values[option] ?? 0;
    }
  }
  const { change, path: at, target: to } = chosen ?? tool.preset ?? {};
  const isElsewhere = trees.some((option) => path.resolve('/', values.get(option) ?? '') !== '/');
  const overridden = at === undefined ? undefined : operands[at];
  if (change === undefined || onlyPrints || isElsewhere || (at !== undefined && overridden === undefined)) {
    return undefined;
  }
  const target = tool.kind === 'diversion' ? values.get('--divert') : to === undefined ? undefined : operands[to];
  return {
    kind: tool.kind,
    action: change,
    ...(overridden !== undefined && { path: overridden }),
    ...(target !== undefined && { target }),
  };
}
