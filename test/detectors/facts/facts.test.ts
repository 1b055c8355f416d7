// Facts as fields: derived once, when first read, from the observed fields.

import { describe, expect, test } from 'vitest';
import type { FieldReader, FieldValue, StepparentEvent, TransactionFields } from '../../../collectors/event/event.ts';
import { withFacts } from '../../../detectors/facts/facts.ts';
import { exampleEvent, start } from '../../storage/examples.ts';

const event = (
  name: FieldValue,
  args: FieldValue,
  whole?: Pick<StepparentEvent, 'process' | 'stepparent'>,
  program: Readonly<Record<string, string>> = {},
) => {
  const asked: string[] = [];
  const read: FieldReader = (field) => {
    asked.push(field);
    const fields = { 'process.name': name, 'process.args': args, 'stepparent.terminal': 'pts/3', ...program };
    return (fields as Record<string, FieldValue>)[field];
  };
  const documents = { made: 0 };
  const document = (): StepparentEvent => {
    documents.made++;
    const { process: _, ...noProcess } = exampleEvent('a', start);
    return { ...noProcess, ...whole };
  };
  return { asked, documents, ...withFacts(read, document) };
};

const install = ['dpkg', '-i', 'a.deb', 'b.deb'];

describe('stepparent.package', () => {
  test.each<[name: FieldValue, args: FieldValue, operation: string | undefined]>([
    ['dpkg', install, 'install'],
    ['rpm', ['rpm', '-e', 'x'], 'remove'],
    ['dpkg', 'dpkg', 'other'],
    ['dpkg', [], 'other'],
    // Near misses: another program, arguments that were not observed.
    ['apt', install, undefined],
    ['dpkg2', install, undefined],
    [['dpkg'], install, undefined],
    [undefined, install, undefined],
    ['dpkg', undefined, undefined],
  ])('of %j %j', (name, args, operation) => {
    const { read, facts } = event(name, args);
    expect(read('stepparent.package.operation')).toBe(operation);
    expect(facts()).toEqual(operation === undefined ? {} : { package: expect.objectContaining({ operation }) });
  });

  test.each<[string, name: string, program: Record<string, string>, args: string[], operation: string | undefined]>([
    ['a copy of dpkg', 'updater', { name: 'dpkg' }, ['updater', '-i', 'a.deb'], 'dpkg install'],
    ['a copy of rpm', 'updater', { name: 'rpm' }, ['updater', '-e', 'x'], 'rpm remove'],
    [
      'a copy of dpkg behind the dynamic linker',
      'ld-linux-x86-64.so.2',
      { name: 'dpkg', argument: '/tmp/x' },
      ['/lib64/ld-linux-x86-64.so.2', '--argv0', 'y', '/tmp/x', '-i', 'a.deb'],
      'dpkg install',
    ],
    ['a copy of busybox', 'x', { name: 'busybox' }, ['x', 'dpkg', '-i', 'a.deb'], undefined],
    ['busybox', 'busybox', {}, ['busybox', 'dpkg', '-u', 'a.deb'], 'dpkg unpack'],
    ['busybox by a link', 'busybox', {}, ['dpkg', '-i', 'a.deb'], 'dpkg install'],
    ['an applet that is none', 'busybox', {}, ['busybox', 'wget', '-i', 'a.deb'], undefined],
    ['a copy of another program that is named dpkg', 'dpkg', { name: 'dash' }, ['dpkg', '-i', 'a.deb'], 'dpkg install'],
    ['a copy of another program', 'updater', { name: 'dash' }, ['updater', '-i', 'a.deb'], undefined],
  ])('of %s', (_, name, program, args, operation) => {
    const fields = Object.fromEntries(
      Object.entries(program).map(([key, value]) => [`stepparent.program.${key}`, value]),
    );
    const { read } = event(name, args, undefined, fields);
    const [manager, action] = operation?.split(' ') ?? [];
    expect(read('stepparent.package.manager')).toBe(manager);
    expect(read('stepparent.package.operation')).toBe(action);
  });

  test.each<[field: string, value: FieldValue]>([
    ['stepparent.package.manager', 'dpkg'],
    ['stepparent.package.packages', ['a.deb', 'b.deb']],
    ['stepparent.package.packages_count', 2],
    ['stepparent.package.dry_run', false],
    ['stepparent.package.root', undefined],
    ['stepparent.package.toString', undefined],
    ['stepparent.package', undefined],
    ['stepparent.toString', undefined],
    ['stepparent.terminal', 'pts/3'],
    ['process.name', 'dpkg'],
    ['package.operation', undefined],
  ])('%s', (field, value) => {
    expect(event('dpkg', install).read(field)).toEqual(value);
  });
});

test('is computed once, when a rule first reads it', () => {
  const { asked, read, facts } = event('dpkg', install);
  read('process.name');
  expect(asked).toEqual(['process.name']);
  for (let i = 0; i < 3; i++) read('stepparent.package.operation');
  facts();
  expect(asked).toEqual([
    ...['process.name', 'process.name', 'process.args', 'stepparent.program.argument', 'process.env_vars'],
    ...['event.category', 'event.category', 'event.action', 'event.category'],
    ...['process.name', 'stepparent.program.name'],
  ]);
});

test('that does not apply is computed once, too', () => {
  const { asked, read, facts } = event('bash', install);
  for (let i = 0; i < 3; i++) expect(read('stepparent.package.operation')).toBe(undefined);
  facts();
  const names = ['process.name', 'stepparent.program.name'];
  const ofOthers = ['event.category', 'event.category', 'event.action', 'event.category'];
  expect(asked).toEqual([...names, ...ofOthers, ...names]);
});

describe('stepparent.initiator', () => {
  const process = { pid: 9 };
  const lineage = [
    { entity_id: 'b', pid: 8, executable: '/usr/bin/dash', args: ['sh', '-c', 'x'] },
    { entity_id: 'a', pid: 7, executable: '/usr/sbin/nginx', args: ['nginx'] },
  ];
  const nginx = { process, stepparent: { lineage, systemd: { unit: 'nginx.service' } } };

  test.each<[field: string, value: FieldValue]>([
    ['stepparent.initiator.executable', '/usr/sbin/nginx'],
    ['stepparent.initiator.origin', 'unit nginx.service'],
    ['stepparent.initiator.wrappers', 'dash'],
    ['stepparent.initiator.pid', 7],
  ])('%s', (field, value) => {
    expect(event('dpkg', install, nginx).read(field)).toEqual(value);
  });

  test('reads the whole event once, when a rule first reads the fact', () => {
    const { documents, read, facts } = event('dpkg', install, nginx);
    read('stepparent.package.operation');
    expect(documents.made).toBe(0);
    for (let i = 0; i < 3; i++) read('stepparent.initiator.name');
    facts();
    expect(documents.made).toBe(1);
  });

  test('adds its notes to the notes of the event', () => {
    const unobserved = { 'process.parent': 'process_exited' } as const;
    const found = event('dpkg', install, { process, stepparent: { unobserved } }).facts();
    expect(found).not.toHaveProperty('initiator');
    expect(found.unobserved).toEqual({ ...unobserved, 'stepparent.initiator': expect.any(String) });
    expect(found).not.toHaveProperty('inferred');
  });
});

describe('stepparent.unlisted', () => {
  const exchanged = { name: 'x', archive: '/a/x.deb', sha256: 'aa', source: 'unlisted', action: 'install' } as const;
  const factOf = (category: FieldValue, packages: NonNullable<TransactionFields['packages']>) => {
    const { documents, read } = event(undefined, undefined, { stepparent: { transaction: { id: 'x', packages } } }, {
      'event.category': category,
    } as Record<string, string>);
    return [read('stepparent.unlisted.packages'), read('stepparent.unlisted.archives'), documents.made];
  };
  test('is of packages that no list has', () => {
    expect(factOf(['package'], [{ ...exchanged, name: 'y', source: 'repository' }, exchanged])).toEqual([
      'x',
      '/a/x.deb',
      1,
    ]);
    expect(factOf('package', [exchanged, { ...exchanged, name: 'y' }])[0]).toEqual(['x', 'y']);
  });
  test.each<[string, object]>([
    ['of a list', { source: 'repository' }],
    ['elsewhere', { source: 'local_file' }],
    ['not observed', { source: undefined }],
    ['from before', { cached_before: true }],
    ['of a removed package', { action: 'remove' }],
  ])('is absent: a file %s', (_what, change) => {
    expect(factOf(['package'], [{ ...exchanged, ...change }])[0]).toBe(undefined);
  });
  test('does not read the document of another event', () => {
    expect(factOf(['process'], [exchanged])).toEqual([undefined, undefined, 0]);
  });
});
