// What a changed file makes a package tool run since its change.

import { expect, test } from 'vitest';
import type { FileChangeFields, FileFields, StepparentEvent } from '../../../collectors/event/event.ts';
import { findFileHook, type HookFacts } from '../../../detectors/facts/file-hook.ts';
import { exampleEvent, start } from '../../storage/examples.ts';

const hook = 'DPkg::Post-Invoke:: "/opt/x";\n';
const file: FileFields = {
  path: '/etc/apt/apt.conf.d/01x',
  type: 'file',
  size: 30,
  mode: '0644',
  hash: { sha256: 'new' },
};
const fields: FileChangeFields = { watched: 'apt', syntax: 'apt_conf' };
const program: FileChangeFields = { watched: 'apt', syntax: 'program' };
const executable: FileFields = { ...file, path: '/usr/lib/apt/methods/x', mode: '0755' };
const facts = (content: string | undefined, before?: HookFacts['before']): HookFacts => ({
  content: content === undefined ? undefined : Buffer.from(content),
  before,
});
const seen = (text: string | undefined) => ({ sha256: 'old', text });

test.each<
  [name: string, action: string, file: FileFields, fields: FileChangeFields, facts: HookFacts, commands: string[]]
>([
  ['a new file with a hook', 'creation', file, fields, facts(hook), ['DPkg::Post-Invoke:: /opt/x']],
  [
    'a hook in a file with others',
    'modification',
    file,
    fields,
    facts(`${hook}DPkg::Post-Invoke:: "/opt/y";`, seen(hook)),
    ['DPkg::Post-Invoke:: /opt/y'],
  ],
  [
    'a command that goes on behind what an alert shows of it',
    'modification',
    file,
    fields,
    facts(`DPkg::Post-Invoke:: "${'x'.repeat(300)} y";`, seen(`DPkg::Post-Invoke:: "${'x'.repeat(300)}";`)),
    [`DPkg::Post-Invoke:: ${'x'.repeat(236)}`],
  ],
  [
    'a file whose content was not seen before',
    'modification',
    file,
    fields,
    facts(hook, seen(undefined)),
    ['DPkg::Post-Invoke:: /opt/x'],
  ],
  ['a hook behind a NUL', 'creation', file, fields, facts(`a "\0";${hook}`), ['DPkg::Post-Invoke:: /opt/x']],
  [
    'a file that is too large',
    'creation',
    { ...file, size: 2 ** 30 },
    fields,
    facts(undefined),
    ['1073741824 bytes, too many to be read'],
  ],
  [
    'a large file that was read',
    'creation',
    { ...file, size: 70_000 },
    fields,
    facts(' '.repeat(70_000)),
    ['70000 bytes, too many to be read'],
  ],
  [
    'a link to a file elsewhere',
    'creation',
    { ...file, type: 'symlink', target_path: '../../../opt/x' },
    fields,
    facts(undefined),
    ['/etc/apt/apt.conf.d/01x -> ../../../opt/x'],
  ],
  ['a new program', 'creation', executable, program, facts('#!/bin/sh\nid\n'), ['/usr/lib/apt/methods/x']],
  ['a changed program', 'modification', executable, program, facts('x', seen(undefined)), ['/usr/lib/apt/methods/x']],
  [
    'a program that becomes executable',
    'attribute-change',
    executable,
    { ...program, changed: ['mode'], previous: { mode: '0644' } },
    facts('x', { sha256: 'new', text: 'x' }),
    ['/usr/lib/apt/methods/x'],
  ],
  [
    'a library',
    'creation',
    { ...file, path: '/usr/lib/rpm-plugins/x.so' },
    { watched: 'rpm', syntax: 'module' },
    facts('\x7fELF'),
    ['/usr/lib/rpm-plugins/x.so'],
  ],
  [
    'a policy-rc.d that does more than exit',
    'creation',
    executable,
    program,
    facts('#!/bin/sh\n/opt/x\nexit 101\n'),
    ['/usr/lib/apt/methods/x'],
  ],

  ['another setting', 'modification', file, fields, facts(`${hook}Acquire::http::Proxy "http://x";`, seen(hook)), []],
  ['a comment', 'modification', file, fields, facts(`// x\n${hook}`, seen(hook)), []],
  [
    'the same in another order and layout',
    'modification',
    file,
    fields,
    facts('# x\nDPkg\n{ Post-Invoke { "/opt/x"; }; };', seen('DPkg { Post-Invoke { "/opt/x"; }; };')),
    [],
  ],
  ['a hook that is removed', 'modification', file, fields, facts('', seen(hook)), []],
  ['other attributes', 'attribute-change', file, fields, facts(hook), []],
  ['a file that is deleted', 'deletion', file, fields, facts(undefined, seen(hook)), []],
  ['a file that no package tool reads', 'creation', file, { watched: 'cron' }, facts(hook), []],
  ['a file that was not read', 'creation', file, fields, facts(undefined), []],
  [
    'a link to nothing',
    'creation',
    { ...file, type: 'symlink', target_path: '/dev/null' },
    fields,
    facts(undefined),
    [],
  ],
  [
    'a link to a file of the system',
    'creation',
    { ...file, type: 'symlink', target_path: '/usr/share/x' },
    fields,
    facts(undefined),
    [],
  ],
  ['a directory', 'creation', { ...executable, type: 'dir' }, program, facts(undefined), []],
  ['a fifo', 'creation', { ...file, type: 'fifo' }, fields, facts(undefined), []],
  ['a program that is not executable', 'creation', { ...executable, mode: '0644' }, program, facts('x'), []],
  ['an empty program', 'creation', { ...executable, size: 0 }, program, facts(''), []],
  [
    'a program that was written again as it was',
    'modification',
    executable,
    program,
    facts('x', { sha256: 'new', text: undefined }),
    [],
  ],
  ['a program with another owner', 'attribute-change', executable, { ...program, changed: ['uid'] }, facts('x'), []],
  ['a policy-rc.d that only exits', 'creation', executable, program, facts('#!/bin/sh\n# no services\nexit 101\n'), []],
])('%s', (_, action, changedFile, changedFields, known, commands) => {
  const event: StepparentEvent = exampleEvent('e', start);
  const changed = { ...event, event: { ...event.event, action }, file: changedFile };
  const found = findFileHook({ ...changed, stepparent: { ...event.stepparent, file: changedFields } }, known);
  expect(found?.commands ?? []).toEqual(commands);
});
