// What dpkg did to a package, by the states that it wrote: sequences as dpkg 1.21 writes them.

import { describe, expect, test } from 'vitest';
import type { DatabaseRow } from '../../../collectors/packages/installed-versions.ts';
import {
  addStep,
  beginSteps,
  changeOf,
  isHalf,
  type PackageSteps,
} from '../../../collectors/transactions/dpkg-steps.ts';

/** A row by `VERSION STATE`, or `VERSION STATE WANT`. */
function row(text: string): DatabaseRow {
  const [version = '', state = '', want = 'install'] = text.split(' ');
  return {
    name: 'tool',
    architecture: 'amd64',
    version: version === '-' ? '' : version,
    want,
    state,
    isMultiple: false,
  };
}
/** The states, the one before the run first; `none`: the package is not in the database. */
function stepsOf(text: string): PackageSteps {
  const [before, ...after] = text.split(', ').map((state) => (state === 'none' ? undefined : row(state)));
  const steps = beginSteps(before);
  for (const state of after) addStep(steps, state);
  return steps;
}
/** An archive of a version that dpkg has read. */
const archiveOf = (version: string) => ({ control: { package: 'tool', version, architecture: 'amd64' }, isRead: true });

const newInstall = 'none, 1 half-installed, 1 unpacked';
const upgrade = '1 installed, 1 half-configured, 1 unpacked, 1 half-installed, 2 unpacked';
const removal = '1 installed, 1 half-configured deinstall, 1 half-installed deinstall';

describe('the states of', () => {
  test.each<[string, string, string | undefined, object | undefined, boolean]>([
    [
      'an unpacked package',
      newInstall,
      '1',
      { action: 'install', version: '1', applied: true, state: 'unpacked' },
      false,
    ],
    [
      'an installed package',
      `${newInstall}, 1 unpacked, 1 half-configured, 1 installed`,
      '1',
      { action: 'install', version: '1', applied: true, state: 'installed' },
      false,
    ],
    [
      'an installation over its configuration files',
      '1 config-files deinstall, 1 half-installed, 1 unpacked, 1 half-configured, 1 installed',
      '1',
      { action: 'install', version: '1', applied: true },
      false,
    ],
    ['a failing postinst', `${newInstall}, 1 half-configured`, '1', { action: 'install', applied: true }, true],
    [
      'a failing preinst',
      'none, 1 half-installed, - not-installed',
      '1',
      { action: 'install', version: '1', applied: false },
      false,
    ],
    [
      'a preinst that cannot be undone',
      'none, 1 half-installed',
      '1',
      { action: 'install', version: '1', applied: false },
      true,
    ],
    [
      'a second try',
      '1 half-installed, 1 half-installed, 1 unpacked, 1 installed',
      '1',
      { action: 'install', applied: true },
      false,
    ],
    [
      'an upgrade',
      upgrade,
      '2',
      { action: 'upgrade', version: '2', formerVersion: '1', applied: true, state: 'unpacked' },
      false,
    ],
    [
      'a downgrade',
      upgrade.replace('2 unpacked', '1~rc1 unpacked'),
      '1~rc1',
      { action: 'downgrade', version: '1~rc1', formerVersion: '1', applied: true },
      false,
    ],
    [
      'a reinstallation',
      `${upgrade.replace('2 unpacked', '1 unpacked')}, 1 half-configured, 1 installed`,
      '1',
      { action: 'reinstall', version: '1', applied: true },
      false,
    ],
    [
      'an upgrade that is undone',
      '1 installed, 1 half-configured, 1 unpacked, 1 half-installed, 1 installed',
      '2',
      { action: 'upgrade', version: '2', formerVersion: '1', applied: false, state: 'installed' },
      false,
    ],
    [
      'an upgrade that is undone, and whose scripts configure the package again',
      `${upgrade.replace('2 unpacked', '1 unpacked')}, 1 half-configured, 1 installed`,
      '2',
      { action: 'upgrade', version: '2', formerVersion: '1', applied: false, state: 'installed' },
      false,
    ],
    [
      'an upgrade that is undone, of an unknown version',
      '1 installed, 1 half-configured, 1 unpacked, 1 half-installed, 1 installed',
      undefined,
      { action: undefined, version: undefined, formerVersion: '1', applied: false },
      false,
    ],
    [
      'an upgrade that a prerm prevents',
      '1 installed, 1 half-configured, 1 installed',
      '2',
      { action: 'upgrade', version: '2', applied: false },
      false,
    ],
    [
      'a removal',
      `${removal}, 1 config-files deinstall`,
      undefined,
      { action: 'remove', version: '1', applied: true, state: 'config-files' },
      false,
    ],
    [
      'a purge',
      `${removal}, - not-installed purge`,
      undefined,
      { action: 'remove', version: '1', applied: true, state: 'not-installed' },
      false,
    ],
    [
      'a purge of configuration files',
      '1 config-files deinstall, - not-installed purge',
      undefined,
      { action: 'remove', version: '1', applied: true },
      false,
    ],
    [
      'a removal that a prerm prevents',
      '1 installed, 1 half-configured deinstall, 1 installed deinstall',
      undefined,
      { action: 'remove', version: '1', applied: false },
      false,
    ],
    ['a removal that stops half-way', removal, undefined, { action: 'remove', version: '1', applied: false }, true],
    [
      'a configuration',
      '1 unpacked, 1 half-configured, 1 installed',
      undefined,
      { action: undefined, version: '1', applied: true },
      false,
    ],
    [
      'a failing configuration',
      '1 unpacked, 1 half-configured',
      undefined,
      { action: undefined, applied: false },
      true,
    ],
    [
      'triggers that are processed',
      '1 triggers-pending, 1 half-configured, 1 installed',
      undefined,
      { action: undefined, applied: true },
      false,
    ],
    ['triggers that become due', '1 installed, 1 triggers-pending', undefined, undefined, false],
    ['nothing', '1 installed', undefined, undefined, false],
    ['another selection', '1 installed, 1 installed hold', undefined, undefined, false],
  ])('%s', (_what, states, version, expected, half) => {
    const steps = stepsOf(states);
    const change = changeOf(steps, version === undefined ? undefined : archiveOf(version), true);
    if (expected === undefined) expect(change).toBe(undefined);
    else expect(change).toMatchObject({ name: 'tool', architecture: 'amd64', ...expected });
    expect(isHalf(steps)).toBe(half);
  });
});

describe('without the states in between', () => {
  test.each<[string, string, string | undefined, object | undefined]>([
    [
      'an upgrade',
      '1 installed, 2 installed',
      '2',
      { action: 'upgrade', version: '2', formerVersion: '1', applied: true },
    ],
    ['an archive of the same version', '1 installed', '1', { action: 'reinstall', version: '1', applied: undefined }],
    ['an archive of another version', '1 installed', '2', { action: 'upgrade', version: '2', applied: false }],
    ['a configuration', '1 unpacked, 1 installed', undefined, { action: undefined, applied: true }],
  ])('%s', (_what, states, version, expected) => {
    expect(changeOf(stepsOf(states), version === undefined ? undefined : archiveOf(version), false)).toMatchObject(
      expected ?? {},
    );
  });
});

describe('the list of files shows', () => {
  const unpacked = upgrade.replace('2 unpacked', '1 unpacked');
  test.each<[string, string, boolean | undefined, boolean, boolean | undefined]>([
    ['a reinstallation whose archive cannot be unpacked', `${unpacked}, 1 installed`, false, true, false],
    ['the same of a package that is not configured', '1 unpacked, 1 half-installed, 1 unpacked', false, true, false],
    ['a reinstallation', `${unpacked}, 1 half-configured, 1 installed`, true, true, true],
    [
      'no more than the states if it is not known',
      `${unpacked}, 1 half-configured, 1 installed`,
      undefined,
      true,
      true,
    ],
    ['a reinstallation without its states', '1 installed', true, false, true],
    ['one that has failed, without its states', '1 installed', false, false, false],
  ])('%s', (_what, states, hasNewList, sawAll, applied) => {
    const steps = { ...stepsOf(states), hasNewList };
    expect(changeOf(steps, archiveOf('1'), sawAll)).toMatchObject({ action: 'reinstall', version: '1', applied });
  });
});

test('an archive that dpkg has not begun to unpack was not installed again', () => {
  const steps = stepsOf(`${upgrade.replace('2 unpacked', '1 unpacked')}, 1 half-configured, 1 installed`);
  const archive = archiveOf('1');
  expect(changeOf(steps, { ...archive, isRead: false }, true)).toMatchObject({ action: 'reinstall', applied: false });
  expect(changeOf(steps, { control: undefined, isRead: false }, true)).toMatchObject({ applied: false });
  expect(changeOf(steps, { control: undefined, isRead: true }, true)).toMatchObject({ applied: true });
});
