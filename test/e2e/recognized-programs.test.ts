// Package tools and shells that run under other names: each way is enacted with the real tools, and known by the content of the file.

import { appendFileSync, chmodSync, copyFileSync, globSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, makeDatabase, scratchDirectory } from './private-host.ts';
import { type AlertDocument, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('python3', 'rpm', 'rpmbuild'));
const [linker = ''] = globSync('/lib{64,}/ld-linux-*.so.*');
const impostor = 'package-tool-impostor';

interface Setup {
  directory: string;
  deb: string;
  rpm: string;
  /** Copies a program under another name; returns the path. */
  copy(program: string, name?: string): string;
  /** Options and operands of an installation with a database of its own. */
  install: string[];
}

/** Runs a program from a descriptor: `fd` in the Python text that `open` begins. */
const byDescriptor = (open: string, args: readonly string[]): string[] => [
  '/usr/bin/python3',
  '-c',
  `import os, sys\n${open}\nos.execve(fd, sys.argv[1:], {'PATH': os.environ['PATH']})`,
  ...args,
];

interface Way {
  command(setup: Setup): string[];
  /** The program of the host (default: /usr/bin/dpkg). */
  program?: string;
  /** Default: `build_id`. */
  basis?: string;
}

const copies: Record<string, Way> = {
  'a copy of dpkg': { command: ({ copy, install }) => [copy('/usr/bin/dpkg'), ...install] },
  'a copy of rpm': {
    command: ({ copy, directory, rpm }) => [
      copy('/usr/bin/rpm'),
      '--dbpath',
      join(directory, 'rpmdb'),
      '--nodeps',
      '-i',
      rpm,
    ],
    program: '/usr/bin/rpm',
  },
  'a copy with bytes behind it': {
    command({ copy, install }) {
      const file = copy('/usr/bin/dpkg');
      appendFileSync(file, 'more');
      return [file, ...install];
    },
  },
  'a copy through a link': {
    command({ copy, directory, install }) {
      symlinkSync(copy('/usr/bin/dpkg'), join(directory, 'link'));
      return [join(directory, 'link'), ...install];
    },
  },
  'a copy that is removed at once': {
    command: ({ copy, install }) => ['sh', '-c', '"$0" "$@" & rm "$0"; wait', copy('/usr/bin/dpkg'), ...install],
  },
  'a removed copy by its descriptor': {
    command({ copy, install }) {
      const file = copy('/usr/bin/dpkg');
      return byDescriptor(`fd = os.open('${file}', os.O_RDONLY)\nos.unlink('${file}')`, ['updater', ...install]);
    },
  },
  'a copy in memory': {
    command: ({ install }) =>
      byDescriptor("fd = os.memfd_create('updater')\nos.write(fd, open('/usr/bin/dpkg', 'rb').read())", [
        'updater',
        ...install,
      ]),
  },
  'a copy that is mounted over another program': {
    command: ({ copy, install }) => [
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mount --bind "$0" /usr/bin/true && /usr/bin/true "$@"; :',
      copy('/usr/bin/dpkg'),
      ...install,
    ],
  },
  'a copy behind the dynamic linker': {
    command: ({ copy, install }) => [linker, copy('/usr/bin/dpkg'), ...install],
  },
  'a copy behind a copy of the dynamic linker': {
    command: ({ copy, install }) => [copy(linker, 'loader'), copy('/usr/bin/dpkg'), ...install],
  },
};

const nearMisses: Record<string, Pick<Way, 'command'>> = {
  'a link of another name': {
    command({ directory, install }) {
      symlinkSync('/usr/bin/dpkg', join(directory, 'link'));
      return [join(directory, 'link'), ...install];
    },
  },
  'the real dpkg behind the dynamic linker': { command: ({ install }) => [linker, '/usr/bin/dpkg', ...install] },
};

describe.skipIf(missing)(titled('a package tool under another name', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  let events: StepparentEvent[] = [];
  let alerts: AlertDocument[] = [];

  const setups = new Map<string, Setup>();
  const setupOf = (title: string): Setup => {
    const known = setups.get(title);
    if (known !== undefined) return known;
    const directory = join(scratch, `way${setups.size}`);
    mkdirSync(join(directory, 'rpmdb'), { recursive: true });
    makeDatabase(join(directory, 'db'));
    const copy = (program: string, name = 'updater'): string => {
      const file = join(directory, name);
      copyFileSync(program, file);
      chmodSync(file, 0o755);
      return file;
    };
    const [deb, rpm] = ['installed.deb', 'installed.rpm'].map((name) => join(directory, name)) as [string, string];
    copyFileSync(join(scratch, 'recognized.deb'), deb);
    copyFileSync(join(scratch, 'recognized.rpm'), rpm);
    const install = [`--admindir=${join(directory, 'db')}`, `--log=${join(directory, 'log')}`, '-i', deb];
    const setup = { directory, deb, rpm, copy, install };
    setups.set(title, setup);
    return setup;
  };

  const eventOf = (title: string): StepparentEvent | undefined => {
    const { directory } = setupOf(title);
    return events.find(
      ({ process, stepparent }) =>
        stepparent.package?.operation === 'install' &&
        process?.args?.some((arg) => arg.startsWith(`${directory}/installed.`)),
    );
  };
  const alertsOf = (title: string) =>
    alerts.filter((alert) => JSON.stringify(alert).includes(`${setupOf(title).directory}/`)).map(({ rule }) => rule.id);

  beforeAll(async () => {
    enterPrivateHost(scratch);
    buildDeb(scratch, 'recognized', { scripts: { postinst: '#!/bin/sh\nsleep 0.3\n' } });
    buildRpm(scratch, 'recognized', { post: 'sleep 0.3' });
    await agent.start();
    for (const [title, { command }] of Object.entries({ ...copies, ...nearMisses })) {
      const setup = setupOf(title);
      await runBy(makeParent(scratch, 'parent'), command(setup), setup.directory);
    }
    const other = setupOf('another program');
    await runBy(makeParent(scratch, 'parent'), [other.copy('/bin/echo'), ...other.install], other.directory);
    const script = setupOf('a script');
    await runBy(makeParent(scratch, 'parent'), ['dpkg', '-i', script.deb]);
    await runBy(makeParent(scratch, 'parent'), [
      script.copy('/bin/dash', 'worker'),
      '/var/lib/dpkg/info/recognized.postinst',
    ]);
    const last = setupOf('last');
    await runBy(makeParent(scratch, 'parent'), ['dpkg', ...last.install]);
    events = await until('the last of the installations', async () => {
      const listed = await agent.execs();
      return listed.some(({ process }) => process?.args?.includes(last.deb)) && listed;
    });
    alerts = await agent.alerts();
  }, 120_000);
  afterAll(() => agent.stop());

  test.each(Object.entries(copies))('is known: %s', (title, { program = '/usr/bin/dpkg', basis = 'build_id' }) => {
    const event = eventOf(title);
    expect(event?.stepparent.package).toMatchObject({ operation: 'install', packages_count: 1 });
    expect(event?.stepparent.program).toMatchObject({ path: program, recognized_by: basis });
    expect(event?.stepparent.genuine?.process).toBe(false);
    expect(event?.stepparent.transaction?.id).toBe(event?.process?.entity_id);
    expect(alertsOf(title)).toContain(impostor);
  });

  test.each(Object.keys(copies).filter((title) => !title.includes('rpm')))('has its scripts: %s', (title) => {
    const { directory } = setupOf(title);
    const script = events.find(({ stepparent }) =>
      stepparent.lifecycle_script?.path?.startsWith(`${directory}/db/info/`),
    );
    expect(script?.stepparent.lifecycle_script).toMatchObject({
      manager: 'dpkg',
      package: 'recognized',
      phase: 'postinst',
    });
  });

  test.each(Object.keys(nearMisses))('is genuine: %s', (title) => {
    expect(eventOf(title)?.stepparent.genuine?.process).not.toBe(false);
    expect(alertsOf(title)).not.toContain(impostor);
  });

  test('is not any program with such arguments', () => {
    expect(eventOf('another program')).toBe(undefined);
    expect(alertsOf('another program')).toEqual([]);
  });

  test('a copy of a shell that runs a maintainer script is known as a shell', () => {
    const { directory } = setupOf('a script');
    const alert = alerts.find(
      ({ rule, process }) => rule.id === 'unusual-dpkg-execution' && process?.executable === `${directory}/worker`,
    );
    expect(alert?.stepparent).toMatchObject({
      program: { path: '/usr/bin/dash', recognized_by: 'build_id' },
      script: { path: '/var/lib/dpkg/info/recognized.postinst' },
    });
  });

  test('parents that are copies of a shell keep their own path as the term', () => {
    const parents = alerts.filter(({ rule }) => rule.id === 'dpkg-package-installed-by-unusual-parent');
    expect(parents.length).toBeGreaterThan(0);
    for (const { process, stepparent } of parents)
      expect(stepparent.alert.terms).toEqual([process?.parent?.executable]);
  });
});
