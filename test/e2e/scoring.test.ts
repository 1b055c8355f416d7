// The score: a week to learn, a week in which nothing is wrong, and attacks one at a time, under the real agent with the rules as they come.
//
// SCORING_PAGE=1 writes the tables into docs/scoring.md.

import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { bindMount, mountEmpty } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { literalConditions } from '../scenarios/literal-conditions.ts';
import { debs, repository, rpms } from '../scenarios/packages.ts';
import { attacks, benign, firstWeek, prelude, type Scenario } from '../scenarios/scenarios.ts';
import { type Outcome, scoreTable } from '../scenarios/scoring.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchFolder } from './private-host.ts';
import { documents, type Ended, run, testAgent, until, withAllRules } from './run-agent.ts';

const missing =
  endToEndMissing ?? unmet(missingTools('apt-get', 'rpm', 'rpmbuild', 'deb-systemd-helper', 'start-stop-daemon'));
const info = '/var/lib/dpkg/info';
/** Where daemons of distributions are: here an empty folder of the test's own. */
const bin = '/usr/libexec';
const rules = join(import.meta.dirname, '../../detectors/rules');
const page = join(import.meta.dirname, '../../docs/scoring.md');
const mark = { start: '<!-- tables -->', end: '<!-- end of tables -->' };

const lacks = ({ needs = [] }: Scenario): boolean => !needs.every((file) => existsSync(file));

interface Run {
  startMs: number;
  ended: Ended;
}

describe.skipIf(missing)(titled('the score', missing), () => {
  const scratch = scratchFolder();
  const places = Object.fromEntries(
    ['debs', 'rpms', 'repository', 'work', 'markers', 'opt', 'units', 'var-systemd', 'rpm-database'].map((name) => [
      name,
      join(scratch, name),
    ]),
  ) as Record<string, string>;
  const place = (name: string): string => places[name] ?? '';
  const folders = [info, '/var/lib/dpkg', place('rpm-database')];
  const agent = testAgent(
    scratch,
    `${withAllRules}package_database_folders = ${JSON.stringify(folders)}\n[events]\nrecord = 'event.action:exec'\n[hunts]\ninterval = "off"\n`,
  );
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C',
    BIN: bin,
    DEBS: place('debs'),
    RPMS: place('rpms'),
    REPOSITORY: place('repository'),
    RPM_DATABASE: place('rpm-database'),
    INFO: info,
    APT_CONFIG: join(scratch, 'apt.conf'),
    APT_SOURCES: join(scratch, 'sources.list'),
  };
  const runs = new Map<Scenario, Run>();
  let markers = 0;
  let outcomes: ReadonlyMap<Scenario, Outcome> = new Map();

  /** A copy of the shell under the program's name: a term of its own. */
  const programOf = (name: string): string => {
    const program = join(bin, name);
    if (!existsSync(program)) copyFileSync('/bin/dash', program);
    return program;
  };

  /** All that was done before has been stored. */
  const settled = async (): Promise<void> => {
    const name = `marker-${markers++}`;
    const program = join(place('markers'), name);
    copyFileSync('/bin/true', program);
    await run(program, []);
    writeFileSync(join(info, `${name}.list`), '');
    const sql = `SELECT (SELECT count(*) FROM process_events WHERE "process.executable" = '${program}') AS ran,
      (SELECT count(*) FROM file_events WHERE "file.name" = '${name}.list') AS told`;
    await until(`the events before ${name}`, async () => {
      const { code, stdout, stderr } = await agent.cli('query', sql, '--json');
      if (code !== 0) throw new Error(stderr);
      const [row] = documents<{ ran: number; told: number }>(stdout);
      return row !== undefined && row.ran > 0 && row.told > 0;
    });
  };

  const enact = async (scenario: Scenario): Promise<void> => {
    if (lacks(scenario)) return;
    const { id, actor, shell, script, agentOff } = scenario;
    if (agentOff) await agent.stop();
    const work = join(place('work'), id);
    mkdirSync(work);
    const startMs = Date.now();
    const command = [programOf(actor), '-c', '"$@"; exit $?', actor, shell, '-c', `${prelude}${script}\n:\n`];
    const ended = await run('setsid', ['--wait', ...command], { cwd: work, env: { ...env, WORK: work } });
    runs.set(scenario, { startMs, ended });
    if (agentOff) await agent.start();
    await settled();
  };

  const makeRepository = async (week: 1 | 2 | 3): Promise<void> => {
    const folder = join(place('repository'), `${week}`);
    mkdirSync(folder);
    const paragraphs = repository[week].map(async (name) => {
      const deb = join(place('debs'), `${name}.deb`);
      copyFileSync(deb, join(folder, basename(deb)));
      const { stdout } = await run('dpkg-deb', ['--field', deb]);
      const content = readFileSync(deb);
      const sha256 = createHash('sha256').update(content).digest('hex');
      return `${stdout.trim()}\nFilename: ./${basename(deb)}\nSize: ${content.length}\nSHA256: ${sha256}\n`;
    });
    writeFileSync(join(folder, 'Packages'), (await Promise.all(paragraphs)).join('\n'));
  };

  const prepare = async (): Promise<void> => {
    for (const folder of Object.values(places)) mkdirSync(folder);
    mountEmpty(bin);
    bindMount(place('opt'), '/opt');
    bindMount(place('units'), '/etc/systemd/system');
    bindMount(place('var-systemd'), '/var/lib/systemd');
    mkdirSync('/opt/vendor');
    writeFileSync(
      '/opt/vendor/update.sh',
      '#!/bin/sh\nset -e\ndpkg -i "$1"\n[ -z "$2" ] || sh -c "rpm --dbpath $RPM_DATABASE --nodeps -i $2; :"\n:\n',
      { mode: 0o755 },
    );
    mkdirSync('/opt/fleet');
    for (const script of ['/opt/fleet/install.py', '/opt/x.py']) {
      writeFileSync(script, 'import subprocess, sys\nsubprocess.run(sys.argv[1:], check=True)\n');
    }
    for (const [file, { name, version, scripts }] of debs) {
      buildDeb(place('debs'), name, { version, scripts, file: `${file}.deb` });
    }
    for (const [name, post] of rpms) buildRpm(place('rpms'), name, { post });
    await makeRepository(1);
    await makeRepository(2);
    await makeRepository(3);
    writeFileSync(
      join(scratch, 'apt.conf'),
      `Dir::Etc::SourceList "${env.APT_SOURCES}";\nDir::Etc::SourceParts "/none";\nAPT::Sandbox::User "root";\n` +
        'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\nAcquire::Languages "none";\nUnattended-Upgrade::Origins-Pattern { "origin=*"; };\n',
    );
    writeFileSync(join(scratch, 'sources.list'), '');
  };

  const judge = async (): Promise<ReadonlyMap<Scenario, Outcome>> => {
    // The agent hears of the whole machine: what others do there is no part of the score.
    const isOurs = ({ event, stepparent: { lineage = [] } }: StepparentEvent): boolean =>
      event.category?.includes('file') || lineage.some(({ pid }) => pid === process.pid);
    const events = (await agent.events()).filter(isOurs);
    const alerts = (await agent.alerts()).filter(isOurs);
    const literal = literalConditions(events);
    const timeOf = (event: { '@timestamp': string }): number => Date.parse(event['@timestamp']);
    const starts = [...runs.values()].map(({ startMs }) => startMs);
    return new Map(
      [...firstWeek, ...benign, ...attacks].map((scenario): [Scenario, Outcome] => {
        const run = runs.get(scenario);
        if (run === undefined) return [scenario, { scenario, fired: undefined, literal: [] }];
        const endMs = starts.find((ms) => ms > run.startMs) ?? Number.POSITIVE_INFINITY;
        const within = (event: { '@timestamp': string }) => timeOf(event) >= run.startMs && timeOf(event) < endMs;
        return [
          scenario,
          {
            scenario,
            fired: [...new Set(alerts.filter(within).map(({ rule }) => rule.id))].sort(),
            literal: [...new Set(events.flatMap((event, at) => (within(event) ? (literal[at] ?? []) : [])))],
          },
        ];
      }),
    );
  };

  beforeAll(async () => {
    enterPrivateHost(scratch);
    await prepare();
    await agent.start();
    await until('the first listing', async () => ((await agent.status()).packages.folders[0]?.files ?? 0) > 0);
    for (const scenario of [...firstWeek, ...benign, ...attacks]) await enact(scenario);
    outcomes = await judge();
    const of = (scenarios: readonly Scenario[]) => scenarios.flatMap((each) => outcomes.get(each) ?? []);
    const table = scoreTable(of(attacks), of(benign));
    process.stdout.write(`\n${table}\n\n`);
    if (process.env.SCORING_PAGE) {
      const [before = ''] = readFileSync(page, 'utf8').split(mark.start);
      writeFileSync(page, `${before}${mark.start}\n\n${table}\n\n${mark.end}\n`);
    }
  }, 600_000);
  afterAll(() => agent.stop());

  const all = [...firstWeek, ...benign, ...attacks].filter((scenario) => !lacks(scenario));

  test('every rule that comes with stepparent took part', async () => {
    const ids = readRules([rules]).rules.map(({ id }) => id);
    expect((await agent.status()).rules.loaded.toSorted()).toEqual(ids.toSorted());
  });

  test.each(all)('$id happened', (scenario) => {
    const { code, stdout, stderr } = runs.get(scenario)?.ended ?? {};
    expect({ code, said: code === 0 ? '' : `${stdout}${stderr}` }).toEqual({ code: 0, said: '' });
  });

  test.each(benign.filter((each) => !lacks(each)))('told of as it should be: $id, $title', (scenario) => {
    const { fired = [] } = outcomes.get(scenario) ?? {};
    // A false alarm that is not known, or one that is and no longer comes: both make the documents wrong.
    expect(fired.length > 0).toBe(scenario.rules.length > 0);
    expect(fired.filter((rule) => !scenario.rules.includes(rule))).toEqual([]);
  });

  test.each(attacks)('seen as it should be: $id, $title', (scenario) => {
    const { fired = [] } = outcomes.get(scenario) ?? {};
    if (scenario.rules.length === 0) expect(fired).toEqual([]);
    else expect({ fired, hit: fired.some((rule) => scenario.rules.includes(rule)) }).toEqual({ fired, hit: true });
  });
});
