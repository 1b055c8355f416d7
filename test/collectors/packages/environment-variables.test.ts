// The table of environment variables, against itself and against names.

import { describe, expect, test } from 'vitest';
import {
  environmentVariables,
  findVariable,
  variableEffects,
  variableGroups,
} from '../../../collectors/packages/environment-variables.ts';

const groupNames = variableGroups.flatMap(({ variables }) =>
  Object.values(variables).flatMap((names) => names.split(' ')),
);

describe('the table', () => {
  test('has each name and each beginning once', () => {
    expect(groupNames).toEqual([...new Set(groupNames)]);
    expect(environmentVariables).toHaveLength(groupNames.length);
  });

  test.each(groupNames)('%s is a name, or the beginning of one', (name) => {
    expect(name).toMatch(/^[A-Za-z_][A-Za-z0-9_]*\*?$/);
  });

  test.each(variableGroups)('the row of $readers names readers, a source and variables', ({ source, variables }) => {
    // Manual pages with their section, files of a source tree, or a page of the web.
    for (const each of source.split(', ')) expect(each).toMatch(/^[\w.-]+\(\w+\)$|^[\w-]+: [\w./-]+$|^[\w./-]+\.\w+$/);
    expect(Object.keys(variables).length).toBeGreaterThan(0);
  });

  test('has rows by effect, names first', () => {
    const order = Object.keys(variableEffects);
    const places = environmentVariables.map(({ effect, isPrefix }) => order.indexOf(effect) * 2 + Number(isPrefix));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(environmentVariables[0]?.effect).toBe('code');
    expect(new Set(environmentVariables.map(({ effect }) => effect))).toEqual(new Set(order));
  });

  test('a name below a beginning has another effect than the beginning', () => {
    const prefixes = environmentVariables.filter(({ isPrefix }) => isPrefix);
    const longest = (name: string) =>
      prefixes
        .filter((prefix) => prefix.name !== name && name.startsWith(prefix.name))
        .sort((a, b) => b.name.length - a.name.length)[0];
    const superfluous = environmentVariables.filter(({ name, effect }) => longest(name)?.effect === effect);
    expect(superfluous.map(({ name }) => name)).toEqual([]);
  });
});

describe('a variable', () => {
  test.each<[string, string]>([
    ['LD_PRELOAD', 'code'],
    ['LD_DEBUG_OUTPUT', 'configuration'],
    ['GLIBC_TUNABLES', 'configuration'],
    ['BASH_ENV', 'code'],
    ['BASH_FUNC_dpkg%%', 'code'],
    ['BASH_FUNC_a b()', 'code'],
    ['PERL5OPT', 'code'],
    ['PYTHONPATH', 'code'],
    ['PYTHONVERBOSE', 'configuration'],
    ['LUA_INIT', 'code'],
    ['LUA_INIT_5_4', 'code'],
    ['DPKG_ROOT', 'files'],
    ['DPKG_FORCE', 'configuration'],
    ['DPKG_MAINTSCRIPT_NAME', 'script'],
    ['DPKG_PAGER', 'code'],
    ['APT_CONFIG', 'configuration'],
    ['RPM_CONFIGDIR', 'configuration'],
    ['RPM_INSTALL_PREFIX0', 'script'],
    ['DNF_VAR_mirror', 'network'],
    ['DNF5', 'network'],
    ['DNF5_PLUGINS_DIR', 'code'],
    ['ZYPP_CONF', 'configuration'],
    ['http_proxy', 'network'],
    ['SUDO_USER', 'origin'],
    ['SUDO_ASKPASS', 'code'],
    ['SSH_CONNECTION', 'origin'],
    ['container', 'origin'],
    ['_JAVA_OPTIONS', 'code'],
  ])('%s: %s', (name, effect) => {
    expect(findVariable(name)?.effect).toBe(effect);
  });

  test.each([
    '',
    'LD',
    'ld_preload',
    'XLD_PRELOAD',
    'LD PRELOAD',
    'PATHS',
    'XPATH',
    'PATH ',
    'BASH_FUNC',
    'BASH_VERSION',
    'DPKG',
    'APT_TOKEN',
    'RPM_GPG_PASSPHRASE',
    'NODE_AUTH_TOKEN',
    'AWS_SECRET_ACCESS_KEY',
    'GIT_CONFIG_VALUE_0',
    'SSH_AUTH_SOCK',
    'LS_COLORS',
    'HOMEPATH',
    'toString',
    '__proto__',
    'constructor',
  ])('%j is not in the table', (name) => {
    expect(findVariable(name)).toBe(undefined);
  });
});
