// What a change of the configuration of package sources did: the whole configuration before, and some seconds after, since
// a source may move from one file to another. Pure.

import type { PackageSourceFields, StepparentEvent } from '../../collectors/event/event.ts';
import { blockName, type PackageSource, unverifiedBy } from '../../collectors/package-sources/package-sources.ts';
import type { SourceConfiguration } from '../../collectors/package-sources/read-sources.ts';
import type { AptPin } from '../../collectors/package-sources/update-blocks.ts';
import { namesOf, packageTools, toolsOf } from '../../collectors/packages/tools.ts';
import type { BlockedUpdate } from './apt-pins.ts';

/** A source or key that the host had at some time; `isConfigured`: also at the last comparison. */
export interface KnownSource extends PackageSource {
  isConfigured: boolean;
}

/** By name, the latest last. */
export type KnownSources = ReadonlyMap<string, KnownSource>;

/** One thing that a change of the configuration did. */
export interface SourceChange extends Pick<PackageSource, 'name' | 'file'> {
  type: 'added' | 'lost_security' | 'locked' | 'blocked' | 'pins';
  /** The name, and the components that were lost if the rest is still there. Of `blocked` the update. */
  text: string;
}

/** Sources that are not configured any more are forgotten above this number, the oldest first. */
const maxKnown = 10_000;
const maxListed = 32;

const isUnread = (file: string, { unread }: SourceConfiguration): boolean =>
  unread.has(file) || unread.has(file.slice(0, file.lastIndexOf('/')));

/** What is new on this host, and which security sources it has lost. */
export function compareSources(before: KnownSources, now: SourceConfiguration): SourceChange[] {
  const changes: SourceChange[] = [];
  for (const source of now.sources.values()) {
    const { name, file, kind } = source;
    if (kind === 'lock' && isNewLock(source, before))
      changes.push({ type: 'locked', name, file, text: textOf(source) });
    if (kind !== 'lock' && kind !== 'pin' && !before.has(name)) changes.push({ type: 'added', name, file, text: name });
  }
  const lostText = findLost(before, now);
  for (const source of before.values()) {
    const { name, file, security, isConfigured } = source;
    if (!isConfigured || security === undefined || isUnread(file, now)) continue;
    const text = lostText(source);
    if (text !== undefined) changes.push({ type: 'lost_security', name, file, text });
  }
  return changes;
}

/** The text of a pin or lock. */
const textOf = ({ kind, name }: Pick<PackageSource, 'kind' | 'name'>): string =>
  kind === 'pin' || kind === 'lock' ? name.slice(blockName(kind, '').length) : name;

/** A lock that was there before and was removed is new again. One in a repository that is new blocks no update of before. */
function isNewLock({ name, components: [repository] }: PackageSource, before: KnownSources): boolean {
  if (before.get(name)?.isConfigured === true) return false;
  if (repository === undefined) return true;
  return [...before.values()].some(({ security, isConfigured }) => isConfigured && security === repository);
}

/** The pins that are new. */
export const newPins = (before: KnownSources, now: Pick<SourceConfiguration, 'pins'>): AptPin[] =>
  now.pins.filter(({ name }) => before.get(blockName('pin', name))?.isConfigured !== true);

/** What the new pins block, with each of these pins once. What older pins block by themselves is no change. */
export function pinChanges(
  added: readonly AptPin[],
  blocked: readonly BlockedUpdate[],
  { sources }: Pick<SourceConfiguration, 'sources'>,
): SourceChange[] {
  const names = new Set(added.map(({ name }) => name));
  const changes = new Map<string, SourceChange>();
  for (const { text, pins } of blocked) {
    const pin = pins.find(({ name }) => names.has(name));
    const source = pin && sources.get(blockName('pin', pin.name));
    if (pin === undefined || source === undefined) continue;
    const { name, file } = source;
    changes.set(`pins ${name}`, { type: 'pins', name, file, text: pin.name });
    changes.set(`blocked ${text}`, { type: 'blocked', name, file, text });
  }
  return [...changes.values()];
}

/**
 * Returns what of a security source is lost. Undefined: another source has the same suite or repository, or has
 * replaced it: a mirror, or the next release.
 */
function findLost(before: KnownSources, now: SourceConfiguration): (source: PackageSource) => string | undefined {
  const sources = [...now.sources.values()].filter(({ kind }) => !['key', 'pin', 'lock'].includes(kind));
  const used = new Set(sources.flatMap((one) => (one.security === undefined ? one.components : [])));
  const keyOf = ({ kind, security }: PackageSource): string => `${kind} ${security}`;
  const offered = new Map<string, Set<string>>();
  // A new repository of dnf or zypper replaces one of the same file, a new security suite of apt any other.
  const replaced = new Set<string>();
  const placeOf = ({ kind, file }: PackageSource): string => (kind === 'apt' ? kind : `${kind} ${file}`);
  for (const source of sources) {
    if (source.security === undefined) continue;
    const components = offered.get(keyOf(source)) ?? new Set();
    for (const component of source.components) components.add(component);
    offered.set(keyOf(source), components);
    if (before.get(source.name)?.isConfigured !== true) replaced.add(placeOf(source));
  }
  return (source) => {
    const { name, components } = source;
    const left = offered.get(keyOf(source));
    if (left === undefined) return replaced.has(placeOf(source)) ? undefined : name;
    const lost = components.filter((component) => !left.has(component) && used.has(component));
    return lost.length === 0 ? undefined : `${name} ${lost.join(' ')}`;
  };
}

/** What is known after a comparison. What could not be read counts as before. */
export function knownAfter(before: KnownSources, now: SourceConfiguration): KnownSources {
  const known = new Map<string, KnownSource>();
  for (const source of before.values()) {
    if (now.sources.has(source.name)) continue;
    known.set(source.name, { ...source, isConfigured: source.isConfigured && isUnread(source.file, now) });
  }
  for (const name of known.keys()) {
    if (known.size + now.sources.size <= maxKnown) break;
    known.delete(name);
  }
  for (const source of now.sources.values()) known.set(source.name, { ...source, isConfigured: true });
  return known;
}

/** A change of a file, and what was in the file right after it. */
export interface SeenChange {
  path: string;
  originalPath: string | undefined;
  /** Names of the sources and keys of the file; undefined: it could not be read. */
  names: ReadonlySet<string> | undefined;
  event: StepparentEvent;
}

/**
 * Gives each change of the configuration to the change of a file that did it: the first one after which the file has, or
 * lacks, the source. What one writer did is together, so that it is one alert.
 */
export function assignChanges(
  changes: readonly SourceChange[],
  seen: readonly SeenChange[],
): ReadonlyMap<SeenChange, SourceChange[]> {
  const assigned = new Map<SeenChange, SourceChange[]>();
  const first = new Map<string, SeenChange>();
  for (const change of changes) {
    const { type, name, file } = change;
    const isCause = ({ path, originalPath, names }: SeenChange): boolean =>
      path === file
        ? names?.has(name) === (type !== 'lost_security')
        : type === 'lost_security' && originalPath === file;
    const cause = seen.find(isCause) ?? seen.findLast(({ path }) => path === file) ?? seen.at(-1);
    if (cause === undefined) break;
    const writer = writerOf(cause.event);
    const one = first.get(writer) ?? cause;
    first.set(writer, one);
    assigned.set(one, [...(assigned.get(one) ?? []), change]);
  }
  return assigned;
}

const managers = namesOf(toolsOf('manager'));

/** What a package brings and what its scripts write are by different writers. */
function writerOf({ process, stepparent: { transaction } }: StepparentEvent): string {
  const manager = managers.has(process?.name ?? '') ? process?.name : undefined;
  return JSON.stringify([transaction?.id ?? process?.session_leader?.entity_id ?? process?.entity_id, manager]);
}

const managerPaths: readonly (string | undefined)[] = ['/usr/bin/dpkg', '/usr/bin/rpm'];
const withLibrpm = namesOf(packageTools.filter(({ librpm }) => librpm));

/**
 * Whether a package contains, or contained, the file. librpm renames each file into place, while the programs that use it
 * write their own configuration in place. rpm lists no digests, so that a file of it may be changed.
 */
function isPackaged(
  { event, process, stepparent: { genuine, found, file } }: StepparentEvent,
  isLost: boolean,
): boolean {
  if (genuine?.process === false) return false;
  if (process === undefined && found !== undefined) {
    const state = file?.package?.state;
    return state === 'unchanged' || (state === 'listed' && !isLost);
  }
  const isPlaced = event.action === 'rename' || event.action === 'deletion';
  return managerPaths.includes(process?.executable) || (isPlaced && withLibrpm.has(process?.name ?? ''));
}

/** The event with what the change did. */
export function withSources(event: StepparentEvent, changes: readonly SourceChange[]): StepparentEvent {
  if (changes.length === 0) return event;
  const fields: PackageSourceFields = {};
  const truncated: Record<string, number> = {};
  const list = (name: SourceChange['type'] | 'unverified', texts: readonly string[]): void => {
    if (texts.length > 0) fields[name] = texts.slice(0, maxListed);
    if (texts.length > maxListed) truncated[`stepparent.sources.${name}`] = maxListed;
  };
  const textsOf = (type: SourceChange['type']): string[] =>
    changes.flatMap((change) => (change.type === type ? change.text : []));
  list('added', textsOf('added'));
  list(
    'unverified',
    textsOf('added').filter((text) => unverifiedBy(text) !== undefined),
  );
  for (const type of ['lost_security', 'locked', 'blocked', 'pins'] as const) list(type, textsOf(type));
  if (isPackaged(event, fields.lost_security !== undefined)) fields.packaged = true;
  return {
    ...event,
    stepparent: {
      ...event.stepparent,
      sources: fields,
      ...(Object.keys(truncated).length > 0 && { truncated: { ...event.stepparent.truncated, ...truncated } }),
    },
  };
}
