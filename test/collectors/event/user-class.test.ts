// Whose an event is.

import { expect, test } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { userClassOf } from '../../../collectors/event/user-class.ts';

test.each<[string, string, StepparentEvent['user'] | undefined, string]>([
  ['root', 'stepparent.process', { id: '0', name: 'root' }, 'root'],
  ['root, of a file', 'stepparent.file', { id: '0' }, 'root'],
  ['another user', 'stepparent.process', { id: '1000', name: 'root' }, 'other'],
  ['an id that only begins like root’s', 'stepparent.process', { id: '00' }, 'other'],
  ['a process without a user', 'stepparent.process', undefined, 'unobserved'],
  ['a file without a process', 'stepparent.file', undefined, 'unobserved'],
  ['a user without an id', 'stepparent.process', { name: 'root' }, 'unobserved'],
  ['the agent', 'stepparent.agent', undefined, 'root'],
])('%s', (_, dataset, user, expected) => {
  const event = { id: 'e', kind: 'event', dataset } as const;
  expect(userClassOf({ event, ...(user !== undefined && { user }) })).toBe(expected);
});
