// Decides the state of a package's script: known, first, changed or unowned. Pure: only the observation and the memory
// decide.

import type { ScriptFields, StepparentEvent } from '../../collectors/event/event.ts';
import type { Notes } from '../../collectors/event/notes.ts';
import type { ScriptObservation } from '../../collectors/packages/script-observer.ts';
import { findingsOf } from './script-findings.ts';
import { unifiedDiff } from './unified-diff.ts';

/** The place of a script: one phase of one version of a package. '' for a value that is not known. */
export interface ScriptSlot {
  package: string;
  version: string;
  phase: string;
}

/** A script as it is stored. */
export interface SeenScript extends ScriptSlot {
  sha256: string;
  path: string;
  /** The script's state when it was first seen in this slot; '' if that is not known. */
  state: 'first' | 'changed' | 'unowned' | '';
  /**
   * How the script was first seen: in the first scan of installed scripts, at an installation by a package manager, at
   * another change, or when it ran.
   */
  origin: 'baseline' | 'dpkg' | 'rpm' | 'change' | 'exec';
  /** Size of the whole script; `content` may be shorter. */
  sizeBytes: number;
  content: Buffer;
}

/** A content that a slot has had. */
export type PastScript = Pick<SeenScript, 'sha256' | 'state' | 'content'>;

/** The scripts that were seen before. */
export interface ScriptMemory {
  /** The judged contents of the slot, newest first. */
  scriptsOf(slot: ScriptSlot): readonly PastScript[];
  /** Whether any script of that version was known before the agent started. */
  versionKnown(packageName: string, version: string): boolean;
}

/** The outcome of `judgeScript`: fields and notes for the event, and the script that is to be stored. */
export interface ScriptVerdict {
  fields: ScriptFields;
  notes: Partial<Notes>;
  /** To be stored; undefined: nothing was read. */
  seen: SeenScript | undefined;
}

const maxDiffChars = 4096;
const stateField = 'stepparent.script.state';

/**
 * The state of a content. `past`: the contents of the slot so far. `outside`: the script was not written by dpkg's own
 * installation. A content that was `changed` when it was first seen keeps that state.
 */
export function stateOfScript(
  sha256: string,
  past: readonly Pick<PastScript, 'sha256' | 'state'>[],
  outside: boolean,
): 'known' | 'first' | 'changed' {
  const before = past.find((one) => one.sha256 === sha256);
  if (before !== undefined) return before.state === 'changed' ? 'changed' : 'known';
  return past.length > 0 || outside ? 'changed' : 'first';
}

/** Whether `judgeScript` would return `known`. It is called repeatedly while a run waits, so it reads no content. */
export function isKnownScript(
  { content, package: name = '', phase = '', version, inPlace }: ScriptObservation,
  memory: Pick<ScriptMemory, 'scriptsOf'>,
): boolean {
  if (content === undefined || version?.version === undefined || !inPlace) return false;
  const past = memory.scriptsOf({ package: name, version: version.version, phase });
  return stateOfScript(content.sha256, past, false) === 'known';
}

/**
 * Judges a script by its content, or by its name and writer if there is no content. If `unread` has the reason for
 * that, the script is not judged, and its SHA-256 is noted as not observed.
 */
export function judgeScript(observation: ScriptObservation, memory: ScriptMemory): ScriptVerdict {
  const { content, unread } = observation;
  if (content !== undefined) return judgeContent({ ...observation, content }, memory);
  if (unread !== undefined) {
    return { fields: {}, notes: { unobserved: { 'stepparent.script.sha256': unread } }, seen: undefined };
  }
  return judgeName(observation, memory);
}

/** Findings by SHA-256: a script is unpacked, moved to its place and run within a short time. */
const knownFindings = new Map<string, ReturnType<typeof findingsOf>>();
/** Each entry may keep its whole script in memory. */
const maxKnownFindings = 64;

function findingsIn(sha256: string, text: string): ReturnType<typeof findingsOf> {
  const known = knownFindings.get(sha256);
  if (known !== undefined) return known;
  const findings = findingsOf(text);
  if (knownFindings.size >= maxKnownFindings) knownFindings.delete(knownFindings.keys().next().value as string);
  knownFindings.set(sha256, findings);
  return findings;
}

function judgeContent(
  observation: ScriptObservation & { content: NonNullable<ScriptObservation['content']> },
  memory: ScriptMemory,
): ScriptVerdict {
  const { path, package: name = '', phase = '', content, origin, inPlace } = observation;
  const { sha256, sizeBytes, head } = content;
  const text = head.toString('utf8');
  const findings = findingsIn(sha256, text);
  const version = observation.version?.version;
  const fields: ScriptFields = {
    path,
    sha256,
    ...(name === '' ? {} : { package: name }),
    ...(phase === '' ? {} : { phase }),
    ...(findings.length > 0 ? { findings } : {}),
    ...(version === undefined ? {} : { version }),
  };
  const notes: Partial<Notes> = {};
  const seen: SeenScript = {
    package: name,
    version: version ?? '',
    phase,
    path,
    sha256,
    sizeBytes,
    content: head,
    state: '',
    origin,
  };
  if (origin === 'rpm' && name !== '') {
    notes.inferred = { 'stepparent.script.package': 'package_file_name' };
  }
  if (!inPlace) return { fields, notes, seen };
  if (observation.version === undefined) {
    notes.unobserved = { [stateField]: observation.versionUnobserved };
    return { fields, notes, seen };
  }
  if (version === undefined) {
    seen.state = fields.state = 'unowned';
    return { fields, notes, seen };
  }
  const past = memory.scriptsOf(seen);
  const state = stateOfScript(sha256, past, observation.outside ?? memory.versionKnown(name, version));
  fields.state = state;
  seen.state = state === 'changed' ? 'changed' : 'first';
  const before = state === 'changed' ? past.find((one) => one.sha256 !== sha256 && one.state !== 'changed') : undefined;
  if (before !== undefined) {
    const diff = unifiedDiff(before.content.toString('utf8'), text, maxDiffChars);
    fields.diff = diff.text;
    if (diff.cut) notes.truncated = { 'stepparent.script.diff': maxDiffChars };
  }
  return { fields, notes, seen };
}

/** The state by name and writer, for a script that was removed before it could be read or is too large. */
function judgeName(observation: ScriptObservation, memory: ScriptMemory): ScriptVerdict {
  const { package: name = '', version: found, outside, isBetween } = observation;
  const none: ScriptVerdict = { fields: {}, notes: {}, seen: undefined };
  if (found === undefined) return none;
  const { version } = found;
  if (version === undefined) return { ...none, fields: { state: 'unowned' } };
  if (outside === undefined && (isBetween || !memory.versionKnown(name, version))) return none;
  return {
    fields: { version, state: 'changed' },
    notes: { inferred: { [stateField]: 'writer_unobserved' } },
    seen: undefined,
  };
}

/** The event with the fields and notes of its script. */
export function withScript(event: StepparentEvent, { fields, notes }: ScriptVerdict): StepparentEvent {
  const { stepparent } = event;
  const merged: StepparentEvent['stepparent'] = { ...stepparent };
  if (Object.keys(fields).length > 0) merged.script = { ...stepparent.script, ...fields };
  if (notes.unobserved) merged.unobserved = { ...stepparent.unobserved, ...notes.unobserved };
  if (notes.truncated) merged.truncated = { ...stepparent.truncated, ...notes.truncated };
  if (notes.inferred) merged.inferred = { ...stepparent.inferred, ...notes.inferred };
  return { ...event, stepparent: merged };
}
