// Facts as fields: derived once, when first read, from the observed fields.

import { describe, expect, test } from 'vitest';
import type { FieldReader, FieldValue, StepparentEvent } from '../../../collectors/event/event.ts';
import { withFacts } from '../../../detectors/facts/facts.ts';
import { exampleEvent, start } from '../../storage/examples.ts';

const event = (name: FieldValue, args: FieldValue, whole?: Pick<StepparentEvent, 'process' | 'stepparent'>) => {
  const asked: string[] = [];
  const read: FieldReader = (field) => {
    asked.push(field);
    return { 'process.name': name, 'process.args': args, 'stepparent.terminal': 'pts/3' }[field];
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
  expect(asked).toEqual(['process.name', 'process.name', 'process.args']);
});

test('that does not apply is computed once, too', () => {
  const { asked, read, facts } = event('bash', install);
  for (let i = 0; i < 3; i++) expect(read('stepparent.package.operation')).toBe(undefined);
  facts();
  expect(asked).toEqual(['process.name']);
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
