// Which paths are watched: the default list with the changes of the configuration, in groups by who may write there.

import { expandHomes, pathFault } from './path-plan.ts';
import { type WatchedPath, watchedPaths } from './watched-paths.ts';

/** The changes of the configuration. */
export interface PathChanges {
  /** Whether the default list is watched. */
  default: boolean;
  /** Further paths. */
  add: readonly string[];
  /** Paths of the default list that are not watched, or kinds, all of whose paths are not watched. */
  remove: readonly string[];
}

/** The values that `remove` can have: the kinds and paths of the default list. */
export const removable: ReadonlySet<string> = new Set(watchedPaths.flatMap(({ kind, path }) => [kind, path]));

/** The list that is watched. A path that the configuration adds counts before the default list. */
export const choosePaths = ({ default: isDefault, add, remove }: PathChanges): WatchedPath[] => [
  ...add.map((path) => ({ kind: 'configured', path, source: 'watched_paths.add' }) as const),
  ...watchedPaths.filter(({ kind, path }) => isDefault && !remove.includes(kind) && !remove.includes(path)),
];

/** The paths in two groups, with home directories in the place of `~`. */
export interface PathGroups {
  /** Paths in which root writes. */
  system: WatchedPath[];
  /** Paths in the homes of other users, who may fill them. */
  users: WatchedPath[];
}

/** Homes that are no directories of a user, but of the system. */
const noHomes = /^\/(?:$|(?:bin|sbin|usr|lib|etc|dev|proc|sys|run|tmp|nonexistent|nonexisting|none)(?:\/|$))/;
const maxHomes = 64;

/** Puts paths in two groups. `passwd` is the text of /etc/passwd; homes in /home need no entry there. */
export function groupPaths(paths: readonly WatchedPath[], passwd: string): PathGroups {
  const accounts = passwd.split('\n').map((line) => line.split(':'));
  const homes = (isRoot: boolean): string[] => {
    const listed = accounts.flatMap(([, , uid, , , home = '']) =>
      (uid === '0') === isRoot ? [home.replace(/\/+$/, '')] : [],
    );
    const plain = listed.filter((home) => !home.includes('*') && pathFault(home) === undefined && !noHomes.test(home));
    return [...new Set(plain)].slice(0, maxHomes);
  };
  const rootHomes = homes(true);
  const others = homes(false).filter((home) => !/^\/home\/[^/]+$/.test(home) && !rootHomes.includes(home));
  return {
    system: expandHomes(paths, rootHomes.length > 0 ? rootHomes : ['/root']),
    users: expandHomes(
      paths.filter(({ path }) => path.startsWith('~/')),
      ['/home/*', ...others],
    ),
  };
}
