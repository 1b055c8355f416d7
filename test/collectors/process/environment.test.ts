// The variables of an environment that an event has: which, how long, and in which order.

import { describe, expect, test } from 'vitest';
import { environmentVariables } from '../../../collectors/packages/environment-variables.ts';
import {
  knownEnvironment,
  maxValueBytes,
  maxVariablesBytes,
  type ReadEnvironment,
  selectVariables,
} from '../../../collectors/process/environment.ts';
import type { ProgramStart } from '../../../collectors/process/program-start.ts';

const bytesOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
const complete = (...variables: string[]) => ({ variables, cutAtBytes: undefined });

describe('of an environment', () => {
  test.each<[string, string[], string[]]>([
    ['nothing is selected if it is empty', [], []],
    ['the variables of the table', ['A=1', 'LD_PRELOAD=/x.so', 'B=2', 'PATH=/bin'], ['LD_PRELOAD=/x.so', 'PATH=/bin']],
    ['an empty value', ['DPKG_ROOT='], ['DPKG_ROOT=']],
    ['a value with =', ['PERL5OPT=-Mx=y,z'], ['PERL5OPT=-Mx=y,z']],
    ['a value with line breaks', ['BASH_FUNC_ls%%=() {  evil\n}'], ['BASH_FUNC_ls%%=() {  evil\n}']],
    ['invalid UTF-8, as U+FFFD', ['BASH_ENV=/\ufffd\ufffd'], ['BASH_ENV=/\ufffd\ufffd']],
    ['no string without =', ['LD_PRELOAD', 'PATH'], []],
    ['no string without a name', ['=LD_PRELOAD', '=', ''], []],
    ['no other name', ['ld_preload=x', ' LD_PRELOAD=x', 'MY_PATH=x', 'PATHS=x'], []],
    ['the only one of a name', ['PATH=/a'], ['PATH=/a']],
    ['the first and the last of a name', ['PATH=/a', 'HOME=/', 'PATH=/b', 'PATH=/c'], ['PATH=/a', 'HOME=/', 'PATH=/c']],
    ['two equal ones of a name', ['PATH=/a', 'PATH=/a'], ['PATH=/a', 'PATH=/a']],
    ['a proxy without its password', ['http_proxy=http://a:b@c:1'], ['http_proxy=http://a:***@c:1']],
    ['a proxy without a scheme', ['HTTPS_PROXY=a:b@c:1'], ['HTTPS_PROXY=a:***@c:1']],
    ['a path with @', ['PATH=/a:/b@c'], ['PATH=/a:/b@c']],
    ['a command without the password in it', ['SUDO_COMMAND=/x http://a:b@c'], ['SUDO_COMMAND=/x http://a:***@c']],
    [
      'no secret of another program',
      ['DNF_VAR_TOKEN=x', 'DPKG_my_password=y'],
      ['DNF_VAR_TOKEN=***', 'DPKG_my_password=***'],
    ],
    ['a function with such a name', ['BASH_FUNC_passwd%%=() { x; }'], ['BASH_FUNC_passwd%%=() { x; }']],
    ['a variable of the table with such a name', ['GIT_ASKPASS=/x'], ['GIT_ASKPASS=/x']],
    ['no name of an object’s member', ['__proto__=x', 'constructor=x', 'toString=x'], []],
  ])('%s', (_, environment, expected) => {
    expect(selectVariables(environment)).toEqual(complete(...expected));
  });
});

describe('a long environment', () => {
  test('values are cut at their bound, between characters', () => {
    const { variables, cutAtBytes } = selectVariables([`LD_PRELOAD=${'€'.repeat(200)}`, `PATH=${'a'.repeat(512)}`]);
    expect(variables).toEqual([`LD_PRELOAD=${'€'.repeat(170)}`, `PATH=${'a'.repeat(512)}`]);
    expect(cutAtBytes).toBe(maxValueBytes);
  });

  test('a value of 128 KiB does not hide the others', () => {
    const { variables, cutAtBytes } = selectVariables([`BASH_ENV=${'x'.repeat(131_000)}`, 'LD_PRELOAD=/x.so']);
    expect(variables).toEqual([`BASH_ENV=${'x'.repeat(512)}`, 'LD_PRELOAD=/x.so']);
    expect(cutAtBytes).toBe(maxValueBytes);
  });

  test('a name of 128 KiB is cut', () => {
    const { variables, cutAtBytes } = selectVariables([`LD_${'x'.repeat(131_000)}=1`, 'PATH=/bin']);
    expect(variables).toEqual([`LD_${'x'.repeat(125)}`, 'PATH=/bin']);
    expect(cutAtBytes).toBe(maxValueBytes);
  });

  test('a password behind the bound is not in the cut value', () => {
    const { variables } = selectVariables([`http_proxy=http://user:${'secret'.repeat(1000)}@proxy`]);
    expect(variables).toEqual(['http_proxy=http://user:***@proxy']);
  });

  test('many values are cut further, so that all names stay', () => {
    const names = environmentVariables
      .filter(({ isPrefix }) => !isPrefix)
      .slice(0, 40)
      .map(({ name }) => name);
    const { variables, cutAtBytes } = selectVariables(names.map((name) => `${name}=${'x'.repeat(300)}`));
    expect(variables.map((text) => text.split('=')[0])).toEqual(names);
    expect(bytesOf(variables)).toBeLessThanOrEqual(maxVariablesBytes);
    expect(cutAtBytes).toBe(maxVariablesBytes);
  });

  test('5,000 variables of beginnings do not displace the named ones that are code', () => {
    const flood = Array.from({ length: 5000 }, (_, i) => `BASH_FUNC_f${i}%%=() { :; }`);
    const { variables, cutAtBytes } = selectVariables([...flood, 'HOME=/root', 'LD_PRELOAD=/x.so', 'PERL5OPT=-Mx']);
    expect(variables).toEqual(expect.arrayContaining(['LD_PRELOAD=/x.so', 'PERL5OPT=-Mx']));
    expect(variables).not.toContain('HOME=/root');
    expect(variables.indexOf('LD_PRELOAD=/x.so')).toBe(variables.length - 2);
    expect(bytesOf(variables)).toBeLessThanOrEqual(maxVariablesBytes);
    expect(bytesOf(variables)).toBeGreaterThan(maxVariablesBytes - 200);
    expect(cutAtBytes).toBe(maxVariablesBytes);
  });

  test.each(['LD_PRELOAD', 'LD_AUDIT', 'BASH_ENV', 'PERL5OPT', 'PYTHONPATH', 'DPKG_PAGER', 'RPM_POPTEXEC_PATH'])(
    '%s stays, whatever else is set, twice and at full length',
    (name) => {
      const all = environmentVariables.map((row) => `${row.name}${row.isPrefix ? 'X' : ''}=${'y'.repeat(1000)}`);
      const { variables } = selectVariables([...all, ...all]);
      expect(variables.filter((text) => text.startsWith(`${name}=`))).toHaveLength(2);
      expect(bytesOf(variables)).toBeLessThanOrEqual(maxVariablesBytes);
    },
  );

  test('exactly the bound is not cut', () => {
    const fill = (bytes: number) => {
      const names = ['LD_PRELOAD', 'LD_AUDIT', 'PATH', 'HOME', 'ENV', 'BASH_ENV', 'PS4', 'PERL5OPT'];
      const each = names.map((name) => `${name}=${'x'.repeat(bytes / names.length - name.length - 1)}`);
      return selectVariables(each);
    };
    expect(fill(maxVariablesBytes)).toMatchObject({ cutAtBytes: undefined });
    expect(fill(maxVariablesBytes + 8)).toMatchObject({ cutAtBytes: maxVariablesBytes });
  });
});

describe('what is known of an environment', () => {
  const start = (environment: string[], environmentTruncated: boolean): ProgramStart => ({
    probe: '/lib64/ld-linux-x86-64.so.2',
    args: ['x'],
    argc: 1,
    truncated: false,
    credentials: undefined,
    environment: environment.join('\0'),
    environmentTruncated,
  });
  const later = (environment: string[], truncated = false): ReadEnvironment => ({ environment, truncated });

  test('a complete start needs no later reading', () => {
    const read = () => expect.fail('not needed');
    expect(knownEnvironment(start(['A=1'], false), read)).toEqual({
      environment: ['A=1'],
      isReadLater: false,
      isComplete: true,
    });
    expect(knownEnvironment(start([], false), read)).toEqual({ environment: [], isReadLater: false, isComplete: true });
  });

  test.each<[string, ProgramStart | undefined, ReadEnvironment | undefined, string[] | undefined, boolean?, boolean?]>([
    ['no start, nothing later', undefined, undefined, undefined],
    ['no start', undefined, later(['A=1']), ['A=1'], true, true],
    ['no start, an empty one later', undefined, later([]), [], true, true],
    ['no start, an incomplete one later', undefined, later(['A=1'], true), ['A=1'], true, false],
    ['a cut start, nothing later', start(['A=1'], true), undefined, ['A=1'], false, false],
    ['a start without any, nothing later', start([], true), undefined, undefined],
    ['a start without any', start([], true), later(['A=1']), ['A=1'], true, true],
    ['a cut start, continued', start(['A=1'], true), later(['A=1', 'B=2']), ['A=1', 'B=2'], true, true],
    [
      'a cut start, continued and incomplete',
      start(['A=1'], true),
      later(['A=1', 'B=2'], true),
      ['A=1', 'B=2'],
      true,
      false,
    ],
    [
      'a cut start, overwritten',
      start(['A=1', 'B=2'], true),
      later(['A=1', 'B=3', 'C=4']),
      ['A=1', 'B=2'],
      false,
      false,
    ],
    ['a cut start, removed', start(['A=1', 'B=2'], true), later(['A=1']), ['A=1', 'B=2'], false, false],
    ['a cut start, erased', start(['A=1'], true), later([]), ['A=1'], false, false],
    ['a cut start, in another order', start(['A=1', 'B=2'], true), later(['B=2', 'A=1']), ['A=1', 'B=2'], false, false],
  ])('%s', (_, first, second, environment, isReadLater, isComplete) => {
    const expected = environment && { environment, isReadLater, isComplete };
    expect(knownEnvironment(first, () => second)).toEqual(expected);
  });
});
