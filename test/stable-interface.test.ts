// The interface that users' scripts depend on and later versions keep: commands and options, rule ids, MESSAGE_IDs.
// test/e2e/stable-interface.test.ts has the part that needs a running agent.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { defaultCommand } from '../agent/commands/complete.ts';
import { program } from '../agent/main.ts';
import { readRules } from '../detectors/rules/load-rules.ts';
import { messageId } from '../detectors/rules/message-id.ts';

const root = await program();
const top = join(import.meta.dirname, '..');

const commandAt = (path: string): Command =>
  path.split(' ').reduce<Command>((parent, name) => {
    const child = parent.commands.find((each) => each.name() === name);
    if (child === undefined) throw new Error(`no command ${path}`);
    return child;
  }, root);

test.each([
  ['run', ['--config']],
  ['status', ['--config', '--json']],
  ['alerts', ['--config', '--json', '--since', '--limit']],
  ['events', ['--config', '--json', '--since', '--limit']],
  ['query', ['--config', '--json', '--since', '--limit']],
  ['hunt', ['--config', '--json', '--since', '--limit']],
  ['baseline list', ['--config', '--json']],
])('stepparent %s takes %j', (path, flags) => {
  const command = commandAt(path);
  const known = [...command.options, ...(defaultCommand(command)?.options ?? []), ...root.options].map(
    ({ long }) => long,
  );
  expect(known).toEqual(expect.arrayContaining(flags));
});

// Released versions deliver alerts with these ids: a renamed rule would be missing in users' searches.
const messageIds = {
  'agent-not-running': 'b992dfec57498ce897b1046b2b333d30',
  'dpkg-database-changed-by-other-program': '76695dc49165872788daa70749242e9a',
  'dpkg-package-installed-by-unusual-parent': 'f5e343bc0c7a894f9cfa330bd9ef3c95',
  'local-package-installed-by-service': 'fa0b8a9bdc738d01aac9bf6970dac8c2',
  'maintainer-script-changed-outside-dpkg': '0dd0c9c7e8098418b462c4ba2ca20379',
  'maintainer-script-differs-from-version': '87902655223e89969d114ca28052ac76',
  'maintainer-script-unowned': 'b5e7806b08c98e0daa2082e6ffa1c609',
  'maintainer-script-read-by-interpreter': 'ae9a1a24ab2c89baaac9a66868ebb426',
  'package-file-not-in-lists': 'feb5179bf14f897f94e5c9b503829bbf',
  'package-code-run-by-unusual-initiator': '3e2f1436f3268d4186f5233774f70ab5',
  'package-downgraded': 'fa74fd6c654b8b85baa5793d39c6a0c2',
  'maintainer-script-with-indicator': '19a4f88356a38ea89e0bc15fc0884a18',
  'package-file-overridden': 'dbda27cd7ef2801aab83ce4eeeeaa101',
  'package-script-loaded-module': '0fecff83436b8997bae68630a0a9dc6b',
  'package-script-added-persistence': '62640ea7df6c8b329a6f84168d29b46d',
  'package-held': '1471570918c78ef2b05cb30ca510521a',
  'package-installed-outside-database': '5e519e953fad843a845a37d9c9082fe6',
  'package-installed-by-unusual-initiator': '76e9585e296881cb8bbd408696ea0f37',
  'package-source-added': '554f9f5712cb899ead43e72a19b130f1',
  'package-tool-given-command': '4668601fc7828bcaaac9b29f5010cb82',
  'package-tool-hook-added': '8ac175a8a22f8a2aa0bf6e8727874bff',
  'package-tool-ran-unowned-program': 'b99c6ac7f8c68d98941d7be86e192291',
  'package-updates-locked': 'beb86961265b8447a1e71410166fa9fa',
  'package-verification-off': '78085393c4748c438ed44b0716f0463b',
  'package-tool-impostor': '009acb8ba81d82f1b335159d8bc50acd',
  'rpm-database-changed-by-other-program': '4614ac2d46a983f6850f6f770545482f',
  'rpm-package-installed-by-unusual-parent': 'aaa24624cc638600b48c1b182bb4d184',
  'security-fix-removed': 'd50fff2f612184ce93f46306fd38cdd7',
  'security-source-removed': 'fb3eaacc659b83b299fb75a0ca52f94f',
  'security-update-blocked': 'd4d47ff2fb538f7699fc21b4578fffa2',
  'setuid-program-unowned': '598ef8b830aa8339ab9663840775795c',
  'unusual-dpkg-execution': '981ad58824de8bfc965312a95f522186',
  'tracing-instance-tampered': '60ca04fce7cf8fbda0fabce85ddb0976',
};

test('every shipped rule has its MESSAGE_ID in this table', () => {
  const { rules } = readRules([join(top, 'detectors/rules')]);
  expect(Object.fromEntries(rules.map(({ id }) => [id, messageId(id)]))).toEqual(messageIds);
});

test.each(Object.entries(messageIds))('rule %s has its MESSAGE_ID', (id, expected) => {
  expect(readFileSync(join(top, `detectors/rules/${id}.toml`), 'utf8')).toContain(`rule_id = "${id}"`);
  expect(messageId(id)).toBe(expected);
});

test('npm start starts the agent', () => {
  const { scripts } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  expect(scripts.start).toMatch(/agent\/start\.sh$/);
});
