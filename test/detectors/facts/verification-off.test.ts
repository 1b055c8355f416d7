// Which command lines of a transaction count, and of which process.

import { expect, test } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { findVerificationOff } from '../../../detectors/facts/verification-off.ts';
import { exampleEvent, start } from '../../storage/examples.ts';

interface Step {
  executable: string;
  args: string[];
  program?: string;
}

const step = (line: string, executable = line.split(' ')[0] as string, program?: string): Step => ({
  executable,
  args: line.split(' '),
  ...(program !== undefined && { program }),
});
const apt = step('apt-get install --allow-unauthenticated x', '/usr/bin/apt-get');
const dpkg = step('/usr/bin/dpkg --status-fd 9 --unpack x.deb');
const sh = step('sh -c x', '/usr/bin/dash');

/** The steps of the lineage, nearest first. The topmost step of the transaction is the process itself or the one at `top`. */
function event(
  steps: readonly Step[],
  top: number,
  more: Partial<StepparentEvent['stepparent']> = {},
): StepparentEvent {
  const [own, ...above] = steps.map(({ program, ...rest }, index) => ({
    ...rest,
    entity_id: `id-${index}`,
    pid: 10 + index,
    program,
  }));
  const { program, ...process } = own ?? {};
  return {
    ...exampleEvent('a', start),
    process,
    stepparent: {
      lineage: above,
      transaction: { id: `id-${top}`, manager: 'dpkg', root: '/' },
      ...(program !== undefined && { program: { path: program, name: 'x', recognized_by: 'content' } }),
      ...more,
    },
  } as StepparentEvent;
}
const inChroot = { transaction: { id: 'id-1', manager: 'dpkg', root: '/mnt' } } as const;
const python = '/usr/bin/python3';

test.each<[what: string, steps: Step[], top: number, off: string[], more?: Partial<StepparentEvent['stepparent']>]>([
  ['apt-get above dpkg', [dpkg, apt], 1, ['allow_unauthenticated']],
  ['apt-get above a shell that a hook put between', [dpkg, sh, apt], 2, ['allow_unauthenticated']],
  ['dpkg itself', [step('dpkg -i --no-debsig x.deb', '/usr/bin/dpkg')], 0, ['no_debsig']],
  ['both', [step('dpkg --force-bad-verify -i x.deb'), apt], 1, ['force_bad_verify', 'allow_unauthenticated']],
  [
    'rpm below zypper',
    [step('rpm -U --nosignature x.rpm'), step('zypper --no-gpg-checks in x')],
    1,
    ['nosignature', 'no_gpg_checks'],
  ],
  [
    'dnf, whose interpreter the kernel names',
    [step(`${python} /usr/bin/dnf --nogpgcheck in x`, '/usr/bin/dnf')],
    0,
    ['nogpgcheck'],
  ],
  [
    'dnf as an argument of its interpreter',
    [step('python3 -s /usr/bin/dnf --nogpgcheck in x', python)],
    0,
    ['nogpgcheck'],
  ],
  [
    'apt-get by the dynamic linker',
    [dpkg, step('ld.so /usr/bin/apt-get --allow-unauthenticated', '/lib64/ld-linux-x86-64.so.2')],
    1,
    ['allow_unauthenticated'],
  ],
  [
    'a copy of apt-get',
    [dpkg, step('x --allow-unauthenticated', '/tmp/x', '/usr/bin/apt-get')],
    1,
    ['allow_unauthenticated'],
  ],
  ['a copy of dpkg', [step('x -i --no-debsig a.deb', '/tmp/x', '/usr/bin/dpkg')], 0, ['no_debsig']],
  [
    'an apt-get whose argv[0] names an interpreter',
    [dpkg, { executable: '/usr/bin/apt-get', args: ['python3', ...apt.args.slice(1)] }],
    1,
    ['allow_unauthenticated'],
  ],
  // Near misses.
  ['an apt-get above the transaction', [dpkg, sh, apt], 0, []],
  ['another program with the option', [dpkg, step('deploy --allow-unauthenticated')], 1, []],
  [
    'a shell with the option in its text',
    [dpkg, { executable: '/usr/bin/dash', args: ['sh', '-c', apt.args.join(' ')] }],
    1,
    [],
  ],
  [
    'dpkg with other forces',
    [step('dpkg --force-depends -i x.deb'), step('apt-get --allow-downgrades install x')],
    1,
    [],
  ],
  ['in another root', [dpkg, apt], 1, [], inChroot],
  [
    'for another database of dpkg',
    [dpkg, apt],
    1,
    [],
    { unobserved: { 'stepparent.transaction.packages': 'other_database' } },
  ],
  [
    'for another database of rpm',
    [dpkg, apt],
    1,
    [],
    { unobserved: { 'stepparent.transaction.verified': 'other_database' } },
  ],
  ['without arguments that were observed', [{ executable: '/usr/bin/dpkg', args: [] }], 0, []],
])('%s', (_, steps, top, off, more) => {
  expect(findVerificationOff(event(steps, top, more))?.off ?? []).toEqual(off);
});

test('of a transaction whose topmost process is not in the lineage, only its own arguments count', () => {
  const own = step('dpkg --no-debsig -i x.deb', '/usr/bin/dpkg');
  expect(findVerificationOff(event([own, apt], 7))).toEqual({ off: ['no_debsig'] });
});
