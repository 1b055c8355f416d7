// Every rule that comes with stepparent is held to the same: complete, compiled, tried with hits and with near misses.

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isEventField } from '../../../collectors/event/event-classes.ts';
import { compileWildcard, parseWildcard } from '../../../detectors/query/wildcard.ts';
import { readKnownTerms, shippedKnownTerms } from '../../../detectors/rules/known-terms.ts';
import { readRules } from '../../../detectors/rules/load-rules.ts';
import { messageId } from '../../../detectors/rules/message-id.ts';
import { isReasonWord, type Rule } from '../../../detectors/rules/rule.ts';
import { commandsIn, refusalOf } from '../../docs/guide-commands.ts';
import { type RuleCases, readerOf } from './rule-cases.ts';

const root = join(import.meta.dirname, '../../..');
const directory = join(root, 'detectors/rules');
const { rules, rejected } = readRules([directory]);
const knownLists = readKnownTerms(shippedKnownTerms);

/** The values that a query excludes, with their fields: each must be tried. */
function excluded({ query }: Rule): { field: string; value: string }[] {
  const unquoted = (text: string) => text.trim().replaceAll('"', '');
  return [
    ...query.matchAll(/([\w.]+)\s*!=\s*("[^"]*")/g),
    ...query.matchAll(/([\w.]+)\s+not\s+in\s*\(([^)]*)\)/g),
    ...query.matchAll(/\bnot\s+([\w.]+)\s+like\s*\(([^)]*)\)/g),
    ...query.matchAll(/\bnot\s+([\w.]+)\s*:\s*(\([^)]*\)|"[^"]*"|\S+)/g),
  ].flatMap(([, field = '', values = '']) =>
    values
      .replace(/^\(|\)$/g, '')
      .split(/,|\bor\b/)
      .map((value) => ({ field, value: unquoted(value) })),
  );
}

const isLike = (value: string, pattern: string): boolean => compileWildcard(parseWildcard(pattern))(value);

const asList = (value: unknown) => [value].flat().map(String);

test('none is rejected', () => {
  expect(rejected).toEqual([]);
});

test.each([
  ['dpkg-package-installed-by-unusual-parent', 'low', 21, 'new_terms', ['process.parent.executable'], 90],
  [
    'package-installed-by-unusual-initiator',
    'low',
    21,
    'new_terms',
    ['stepparent.initiator.executable', 'stepparent.initiator.origin'],
    90,
  ],
  ['rpm-package-installed-by-unusual-parent', 'low', 21, 'new_terms', ['process.parent.executable'], 90],
  ['unusual-dpkg-execution', 'medium', 47, 'eql', ['stepparent.script.path', 'process.parent.executable'], 1],
] as const)('%s: %s, %d', (id, severity, riskScore, type, termFields, days) => {
  const rule = rules.find((one) => one.id === id);
  expect(rule).toMatchObject({ severity, riskScore, type, termFields, windowMs: days * 86_400_000 });
  expect(rule?.threat.map(({ tactic }) => tactic.id)).toEqual(['TA0003', 'TA0001']);
  const techniques = rule?.threat.flatMap(({ technique }) => technique);
  expect(techniques?.map((one) => one.id)).toEqual(['T1543', 'T1546', 'T1574', 'T1195']);
  expect(techniques?.flatMap((one) => one.subtechnique.map(({ id }) => id))).toEqual(['T1546.016', 'T1195.002']);
});

describe.each(rules)('$id', (rule) => {
  const casesFile = join(import.meta.dirname, `${rule.id}.cases.ts`);
  const load = async (): Promise<RuleCases> => ((await import(casesFile)) as { cases: RuleCases }).cases;

  test('is named as its file and described in full', () => {
    expect(`${rule.id}.toml`).toBe(basename(rule.file));
    expect(rule.description.length).toBeGreaterThan(100);
    expect(rule.falsePositives.length).toBeGreaterThan(0);
    expect(rule.references.length).toBeGreaterThan(0);
    expect(rule.version).toBeGreaterThanOrEqual(1);
    expect(rule.tags).toEqual(expect.arrayContaining(['Data Source: stepparent', 'Resources: Investigation Guide']));
    expect(rule.author.length).toBeGreaterThan(0);
    expect(rule.license).toBe('Apache-2.0');
    expect(rule.note.match(/^## .+$/gm)).toEqual([
      '## Look at this first',
      '## Investigate',
      '## If it is expected',
      '## If it is not expected',
    ]);
    expect(rule.note).toContain(`stepparent alerts --rule ${rule.id}`);
    expect(rule.note).toContain('stepparent events');
  });

  test('has a page', () => {
    expect(existsSync(join(root, `docs/rules/${rule.id}.md`))).toBe(true);
  });

  test('has a guide whose commands are valid', async () => {
    const commands = commandsIn(rule.note);
    expect(commands.length).toBeGreaterThanOrEqual(2);
    for (const command of commands) {
      expect({ command, rejected: await refusalOf(command) }).toEqual({ command, rejected: undefined });
    }
    for (const [, name, ...words] of commands) {
      const asked = words[words.indexOf('--rule') + 1];
      if (words.includes('--rule')) expect(rules.map(({ id }) => id)).toContain(asked);
      // As many terms as the rule has, so that what is typed is taken.
      const [verb, id, ...terms] = words;
      if (name !== 'baseline' || verb === 'list') continue;
      expect(rules.find((each) => each.id === id)?.termFields.length).toBe(terms.length);
    }
  });

  test('names techniques whose addresses fit their ids', () => {
    expect(rule.threat.length).toBeGreaterThan(0);
    expect(rule.threat.flatMap(({ technique }) => technique).length).toBeGreaterThan(0);
    for (const { tactic, technique } of rule.threat) {
      expect(tactic.reference).toBe(`https://attack.mitre.org/tactics/${tactic.id}/`);
      for (const { id, reference, subtechnique } of technique) {
        expect(reference).toBe(`https://attack.mitre.org/techniques/${id}/`);
        for (const sub of subtechnique) {
          expect(sub.id.startsWith(`${id}.`)).toBe(true);
          expect(sub.reference).toBe(`https://attack.mitre.org/techniques/${sub.id.replace('.', '/')}/`);
        }
      }
    }
  });

  test('uses only fields that events have', () => {
    const asked = [...rule.fields, ...Array.from(rule.reason.matchAll(/\{([^{}]+)\}/g), ([, name = '']) => name)];
    const unknown = asked.filter((field) => !isReasonWord(field) && !isEventField(field));
    expect(unknown).toEqual([]);
  });

  test('names known-terms lists that exist, with as many terms as it has', () => {
    for (const list of rule.knownTerms) {
      expect(knownLists.get(list)?.length).toBeGreaterThan(0);
      const withOrigin = knownLists.get(list)?.map(({ origin }) => origin !== undefined);
      expect(new Set(withOrigin)).toEqual(new Set([rule.termFields.length === 2]));
    }
  });

  test('is part of rules that exist, and shares the baseline of rules with the same terms', () => {
    const named = (ids: readonly string[]) => rules.filter(({ id }) => ids.includes(id));
    expect(named(rule.partOf).map(({ id }) => id)).toEqual(rule.partOf.toSorted());
    expect(named(rule.knownBy).map(({ id, termFields }) => [id, termFields])).toEqual(
      rule.knownBy.toSorted().map((id) => [id, rule.termFields]),
    );
  });

  test('fires on its hits and not on its near misses', async () => {
    expect(existsSync(casesFile)).toBe(true);
    const { hits, misses } = await load();
    const fired = (cases: RuleCases['hits']) =>
      Object.fromEntries(Object.entries(cases).map(([title, event]) => [title, rule.matches(readerOf(event))]));
    const all = (cases: RuleCases['hits'], value: boolean) =>
      Object.fromEntries(Object.keys(cases).map((title) => [title, value]));
    expect(Object.keys(hits).length).toBeGreaterThanOrEqual(3);
    expect(Object.keys(misses).length).toBeGreaterThanOrEqual(3);
    expect(fired(hits)).toEqual(all(hits, true));
    expect(fired(misses)).toEqual(all(misses, false));
  });

  test('has for every exclusion a near miss that differs in nothing else', async () => {
    const { hits, misses } = await load();
    const exclusions = excluded(rule);
    expect(exclusions.length > 0).toBe(/\bnot\b|!=/.test(rule.query));
    for (const { field, value } of exclusions) {
      const parent = field.split('.').slice(0, -1).join('.');
      const near = Object.values(misses).some((miss) => {
        if (!asList(readerOf(miss)(field)).some((one) => one === value || isLike(one, value))) return false;
        // The same but for the object that holds the field.
        return Object.values(hits).some((hit) => whenUnset(hit, parent) === whenUnset(miss, parent));
      });
      expect({ field, value, near }).toEqual({ field, value, near: true });
    }
  });
});

/** The event as text, without the object at a dotted path. */
function whenUnset(event: object, path: string): string {
  const copy = structuredClone(event) as Record<string, unknown>;
  const steps = path.split('.');
  const last = steps.pop() ?? '';
  const holder = steps.reduce<Record<string, unknown> | undefined>((at, step) => at?.[step] as typeof at, copy);
  if (holder !== undefined) delete holder[last];
  return JSON.stringify(copy);
}

test('message ids are version 8 UUIDs, differ, and never change', () => {
  const ids = rules.map(({ id }) => messageId(id));
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{12}8[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  expect(messageId('unusual-dpkg-execution')).toBe('981ad58824de8bfc965312a95f522186');
});

test('a known term is an absolute path with the package that owns it, listed once for each origin', () => {
  for (const terms of knownLists.values()) {
    const keys = terms.map(({ path, package: owner, origin }) => `${owner}:${path}:${origin}`);
    expect(new Set(keys).size).toBe(keys.length);
  }
});
