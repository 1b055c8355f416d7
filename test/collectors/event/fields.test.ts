// The table of fields against a document that has all of them, against ECS, and against the type that is made of it.

import { EcsFlat } from '@elastic/ecs';
import { expect, test } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { type Fields, fields, fieldTable } from '../../../collectors/event/fields.ts';
import { fits, valuesOf } from '../../ecs-values.ts';
import { fieldsOf, maximalAlert } from '../../maximal-documents.ts';

const named = (wanted: (type: string) => boolean): string[] =>
  fields
    .filter(({ type }) => wanted(type))
    .map(({ name }) => name)
    .sort();
const isFlattened = (field: string): boolean => fields.some(({ name, type }) => name === field && type === 'flattened');

test('every field of the largest alert has a row, and every row is in the alert', () => {
  const rows = named((type) => type !== 'objects');
  expect([...fieldsOf(maximalAlert, isFlattened)].sort()).toEqual(rows);
  expect(new Set(rows).size).toBe(rows.length);
});

test.each(fields.filter(({ type }) => type !== 'objects'))(
  '$name is $type',
  ({ name, type, list, nullable, within }) => {
    const values = valuesOf(maximalAlert, isFlattened).get(name) ?? [];
    expect(values.filter((value) => !fits(type, value) || (value === null && !nullable))).toEqual([]);
    if (values.length > 1 && within === undefined) expect(list).toBe(true);
  },
);

test('the lists of objects are those of the largest alert', () => {
  const lists = new Set<string>();
  const find = (field: string, value: unknown): void => {
    if (Array.isArray(value) && value.some((each) => typeof each === 'object' && each !== null)) lists.add(field);
    else if (typeof value === 'object' && value !== null && !isFlattened(field)) {
      for (const [name, each] of Object.entries(value)) find(field === '' ? name : `${field}.${name}`, each);
    }
  };
  find('', maximalAlert);
  expect([...lists].sort()).toEqual(named((type) => type === 'objects'));
});

const ecs: Readonly<Record<string, { type: string; ignore_above?: number } | undefined>> = EcsFlat;

test.each(
  fields.filter(({ name, type }) => type !== 'objects' && !name.startsWith('stepparent.') && !name.includes('.Ext.')),
)('$name is a field of ECS, of the type $type', ({ name, type }) => {
  // The Elasticsearch mapping gives every keyword the same bound.
  expect(ecs[name]).toMatchObject({ type, ...(type === 'keyword' && { ignore_above: 1024 }) });
});

test('no two fields have the same journal field', () => {
  const names = fields.flatMap(({ journal }) => journal ?? []);
  expect(new Set(names).size).toBe(names.length);
});

test('a group names journal fields only for rows that it has', () => {
  const unknown = (group: Fields): string[] =>
    Object.entries(group).flatMap(([name, node]) =>
      'fields' in node
        ? [
            ...Object.keys(node.journalOf ?? {})
              .filter((key) => !Object.hasOwn(node.fields, key))
              .map((key) => `${name}.${key}`),
            ...unknown(node.fields),
          ]
        : [],
    );
  expect(unknown(fieldTable)).toEqual([]);
});

test('a field without a row, and a value of another type than its row has, are type errors', () => {
  const event: Pick<StepparentEvent, 'process' | 'user' | 'threat' | 'stepparent'> = {
    // @ts-expect-error no such row
    process: { vpid: 7 },
    // @ts-expect-error keyword
    user: { id: 0 },
    // @ts-expect-error a list
    threat: { framework: 'MITRE ATT&CK' },
    stepparent: {
      // @ts-expect-error boolean
      genuine: { parent: 'yes' },
      // @ts-expect-error not one of its values
      script: { state: 'new' },
      // @ts-expect-error required in its group
      initiator: { entity_id: 'x', pid: 4 },
      // @ts-expect-error null only where the row allows it
      hunt: { id: null, row: {} },
      // @ts-expect-error holds numbers
      truncated: { 'process.args': 'much' },
    },
  };
  expect(event).toBeDefined();
});
