// What the event of a watched file says of its content, of the difference and of its package.

import { expect, test } from 'vitest';
import type { FileChangeFields, StepparentEvent } from '../../../collectors/event/event.ts';
import { type WatchedFacts, withWatchedFile } from '../../../detectors/facts/watched-file.ts';
import { exampleEvent, start } from '../../storage/examples.ts';

const eventOf = (action: string, writer = 'vi'): StepparentEvent => {
  const event = exampleEvent('e', start);
  return {
    ...event,
    event: { ...event.event, action },
    process: { ...event.process, name: writer, executable: `/usr/bin/${writer}` },
    file: { path: '/etc/cron.d/x', hash: { sha256: 'new' } },
    stepparent: { ...event.stepparent, file: { watched: 'cron' }, unobserved: { 'file.created': 'unsupported' } },
  };
};

const text = (value: string) => ({ text: value, isCut: false });
const facts: WatchedFacts = {
  isRead: true,
  text: text('a\nb\n'),
  bytes: undefined,
  isSecret: false,
  before: { sha256: 'old', text: 'a\n' },
  owner: { state: 'none' },
};

test.each<
  [
    name: string,
    action: string,
    change: Partial<WatchedFacts>,
    fields: FileChangeFields,
    notes: Partial<Record<'unobserved' | 'truncated', Record<string, string | number>>>,
  ]
>([
  [
    'a changed text',
    'modification',
    {},
    { content: 'a\nb\n', diff: '@@ -1,1 +1,2 @@\n a\n+b\n', previous: { sha256: 'old' } },
    {},
  ],
  ['a new text', 'creation', { before: undefined }, { content: 'a\nb\n' }, {}],
  [
    'a new text at the path of an earlier file',
    'creation',
    {},
    { content: 'a\nb\n', diff: '@@ -1,1 +1,2 @@\n a\n+b\n', previous: { sha256: 'old' } },
    {},
  ],
  [
    'a change of a file that was not seen before',
    'modification',
    { before: undefined },
    { content: 'a\nb\n' },
    { unobserved: { 'stepparent.file.diff': 'not_seen_before' } },
  ],
  [
    'a change of what was no text before',
    'modification',
    { before: { sha256: 'old', text: undefined } },
    { content: 'a\nb\n', previous: { sha256: 'old' } },
    { unobserved: { 'stepparent.file.diff': 'not_seen_before' } },
  ],
  [
    'attributes that change while the content stays',
    'attribute-change',
    { before: { sha256: 'new', text: 'a\nb\n' } },
    { content: 'a\nb\n' },
    {},
  ],
  [
    'a file that is no text',
    'modification',
    { text: undefined },
    { previous: { sha256: 'old' } },
    { unobserved: { 'stepparent.file.content': 'not_text' } },
  ],
  [
    'a file that may contain passwords',
    'modification',
    { isSecret: true, before: { sha256: 'old', text: undefined } },
    { previous: { sha256: 'old' } },
    { unobserved: { 'stepparent.file.content': 'secret' } },
  ],
  [
    'a long text',
    'creation',
    { text: { text: 'a', isCut: true }, before: undefined },
    { content: 'a' },
    { truncated: { 'stepparent.file.content': 65_536 } },
  ],
  ['a directory or a file that could not be read', 'creation', { isRead: false, text: undefined }, {}, {}],
  [
    'a deleted text',
    'deletion',
    { isRead: false, text: undefined },
    { diff: '@@ -1,1 +0,0 @@\n-a\n', previous: { sha256: 'old' } },
    {},
  ],
  [
    'a deleted file that was not seen before',
    'deletion',
    { isRead: false, text: undefined, before: undefined },
    {},
    { unobserved: { 'stepparent.file.diff': 'not_seen_before' } },
  ],
])('%s', (_, action, change, fields, notes) => {
  const event = eventOf(action);
  if (action === 'deletion') event.file = { path: '/etc/cron.d/x' };
  const { stepparent } = withWatchedFile(event, { ...facts, ...change });
  expect(stepparent.file).toEqual({ watched: 'cron', package: { state: 'none' }, ...fields });
  expect(stepparent.unobserved).toEqual({ 'file.created': 'unsupported', ...notes.unobserved });
  expect(stepparent.truncated).toEqual(notes.truncated);
});

test('a long difference is cut', () => {
  const lines = Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join('');
  const { stepparent } = withWatchedFile(eventOf('modification'), { ...facts, text: text(lines) });
  expect([stepparent.file?.diff?.length, stepparent.truncated]).toEqual([4096, { 'stepparent.file.diff': 4096 }]);
});

test.each<
  [writer: string, owner: WatchedFacts['owner'], shown: FileChangeFields['package'], reason: string | undefined]
>([
  [
    'vi',
    { manager: 'dpkg', name: 'cron', state: 'changed' },
    { manager: 'dpkg', name: 'cron', state: 'changed' },
    undefined,
  ],
  ['vi', { state: 'none' }, { state: 'none' }, undefined],
  ['vi', undefined, undefined, 'database_unreadable'],
  // The package manager lists a file after it has written it.
  ['dpkg', { state: 'none' }, undefined, 'package_changing'],
  ['dnf-3', { manager: 'rpm', name: 'cron', state: 'listed' }, undefined, 'package_changing'],
  [
    'dpkg',
    { manager: 'dpkg', name: 'cron', state: 'unchanged' },
    { manager: 'dpkg', name: 'cron', state: 'unchanged' },
    undefined,
  ],
  ['dpkg-query', { state: 'none' }, { state: 'none' }, undefined],
])('the package of a file that %s wrote, where the databases say %j', (writer, owner, shown, reason) => {
  const { stepparent } = withWatchedFile(eventOf('modification', writer), { ...facts, owner });
  expect(stepparent.file?.package).toEqual(shown);
  expect(stepparent.unobserved?.['stepparent.file.package.state']).toBe(reason);
});
