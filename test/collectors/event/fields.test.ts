// The list of fields against a document that has all of them: neither has one that the other lacks.

import { expect, test } from 'vitest';
import { alertFields, eventFields, objectLists, openObjects } from '../../../collectors/event/fields.ts';
import { fieldsOf, maximalAlert } from '../../maximal-documents.ts';

const isOpen = (field: string): boolean => openObjects.includes(field);

test('every field of the largest alert is in the list, and every listed one in the alert', () => {
  const listed = [...eventFields, ...alertFields, ...openObjects];
  expect([...fieldsOf(maximalAlert, isOpen)].sort()).toEqual([...new Set(listed)].sort());
  expect(listed.length).toBe(new Set(listed).size);
});

test('lists of objects are those that it has', () => {
  const lists = new Set<string>();
  const find = (field: string, value: unknown): void => {
    if (Array.isArray(value) && value.some((each) => typeof each === 'object' && each !== null)) lists.add(field);
    else if (typeof value === 'object' && value !== null && !isOpen(field)) {
      for (const [name, each] of Object.entries(value)) find(field === '' ? name : `${field}.${name}`, each);
    }
  };
  find('', maximalAlert);
  expect([...lists].sort()).toEqual([...objectLists].sort());
});
