// The answers of `stepparent __complete` to the words of a command line.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { completionLines, namedValues } from '../../../agent/commands/complete.ts';
import { program } from '../../../agent/main.ts';
import { openStore } from '../../../storage/store.ts';
import { exampleFinding, start } from '../../storage/examples.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const root = await program();

/** The words offered at the end of a line, without descriptions. */
const offered = async (line: string): Promise<string[]> =>
  (await completionLines(root, line.split(' '))).map((each) => each.split('\t')[0] ?? '');

const all = root.commands.map((command) => command.name());
const baseline = ['list', 'allow', 'remove'];

test.each<[line: string, words: string[]]>([
  ['', all],
  ['ru', ['run', 'rules']],
  ['--config /nowhere/x ru', ['run', 'rules']],
  ['--config run sta', ['status']],
  ['--config = run sta', ['status']],
  ['--v', ['--version']],
  ['run --', ['--check', '--strict', '--config', '--help']],
  ['baseline ', baseline],
  ['--config=/nowhere/x baseline ', baseline],
  ['baseline list --', ['--rule', '--place', '--json', '--config', '--help']],
  ['baseline list --place ', ['host', 'chroot', 'container']],
  ['scripts --', ['--json', '--config', '--help']],
  ['scripts show --r', ['--raw']],
  ['alerts --s', ['--since', '--severity', '--state']],
  ['alerts --severity ', ['low', 'medium', 'high', 'critical']],
  ['--config /nowhere/x show --s', ['--save']],
  ['show a --save ', [':directory']],
  ['alerts --state ', ['open', 'learning', 'rate_limited', 'suppressed']],
  ['alerts --state =', ['open', 'learning', 'rate_limited', 'suppressed']],
  ['alerts --state = o', ['open']],
  ['alerts --since 2h --state=o', ['open']],
  ['alerts --state=', ['open', 'learning', 'rate_limited', 'suppressed']],
  ['alerts --since ', []],
  ['alerts ', ['list', 'ack', 'close', 'reopen']],
  ['exception add --dry', ['--dry-run']],
  ['exception add --field process.args user.name --re', ['--reason']],
  ['exception add --file ', []],
  ['--config ', [':file']],
  ['--config=fi', [':file']],
  ['config check fi', [':file']],
  ['rules check one.toml ', [':file']],
  ['exception check one.toml ', []],
  ['hunt --journal ', [':directory']],
  ['query --events ', [':directory']],
  [
    'rules show package-tool-',
    [
      'package-tool-given-command',
      'package-tool-hook-added',
      'package-tool-impostor',
      'package-tool-ran-unowned-program',
    ],
  ],
  ['baseline allow package-tool-i', ['package-tool-impostor']],
  ['baseline allow package-tool-impostor ', []],
  ['alerts --rule=package-tool-i', ['package-tool-impostor']],
  ['hunt lifecycle', ['lifecycle-script-children']],
  ['incidents ', []],
  ['nonsense ', []],
  ['nonsense --', []],
  ['baseline nonsense ', []],
  ['scripts coreutils ', []],
  ['scripts coreutils --j', ['--json']],
  ['__complete ', []],
])('stepparent %s', async (line, words) => {
  expect(await offered(line)).toEqual(words);
});

const commandsBelow = (command: Command, path: string): [string, Command][] => [
  [path, command],
  ...command.commands.flatMap((each) => commandsBelow(each, `${path}${each.name()} `)),
];

test.each(commandsBelow(root, ''))('every command and option after "stepparent %s"', async (path, command) => {
  if (command.commands.length > 0) expect(await offered(path)).toEqual(command.commands.map((each) => each.name()));
  const flags = command.options.map(({ long }) => long);
  expect(await offered(`${path}--`)).toEqual(expect.arrayContaining([...flags, '--config', '--help']));
});

test('the options and arguments in namedValues exist', () => {
  const known = commandsBelow(root, '').flatMap(([path, { options, registeredArguments }]) =>
    [...options.map(({ long }) => long), ...registeredArguments.map((each) => each.name())].map((name) => path + name),
  );
  expect(known).toEqual(expect.arrayContaining(Object.keys(namedValues)));
});

test('offers the rules of the configuration on the line, without ids that a shell could interpret', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'rules'));
  const rule = (id: string): string =>
    `[rule]\nrule_id = "${id}"\nname = "Name\\u001b[2J"\ndescription = "d"\nseverity = "low"\nrisk_score = 1\ntype = "query"\nquery = "process.name:dpkg"\n`;
  for (const [index, id] of ['own-rule', '$(id)', ':file', "a'b"].entries()) {
    writeFileSync(join(directory, 'rules', `${index}.toml`), rule(id));
  }
  const config = join(directory, 'config.toml');
  writeFileSync(config, `directories.rules = ["${directory}/rules"]`);
  expect(await completionLines(root, ['--config', config, 'rules', 'show', ''])).toEqual(['own-rule\tName\\x1b[2J']);
});

test('offers ids of alerts, packages and terms of the database, without those that a shell could interpret', async () => {
  const directory = temporaryDirectory();
  const config = join(directory, 'config.toml');
  writeFileSync(config, `directories.state = "${directory}/state"\n`);
  const from = (line: string) => completionLines(root, `--config ${config} ${line}`.split(' '));
  expect(await from('show ')).toEqual([]);
  const store = openStore(join(directory, 'state', 'stepparent.db'), { sinks: [], nowMs: start });
  store.record([exampleFinding(start, { terms: ['/opt/x'] }), exampleFinding(start, { terms: ['$(touch x)'] })], start);
  const ids = [...store.listAlerts()].map(({ id }) => id.slice(0, 8));
  store.close();
  const words = async (line: string) => (await from(line)).map((each) => each.split('\t')[0]);
  expect(await words('show ')).toEqual(ids.reverse());
  expect(await words(`show ${ids[0]?.slice(0, 7)}`)).toEqual([ids[0]]);
  expect((await from('show '))[0]).toMatch(/^[0-9a-f]{8}\t\d\d-\d\d \d\d:\d\d {2}low {2}alice/);
  expect(await words('exception add --from ')).toEqual(ids);
  expect(await words('baseline remove dpkg-by-unusual-parent /')).toEqual(['/opt/x']);
  expect(await words('baseline remove other-rule /')).toEqual([]);
  expect(await words('packages --match ')).toEqual([]);
});
