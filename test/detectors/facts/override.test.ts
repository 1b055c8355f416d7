// What the arguments of update-alternatives, dpkg-divert and dpkg-statoverride change, by their own grammars.

import { expect, test } from 'vitest';
import { findOverride } from '../../../detectors/facts/override.ts';

const found = (line: string) => {
  const args = line.split(' ');
  return findOverride(args[0] ?? '', args);
};

test.each([
  ['update-alternatives --install /usr/bin/pager pager /opt/p 999', 'add', '/usr/bin/pager', '/opt/p'],
  [
    'update-alternatives --quiet --force --install /usr/bin/x x /opt/x 1 --slave /m m /n',
    'add',
    '/usr/bin/x',
    '/opt/x',
  ],
  ['update-alternatives --slave /m m /n --install /usr/bin/x x /opt/x 1', 'add', '/usr/bin/x', '/opt/x'],
  // The name of an alternative can be that of an option.
  ['update-alternatives --install /usr/bin/x --list /opt/x 1', 'add', '/usr/bin/x', '/opt/x'],
  ['update-alternatives --log --help --install /usr/bin/x x /opt/x 1', 'add', '/usr/bin/x', '/opt/x'],
  ['update-alternatives --set editor /opt/e', 'set', 'editor', '/opt/e'],
  ['update-alternatives --set-selections', 'set', undefined, undefined],
  ['update-alternatives --config editor', 'set', 'editor', undefined],
  ['update-alternatives --all', 'set', undefined, undefined],
  ['update-alternatives --auto editor', 'remove', 'editor', undefined],
  ['update-alternatives --remove editor /opt/e', 'remove', 'editor', '/opt/e'],
  ['update-alternatives --remove-all editor', 'remove', 'editor', undefined],
  ['update-alternatives --admindir /tmp/d --install /usr/bin/x x /opt/x 1', 'add', '/usr/bin/x', '/opt/x'],
  ['update-alternatives --root / --set editor /opt/e', 'set', 'editor', '/opt/e'],
  ['update-alternatives --root /tmp/.. --set editor /opt/e', 'set', 'editor', '/opt/e'],
  ['alternatives --add-follower java /opt/j /usr/bin/jc jc /opt/jc', 'add', '/usr/bin/jc', '/opt/jc'],
])('%s', (line, action, path, target) => {
  expect(found(line)).toEqual({
    kind: 'alternative',
    action,
    ...(path !== undefined && { path }),
    ...(target !== undefined && { target }),
  });
});

test.each([
  ['dpkg-divert /bin/ls', { action: 'add', path: '/bin/ls' }],
  ['dpkg-divert --local --rename --divert /bin/ls.real --add /bin/ls', { path: '/bin/ls', target: '/bin/ls.real' }],
  ['dpkg-divert --divert=/bin/ls.real /bin/ls', { path: '/bin/ls', target: '/bin/ls.real' }],
  ['dpkg-divert --package=x --add -- /bin/ls', { path: '/bin/ls' }],
  ['dpkg-divert --divert --list --add /bin/ls', { path: '/bin/ls', target: '--list' }],
  ['dpkg-divert --admindir=/tmp/d --add /bin/ls', { path: '/bin/ls' }],
  ['dpkg-divert --rename --remove /bin/ls', { action: 'remove', path: '/bin/ls' }],
])('%s', (line, expected) => {
  expect(found(line)).toEqual({ kind: 'diversion', action: 'add', ...expected });
});

test.each([
  ['dpkg-statoverride --update --add root root 4755 /usr/bin/find', { path: '/usr/bin/find', target: '4755' }],
  ['dpkg-statoverride --force-all --add root root 4755 /usr/bin/find', { path: '/usr/bin/find', target: '4755' }],
  ['dpkg-statoverride --remove /usr/bin/find', { action: 'remove', path: '/usr/bin/find' }],
])('%s', (line, expected) => {
  expect(found(line)).toEqual({ kind: 'statoverride', action: 'add', ...expected });
});

test.each([
  'update-alternatives',
  'update-alternatives --display editor',
  'update-alternatives --query editor',
  'update-alternatives --list editor',
  'update-alternatives --get-selections',
  'update-alternatives --help',
  'update-alternatives --set',
  'update-alternatives --root /srv/debian --set editor /opt/e',
  'update-alternatives --instdir /srv/debian --set editor /opt/e',
  'dpkg-divert',
  'dpkg-divert --list',
  'dpkg-divert --list /bin/ls',
  'dpkg-divert --listpackage /bin/ls',
  'dpkg-divert --truename /bin/ls',
  'dpkg-divert --test --add /bin/ls',
  'dpkg-divert --root=/srv/debian --add /bin/ls',
  'dpkg-divert --help',
  'dpkg-statoverride --list',
  'dpkg-statoverride /usr/bin/find',
  'dpkg-statoverride --add root root 4755',
  'dpkg --add /bin/ls',
])('%s changes nothing of the host', (line) => {
  expect(found(line)).toBeUndefined();
});

test('ends for hostile arguments', () => {
  const args = Array.from({ length: 100_000 }, (_, i) => (i % 2 === 0 ? '--slave' : '--install'));
  for (const name of ['update-alternatives', 'dpkg-divert', 'dpkg-statoverride']) {
    expect(() => findOverride(name, [name, ...args])).not.toThrow();
  }
  expect(findOverride('dpkg-divert', ['dpkg-divert', '--constructor', '__proto__'])).toMatchObject({
    path: '__proto__',
  });
});
