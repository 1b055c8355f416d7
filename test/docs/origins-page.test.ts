// The page of origins: its table is that of the agent, and its examples have the words of alerts.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isOrigin } from '../../detectors/facts/origin.ts';
import { whoText } from '../../detectors/message/who.ts';
import { originsPage, originsPageFile } from '../../docs/origins-page.ts';

const page = readFileSync(originsPageFile, 'utf8');

test('docs/origins.md is up to date; otherwise run npm run docs:origins', () => {
  expect(page).toBe(originsPage());
});

/** Programs of the origins, by their first word. */
const executables: Readonly<Record<string, string>> = {
  ssh: '/usr/sbin/sshd',
  PackageKit: '/usr/libexec/packagekitd',
  aptdaemon: '/usr/sbin/aptd',
  puppet: '/usr/bin/puppet',
  ansible: '/home/deploy/bin/ansible-playbook',
  claude: '/home/alice/bin/claude',
};

const [, table = ''] = /Words in the alert \|\n.*?\n(.*?)\n\n/s.exec(page) ?? [];
const examples = table.split('\n').map((row) => {
  const [, origin = '', words = ''] = /^\| `(.+)` \| ([^,:]+)/.exec(row) ?? [];
  return [origin, words.replace(/ \|$/, '')] as const;
});

test.each(examples)('%s is shown as %s', (origin, words) => {
  const executable = executables[origin.split(' ', 1)[0] ?? ''] ?? '';
  const initiator = { entity_id: 'i', pid: 5, name: 'x', executable, origin, wrappers: [] };
  expect(isOrigin(origin)).toBe(true);
  expect(whoText({ stepparent: { initiator } })).toBe(words);
});
