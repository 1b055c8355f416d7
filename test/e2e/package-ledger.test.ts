// The package ledger agrees with dpkg's log and database, and with rpm's, after a thousand random operations; and it finds what the
// agent did not see.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PackageRow } from '../../agent/query/package-history.ts';
import { compareVersions } from '../../collectors/packages/compare-versions.ts';
import { openStoreReader } from '../../storage/store.ts';
import { bindMount } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { buildDeb, buildRpm, type DebScripts } from './packages.ts';
import { endToEndMissing, enterPrivateHost, makeDatabase, scratchDirectory } from './private-host.ts';
import { documents, run, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('rpm', 'rpmbuild'));

/** Another seed makes other operations; a failure is repeated with the same one. */
const seed = 20_261_130;
const operations = 1000;

/** Numbers from 0 to below 1 (xorshift32). */
function randomNumbers(from: number): () => number {
  let state = from;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** What a row, or the witness of dpkg or rpm, says happened to a package. */
type Step = `${string} ${string}${'' | ' failed'}`;

const debNames = Array.from({ length: 12 }, (_, i) => `ledger-deb-${i}`);
const rpmNames = Array.from({ length: 8 }, (_, i) => `ledger-rpm-${i}`);
const failing = '#!/bin/sh\nexit 1\n';
const debVersions: readonly (readonly [version: string, scripts: DebScripts])[] = [
  ['1', {}],
  ['2-1', {}],
  ['1:0.5', {}],
  ['3', { preinst: failing }],
  ['4', { postinst: failing }],
  ['5', { prerm: '#!/bin/sh\n[ "$1" != remove ]\n' }],
];
const rpmVersions: readonly (readonly [version: string, pre: string | undefined])[] = [
  ['1', undefined],
  ['2', undefined],
  ['3', 'exit 1'],
];

/** The steps that are not in the other list, in its order. A step whose version was not observed stands for any. */
function missingIn(steps: readonly string[], list: readonly string[]): string[] {
  let from = 0;
  return steps.filter((step) => {
    const at = list.findIndex((one, i) => i >= from && (one === step || step.startsWith('null ')));
    if (at >= 0) from = at + 1;
    return at < 0;
  });
}

describe.skipIf(missing)(titled('the package ledger', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch);
  const database = '/var/lib/rpm';
  const debs = new Map<string, string>();
  const rpms = new Map<string, string>();

  const dpkg = (...args: string[]) => run('dpkg', ['--force-unsafe-io', ...args]);
  const rpm = (...args: string[]) => run('rpm', ['--dbpath', database, '--nodeps', ...args]);
  const rows = async (): Promise<PackageRow[]> => {
    const sql = 'SELECT * FROM package_changes ORDER BY time_ms, sequence';
    const { code, stdout, stderr } = await agent.cli('query', sql, '--json', '--limit', '100000', '--timeout', '60s');
    if (code !== 0) throw new Error(stderr);
    return documents<PackageRow>(stdout);
  };
  const rowsOf = async (name: string): Promise<PackageRow[]> =>
    (await rows()).filter((row) => row['package.name'] === name);

  beforeAll(async () => {
    enterPrivateHost(scratch);
    for (const [i, directory] of [database, join(homedir(), '.rpmdb')].entries()) {
      mkdirSync(directory, { recursive: true });
      const own = join(scratch, `rpm-${i}`);
      mkdirSync(own);
      bindMount(own, directory);
    }
    execFileSync('rpm', ['--dbpath', database, '--initdb']);
    for (const name of [...debNames, 'ledger-before', 'ledger-last', 'ledger-own']) {
      for (const [version, scripts] of debVersions) {
        const file = `${name}-${version.replace(':', '.')}.deb`;
        debs.set(`${name} ${version}`, buildDeb(scratch, name, { version, scripts, file }));
      }
    }
    for (const name of [...rpmNames, 'ledger-rpm-before', 'ledger-rpm-last']) {
      for (const [version, pre] of rpmVersions) {
        const file = buildRpm(scratch, name, { version, file: `${name}-${version}`, ...(pre && { pre }) });
        rpms.set(`${name} ${version}`, file);
      }
    }
    await dpkg('-i', debs.get('ledger-before 1') ?? '');
    await rpm('-i', rpms.get('ledger-rpm-before 1') ?? '');
    await agent.start();
  });
  afterAll(() => agent.stop());

  test('what was installed before the first start is there as such', async () => {
    for (const name of ['ledger-before', 'ledger-rpm-before']) {
      const [row] = await until(`the first list with ${name}`, async () => {
        const found = await rowsOf(name);
        return found.length > 0 && found;
      });
      expect(row).toMatchObject({
        'event.action': 'present',
        found_by: 'first_listing',
        installed: 1,
        requested_by: null,
      });
    }
    const { code, stdout } = await agent.cli('packages', '--match', 'ledger-before=1');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^ledger-before all \(dpkg\): 1 installed since before .*\n {2}.* {2}present {2}1 {2}\(in the first list\)\n/,
      ),
    });
  });

  const random = randomNumbers(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const oneOf = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const someOf = <T>(list: readonly T[]): T[] => {
    const rest = [...list];
    return Array.from(
      { length: 1 + below(Math.min(6, rest.length)) },
      () => rest.splice(below(rest.length), 1)[0] as T,
    );
  };

  /** What rpm's database says about each run, by package. */
  const rpmSteps = new Map<string, Step[]>();
  const listRpms = (): Map<string, string> =>
    new Map(
      execFileSync('rpm', ['--dbpath', database, '-qa', '--qf', '%{NAME} %{VERSION}-%{RELEASE}\n'], {
        encoding: 'utf8',
      })
        .trim()
        .split('\n')
        .map((line): [string, string] => line.split(' ') as [string, string]),
    );
  let listedRpms: Map<string, string>;
  const runRpm = async (isAgain: boolean, ...args: string[]): Promise<void> => {
    const { code } = await rpm(...args);
    const after = listRpms();
    for (const name of rpmNames) {
      const [former, version] = [listedRpms.get(name), after.get(name)];
      const steps = rpmSteps.get(name) ?? [];
      rpmSteps.set(name, steps);
      const isNamed = args.some((arg) => arg.endsWith(`/${name}-${version?.replace(/-1$/, '')}.rpm`));
      if (former !== undefined && version === undefined) steps.push(`remove ${former}`);
      else if (former === undefined && version !== undefined) steps.push(`install ${version}`);
      else if (former !== version && former !== undefined && version !== undefined) {
        steps.push(`${compareVersions(version, former) > 0 ? 'upgrade' : 'downgrade'} ${version}`);
      } else if (isAgain && code === 0 && isNamed) steps.push(`reinstall ${version}`);
    }
    listedRpms = after;
  };

  const randomDpkg = async (): Promise<number> => {
    const names = someOf(debNames);
    const files = names.map((name) => debs.get(`${name} ${oneOf(debVersions)[0]}`) ?? '');
    const kind = below(10);
    if (kind < 5) await dpkg('-i', ...files);
    else if (kind < 7) {
      await dpkg('--unpack', ...files);
      await dpkg('--configure', ...names);
    } else await dpkg(kind < 9 ? '-r' : '-P', ...names);
    return names.length;
  };
  const randomRpm = async (): Promise<number> => {
    const names = someOf(rpmNames);
    const kind = below(10);
    const isInstalled = (name: string): boolean => listedRpms.has(name);
    if (kind < 5) {
      // rpm refuses a version that is installed.
      const files = names.map((name) => {
        const others = rpmVersions.filter(([version]) => `${version}-1` !== listedRpms.get(name));
        return rpms.get(`${name} ${oneOf(others)[0]}`) ?? '';
      });
      await runRpm(false, '-U', '--oldpackage', ...files);
      return names.length;
    }
    const present = names.filter(isInstalled);
    if (present.length === 0) return 0;
    const files = present.map((name) => rpms.get(`${name} ${listedRpms.get(name)?.replace(/-1$/, '')}`) ?? '');
    if (kind < 7) await runRpm(true, '-U', '--replacepkgs', ...files);
    else await runRpm(false, '-e', ...present);
    return present.length;
  };

  /** What dpkg's log says about each run, by package. */
  const dpkgSteps = (log: string): Map<string, Step[]> => {
    const steps = new Map<string, Step[]>();
    const present = new Map<string, string | undefined>();
    for (const text of log.split(/^.* startup .*$/m)) {
      const lines = text.split('\n').map((line) => line.split(' ').slice(2));
      const names = new Set(
        lines.flatMap(([kind, ...rest]) => (kind === 'status' ? rest[1] : rest[0])?.replace(/:all$/, '') ?? []),
      );
      for (const name of names) {
        const of = lines.filter((words) => words.includes(`${name}:all`));
        const last = of.findLast(([kind]) => kind === 'status');
        const [, state, , shown] = last ?? [];
        const version = state === 'not-installed' || state === 'config-files' ? undefined : shown;
        const former = present.get(name);
        const attempt = of.findLast(([kind = '']) => ['install', 'upgrade'].includes(kind));
        const list = steps.get(name) ?? [];
        steps.set(name, list);
        if (attempt !== undefined) {
          const [kind, , old = '', wanted = ''] = attempt;
          const order = Math.sign(compareVersions(wanted, old));
          const action = kind === 'install' ? 'install' : (['downgrade', 'reinstall', 'upgrade'] as const)[order + 1];
          // When dpkg returns to the former version, it unpacks nothing.
          const isDone = version === wanted && of.some(([key, what]) => key === 'status' && what === 'unpacked');
          const isSame = kind === 'upgrade' && old === wanted;
          const hasFailed = isSame ? of.every(([key, what]) => key !== 'status' || what !== 'unpacked') : !isDone;
          list.push(`${action} ${wanted}${hasFailed ? ' failed' : ''}`);
        } else if (of.some(([kind]) => kind === 'remove' || kind === 'purge')) {
          const removed = of.find(([kind]) => kind === 'remove' || kind === 'purge')?.[2] ?? '';
          const isGone = version === undefined && (former !== undefined || state === 'not-installed');
          list.push(`remove ${removed}${isGone ? '' : ' failed'}`);
        }
        if (last !== undefined) present.set(name, version);
      }
    }
    return steps;
  };

  const stepsOf = (all: readonly PackageRow[], name: string): string[] =>
    all
      .filter((row) => row['package.name'] === name && !['configure', 'present'].includes(row['event.action'] ?? ''))
      .map((row) => `${row['event.action']} ${row['package.version']}${row.applied === 0 ? ' failed' : ''}`);

  const installedNow = (manager: 'dpkg' | 'rpm'): string[] => {
    const reader = openStoreReader(join(agent.directory, 'state/stepparent.db'));
    try {
      return reader
        .installedPackages(manager)
        .map(({ name, architecture, version, state }) => [name, architecture, version, state].join(' ').trim())
        .sort();
    } finally {
      reader.close();
    }
  };
  const listedDebs = (): string[] =>
    execFileSync('dpkg-query', ['-W', '-f', `\${Package} \${Architecture} \${Version} \${db:Status-Status}\n`], {
      encoding: 'utf8',
    })
      .trim()
      .split('\n')
      .filter((line) => !/ (?:config-files|not-installed)$/.test(line))
      .sort();
  const listedInRpm = (...args: string[]): string[] =>
    execFileSync('rpm', ['--dbpath', database, '-qa', ...args, '--qf', '%{NAME} %{ARCH} %{VERSION}-%{RELEASE}\n'], {
      encoding: 'utf8',
    })
      .trim()
      .split('\n')
      .sort();

  const isRight = (): boolean =>
    isDeepStrictEqual([installedNow('dpkg'), installedNow('rpm')], [listedDebs(), listedInRpm()]);
  const agrees = (): void => {
    expect(installedNow('dpkg')).toEqual(listedDebs());
    expect(installedNow('rpm')).toEqual(listedInRpm());
  };

  test(`${operations} random operations, seed ${seed}`, async () => {
    listedRpms = listRpms();
    for (let done = 0; done < operations; ) {
      done += below(10) < 6 ? await randomDpkg() : await randomRpm();
      // Installations do not follow each other within milliseconds: dpkg removes its states before a busy agent has read them.
      await until('a ledger that agrees', isRight);
    }
    await dpkg('-i', debs.get('ledger-last 1') ?? '');
    await rpm('-i', rpms.get('ledger-rpm-last 1') ?? '');
    for (const name of ['ledger-last', 'ledger-rpm-last']) {
      await until(`the row of ${name}`, async () => (await rowsOf(name)).length > 0);
    }
    // A list corrects what the agent was too late to read, some seconds later.
    await until('a ledger that agrees', isRight);
    const all = await rows();
    const logged = dpkgSteps(readFileSync('/var/log/dpkg.log', 'utf8'));
    const isDone = (step: string): boolean => !step.endsWith(' failed');
    /** What the step leads to. */
    const resultOf = (step: string): string => step.replace(/^(?:install|upgrade|downgrade|reinstall) /, '');
    const done = (steps: readonly string[] = []): string[] => steps.filter(isDone);
    const own = (name: string): string[] => done(stepsOf(all, name));
    const shown = [...debNames, ...rpmNames].map(
      (name) => [name, own(name), done(logged.get(name) ?? rpmSteps.get(name))] as const,
    );
    expect(shown.map(([name, steps]) => [name, ...steps.map(resultOf)])).toEqual(
      shown.map(([name, , steps]) => [name, ...steps.map(resultOf)]),
    );
    const others = shown.flatMap(([name, steps, witness]) =>
      steps.flatMap((step, i) => (step === witness[i] ? [] : `${name}: ${step}, not ${witness[i]}`)),
    );
    expect(others).toEqual([]);
    for (const name of debNames) {
      const known = stepsOf(all, name).filter((step) => !isDone(step));
      const failed = (logged.get(name) ?? []).filter((step) => !isDone(step));
      expect([missingIn(known, failed), missingIn(failed, known)], name).toEqual([[], []]);
    }
    // `rpm -qa --last` has the newest first.
    const last = execFileSync('rpm', ['--dbpath', database, '-qa', '--last'], { encoding: 'utf8' });
    const timeOf = (name: string): number => Date.parse(new RegExp(`^${name}-\\S+ +(.*)$`, 'm').exec(last)?.[1] ?? '');
    const arrived = all.filter(
      (row) =>
        row['stepparent.transaction.manager'] === 'rpm' && row.installed === 1 && row['event.outcome'] === 'success',
    );
    const newest = new Map(arrived.map((row) => [row['package.name'], row]));
    const times = [...newest.values()].sort((a, b) => a.time_ms - b.time_ms).map((row) => timeOf(row['package.name']));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(all.length).toBeGreaterThan(operations / 2);
  });

  const listingRows = async (): Promise<PackageRow[]> => (await rows()).filter(({ found_by: by }) => by === 'listing');

  test('what changes while the agent does not run is found at its next start', async () => {
    await agent.stop();
    await dpkg('-i', debs.get('ledger-own 1') ?? '');
    await dpkg('-r', 'ledger-last');
    await rpm('-U', rpms.get('ledger-rpm-before 2') ?? '');
    await rpm('-e', 'ledger-rpm-last');
    await agent.start();
    const found = await until('the differences', async () => {
      const all = await listingRows();
      return all.length >= 4 && all;
    });
    const shown = found.map((row) => [
      ...[row['package.name'], row['event.action'], row.former_version, row['package.version'], row.time_source],
    ]);
    expect(shown.sort()).toEqual([
      ['ledger-last', 'remove', null, '1', 'dpkg_log'],
      ['ledger-own', 'install', null, '1', 'dpkg_log'],
      ['ledger-rpm-before', 'upgrade', '1-1', '2-1', 'install_time'],
      ['ledger-rpm-last', 'remove', null, '1-1', 'listing'],
    ]);
    agrees();
  });

  test('a database that is edited by hand', async () => {
    const status = '/var/lib/dpkg/status';
    const edited = readFileSync(status, 'utf8').replace(/(Package: ledger-own\n(?:.+\n)*?Version: )1\n/, '$19\n');
    writeFileSync(`${status}-edited`, edited);
    renameSync(`${status}-edited`, status);
    const row = await until('the difference', async () => (await listingRows())[4]);
    expect(row).toMatchObject({
      ...{ 'package.name': 'ledger-own', 'event.action': 'upgrade', former_version: '1', 'package.version': '9' },
      ...{ time_source: 'listing', requested_by: null, installed: 1 },
    });
    agrees();
  });

  test('another database has no rows', async () => {
    const other = join(scratch, 'other-dpkg');
    makeDatabase(other);
    const file = buildDeb(scratch, 'ledger-elsewhere');
    await dpkg(`--admindir=${other}`, `--instdir=${scratch}`, '--log=/dev/null', '-i', file);
    await until('the transaction', async () =>
      (await agent.events()).some(
        ({ event, process }) => event.category?.includes('package') && process?.args?.includes(file),
      ),
    );
    expect(await rowsOf('ledger-elsewhere')).toEqual([]);
  });
});
