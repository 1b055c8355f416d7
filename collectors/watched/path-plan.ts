// Decides which names of which directories are watched, from the list of paths. Pure, but for `locate`.

import { matchesPieces } from '../event/read-path.ts';
import { type ConfigurationSyntax, readsName } from '../hooks/configuration-commands.ts';
import type { ChangeBounds, DirectoryLocation, DirectoryToWatch, FileRoom } from '../packagedb/directory-to-watch.ts';
import type { WatchedKind, WatchedPath } from './watched-paths.ts';

/** Number of levels that a last `**` matches. */
export const maxLevels = 8;

/** What a watched path is. */
export interface PathLabel {
  kind: WatchedKind;
  /** The content of the file is not read into events. */
  isSecret: boolean;
  /** How a package tool reads the file to find code that it runs. Absent: it does not. */
  syntax?: ConfigurationSyntax;
}

/** A directory of the plan. */
export interface PlannedDirectory extends DirectoryToWatch {
  accepts(name: string): boolean;
  /** Whether the plan has the name, also if it may not be looked at. */
  has(name: string): boolean;
  /** The label of a name that the plan has. */
  labelOf(name: string): PathLabel;
  /** The directory to watch if a directory of that name is in this one, which is at `path`. Undefined: none. */
  below(path: string, name: string): PlannedDirectory | undefined;
}

/** One name of a path: what is between its `*`; one piece: the name itself. */
type Component = readonly string[];

interface Pattern {
  row: WatchedPath;
  components: readonly Component[];
  /** Number of levels below the last component that are matched. */
  levels: number;
}

/** How far a directory's path has matched a pattern: all components before `index`, and then levels below. */
interface Matched {
  pattern: Pattern;
  index: number;
  levelsLeft: number;
}

const parsePattern = (row: WatchedPath): Pattern => {
  const names = row.path.split('/').slice(1);
  const isDeep = names.at(-1) === '**';
  const components = (isDeep ? names.slice(0, -1) : names).map((name) => name.split(/\*+/));
  return { row, components, levels: isDeep ? maxLevels : 0 };
};

/** What is wrong with a path of the list, as what it must be; undefined: nothing. */
export function pathFault(path: string): string | undefined {
  const names = path.split('/').slice(1);
  const isPlain =
    /^(?:\/|~\/)[^\0]*$/.test(path) && names.every((name) => name !== '' && name !== '.' && name !== '..');
  if (!isPlain) return 'an absolute path, or one that begins with "~/", without empty parts, "." and ".."';
  if (names.slice(0, -1).includes('**')) return 'a path with "**" at its end only';
  return names.length > maxComponents || path.length > maxPathChars || names[0] === '**' || names[0] === '*'
    ? 'a path below a directory of the root directory'
    : undefined;
}

const maxComponents = 32;
const maxPathChars = 1024;

/** Replaces `~` by each home directory. */
export const expandHomes = (paths: readonly WatchedPath[], homes: readonly string[]): WatchedPath[] =>
  paths.flatMap((row) =>
    row.path.startsWith('~/') ? homes.map((home) => ({ ...row, path: `${home}${row.path.slice(1)}` })) : [row],
  );

/** The directories in which, or below which, the paths are: what comes before the last name, and before the first `*`. */
export function directoriesOf(paths: readonly WatchedPath[]): Set<string> {
  return new Set(
    paths.map(({ path }) => {
      const names = path.split('/').slice(1, -1);
      const pattern = names.findIndex((name) => name.includes('*'));
      return `/${(pattern < 0 ? names : names.slice(0, pattern)).join('/')}`;
    }),
  );
}

/** The part of a directory that the plan does not decide. */
export interface PlanOptions {
  bounds: ChangeBounds;
  room: FileRoom;
  /**
   * Finds the directory at a path. `isNamed`: the list names the directory, so that links are followed; otherwise it is
   * below a directory of the list.
   */
  locate(path: string, isNamed: boolean): DirectoryLocation | undefined;
  /** Whether a path may be looked at: not if a file system that may not answer is mounted there. */
  mayLook(path: string): boolean;
}

/** The root directory of the plan, from which all others are reached. */
export function planPaths(paths: readonly WatchedPath[], options: PlanOptions): PlannedDirectory {
  const start = paths.map(parsePattern).map((pattern): Matched => ({ pattern, index: 0, levelsLeft: pattern.levels }));
  return planned('/', start, true, options);
}

/** The patterns that the name matches as well, after the directory matched them. */
function step(matched: readonly Matched[], name: string): Matched[] {
  return matched.flatMap((one): Matched[] => {
    const { pattern, index, levelsLeft } = one;
    const component = pattern.components[index];
    if (component === undefined) return levelsLeft > 0 ? [{ ...one, levelsLeft: levelsLeft - 1 }] : [];
    return matchesPieces(name, component) ? [{ ...one, index: index + 1 }] : [];
  });
}

const isWhole = ({ pattern, index }: Matched): boolean => index === pattern.components.length;
/** Whether a name in the directory can match. */
const isOpen = ({ pattern, index, levelsLeft }: Matched): boolean =>
  index < pattern.components.length || levelsLeft > 0;
const isNamed = (one: Matched): boolean => one.levelsLeft === one.pattern.levels;

function planned(path: string, matched: readonly Matched[], isRoot: boolean, options: PlanOptions): PlannedDirectory {
  const { bounds, room, mayLook } = options;
  const literal = namesOf(matched);
  const has = (name: string): boolean => name !== '.' && step(matched, name).length > 0;
  const pathOf = (name: string): string => (path === '/' ? `/${name}` : `${path}/${name}`);
  return {
    path,
    manager: undefined,
    expected: false,
    bounds,
    room,
    ...(literal && { names: literal }),
    locate: () => options.locate(path, isRoot || matched.some(isNamed)),
    has,
    accepts: (name) => has(name) && mayLook(pathOf(name)),
    labelOf(name) {
      const rows = step(matched, name)
        .filter(isWhole)
        .map(({ pattern }) => pattern.row);
      const syntax = rows.find((row) => row.syntax !== undefined)?.syntax;
      return {
        kind: rows[0]?.kind ?? 'parent',
        isSecret: rows.some(({ isSecret }) => isSecret === true),
        ...(syntax !== undefined && readsName(syntax, name) && { syntax }),
      };
    },
    below(parent, name) {
      const further = step(matched, name).filter(isOpen);
      if (name === '.' || further.length === 0) return undefined;
      return planned(parent === '/' ? `/${name}` : `${parent}/${name}`, further, false, options);
    },
  };
}

/** All names that can match, if there are finitely many. */
function namesOf(matched: readonly Matched[]): string[] | undefined {
  const names = new Set<string>();
  for (const { pattern, index } of matched) {
    const component = pattern.components[index];
    if (component === undefined || component.length > 1) return undefined;
    names.add(component[0] as string);
  }
  return [...names];
}
