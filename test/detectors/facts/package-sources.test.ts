// What is new or lost between two configurations of package sources, and which change of a file did it.

import { describe, expect, test } from 'vitest';
import { type PackageSource, parseSourceFile } from '../../../collectors/package-sources/package-sources.ts';
import type { AptPin } from '../../../collectors/package-sources/update-blocks.ts';
import {
  assignChanges,
  compareSources,
  type KnownSources,
  knownAfter,
  newPins,
  pinChanges,
  type SeenChange,
  type SourceChange,
  withSources,
} from '../../../detectors/facts/package-sources.ts';
import { exampleEvent, start } from '../../storage/examples.ts';

type Files = Readonly<Record<string, string>>;
const list = '/etc/apt/sources.list';
const other = '/etc/apt/sources.list.d/x.sources';
const repo = '/etc/yum.repos.d/a.repo';
const zypp = '/etc/zypp/repos.d/a.repo';

function configuration(files: Files, unread: readonly string[] = []) {
  const sources = new Map<string, PackageSource>();
  const pins: AptPin[] = [];
  for (const [path, text] of Object.entries(files)) {
    const parsed = parseSourceFile(path, text);
    pins.push(...parsed.pins);
    for (const source of parsed.sources) {
      const components = [...(sources.get(source.name)?.components ?? []), ...source.components];
      sources.set(source.name, { ...source, components });
    }
  }
  return { sources, pins, unread: new Set(unread) };
}
const knownOf = (files: Files): KnownSources => knownAfter(new Map(), configuration(files));
const texts = (changes: readonly SourceChange[], type: SourceChange['type']): string[] =>
  changes.flatMap((change) => (change.type === type ? change.text : []));

const base = 'deb http://a/debian s main contrib\n';
const security = 'deb http://b/x s-security main contrib\n';
const stanza = 'Types: deb\nURIs: http://b/x\nSuites: s-security\nComponents: main contrib\n';

describe('security sources that are lost', () => {
  test.each<[name: string, before: Files, after: Files, lost: string[]]>([
    ['deleted', { [list]: base + security }, { [list]: base }, ['b/x s-security']],
    ['all files deleted', { [list]: base + security }, {}, ['b/x s-security']],
    ['switched off', { [other]: stanza }, { [other]: `${stanza}Enabled: no\n` }, ['b/x s-security']],
    [
      'a component that is in use',
      { [list]: base + security },
      { [list]: `${base}deb http://b/x s-security contrib` },
      ['b/x s-security main'],
    ],
    [
      'both of two suites',
      { [list]: `${security}deb http://c/ s-apps-security main` },
      { [list]: base },
      ['b/x s-security', 'c s-apps-security'],
    ],
    [
      'one of two suites',
      { [list]: `${security}deb http://c/ s-apps-security main` },
      { [list]: security },
      ['c s-apps-security'],
    ],
    [
      'replaced by one that brings no updates',
      { [list]: base + security },
      { [list]: `${base}deb http://b/x s main` },
      ['b/x s-security'],
    ],
    [
      'a repository of dnf',
      { [repo]: '[u]\nbaseurl=http://a/\n' },
      { [repo]: '[u]\nbaseurl=http://a/\nenabled=0' },
      ['a u'],
    ],
    [
      'a repository of zypper, while dnf has one of that name',
      { [zypp]: '[u]\nbaseurl=http://a/\n', [repo]: '[u]\nbaseurl=http://b/' },
      { [repo]: '[u]\nbaseurl=http://b/' },
      ['a u'],
    ],
    [
      'replaced in another file of dnf',
      { [repo]: '[u]\nbaseurl=http://a/' },
      { '/etc/yum.repos.d/b.repo': '[v]\nbaseurl=http://a/' },
      ['a u'],
    ],
    ['nothing changed', { [list]: base + security }, { [list]: base + security }, []],
    ['in another order', { [list]: base + security }, { [list]: security + base }, []],
    ['moved to a stanza', { [list]: base + security }, { [list]: base, [other]: stanza }, []],
    ['another mirror', { [list]: base + security }, { [list]: `${base}deb http://c/y s-security main contrib` }, []],
    ['the next release', { [list]: base + security }, { [list]: (base + security).replaceAll(' s', ' t') }, []],
    [
      'the next release, whose security suite has another form',
      { [list]: 'deb http://b/x s/updates main' },
      { [list]: 'deb http://b/x t-security main' },
      [],
    ],
    ['one of two mirrors', { [list]: `${security}deb http://c/ s-security main contrib` }, { [list]: security }, []],
    [
      'not verified any more',
      { [list]: base + security },
      { [list]: base + security.replace('deb', 'deb [trusted=yes]') },
      [],
    ],
    [
      'a component that nothing uses any more',
      { [list]: base + security },
      { [list]: (base + security).replaceAll(' contrib', '') },
      [],
    ],
    ['another source deleted', { [list]: base + security }, { [list]: security }, []],
    ['another address of a repository', { [repo]: '[u]\nbaseurl=http://a/' }, { [repo]: '[u]\nbaseurl=http://b/' }, []],
    ['another name in the same file', { [repo]: '[u]\nbaseurl=http://a/' }, { [repo]: '[u2]\nbaseurl=http://a/' }, []],
    ['a repository for debugging', { [repo]: '[u-debug]\nbaseurl=http://a/' }, {}, []],
  ])('%s', (_, before, after, lost) => {
    expect(texts(compareSources(knownOf(before), configuration(after)), 'lost_security')).toEqual(lost);
  });

  test('once: not when they are compared again', () => {
    const now = configuration({ [list]: base });
    const known = knownAfter(knownOf({ [list]: base + security }), now);
    expect(compareSources(known, now)).toEqual([]);
  });

  test.each([list, '/etc/apt'])('not if %s could not be read', (unread) => {
    const now = configuration({}, [unread]);
    const known = knownOf({ [list]: base + security });
    expect(compareSources(known, now)).toEqual([]);
    // It counts as before, so that a later comparison finds it.
    expect(texts(compareSources(knownAfter(known, now), configuration({})), 'lost_security')).toEqual([
      'b/x s-security',
    ]);
  });
});

describe('sources that are new', () => {
  test.each<[name: string, before: Files, after: Files, added: string[]]>([
    ['a line', { [list]: base }, { [list]: base + security }, ['b/x s-security']],
    ['another suite', { [list]: base }, { [list]: base.replace(' s ', ' t ') }, ['a/debian t']],
    [
      'no verification',
      { [list]: base },
      { [list]: base.replace('deb', 'deb [trusted=yes]') },
      ['a/debian s [trusted=yes]'],
    ],
    ['a component', { [list]: base }, { [list]: base.replace('main', 'main extra') }, []],
    ['another scheme', { [list]: base }, { [list]: base.replace('http', 'https') }, []],
    ['a source that goes', { [list]: base + security }, { [list]: base }, []],
  ])('%s', (_, before, after, added) => {
    expect(texts(compareSources(knownOf(before), configuration(after)), 'added')).toEqual(added);
  });

  test('not one that the host had before', () => {
    const known = knownAfter(knownOf({ [list]: base + security }), configuration({ [list]: base }));
    expect(compareSources(known, configuration({ [list]: base + security }))).toEqual([]);
  });

  test('of those that are gone the oldest are forgotten, never those in force', () => {
    const lines = (from: number, count: number): string =>
      Array.from({ length: count }, (_, i) => `deb http://a/ s${from + i} main\n`).join('');
    let known = knownOf({ [list]: `${lines(0, 3000)}` });
    for (let round = 1; round < 5; round++)
      known = knownAfter(known, configuration({ [list]: lines(round * 3000, 3000) }));
    expect(known.size).toBe(10_000);
    expect([known.has('a s0'), known.has('a s11000'), known.has('a s12000'), known.has('a s14999')]).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });

  test('4,096 sources that bring security updates are compared in time', () => {
    const suites = (uri: string): string =>
      Array.from({ length: 4096 }, (_, i) => `deb http://${uri}${i}/ s${i % 2}-security ${'c '.repeat(32)}\n`).join('');
    expect(compareSources(knownOf({ [list]: suites('a') }), configuration({ [list]: suites('b') }))).toHaveLength(4096);
  });
});

describe('locks that are new', () => {
  const dnfConf = '/etc/dnf/dnf.conf';
  const exclude = '[main]\nexclude=a\n';
  const repository = '[u]\nbaseurl=http://a/\n';
  test.each<[name: string, before: Files, after: Files, locked: string[]]>([
    ['an exclude', { [dnfConf]: '[main]\n' }, { [dnfConf]: exclude }, ['exclude a']],
    ['another one', { [dnfConf]: exclude }, { [dnfConf]: '[main]\nexclude=a b\n' }, ['exclude b']],
    ['in a repository', { [repo]: repository }, { [repo]: `${repository}exclude=a\n` }, ['exclude a of u']],
    ['of zypper', {}, { '/etc/zypp/locks': 'solvable_name: a\n' }, ['zypper lock a']],
    ['in a repository that is new', {}, { [repo]: `${repository}exclude=a\n` }, []],
    ['in another place', { [dnfConf]: exclude }, { '/etc/yum.conf': exclude }, []],
    ['one that goes', { [dnfConf]: exclude }, { [dnfConf]: '[main]\n' }, []],
  ])('%s', (_, before, after, locked) => {
    const changes = compareSources(knownOf(before), configuration(after));
    expect(texts(changes, 'locked')).toEqual(locked);
    expect(texts(changes, 'lost_security')).toEqual([]);
  });

  test('also one that was there before and was removed', () => {
    const known = knownAfter(knownOf({ [dnfConf]: exclude }), configuration({}));
    expect(texts(compareSources(known, configuration({ [dnfConf]: exclude })), 'locked')).toEqual(['exclude a']);
  });
});

describe('pins that are new', () => {
  const preferences = '/etc/apt/preferences';
  const pin = (name: string): string => `Package: ${name}\nPin: release o=X\nPin-Priority: -1\n\n`;
  const now = configuration({ [preferences]: pin('a'), [`${preferences}.d/b`]: pin('b') });
  const known = knownOf({ [preferences]: pin('a') });
  const [a, b] = now.pins as [AptPin, AptPin];

  test('are no sources', () => {
    expect(compareSources(known, now)).toEqual([]);
    expect(newPins(known, now)).toEqual([b]);
  });

  test('are not those that move, but those that come back', () => {
    const moved = configuration({ [`${preferences}.d/c`]: pin('a') });
    expect(newPins(known, moved)).toEqual([]);
    const removed = knownAfter(known, configuration({}));
    expect(newPins(removed, moved).map(({ name }) => name)).toEqual(['a release o=X -1']);
  });

  test('count if they block an update, each once, and older ones do not', () => {
    const blocked = [
      { text: 'x 1, s has 2', pins: [a, b] },
      { text: 'y 1, s has 2', pins: [b] },
      { text: 'z 1, s has 2', pins: [a] },
      { text: 'none', pins: [] },
    ];
    const at = { name: 'pin b release o=X -1', file: `${preferences}.d/b` };
    expect(pinChanges([b], blocked, now)).toEqual([
      { ...at, type: 'pins', text: 'b release o=X -1' },
      { ...at, type: 'blocked', text: 'x 1, s has 2' },
      { ...at, type: 'blocked', text: 'y 1, s has 2' },
    ]);
  });
});

const seen = (path: string, text: string, writer: object = {}, originalPath?: string): SeenChange => {
  const event = exampleEvent('e', start);
  return {
    path,
    originalPath,
    names: new Set(parseSourceFile(path, text).sources.map(({ name }) => name)),
    event: { ...event, process: { name: 'sh', executable: '/usr/bin/sh', ...writer } },
  };
};
const inSession = (id: string) => ({ session_leader: { entity_id: id } });
const lost = (file: string): SourceChange => ({
  type: 'lost_security',
  name: 'b/x s-security',
  file,
  text: 'b/x s-security',
});
const added = (name: string, file: string): SourceChange => ({ type: 'added', name, file, text: name });

describe('the change that did it', () => {
  const part = '/etc/apt/sources.list.d/x.list';
  test.each<[name: string, changes: SourceChange[], seen: SeenChange[], causes: (number | undefined)[]]>([
    ['the only one', [lost(list)], [seen(list, base)], [0]],
    ['the first one without the source, not a later one', [lost(list)], [seen(list, base), seen(list, base)], [0]],
    ['not one that left it there', [lost(list)], [seen(list, base + security), seen(list, base)], [1]],
    ['the one that renamed the file', [lost(list)], [seen(`${list}.save`, '', {}, list), seen(part, '')], [0]],
    ['the first one with the source', [added('b/x s-security', part)], [seen(part, ''), seen(part, security)], [1]],
    [
      'the last one of the file, if the content says nothing',
      [lost(list)],
      [{ ...seen(list, ''), names: undefined }, seen(part, '')],
      [0],
    ],
    [
      'the last one, if the file is not among them',
      [added('key A', '/root/key')],
      [seen(list, base), seen(part, base)],
      [1],
    ],
    [
      'one for all that one writer did',
      [added('b/x s-security', part), added('key A', '/etc/apt/trusted.gpg.d/a.gpg')],
      [seen('/etc/apt/trusted.gpg.d/a.gpg', '', inSession('1')), seen(part, security, inSession('1'))],
      [1, 1],
    ],
    [
      'each its own of two writers',
      [added('b/x s-security', part), lost(list)],
      [seen(part, security, inSession('1')), seen(list, base, inSession('2'))],
      [0, 1],
    ],
    [
      'each its own of two writers without a leader',
      [added('b/x s-security', part), lost(list)],
      [seen(part, security, { entity_id: '1' }), seen(list, base, { entity_id: '2' })],
      [0, 1],
    ],
    [
      'what dpkg wrote apart from what a script did',
      [added('b/x s-security', part), added('a/debian s', list)],
      [seen(part, security, { name: 'dpkg', ...inSession('1') }), seen(list, base, inSession('1'))],
      [0, 1],
    ],
    [
      'the first one with the lock',
      [{ type: 'locked', name: 'lock exclude a', file: '/etc/dnf/dnf.conf', text: 'exclude a' }],
      [seen('/etc/dnf/dnf.conf', '[main]\n'), seen('/etc/dnf/dnf.conf', '[main]\nexclude=a\n')],
      [1],
    ],
    ['unknown without a described change', [lost(list)], [], [undefined]],
  ])('is %s', (_, changes, changesSeen, causes) => {
    const assigned = assignChanges(changes, changesSeen);
    const causeOf = (change: SourceChange): number | undefined => {
      const found = changesSeen.findIndex((one) => assigned.get(one)?.includes(change));
      return found < 0 ? undefined : found;
    };
    expect(changes.map(causeOf)).toEqual(causes);
  });
});

describe('the event', () => {
  const event = exampleEvent('e', start);
  test('is the same without a change', () => {
    expect(withSources(event, [])).toBe(event);
  });

  test('has what is new, what is not verified and what is lost, at most 32 of each', () => {
    const many = Array.from({ length: 40 }, (_, i) => added(`a s${i} [trusted=yes]`, list));
    const { sources, truncated } = withSources(event, [...many, added('b t', list), lost(list)]).stepparent;
    expect(sources?.added).toEqual(many.slice(0, 32).map(({ text }) => text));
    expect(sources?.unverified).toEqual(sources?.added);
    expect(sources?.lost_security).toEqual(['b/x s-security']);
    expect(sources).not.toHaveProperty('blocked');
    expect(truncated).toMatchObject({ 'stepparent.sources.added': 32, 'stepparent.sources.unverified': 32 });
  });

  test('has what pins block, with the pins, and what is locked', () => {
    const changes = (['pins', 'blocked', 'locked'] as const).map((type) => ({ ...lost(list), type, text: type }));
    expect(withSources(event, changes).stepparent.sources).toMatchObject({
      pins: ['pins'],
      blocked: ['blocked'],
      locked: ['locked'],
    });
  });

  type Packaged = [
    name: string,
    change: SourceChange,
    action: string,
    process: { name?: string; executable?: string } | undefined,
    stepparent: object,
    packaged: true | undefined,
  ];
  const dpkg = { name: 'dpkg', executable: '/usr/bin/dpkg' };
  const dnf = { name: 'dnf5', executable: '/usr/bin/dnf5' };
  const offline = (state: string) => ({ found: 'offline_diff', file: { package: { state } } });
  test.each<Packaged>([
    ['dpkg puts a file in place', added('a s', list), 'rename', dpkg, { genuine: { process: true } }, true],
    ['dpkg removes one', lost(list), 'deletion', dpkg, {}, true],
    ['a copy of dpkg', lost(list), 'deletion', dpkg, { genuine: { process: false } }, undefined],
    ['a program named dpkg', lost(list), 'deletion', { name: 'dpkg', executable: '/tmp/dpkg' }, {}, undefined],
    ['a shell below dpkg', added('a s', list), 'creation', { name: 'sh', executable: '/usr/bin/sh' }, {}, undefined],
    ['librpm in dnf puts one in place', added('a u', repo), 'rename', dnf, {}, true],
    ['librpm in dnf removes one', lost(repo), 'deletion', dnf, {}, true],
    ['dnf writes its configuration', lost(repo), 'modification', dnf, {}, undefined],
    ['dnf makes a new file', added('a u', repo), 'creation', dnf, {}, undefined],
    ['offline, as the package has it', lost(list), 'modification', undefined, offline('unchanged'), true],
    ['offline, as no package has it', lost(list), 'modification', undefined, offline('changed'), undefined],
    ['offline, a new file of rpm', added('a u', repo), 'creation', undefined, offline('listed'), true],
    ['offline, a changed file of rpm', lost(repo), 'modification', undefined, offline('listed'), undefined],
    ['by an unobserved writer', lost(list), 'modification', undefined, {}, undefined],
  ])('says whether a package contains it: %s', (_, change, action, process, stepparent, packaged) => {
    const { process: writer, ...rest } = event;
    const changed = {
      ...rest,
      event: { ...event.event, action },
      ...(process === undefined ? {} : { process: { ...writer, ...process } }),
      stepparent: { ...event.stepparent, ...stepparent },
    };
    expect(withSources(changed as typeof event, [change]).stepparent.sources?.packaged).toBe(packaged);
  });
});
