// Which security updates pins block. The versions that the real apt chooses with the same pins are in test/e2e/update-blocks.test.ts.

import { describe, expect, test } from 'vitest';
import { parseBlocks } from '../../../collectors/package-sources/update-blocks.ts';
import type { OfferedPackage, SuitePart } from '../../../collectors/provenance/offered-versions.ts';
import { findBlockedUpdates } from '../../../detectors/facts/apt-pins.ts';

const base: SuitePart = {
  name: 'deb.example.org/debian stable',
  suite: 'stable',
  isSecurity: false,
  host: 'deb.example.org',
  archive: 'stable',
  codename: 'bookworm',
  origin: 'Debian',
  label: 'Debian',
  version: '12.5',
  component: 'main',
  architecture: 'amd64',
  priority: 500,
};
const security: SuitePart = {
  ...base,
  name: 'security.example.org/debian-security stable-security',
  suite: 'stable-security',
  isSecurity: true,
  host: 'security.example.org',
  archive: 'stable-security',
  codename: 'bookworm-security',
  label: 'Debian-Security',
  version: '12',
};
const backports: SuitePart = {
  ...base,
  name: 'b',
  suite: 'b',
  archive: 'stable-backports',
  codename: 'b',
  priority: 100,
};
const parts = [base, security, backports];
const whole = security.name;

const offer = (versions: Readonly<Record<string, readonly SuitePart[]>>): OfferedPackage['offered'] =>
  new Map(Object.entries(versions).map(([version, from]) => [version, new Set(from)]));
/** Installed as the base suite has it. */
const tool: OfferedPackage = {
  name: 'tool',
  architecture: 'amd64',
  source: 'toolbox',
  version: '1-1',
  offered: offer({ '1-1': [base], '1-2': [security], '3-1': [backports] }),
};
/** Has an earlier security update, which no suite offers any more. */
const patched: OfferedPackage = {
  ...tool,
  name: 'patched',
  version: '1-1+u1',
  offered: offer({ '1-1': [base], '1-2': [security] }),
};
const current: OfferedPackage = { ...tool, name: 'current', version: '1-2' };
/** The base suite has the update too, as after a point release. */
const merged: OfferedPackage = { ...tool, name: 'merged', offered: offer({ '1-1': [], '1-2': [base, security] }) };
const packages = [tool, patched, current, merged];

const pinsOf = (text: string) => parseBlocks('/etc/apt/preferences', text).flatMap(({ pin }) => pin ?? []);
const stanza = (name: string, pin: string, priority: number | string): string =>
  `Package: ${name}\nPin: ${pin}\nPin-Priority: ${priority}\n`;
const find = async (text: string, installed = packages): Promise<string[]> =>
  (await findBlockedUpdates(pinsOf(text), { parts, packages: installed }, async () => {})).map((one) => one.text);

const fixOf = ({ name, version }: OfferedPackage): string => `${name} ${version}, stable-security has 1-2`;

describe('a pin of a package blocks its update', () => {
  test.each<[name: string, text: string, blocked: readonly OfferedPackage[]]>([
    ['from the suite', stanza('tool', 'release a=stable-security', -1), [tool]],
    ['by the label', stanza('tool', 'release l=Debian-Security', 99), [tool]],
    ['by the code name', stanza('tool', 'release n=bookworm-security', -10), [tool]],
    ['by a name without a key', stanza('tool', 'release stable-security', -10), [tool]],
    ['by several conditions', stanza('tool', 'release o=Debian,a=stable-security', -10), [tool]],
    ['by the host', stanza('tool', 'origin security.example.org', -10), [tool]],
    ['by the host in quotes', stanza('tool', 'origin "security.example.org"', -10), [tool]],
    ['by all suites', stanza('tool', 'release *', -1), [tool]],
    ['below the priority of the base suite', stanza('tool', 'release a=stable-security', 400), [tool]],
    ['in any case', 'PACKAGE: tool\nPIN: RELEASE a=Stable-Security\npin-priority: -1\n', [tool]],
    [
      'with an explanation and comments',
      `# x\nExplanation: y\n${stanza('tool', 'release a=stable-security', -1)}`,
      [tool],
    ],
    ['with continued lines', 'Package: x\n tool\nPin: release a=stable-security\nPin-Priority: -1\n', [tool]],
    ['of several packages', stanza('tool patched', 'release a=stable-security', -1), [tool, patched]],
    ['by a glob', stanza('t?[!x]*', 'release a=stable-security', -1), [tool]],
    ['by a glob of the suite', stanza('tool', 'release a=*-security', -1), [tool]],
    ['by a regular expression', stanza('/^(tool|patch+ed)$/', 'release a=stable-security', -1), [tool, patched]],
    ['by one without anchors', stanza('/OO/', 'release a=stable-security', -1), [tool]],
    ['by the source package', stanza('src:toolbox', 'release a=stable-security', -1), [tool, patched, merged]],
    ['by the architecture', stanza('tool:amd64', 'release a=stable-security', -1), [tool]],
    ['to the installed version', stanza('tool', 'version 1-1', 1001), [tool]],
    ['to versions of a pattern', stanza('tool', 'version 1-1*', 990), [tool]],
    ['to the base suite', stanza('tool', 'release a=stable', 900), [tool]],
    ['by the version of the update', stanza('tool', 'version 1-2', -1), [tool]],
    [
      'before another pin',
      `${stanza('tool', 'version 1-1', 990)}\n${stanza('*', 'release a=stable-security', 600)}`,
      [tool],
    ],
    [
      'by an expression that is not understood',
      stanza('/[tool/', 'release a=stable-security', -1),
      [tool, patched, merged],
    ],
  ])('%s', async (_, text, blocked) => {
    const fixes = (await find(text)).filter((one) => one !== whole);
    expect(fixes).toEqual(blocked.map(fixOf));
  });
});

describe('a pin blocks a suite as a whole', () => {
  test.each([
    ['by name', stanza('*', 'release a=stable-security', -1)],
    ['by a glob', stanza('*', 'release a=*-security', -1)],
    ['by the code name', stanza('*', 'release n=bookworm-security', 1)],
    ['by the label', stanza('*', 'release l=Debian-Security', -1)],
    ['by the host', stanza('*', 'origin security.example.org', -1)],
    ['below what is installed', stanza('*', 'release a=stable-security', 99)],
    ['below the base suite', stanza('*', 'release a=stable-security', 200)],
    ['by a pattern of all packages', stanza('?*', 'release a=stable-security', -1)],
    ['by an expression of all packages', stanza('/./', 'release a=stable-security', -1)],
    ['with never', stanza('*', 'release a=stable-security', 'never')],
    ['with every other suite', stanza('*', 'release *', -1)],
    ['by an expression that is not understood', stanza('*', 'release a=/(x/', -1)],
  ])('%s', async (_, text) => {
    // Also on a host where no update is missing.
    expect(await find(text, [current])).toEqual([whole]);
  });

  test('and the base suite above it blocks the updates of what it has', async () => {
    expect(await find(stanza('*', 'release a=stable', 900))).toEqual([fixOf(tool)]);
  });
});

test('an update that another suite has too is not blocked by a pin of one suite', async () => {
  expect(await find(stanza('*', 'release a=stable-security', -1), [merged])).toEqual([whole]);
});

describe('a pin blocks nothing', () => {
  test.each([
    ['of backports', stanza('*', 'release a=stable-backports', 500)],
    ['of backports above the rest', stanza('*', 'release a=stable-backports', 990)],
    ['of testing', stanza('*', 'release a=testing', 100)],
    ['against testing', stanza('*', 'release a=testing', -1)],
    ['against a package of a vendor', stanza('snapd', 'release a=*', -10)],
    ['to a vendor', stanza('*', 'origin packages.vendor.example', 1000)],
    ['against a vendor', stanza('*', 'origin packages.vendor.example', -1)],
    ['to security updates', stanza('*', 'release a=stable-security', 990)],
    ['to all suites of the distribution', stanza('*', 'release o=Debian', 900)],
    ['of all suites below the rest', stanza('*', 'release o=Debian', 100)],
    ['to the update', stanza('tool', 'version 1-2', 1001)],
    ['to a later version', stanza('tool', 'version 3*', 990)],
    ['of a package that has its update', stanza('current', 'release a=stable-security', -1)],
    ['of another package', stanza('other', 'release a=stable-security', -1)],
    ['of another architecture', stanza('tool:i386', 'release a=stable-security', -1)],
    ['of an expression for others', stanza('/^too$/', 'release a=stable-security', -1)],
    ['without a priority', 'Package: tool\nPin: release a=stable-security\n'],
    ['of priority 0', stanza('tool', 'release a=stable-security', 0)],
    ['of another kind', stanza('tool', 'suite stable-security', -1)],
    ['in a comment', stanza('tool', 'release a=stable-security', -1).replaceAll(/^/gm, '# ')],
    ['of conditions that no suite meets', stanza('tool', 'release l=Debian,a=stable-security', -1)],
    ['of local files', stanza('*', 'origin ""', -1)],
    ['after another one that allows it', `${stanza('tool', 'release *', 500)}\n${stanza('tool', 'release *', -1)}`],
    [
      'of an earlier update that is installed, at the priority of that',
      stanza('patched', 'release a=stable-security', 100),
    ],
  ])('%s', async (_, text) => {
    expect(await find(text)).toEqual([]);
  });
});

test('the pins that decide are named', async () => {
  const text = [
    stanza('tool', 'version 1-1', 990),
    stanza('*', 'release a=stable-security', 50),
    stanza('*', 'release a=testing', 100),
  ].join('\n');
  const blocked = await findBlockedUpdates(pinsOf(text), { parts, packages: [tool] }, async () => {});
  expect(blocked.map((one) => [one.text, one.pins.map(({ name }) => name)])).toEqual([
    [whole, ['* release a=stable-security 50']],
    [fixOf(tool), ['* release a=stable-security 50', 'tool version 1-1 990']],
  ]);
});

test.each([
  ['repeats', `/${'(a*)*'.repeat(50)}b/`],
  ['nested repeats', `/${'('.repeat(30)}a${'+)+'.repeat(30)}/`],
  ['counted repeats of nothing', '/(((){999999}){999999}){999999}/'],
  ['choices', `/${'(a|a)'.repeat(40)}b/`],
  ['globs', `${'*a'.repeat(120)}b`],
  ['classes without an end', '['.repeat(250)],
  ['deep groups', `/${'('.repeat(250)}/`],
])('hostile %s end, and other tasks run between the packages', async (_, pattern) => {
  const text = Array.from({ length: 20 }, (_row, i) => stanza(pattern, 'release a=stable-security', -1 - i)).join('\n');
  const many = Array.from({ length: 5 }, (_row, i) => ({ ...tool, name: 'a'.repeat(120) + i }));
  let turns = 0;
  await findBlockedUpdates(pinsOf(text), { parts, packages: many }, async () => {
    turns++;
  });
  expect(turns).toBe(many.length + parts.length + 1);
});
