// A private host on which scenarios are enacted under the real agent, one after the other.

import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { AgentStatus } from '../../agent/daemon/agent-status.ts';
import { askControl } from '../../agent/daemon/control-socket.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { openQueryDatabase } from '../../storage/query-database.ts';
import type { AlertRecord } from '../../storage/records.ts';
import { openStoreReader } from '../../storage/store.ts';
import { bindMount, mountEmpty } from '../mount-namespace.ts';
import { missingTools, unmet } from '../needs.ts';
import { debs, repository, rpms } from '../scenarios/packages.ts';
import { type Act, leftOut, prelude, securityUpdates, settings } from '../scenarios/scenarios.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type Ended, run, type TestAgent, testAgent, until, watchedFilesFound, withAllRules } from './run-agent.ts';

/** Why scenarios cannot be enacted here. */
export const scenariosMissing: string | undefined =
  endToEndMissing ?? unmet(missingTools('apt-get', 'rpm', 'rpmbuild', 'deb-systemd-helper', 'start-stop-daemon'));

const info = '/var/lib/dpkg/info';
/** The directory that distributions put daemons in; the test mounts an empty one there. */
const bin = '/usr/libexec';

/** The beginning of the path of files that show how far the agent has read changes of watched files. */
const watchedMarker = '/etc/cron.d/watched-';

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
  /** Waits until the agent knows the watched files; from then on `settled` waits for changes of these, too. */
  watchFiles(): Promise<void>;
  /** The stored alerts, oldest first. */
  alerts(): AlertRecord[];
}

/** A host for one test file. */
export function scenarioHost(): ScenarioHost {
  const scratch = scratchDirectory();
  const paths = Object.fromEntries(
    ['debs', 'rpms', 'repository', 'scripts', 'work', 'markers', 'opt', 'home', 'var-systemd', 'rpm-database'].map(
      (name) => [name, join(scratch, name)],
    ),
  ) as Record<string, string>;
  const pathOf = (name: string): string => paths[name] ?? '';
  const directories = [info, '/var/lib/dpkg', '/var/lib/dpkg/triggers', pathOf('rpm-database')];
  const newAgent = (): TestAgent =>
    testAgent(
      scratch,
      `${withAllRules}directories.package_databases = ${JSON.stringify(directories)}\n[events]\nstore = 'event.action:exec or file.path:${watchedMarker}*'\n[hunts]\ninterval = "off"\n`,
    );
  let agent = newAgent();
  const storeFile = (): string => join(agent.directory, 'state/stepparent.db');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C',
    HOME: pathOf('home'),
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
  /** Whether the agent knows the watched files. */
  let watchesFiles = false;

  /** A copy of the shell in `bin` under the program's name, so that it has its own value in the baseline. */
  const programOf = (name: string): string => {
    const program = join(bin, name);
    if (!existsSync(program)) copyFileSync('/bin/dash', program);
    return program;
  };

  const makeRepository = async (state: string, names: readonly string[]): Promise<void> => {
    const directory = join(pathOf('repository'), state);
    mkdirSync(directory);
    const paragraphs = names.map(async (name) => {
      const deb = join(pathOf('debs'), `${name}.deb`);
      copyFileSync(deb, join(directory, basename(deb)));
      const { stdout } = await run('dpkg-deb', ['--field', deb]);
      const content = readFileSync(deb);
      const sha256 = createHash('sha256').update(content).digest('hex');
      return `${stdout.trim()}\nFilename: ./${basename(deb)}\nSize: ${content.length}\nSHA256: ${sha256}\n`;
    });
    writeFileSync(join(directory, 'Packages'), (await Promise.all(paragraphs)).join('\n'));
  };

  /** The directories that scenarios change. */
  const database = join(scratch, 'dpkg');
  const etc = join(scratch, 'etc');
  const changing = [database, etc, ...['work', 'home', 'var-systemd', 'rpm-database'].map(pathOf)];
  const pristine = join(scratch, 'pristine');
  const copy = async (from: string, to: string): Promise<void> => {
    const { code, stderr } = await run('cp', ['-a', from, to]);
    if (code !== 0) throw new Error(stderr);
  };

  /** A private /etc, so that scenarios can change the configuration of the host. */
  const makeEtc = async (): Promise<void> => {
    await copy('/etc', etc);
    for (const name of leftOut) rmSync(join(etc, name), { recursive: true, force: true });
    for (const [name, text] of Object.entries(settings)) {
      const file = join(etc, name);
      if (name.endsWith('/')) mkdirSync(file, { recursive: true });
      else {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      }
    }
    bindMount(etc, '/etc');
  };

  /** The lists of a suite of security updates, as apt has fetched them. */
  const makeSecurityLists = (): void => {
    const list = '/var/lib/apt/lists/security.example.org_debian-security_dists_stable-security';
    const release = 'Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nCodename: stable-security\n';
    writeFileSync(`${list}_InRelease`, release);
    const paragraphs = Object.entries(securityUpdates).map(([name, version]) => {
      // A list that lacks the digest of a package counts as incomplete.
      const sha256 = createHash('sha256').update(name).digest('hex');
      return `Package: ${name}\nVersion: ${version}\nArchitecture: all\nFilename: pool/${name}.deb\nSize: 1\nSHA256: ${sha256}\n`;
    });
    writeFileSync(`${list}_main_binary-amd64_Packages`, paragraphs.join('\n'));
  };

  const makeHost = async (): Promise<void> => {
    for (const directory of Object.values(paths)) mkdirSync(directory);
    mountEmpty(bin);
    bindMount(pathOf('opt'), '/opt');
    await makeEtc();
    makeSecurityLists();
    bindMount(pathOf('var-systemd'), '/var/lib/systemd');
    mkdirSync('/opt/vendor');
    copyFileSync('/bin/dash', '/opt/vendor/updater');
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
    for (const [state, names] of Object.entries(repository)) await makeRepository(state, names);
    writeFileSync(
      join(scratch, 'apt.conf'),
      `Dir::Etc::SourceList "${env.APT_SOURCES}";\nDir::Etc::SourceParts "/none";\nAPT::Sandbox::User "root";\n` +
        'APT::Get::Assume-Yes "true";\nAPT::Get::List-Cleanup "false";\nAPT::Install-Recommends "false";\nAcquire::Languages "none";\nUnattended-Upgrade::Origins-Pattern { "origin=*"; };\n',
    );
    writeFileSync(join(scratch, 'sources.list'), '');
  };

  const startAgent = async (): Promise<void> => {
    await agent.start();
    await until('the first listing', async () => ((await agent.status()).packages.directories[0]?.files ?? 0) > 0);
  };

  /** Whether no event waits in the agent. It is asked here, since a program for each question would take most of the time. */
  const isIdle = async (): Promise<boolean> => {
    const answer = await askControl(join(agent.directory, 'runtime/control.sock'), 'status');
    const status = answer as AgentStatus | undefined;
    return status?.events_held === 0 && status.uncommitted.waiting === 0;
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
      mkdirSync(pristine);
      for (const directory of [database, etc]) await copy(directory, pristine);
      await startAgent();
    },
    async beginAgain() {
      await agent.stop();
      watchesFiles = false;
      for (const directory of changing) {
        for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
      }
      for (const directory of [database, etc]) await copy(join(pristine, basename(directory)), scratch);
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
      const ended = await run('setsid', ['--wait', ...command], {
        cwd: work,
        env: { ...env, AGENT: `${agent.pid}`, ...more, WORK: work },
      });
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
      const files = [join(info, `${name}.list`), ...(watchesFiles ? [`${watchedMarker}${name}`] : [])];
      for (const file of files) writeFileSync(file, '');
      const counts = files.map((file) => `(SELECT count(*) FROM file_events WHERE "file.path" = '${file}')`);
      await stored(
        `SELECT (SELECT count(*) FROM process_events WHERE "process.executable" = '${program}'), ${counts.join(', ')}`,
      );
      // An event that lacks data delays no other one: the marker may be stored first.
      await until('every event is stored', isIdle);
    },
    async watchFiles() {
      await watchedFilesFound(agent);
      watchesFiles = true;
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
