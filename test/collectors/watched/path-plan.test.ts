// Which names of which directories a list of paths watches, and which paths a list may have.

import { expect, test } from 'vitest';
import type { DirectoryLocation } from '../../../collectors/packagedb/directory-to-watch.ts';
import {
  directoriesOf,
  expandHomes,
  maxLevels,
  type PlannedDirectory,
  pathFault,
  planPaths,
} from '../../../collectors/watched/path-plan.ts';
import type { WatchedPath } from '../../../collectors/watched/watched-paths.ts';

const bounds = { burst: 1, perSecond: 1, waiting: 1, open: 1, reason: '' };

function planOf(
  paths: readonly (string | WatchedPath)[],
  mayLook: (path: string) => boolean = () => true,
  locate: (path: string, isNamed: boolean) => DirectoryLocation | undefined = () => undefined,
): PlannedDirectory {
  const rows = paths.map((path) =>
    typeof path === 'string' ? ({ kind: 'cron', path, source: 'test' } as const) : path,
  );
  return planPaths(rows, { bounds, room: { left: 1 }, locate, mayLook });
}

/** The directory that is reached by these names; undefined: the plan does not go there. */
const descend = (root: PlannedDirectory, path: string): PlannedDirectory | undefined =>
  path
    .split('/')
    .filter(Boolean)
    .reduce<PlannedDirectory | undefined>((at, name) => at?.below(at.path, name), root);

/** Whether the plan watches the path as a name in its directory. */
function watches(root: PlannedDirectory, path: string): boolean {
  const slash = path.lastIndexOf('/');
  return descend(root, path.slice(0, slash))?.accepts(path.slice(slash + 1)) === true;
}

const deep = (levels: number): string => `/etc/apt${'/a'.repeat(levels)}`;

test.each<[pattern: string, path: string, watched: boolean]>([
  ['/etc/crontab', '/etc/crontab', true],
  // What the way to it consists of is watched, too: it may be replaced.
  ['/etc/crontab', '/etc', true],
  ['/etc/crontab', '/etc/crontab.bak', false],
  ['/etc/crontab', '/etc/my-crontab', false],
  ['/etc/cron.d/*', '/etc/my-cron.d/job', false],
  ['/etc/crontab', '/etc/crontab/x', false],
  ['/etc/crontab', '/opt', false],
  ['/etc/cron.d/*', '/etc/cron.d', true],
  ['/etc/cron.d/*', '/etc/cron.d/job', true],
  ['/etc/cron.d/*', '/etc/cron.d/.hidden', true],
  ['/etc/cron.d/*', '/etc/cron.d/job/inner', false],
  ['/etc/cron.d/*', '/etc/cron.daily/job', false],
  ['/etc/apt/sources.list*', '/etc/apt/sources.list', true],
  ['/etc/apt/sources.list*', '/etc/apt/sources.list.d', true],
  ['/etc/apt/sources.list*', '/etc/apt/my-sources.list', false],
  ['/home/*/.ssh/authorized_keys*', '/home/alice/.ssh/authorized_keys2', true],
  ['/home/*/.ssh/authorized_keys*', '/home/alice/.ssh/id_rsa', false],
  ['/home/*/.ssh/authorized_keys*', '/home/a/b/.ssh/authorized_keys', false],
  ['/etc/apt/**', '/etc/apt/apt.conf.d/99hook', true],
  ['/etc/apt/**', deep(maxLevels), true],
  ['/etc/apt/**', deep(maxLevels + 1), false],
  ['/etc/a*b*c', '/etc/axxbyyc', true],
  ['/etc/a*b*c', '/etc/axxcyyb', false],
])('%s watches %s: %s', (pattern, path, watched) => {
  expect(watches(planOf([pattern]), path)).toBe(watched);
});

test('a directory does not stand for a name in itself', () => {
  expect(planOf(['/**']).accepts('.')).toBe(false);
  expect(planOf(['/**']).below('/', '.')).toBe(undefined);
});

test('a path that may not be looked at is not accepted, and those below are', () => {
  const plan = planOf(['/home/*/.profile'], (path) => path !== '/home/alice');
  expect([watches(plan, '/home/alice'), watches(plan, '/home/bob')]).toEqual([false, true]);
  expect(descend(plan, '/home')?.has('alice')).toBe(true);
});

test('the names of a directory are known where no path has a pattern for them', () => {
  const plan = planOf(['/etc/crontab', '/etc/cron.d/*', '/usr/lib/apt/**']);
  expect(plan.names).toEqual(['etc', 'usr']);
  expect(descend(plan, '/etc')?.names).toEqual(['crontab', 'cron.d']);
  for (const path of ['/etc/cron.d', '/usr/lib/apt', '/usr/lib/apt/methods']) {
    expect(descend(plan, path)?.names).toBe(undefined);
  }
});

test('the first row that matches gives the kind, any row the secrecy, and a directory on the way has a kind of its own', () => {
  const plan = planOf([
    { kind: 'apt', path: '/etc/apt/auth.conf', source: 'test', isSecret: true },
    { kind: 'configured', path: '/etc/apt/**', source: 'test' },
  ]);
  expect(descend(plan, '/etc/apt')?.labelOf('auth.conf')).toEqual({ kind: 'apt', isSecret: true });
  expect(descend(plan, '/etc/apt')?.labelOf('apt.conf')).toEqual({ kind: 'configured', isSecret: false });
  expect(descend(plan, '/etc')?.labelOf('apt')).toEqual({ kind: 'configured', isSecret: false });
  expect(plan.labelOf('etc')).toEqual({ kind: 'parent', isSecret: false });
});

test('links are followed on the way to a listed path, and not below it', () => {
  const located: [string, boolean][] = [];
  const plan = planOf(
    ['/etc/init.d/*', '/etc/apt/**'],
    () => true,
    (path, isNamed) => {
      located.push([path, isNamed]);
      return undefined;
    },
  );
  for (const path of ['/', '/etc', '/etc/init.d', '/etc/apt', '/etc/apt/inner']) descend(plan, path)?.locate?.();
  expect(located).toEqual([
    ['/', true],
    ['/etc', true],
    ['/etc/init.d', true],
    ['/etc/apt', true],
    ['/etc/apt/inner', false],
  ]);
});

test('a directory is planned at the place to which its parent leads', () => {
  const etc = planOf(['/etc/init.d/*']).below('/', 'etc');
  expect(etc?.below('/private/etc', 'init.d')?.path).toBe('/private/etc/init.d');
});

test.each<[path: string, fault: RegExp | undefined]>([
  ['/etc/x', undefined],
  ['~/.x', undefined],
  ['/srv/*/hooks/**', undefined],
  ['/etc/x y/é', undefined],
  ['etc/x', /absolute/],
  ['~x/y', /absolute/],
  ['~', /absolute/],
  ['/', /absolute/],
  ['/etc//x', /absolute/],
  ['/etc/', /absolute/],
  ['/etc/../root', /absolute/],
  ['/etc/./x', /absolute/],
  ['/etc/x\0y', /absolute/],
  ['/etc/**/x', /at its end only/],
  ['/**', /below a directory/],
  ['/*/x', /below a directory/],
  [`/etc/${'x'.repeat(2000)}`, /below a directory/],
  ['/a'.repeat(40), /below a directory/],
])('%s as a path of the list: %s', (path, fault) => {
  if (fault === undefined) expect(pathFault(path)).toBe(undefined);
  else expect(pathFault(path)).toMatch(fault);
});

test('the home of each user takes the place of ~', () => {
  const row = (path: string): WatchedPath => ({ kind: 'ssh', path, source: 'test' });
  const expanded = expandHomes([row('~/.ssh/rc'), row('/etc/~/x')], ['/root', '/home/*']);
  expect(expanded.map(({ path }) => path)).toEqual(['/root/.ssh/rc', '/home/*/.ssh/rc', '/etc/~/x']);
});

test('the directories of paths end before the first pattern', () => {
  const rows = ['/etc/cron.d/*', '/etc/crontab', '/usr/lib/apt/**', '/srv/*/x/y'];
  expect([...directoriesOf(rows.map((path) => ({ kind: 'cron', path, source: 'test' })))]).toEqual([
    '/etc/cron.d',
    '/etc',
    '/usr/lib/apt',
    '/srv',
  ]);
});
