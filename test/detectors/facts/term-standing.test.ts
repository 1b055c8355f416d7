// Which terms count as known: listed for the rule, and run for real by the process that they name.

import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { known } from '../../../collectors/answer.ts';
import { openHost } from '../../../collectors/host/host.ts';
import { openPackageTools } from '../../../collectors/packages/package-tools.ts';
import { inspectProcess, readHostNamespaces } from '../../../collectors/proc/inspect-process.ts';
import { openTermClassifier, type TermStanding } from '../../../detectors/facts/term-standing.ts';
import type { Rule } from '../../../detectors/rules/rule.ts';
import { inContainer } from '../../collectors/proc-double.ts';
import { exampleRule } from '../../storage/examples.ts';
import { entryOf, imageOf, observedExec } from '../observed-exec.ts';

/** The one program that surely runs: this one. It plays the front end. */
const program = fs.readlinkSync('/proc/self/exe');
const host = openHost();
const details = inspectProcess(host, readHostNamespaces(host.proc), process.pid);

const lists = new Map([
  [
    'front-ends',
    [
      { path: program, package: 'node' },
      { path: '/usr/bin/other', package: 'other' },
    ],
  ],
  ['others', [{ path: '/usr/bin/third', package: 'third' }]],
]);
const rule = exampleRule({ knownTerms: ['front-ends'] });

function knownTerms(owners: readonly string[] = ['node']) {
  const asked: string[] = [];
  const tools = openPackageTools({
    host,
    programs: [...lists.values()].flat(),
    tools: [],
    owns(file, packageNames) {
      asked.push(`${file} ${packageNames.join(' ')}`);
      return known(packageNames.some((name) => owners.includes(name)));
    },
    inspect: () => {},
  });
  return { asked, tools, known: openTermClassifier({ lists: () => lists, tools }) };
}

/** dpkg, run by this process. */
function example(faceAtFork?: ReturnType<typeof imageOf>) {
  const image = imageOf(program);
  const parent = entryOf(process.pid, image, { details, detailsImage: image, inspectedImage: image });
  const entry = entryOf(30, imageOf('/usr/bin/dpkg'), { parent, parentImageAtFork: faceAtFork ?? image });
  return {
    parent,
    entry,
    ...observedExec('a', { cheapFields: { 'process.executable': '/usr/bin/dpkg' }, entry, parent }),
  };
}

test('a listed, genuine program of its package is known', () => {
  const { asked, known } = knownTerms();
  expect(known.classify({ rule, terms: [program] }, example().exec)).toBe('known');
  expect(asked).toEqual([`${program} node`]);
});

describe('other rules and terms', () => {
  test.each<[string, Partial<Rule>, (string | null)[], TermStanding]>([
    ['of no list', { knownTerms: [] }, [program], 'unlisted'],
    ['of another list', { knownTerms: ['others'] }, [program], 'unlisted'],
    ['of a list that there is not', { knownTerms: ['missing'] }, [program], 'unlisted'],
    ['of several lists', { knownTerms: ['others', 'front-ends'] }, [program], 'known'],
    ['not on the list', {}, ['/usr/bin/elsewhere'], 'unlisted'],
    ['not observed', {}, [null], 'unlisted'],
    ['none', {}, [], 'unlisted'],
    ['several', { termFields: ['process.parent.executable', 'process.name'] }, [program, 'dpkg'], 'unlisted'],
    ['of another field', { termFields: ['process.session_leader.executable'] }, [program], 'unlisted'],
    ['on the list, but another program runs', {}, ['/usr/bin/other'], 'unverified'],
    ['of the process itself, which is not there', { termFields: ['process.executable'] }, [program], 'unverified'],
  ])('%s', (_, change, terms, classify) => {
    expect(knownTerms().known.classify({ rule: { ...rule, ...change }, terms }, example().exec)).toBe(classify);
  });
});

describe('a parent that', () => {
  const classify = ({ exec }: ReturnType<typeof example>, owners?: string[]) =>
    knownTerms(owners).known.classify({ rule, terms: [program] }, exec);

  test('is not owned by the package', () => {
    expect(classify(example(), ['other'])).toBe('unverified');
  });

  test('executed another program since it forked', () => {
    expect(classify(example(imageOf('/tmp/evil')))).toBe('unverified');
  });

  test('has exited', () => {
    const both = example();
    both.parent.ended = true;
    expect(classify(both)).toBe('unverified');
  });

  test('is in a container', () => {
    const both = example();
    if (details) both.parent.details = { ...details, place: inContainer };
    expect(classify(both)).toBe('unverified');
  });

  test('was not observed', () => {
    const { exec } = observedExec('a', { cheapFields: {} });
    expect(knownTerms().known.classify({ rule, terms: [program] }, exec)).toBe('unlisted');
  });
});

describe('a program is verified while it runs', () => {
  const fresh = () => {
    const image = imageOf(program);
    const entry = entryOf(process.pid, image, { details, detailsImage: image, inspectedImage: image });
    return { entry, ...observedExec('a', { cheapFields: { 'process.executable': program }, entry }) };
  };

  test('and stays verified after it exits', () => {
    const { asked, tools, known } = knownTerms();
    const { entry, exec } = fresh();
    tools.notice(exec.snapshot);
    entry.ended = true;
    const child = entryOf(30, imageOf('/usr/bin/dpkg'), { parent: entry, parentImageAtFork: entry.image });
    const dpkg = observedExec('b', { cheapFields: {}, entry: child, parent: entry }).exec;
    expect(known.classify({ rule, terms: [program] }, dpkg)).toBe('known');
    expect(asked).toHaveLength(1);
  });

  test('but only if it is listed', () => {
    const { asked, tools } = knownTerms();
    tools.notice(observedExec('a', { cheapFields: {} }).exec.snapshot);
    expect(asked).toEqual([]);
  });
});

describe('an initiator', () => {
  const origin = 'unit upgrade.service';
  const upgraders = new Map([['upgraders', [{ path: program, package: 'node', origin }]]]);
  const pair = exampleRule({
    knownTerms: ['upgraders'],
    termFields: ['stepparent.initiator.executable', 'stepparent.initiator.origin'],
  });

  /** dpkg below a shell below this process, which is what the document says too. */
  function below(change: { faceAtFork?: ReturnType<typeof imageOf>; pid?: number } = {}) {
    const image = imageOf(program);
    const initiator = entryOf(process.pid, image, { details, detailsImage: image, inspectedImage: image });
    const shell = entryOf(40, imageOf('/usr/bin/dash'), {
      parent: initiator,
      parentImageAtFork: change.faceAtFork ?? image,
    });
    const entry = entryOf(50, imageOf('/usr/bin/dpkg'), { parent: shell, parentImageAtFork: shell.image });
    const lineage = [
      { entity_id: 's', pid: 40, name: 'dash', executable: '/usr/bin/dash', args: ['sh', '-c', 'x'] },
      { entity_id: 'i', pid: process.pid, name: 'node', executable: '/opt/upgrade', args: ['node'] },
    ];
    const { exec } = observedExec('a', { cheapFields: {}, entry, parent: shell, change: { stepparent: { lineage } } });
    const ancestors = [shell, initiator].map((each) => ({ entry: each, image: each.image }));
    return { initiator, exec: { ...exec, snapshot: { ...exec.snapshot, ancestors } } };
  }

  const classify = (
    { exec }: ReturnType<typeof below>,
    terms: (string | null)[] = [program, origin],
    owners: readonly string[] = ['node'],
  ) => {
    const owns = (_: string, names: readonly string[]) => known(names.some((name) => owners.includes(name)));
    const tools = openPackageTools({
      host,
      programs: [...upgraders.values()].flat(),
      tools: [],
      owns,
      inspect: () => {},
    });
    return openTermClassifier({ lists: () => upgraders, tools }).classify({ rule: pair, terms }, exec);
  };

  test('that is listed and genuine, with its origin, is known', () => {
    expect(classify(below())).toBe('known');
  });

  test.each<[string, (string | null)[]]>([
    ['from elsewhere', [program, 'ssh as alice']],
    ['of an origin that was not observed', [program, null]],
    ['without an origin', [program]],
    ['that is another program', ['/opt/other', origin]],
    ['that was not observed', [null, origin]],
  ])('%s', (_, terms) => {
    expect(classify(below(), terms)).toBe('unlisted');
  });

  test('that does not belong to the package is unverified', () => {
    expect(classify(below(), undefined, ['other'])).toBe('unverified');
  });

  test('that exited before it was checked is unverified', () => {
    const both = below();
    both.initiator.ended = true;
    expect(classify(both)).toBe('unverified');
  });

  test('that executed another program since it forked the shell is unverified', () => {
    expect(classify(below({ faceAtFork: imageOf('/tmp/evil') }))).toBe('unverified');
  });
});
