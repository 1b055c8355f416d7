// The workloads that observers watch, as one table. They run in the benchmark's own Debian system.

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** Real packages that every Debian system has, half of them with maintainer scripts. */
export const reinstalled = [
  'adduser',
  'base-passwd',
  'bash',
  'bsdutils',
  'coreutils',
  'debconf',
  'debianutils',
  'diffutils',
  'findutils',
  'grep',
  'gzip',
  'hostname',
  'login',
  'mount',
  'passwd',
  'perl-base',
  'sed',
  'tar',
  'tzdata',
  'util-linux',
];

/** Work that is measured with each observer in turn. */
export interface Workload {
  name: string;
  /** Why it cannot run here; undefined: it can. */
  missing(): string | undefined;
  /** Prepares the workload once, before the first round. */
  prepare(): void;
  /**
   * Each observer sees the workload once before it is measured: a service that has run for a while has compiled its code.
   * A workload without this is rare on a host, and measured as it comes.
   */
  isUsual?: true;
  /** Runs the workload once; `prefix` identifies the run's executions in the observers' output. */
  run(prefix: string): Promise<void>;
  /** Number of processes of a run, whose costs are given for 1,000; undefined: costs are given for the whole run. */
  processes: number | undefined;
  /**
   * The kind of the processes that have an argument with the prefix and a number; undefined: processes have no such
   * argument and cannot be counted.
   */
  numbered: 'package tool' | 'any program' | undefined;
}

/** The absolute path of a program in the usual directories; undefined: it is not installed. */
export const inPath = (program: string): string | undefined =>
  ['/usr/sbin', '/usr/bin', '/sbin', '/bin']
    .map((directory) => path.join(directory, program))
    .find((file) => fs.existsSync(file));

const needs =
  (...programs: string[]) =>
  (): string | undefined => {
    const absent = programs.filter((program) => inPath(program) === undefined);
    return absent.length > 0 ? `${absent.join(' and ')} not installed` : undefined;
  };

const scratch = '/var/tmp/stepparent-bench';

/** Runs a command to its end. Throws with its messages if it fails. */
async function runCommand(program: string, args: readonly string[], cwd = '/'): Promise<void> {
  const log = path.join(scratch, 'command.log');
  fs.mkdirSync(scratch, { recursive: true });
  const output = fs.openSync(log, 'w');
  const child = spawn(program, args, { cwd, stdio: ['ignore', output, output] });
  fs.closeSync(output);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${fs.readFileSync(log, 'utf8').slice(-2000)}`);
}

/** Runs a command in parallel loops of sh. In the command `$0` is the prefix, and `$n` counts the runs of all loops. */
async function runLoops(lanes: number, total: number, command: string, prefix: string): Promise<void> {
  const perLane = total / lanes;
  const script = `n=$(($1 * ${perLane})); end=$((n + ${perLane})); while [ $n -lt $end ]; do ${command}; n=$((n + 1)); done`;
  await Promise.all(
    Array.from({ length: lanes }, (_, lane) => runCommand('/bin/sh', ['-c', script, prefix, String(lane)])),
  );
}

const dnfDirectory = path.join(scratch, 'dnf');
const compileDirectory = path.join(scratch, 'compile');
const rpmPackages = 20;
const sources = 120;

/** A spec file for all packages, each with a file and two scriptlets. */
function specFile(): string {
  const names = Array.from({ length: rpmPackages }, (_, i) => `bench-${i}`);
  const sections = names.map(
    (name) => `%package -n ${name}
Summary: Package ${name}
AutoReqProv: no
Provides: /bin/sh
%description -n ${name}
%files -n ${name}
/opt/bench/${name}
%post -n ${name}
chmod 0644 /opt/bench/${name}
id -u >/dev/null
%preun -n ${name}
test -e /opt/bench/${name} && ls /opt/bench >/dev/null
`,
  );
  const files = names.map((name) => `echo ${name} >%{buildroot}/opt/bench/${name}`).join('\n');
  // rpm would find dependencies that no package of the distribution provides.
  return `Name: bench
Version: 1
Release: 1
Summary: Packages of the benchmark
License: Apache-2.0
BuildArch: noarch
AutoReqProv: no
%description
%prep
%build
%install
mkdir -p %{buildroot}/opt/bench
${files}
${sections.join('')}`;
}

function prepareDnf(): void {
  const repository = path.join(dnfDirectory, 'repository');
  fs.mkdirSync(repository, { recursive: true });
  fs.writeFileSync(path.join(dnfDirectory, 'bench.spec'), specFile());
  const build = ['-bb', '--define', `_topdir ${dnfDirectory}`, '--define', `_rpmdir ${repository}`];
  execFileSync('rpmbuild', [...build, path.join(dnfDirectory, 'bench.spec')], { stdio: 'pipe' });
  execFileSync('createrepo_c', [repository], { stdio: 'pipe' });
  execFileSync('dnf', [...dnfOptions(), 'install', 'bench-*'], { stdio: 'pipe' });
}

const dnfOptions = (): string[] => [
  '--releasever=1',
  ...['-y', '-q', '--nogpgcheck', '--setopt=install_weak_deps=False'],
  ...[`--repofrompath=bench,file://${path.join(dnfDirectory, 'repository')}`, '--repo=bench'],
];

/** Writes the sources and the makefile; each object takes a compiler, a shell and a copy. */
function prepareCompile(): void {
  fs.mkdirSync(compileDirectory, { recursive: true });
  const names = Array.from({ length: sources }, (_, i) => `unit${i}`);
  for (const name of names)
    fs.writeFileSync(path.join(compileDirectory, `${name}.c`), `int ${name}(void) { return 1; }\n`);
  const makefile = `all: ${names.map((name) => `${name}.copy`).join(' ')}
%.copy: %.c
\tgcc -c -o $*.o $<
\tsh -c 'test -s $*.o && true'
\tcp $*.o $@
clean:
\trm -f *.o *.copy
`;
  fs.writeFileSync(path.join(compileDirectory, 'Makefile'), makefile);
}

const nothing = (): void => {};

/** The workloads. `scale` 1 is the full size; a smaller one shortens the loops, for a trial. */
export const workloads = (scale: number) => {
  const dpkgRuns = Math.round(1000 * scale);
  const shortProcesses = Math.round(10_000 * scale);
  return {
    apt: {
      name: `apt-get install --reinstall, ${reinstalled.length} packages`,
      missing: needs('apt-get'),
      prepare: nothing,
      run: () => runCommand('apt-get', ['install', '-y', '-q', '--reinstall', '--no-download', ...reinstalled]),
      processes: undefined,
      numbered: undefined,
    },
    dnf: {
      name: `dnf reinstall, ${rpmPackages} packages`,
      missing: needs('dnf', 'createrepo_c', 'rpmbuild'),
      prepare: prepareDnf,
      run: () => runCommand('dnf', [...dnfOptions(), 'reinstall', 'bench-*']),
      processes: undefined,
      numbered: undefined,
    },
    compile: {
      name: `make -j4 of ${sources} small objects`,
      missing: needs('make', 'gcc'),
      prepare: prepareCompile,
      async run() {
        await runCommand('make', ['-s', 'clean'], compileDirectory);
        await runCommand('make', ['-s', '-j4', 'all'], compileDirectory);
      },
      processes: undefined,
      numbered: undefined,
    },
    dpkg: {
      // These runs fail at once: they show the cost of a package tool before it touches its database.
      name: `${dpkgRuns} runs of dpkg -i, four at a time`,
      missing: needs('dpkg'),
      prepare: nothing,
      run: (prefix) => runLoops(4, dpkgRuns, 'dpkg -i "/nonexistent/$0-$n-.deb" || :', prefix),
      processes: dpkgRuns,
      numbered: 'package tool',
    },
    processes: {
      name: `${shortProcesses} ordinary processes, two at a time, after as many before`,
      missing: () => undefined,
      prepare: nothing,
      run: (prefix) => runLoops(2, shortProcesses, '/bin/true "$0-$n-"', prefix),
      processes: shortProcesses,
      numbered: 'any program',
      isUsual: true,
    },
  } as const satisfies Record<string, Workload>;
};
