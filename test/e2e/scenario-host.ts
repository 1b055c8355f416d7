// A private host on which scenarios are enacted under the real agent, one after the other.

import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { openQueryDatabase } from '../../storage/query-database.ts';
import type { AlertRecord } from '../../storage/records.ts';
import { openStoreReader } from '../../storage/store.ts';
import { bindMount, mountEmpty } from '../mount-namespace.ts';
import { missingTools, unmet } from '../needs.ts';
import { debs, repository, rpms } from '../scenarios/packages.ts';
import { type Act, prelude } from '../scenarios/scenarios.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type Ended, run, type TestAgent, testAgent, until, withAllRules } from './run-agent.ts';

/** Why scenarios cannot be enacted here. */
export const scenariosMissing: string | undefined =
  endToEndMissing ?? unmet(missingTools('apt-get', 'rpm', 'rpmbuild', 'deb-systemd-helper', 'start-stop-daemon'));

const info = '/var/lib/dpkg/info';
/** The directory that distributions put daemons in; the test mounts an empty one there. */
const bin = '/usr/libexec';

/** Whether a file that the act needs is missing on this machine. */
export const lacks = ({ needs = [] }: Act): boolean => !needs.every((file) => existsSync(file));

/**
 * Whether an event belongs to the test and not to another program on the machine: this process is an ancestor, or the event is about a
 * file of a private database.
 */
export const isOurs = ({ event, stepparent: { lineage = [] } }: StepparentEvent): boolean =>
  event.category?.includes('file') || lineage.some(({ pid }) => pid === process.pid);

export interface Run {
  startMs: number;
  /** The scenario's own directory, `$WORK`. */
  work: string;
  ended: Ended;
}

export interface ScenarioHost {
  /** The agent that runs. */
  readonly agent: TestAgent;
  readonly scratch: string;
  /** The environment of the scenarios' scripts. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** Enters private mounts, builds the packages, starts the agent and waits for its first listing of the databases. */
  prepare(): Promise<void>;
  /** Ends the agent, restores the databases as they were after `prepare`, and starts an agent with an empty baseline. */
  beginAgain(): Promise<void>;
  /** Runs the act's script; does not wait for the agent, see `settled`. */
  play(act: Act, more?: NodeJS.ProcessEnv): Promise<Run>;
  /** Waits until the agent has stored everything that was done before. */
  settled(): Promise<void>;
  /** The stored alerts, oldest first. */
  alerts(): AlertRecord[];
}

/** A host for one test file. */
export function scenarioHost(): ScenarioHost {
  const scratch = scratchDirectory();
  const paths = Object.fromEntries(
    ['debs', 'rpms', 'repository', 'scripts', 'work', 'markers', 'opt', 'units', 'var-systemd', 'rpm-database'].map(
      (name) => [name, join(scratch, name)],
    ),
  ) as Record<string, string>;
  const pathOf = (name: string): string => paths[name] ?? '';
  const directories = [info, '/var/lib/dpkg', '/var/lib/dpkg/triggers', pathOf('rpm-database')];
  const newAgent = (): TestAgent =>
    testAgent(
      scratch,
      `${withAllRules}directories.package_databases = ${JSON.stringify(directories)}\n[events]\nstore = 'event.action:exec'\n[hunts]\ninterval = "off"\n`,
    );
  let agent = newAgent();
  const storeFile = (): string => join(agent.directory, 'state/stepparent.db');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C',
    BIN: bin,
    DEBS: pathOf('debs'),
    RPMS: pathOf('rpms'),
    REPOSITORY: pathOf('repository'),
    RPM_DATABASE: pathOf('rpm-database'),
    INFO: info,
    APT_CONFIG: join(scratch, 'apt.conf'),
    APT_SOURCES: join(scratch, 'sources.list'),
  };
  let markers = 0;

  /** A copy of the shell in `bin` under the program's name, so that it has its own value in the baseline. */
  const programOf = (name: string): string => {
    const program = join(bin, name);
    if (!existsSync(program)) copyFileSync('/bin/dash', program);
    return program;
  };

  const makeRepository = async (week: 1 | 2 | 3): Promise<void> => {
    const directory = join(pathOf('repository'), `${week}`);
    mkdirSync(directory);
    const paragraphs = repository[week].map(async (name) => {
      const deb = join(pathOf('debs'), `${name}.deb`);
      copyFileSync(deb, join(directory, basename(deb)));
      const { stdout } = await run('dpkg-deb', ['--field', deb]);
      const content = readFileSync(deb);
      const sha256 = createHash('sha256').update(content).digest('hex');
      return `${stdout.trim()}\nFilename: ./${basename(deb)}\nSize: ${content.length}\nSHA256: ${sha256}\n`;
    });
    writeFileSync(join(directory, 'Packages'), (await Promise.all(paragraphs)).join('\n'));
  };

  const makeHost = async (): Promise<void> => {
    for (const directory of Object.values(paths)) mkdirSync(directory);
    mountEmpty(bin);
    bindMount(pathOf('opt'), '/opt');
    bindMount(pathOf('units'), '/etc/systemd/system');
    bindMount(pathOf('var-systemd'), '/var/lib/systemd');
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
    for (const [file, { name, ...deb }] of debs) {
      buildDeb(pathOf('debs'), name, { ...deb, file: `${file}.deb` });
    }
    for (const [name, post] of rpms) buildRpm(pathOf('rpms'), name, { post });
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

  /** The directories that scenarios change. */
  const database = join(scratch, 'dpkg');
  const changing = [database, ...['work', 'units', 'var-systemd', 'rpm-database'].map(pathOf)];
  const pristine = join(scratch, 'pristine');
  const startAgent = async (): Promise<void> => {
    await agent.start();
    await until('the first listing', async () => ((await agent.status()).packages.directories[0]?.files ?? 0) > 0);
  };

  /** Waits until each count that `sql` selects from the agent's database is above zero. */
  const stored = (sql: string): Promise<unknown> =>
    // The database is read here, since a process for each query would take most of the scenarios' time.
    until(`counts above zero: ${sql}`, () => {
      const store = openQueryDatabase(storeFile(), []);
      try {
        const [counts = []] = store.ask(sql, { since: 0, now: Date.now() }).rows;
        return counts.every((count) => Number(count) > 0);
      } finally {
        store.close();
      }
    });

  return {
    get agent() {
      return agent;
    },
    scratch,
    env,
    async prepare() {
      enterPrivateHost(scratch);
      await makeHost();
      cpSync(database, pristine, { recursive: true });
      await startAgent();
    },
    async beginAgain() {
      await agent.stop();
      for (const directory of changing) {
        for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
      }
      cpSync(pristine, database, { recursive: true });
      writeFileSync(join(scratch, 'sources.list'), '');
      agent = newAgent();
      await startAgent();
    },
    async play({ id, actor, shell, script, agentOff }, more = {}) {
      if (agentOff) await agent.stop();
      const work = join(pathOf('work'), id);
      mkdirSync(work);
      const startMs = Date.now();
      // Each event repeats the arguments of the whole lineage: the script as an argument would fill the agent's database.
      const text = join(pathOf('scripts'), id);
      // A real session lasts longer than its last command, as sshd, PAM and logind still run. The agent reads processes up to 50 ms late.
      writeFileSync(text, `${prelude}${script}\nsleep 0.2\n:\n`);
      const command = [programOf(actor), '-c', '"$@"; exit $?', actor, shell, '-c', `. ${text}`];
      const ended = await run('setsid', ['--wait', ...command], { cwd: work, env: { ...env, ...more, WORK: work } });
      if (agentOff) {
        // The marker is a difference that the first comparison reports; live changes are reported after that comparison.
        const marker = `off-${markers++}.list`;
        writeFileSync(join(info, marker), '');
        await agent.start();
        await stored(`SELECT count(*) FROM file_events WHERE "file.name" = '${marker}'`);
      }
      return { startMs, work, ended };
    },
    async settled() {
      const name = `marker-${markers++}`;
      const program = join(pathOf('markers'), name);
      copyFileSync('/bin/true', program);
      await run(program, []);
      writeFileSync(join(info, `${name}.list`), '');
      await stored(`SELECT (SELECT count(*) FROM process_events WHERE "process.executable" = '${program}'),
        (SELECT count(*) FROM file_events WHERE "file.name" = '${name}.list')`);
      // An event that lacks data delays no other one: the marker may be stored first.
      await until('every event is stored', async () => {
        const { events_held, uncommitted } = await agent.status();
        return events_held === 0 && uncommitted.waiting === 0;
      });
    },
    alerts() {
      const store = openStoreReader(storeFile());
      try {
        return [...store.listAlerts()];
      } finally {
        store.close();
      }
    },
  };
}
