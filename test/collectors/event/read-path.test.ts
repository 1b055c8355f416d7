// Reading a field or a pattern of fields from a document: values, their order, and absent fields.

import { describe, expect, test } from 'vitest';
import type { FieldValue } from '../../../collectors/event/event.ts';
import { readPath } from '../../../collectors/event/read-path.ts';
import { compileKql } from '../../../detectors/query/kql.ts';

const document = {
  '@timestamp': '2024-01-02T03:04:05.000Z',
  event: { category: ['process', 'package'], type: ['start'], outcome: undefined },
  process: {
    name: 'postinst',
    pid: 7,
    args: ['/bin/sh', 'configure'],
    interactive: false,
    parent: { name: 'dpkg', pid: 6, group_leader: { name: 'apt' } },
    session_leader: { name: 'bash' },
  },
  stepparent: {
    lineage: [
      { pid: 6, name: 'dpkg', user: { name: 'root' } },
      { pid: 5, user: { name: 'adm' } },
    ],
    package: { packages: [], root: null },
    unobserved: { 'process.working_directory': 'process_exited' },
  },
};

describe('readPath', () => {
  test.each<[field: string, value: FieldValue]>([
    ['process.name', 'postinst'],
    ['process.pid', 7],
    ['process.interactive', false],
    ['process.args', ['/bin/sh', 'configure']],
    ['event.type', 'start'],
    ['process.parent.group_leader.name', 'apt'],
    ['stepparent.lineage.pid', [6, 5]],
    ['stepparent.lineage.name', 'dpkg'],
    ['stepparent.lineage.user.name', ['root', 'adm']],
    ['process', undefined],
    ['process.parent', undefined],
    ['process.name.x', undefined],
    ['process.title', undefined],
    ['event.outcome', undefined],
    ['stepparent.package.packages', undefined],
    ['stepparent.package.root', undefined],
    ['toString', undefined],
    ['process.args.length', undefined],
    ['process.name.length', undefined],
    ['__proto__.constructor', undefined],
    ['', undefined],
  ])('%s', (field, value) => {
    expect(readPath(document, field)).toEqual(value);
  });

  test.each<[pattern: string, value: FieldValue]>([
    ['process.*.name', ['dpkg', 'apt', 'bash']],
    ['process.parent.*', ['dpkg', 6, 'apt']],
    ['process*name', ['postinst', 'dpkg', 'apt', 'bash']],
    ['*.name', ['postinst', 'dpkg', 'apt', 'bash', 'dpkg', 'root', 'adm']],
    ['*.group_leader.*', 'apt'],
    ['process.*leader.name', ['apt', 'bash']],
    ['process.*a*.name', ['dpkg', 'apt', 'bash']],
    ['process.parent.name*', 'dpkg'],
    ['process.arg*', ['/bin/sh', 'configure']],
    ['event.*', ['process', 'package', 'start']],
    ['stepparent.lineage.*.name', ['root', 'adm']],
    ['stepparent.unobserved.*', 'process_exited'],
    ['@*', '2024-01-02T03:04:05.000Z'],
    ['process.**.name', ['dpkg', 'apt', 'bash']],
    // Near misses: no fitting field, a piece that would have to be used twice, an object, what is inherited.
    ['process.*.pid.name', undefined],
    ['process.name.*', undefined],
    ['name*', undefined],
    ['*.pi', undefined],
    ['process.p*parent.name', undefined],
    ['process.session_leader.name*name', undefined],
    ['process.parent.group_l*r', undefined],
    ['process.args.*', undefined],
    ['event.outcome*', undefined],
    ['stepparent.package.*', undefined],
    ['__proto__.*', undefined],
    ['process.name.leng*', undefined],
  ])('%s', (pattern, value) => {
    expect(readPath(document, pattern)).toEqual(value);
  });

  test('reads all fields', () => {
    expect(readPath(document, '*')).toHaveLength(19);
    expect(readPath({}, '*')).toBe(undefined);
  });

  test('a KQL query reads a pattern of fields', () => {
    const matches = (query: string): boolean => compileKql(query).matches((field) => readPath(document, field));
    expect(matches('process.*.name:apt')).toBe(true);
    expect(matches('process.*.name:(apt and bash)')).toBe(true);
    expect(matches('process.*.name:postinst')).toBe(false);
    expect(matches('not process.*.name:sshd')).toBe(true);
    expect(matches('process.*.pid < 7')).toBe(true);
    expect(matches('process.*.title:*')).toBe(false);
  });
});
