// Which security updates pins of apt keep from being installed, by apt's own choice of a version (apt_preferences(5)).

import type { AptPin } from '../../collectors/package-sources/update-blocks.ts';
import { compareVersions } from '../../collectors/packages/compare-versions.ts';
import { fixText } from '../../collectors/provenance/lost-fixes.ts';
import type { OfferedPackage, OfferedVersions, SuitePart } from '../../collectors/provenance/offered-versions.ts';
import { compileRegex } from '../query/lucene-regex.ts';

/** A security update, or a suite of them, that apt does not install. */
export interface BlockedUpdate {
  /** `NAME VERSION, SUITE has SECURITY-VERSION`, or site and suite. */
  text: string;
  /** The pins that decide it. */
  pins: readonly AptPin[];
}

/** A priority, and the pins that give it; none: it is a default. */
interface Decision {
  priority: number;
  pins: readonly AptPin[];
}

interface CompiledPin {
  pin: AptPin;
  /** `Package: *`: it applies if no other pin does, and to what a suite offers, not to versions. */
  isGeneral: boolean;
  matchesPackage(one: Pick<OfferedPackage, 'name' | 'source' | 'architecture'>): boolean;
  matchesVersion(version: string): boolean;
  matchesPart(part: SuitePart): boolean;
}

/** What dpkg has installed counts as a suite. */
const installedPart: SuitePart = {
  name: '',
  suite: undefined,
  isSecurity: false,
  host: '',
  archive: 'now',
  codename: undefined,
  origin: undefined,
  label: undefined,
  version: undefined,
  component: undefined,
  architecture: undefined,
  priority: 100,
};

/** From this priority on apt goes back to a lower version. */
const downgradePriority = 1000;

/**
 * The updates that the pins block. `nextTurn` is called between packages: the patterns can be hostile. A pattern that is
 * not understood matches everything.
 */
export async function findBlockedUpdates(
  allPins: readonly AptPin[],
  { parts, packages }: Pick<OfferedVersions, 'parts' | 'packages'>,
  nextTurn: () => Promise<void>,
): Promise<BlockedUpdate[]> {
  const pins = compilePins(allPins);
  const general = pins.filter(({ isGeneral }) => isGeneral);
  const special = pins.filter(({ isGeneral }) => !isGeneral);
  const decisions = new Map<SuitePart, Decision>();
  for (const part of [installedPart, ...parts]) {
    decisions.set(part, decisionOf(general.find(({ matchesPart }) => matchesPart(part))?.pin, part.priority));
    await nextTurn();
  }
  const blocked = blockedSuites(parts, special, decisions);
  for (const one of packages) {
    const update = blockedFix(one, special, decisions);
    if (update !== undefined) blocked.push(update);
    await nextTurn();
  }
  return blocked;
}

const decisionOf = (pin: AptPin | undefined, priority: number): Decision =>
  pin === undefined ? { priority, pins: [] } : { priority: pin.priority, pins: [pin] };

const highest = (decisions: readonly Decision[]): Decision => {
  const priority = Math.max(...decisions.map((one) => one.priority));
  return { priority, pins: [...new Set(decisions.flatMap((one) => (one.priority === priority ? one.pins : [])))] };
};

/** Names with nothing in common: what matches all of them matches every package. */
const anyNames: readonly string[] = ['a', 'lib0.1-zz', '9c++'];

/** The security suites whose versions are below those that are installed, or below the other suites, whatever the package. */
function blockedSuites(
  parts: readonly SuitePart[],
  special: readonly CompiledPin[],
  decisions: ReadonlyMap<SuitePart, Decision>,
): BlockedUpdate[] {
  const whole = special.filter(({ pin: { type }, matchesPackage }) => {
    return type !== 'version' && anyNames.every((name) => matchesPackage({ name, source: name, architecture: '' }));
  });
  const decide = (part: SuitePart): Decision => {
    const pin = whole.find(({ matchesPart }) => matchesPart(part))?.pin;
    return pin === undefined ? (decisions.get(part) ?? decisionOf(undefined, part.priority)) : decisionOf(pin, 0);
  };
  const blocked = new Map<string, BlockedUpdate>();
  for (const part of parts.filter(({ isSecurity }) => isSecurity)) {
    const { priority, pins } = decide(part);
    const others = parts.filter(
      ({ isSecurity, origin, priority: own }) => !isSecurity && origin === part.origin && own >= part.priority,
    );
    const { priority: needed, pins: raised } = highest([decide(installedPart), ...others.map(decide)]);
    const isOffered = priority > 0 && priority >= needed;
    if (pins.length === 0 || isOffered || blocked.has(part.name)) continue;
    blocked.set(part.name, { text: part.name, pins: [...pins, ...raised] });
  }
  return [...blocked.values()];
}

/** The security update of a package that apt would not install. */
function blockedFix(
  one: OfferedPackage,
  special: readonly CompiledPin[],
  decisions: ReadonlyMap<SuitePart, Decision>,
): BlockedUpdate | undefined {
  const { name, version: installed, offered } = one;
  const [fix, suite] = securityUpdate(one) ?? [];
  if (fix === undefined) return undefined;
  const own = special.filter(({ matchesPackage }) => matchesPackage(one));
  const decide = (version: string): Decision => {
    const from = [...(offered.get(version) ?? []), ...(version === installed ? [installedPart] : [])];
    const pin = own.find(
      ({ pin: { type }, matchesVersion, matchesPart }) =>
        (type === 'version' && matchesVersion(version)) || (type !== 'version' && from.some(matchesPart)),
    )?.pin;
    if (pin !== undefined) return decisionOf(pin, 0);
    return highest(from.map((part) => decisions.get(part) ?? decisionOf(undefined, part.priority)));
  };
  let candidate: { version: string; decision: Decision } | undefined;
  // As apt does: of the highest priority the highest version, and a lower one than the installed one only from 1000 on.
  for (const version of [...new Set([installed, ...offered.keys()])].sort(compareVersions).reverse()) {
    const decision = decide(version);
    if (decision.priority <= Math.max(0, candidate?.decision.priority ?? 0)) continue;
    if (decision.priority < downgradePriority && compareVersions(version, installed) < 0) continue;
    candidate = { version, decision };
  }
  if (candidate !== undefined && compareVersions(candidate.version, fix) >= 0) return undefined;
  const pins = new Set([...decide(fix).pins, ...(candidate?.decision.pins ?? [])]);
  return { text: fixText({ name, version: installed, suite, securityVersion: fix }), pins: [...pins] };
}

/** The highest version of a security suite above the installed one, with the suite. */
function securityUpdate({ version: installed, offered }: OfferedPackage): [string, string | undefined] | undefined {
  let best: [string, string | undefined] | undefined;
  for (const [version, parts] of offered) {
    const part = [...parts].find(({ isSecurity }) => isSecurity);
    if (part === undefined || compareVersions(version, best?.[0] ?? installed) <= 0) continue;
    best = [version, part.suite];
  }
  return best;
}

/** Texts that are matched are shorter on real hosts. */
const maxMatchedChars = 128;
const maxPatternChars = 256;
/** Maximum number of regular expressions of all pins; further ones match everything. */
const maxExpressions = 64;

type Match = (text: string | undefined) => boolean;

function compilePins(pins: readonly AptPin[]): CompiledPin[] {
  let expressions = 0;
  const compile = (pattern: string): Match => {
    if (pattern.startsWith('/') && pattern.length > 1) {
      const test = ++expressions > maxExpressions ? undefined : compileExpression(pattern);
      return (text) => text !== undefined && (test?.(text.slice(0, maxMatchedChars)) ?? true);
    }
    const glob = compileGlob(pattern);
    return (text) => text !== undefined && glob(text.slice(0, maxMatchedChars));
  };
  return pins.map((pin): CompiledPin => {
    const isSource = pin.package.startsWith('src:');
    const name = isSource ? pin.package.slice(4) : pin.package;
    // A colon in a regular expression is part of it.
    const [pattern, architecture] = /^([^/].*):([^:]+)$/.exec(name)?.slice(1) ?? [name, undefined];
    const matchesName = compile(pattern ?? name);
    const isAnywhere = architecture === undefined || ['any', 'all', 'native'].includes(architecture);
    return {
      pin,
      isGeneral: pin.package === '*',
      matchesPackage: (one) =>
        matchesName(isSource ? one.source : one.name) &&
        (isAnywhere || one.architecture === architecture || one.architecture === 'all'),
      matchesVersion: pin.type === 'version' ? compile(pin.data) : () => false,
      matchesPart: partMatch(pin, compile),
    };
  });
}

const conditions = {
  a: 'archive',
  n: 'codename',
  o: 'origin',
  l: 'label',
  c: 'component',
  v: 'version',
  b: 'architecture',
} as const;
const isCondition = (key: string): key is keyof typeof conditions => Object.hasOwn(conditions, key);

/** Which suites a pin of a release or of a host is for. */
function partMatch({ type, data }: AptPin, compile: (pattern: string) => Match): CompiledPin['matchesPart'] {
  if (type === 'version') return () => false;
  if (type === 'origin') {
    const host = data.replace(/^"(.*)"$/, '$1');
    if (host === '') return (part) => part.host === '' && part !== installedPart;
    const matches = compile(host);
    return (part) => part.host !== '' && matches(part.host);
  }
  if (data === '*') return () => true;
  if (!data.includes('=')) {
    const matches = compile(data);
    const isVersion = /^\d/.test(data);
    return ({ version, archive, codename }) => (isVersion ? matches(version) : matches(archive) || matches(codename));
  }
  const tests = data
    .split(',')
    .map((text) => text.trim())
    .flatMap((text): [keyof typeof conditions, Match][] => {
      const key = text.charAt(0).toLowerCase();
      return text.charAt(1) === '=' && text.length > 2 && isCondition(key) ? [[key, compile(text.slice(2))]] : [];
    });
  return (part) => tests.length > 0 && tests.every(([key, matches]) => matches(part[conditions[key]]));
}

/** fnmatch(3) without a case, in at most pattern times text steps. */
function compileGlob(pattern: string): (text: string) => boolean {
  const tests = (pattern.slice(0, maxPatternChars).toLowerCase().match(globParts) ?? []).map(globTest);
  return (text) => {
    const characters = text.toLowerCase();
    let [at, test, star, resume] = [0, 0, -1, 0];
    while (at < characters.length) {
      const one = tests[test];
      if (one === 'any') {
        [star, resume] = [test++, at];
      } else if (one?.(characters.charAt(at)) === true) {
        at++;
        test++;
      } else if (star >= 0) {
        // The last star takes one more character.
        [test, at] = [star + 1, ++resume];
      } else {
        return false;
      }
    }
    return tests.slice(test).every((one) => one === 'any');
  };
}

const globParts = /\\[\s\S]|\[[!^]?\]?[^\]]*\]|[\s\S]/g;

function globTest(part: string): 'any' | ((character: string) => boolean) {
  if (part === '*') return 'any';
  if (part === '?') return () => true;
  if (part.length < 3) {
    const literal = part.slice(-1);
    return (character) => character === literal;
  }
  const isNegated = /^\[[!^]/.test(part);
  const members = part.slice(isNegated ? 2 : 1, -1);
  const ranges = [...members.matchAll(/([\s\S])-([\s\S])|[\s\S]/g)].map(([text, from = text, to = text]) => [from, to]);
  return (character) => ranges.some(([from = '', to = '']) => character >= from && character <= to) !== isNegated;
}

/** Stand for the beginning and the end of a text, which have no operators in the expressions of the state machine. */
const [begin, end] = ['\u0002', '\u0003'];

/**
 * A POSIX extended regular expression between slashes, without a case. Undefined: it is not understood, as those with
 * counted repeats, whose states may be too many.
 */
function compileExpression(pattern: string): ((text: string) => boolean) | undefined {
  const source = pattern.slice(1, pattern.lastIndexOf('/') || undefined);
  let isCounted = false;
  const translated = source.replaceAll(/\\[\s\S]|\[[\s\S][^\]]*\]|[\^$#@&<>~"{]/g, (part) => {
    isCounted ||= part === '{';
    if (part === '^') return begin;
    if (part === '$') return end;
    return part.length > 1 ? part : `\\${part}`;
  });
  if (isCounted || source.length > maxPatternChars) return undefined;
  try {
    const test = compileRegex(`.*(${translated}).*`, true, maxNesting, (reason) => {
      throw new SyntaxError(reason);
    });
    return (text) => test(begin + text + end);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const maxNesting = 32;
