// Adds to the event of a watched file its content, the difference from the content that was last seen, and its package.
// Pure: what was read decides.

import type { FileChangeFields, StepparentEvent } from '../../collectors/event/event.ts';
import type { UnobservedReason } from '../../collectors/event/reasons.ts';
import { isSystemPath } from '../../collectors/hooks/system-paths.ts';
import type { FileOwner } from '../../collectors/packages/file-owners.ts';
import { namesOf, packageTools, toolsOf } from '../../collectors/packages/tools.ts';
import { maxTextBytes, type WatchedText } from '../../collectors/watched/watched-text.ts';
import { findFileHook } from './file-hook.ts';
import { unifiedDiff } from './unified-diff.ts';

/** What is known of a watched file beside its description. */
export interface WatchedFacts {
  /** Whether the content was read: a regular file that could be read. */
  isRead: boolean;
  /** The content; undefined: it is no text, or was not read. */
  text: WatchedText | undefined;
  /** The whole content as bytes; undefined: it was not read. */
  bytes: Buffer | undefined;
  /** The file may contain passwords: its content stays out of the event. */
  isSecret: boolean;
  /** The content that was last seen at the path; undefined: none was. Its text is undefined if it was not kept. */
  before: { sha256: string; text: string | undefined } | undefined;
  /** Undefined: the databases could not be read. */
  owner: FileOwner | undefined;
}

const maxDiffChars = 4096;
const managers = new Set([...namesOf(toolsOf('manager')), ...namesOf(packageTools.filter(({ librpm }) => librpm))]);

/** The event with the fields and notes of the file. */
export function withWatchedFile(event: StepparentEvent, facts: WatchedFacts): StepparentEvent {
  const { stepparent } = event;
  const fields: FileChangeFields = { ...stepparent.file };
  const unobserved: Record<string, UnobservedReason> = {};
  const truncated: Record<string, number> = {};
  addContent(event, facts, { fields, unobserved, truncated });
  addPackage(event, facts.owner, { fields, unobserved });
  // What a package brings is its own; of what dpkg or rpm writes, the package is listed a moment later.
  const isOfPackage = fields.package?.state === 'unchanged' || unobserved[packageField] === 'package_changing';
  const hook = isOfPackage ? undefined : findFileHook(event, { content: facts.bytes, before: facts.before });
  return {
    ...event,
    stepparent: {
      ...stepparent,
      file: fields,
      ...(hook && { hook }),
      ...(isEmpty(unobserved) ? {} : { unobserved: { ...stepparent.unobserved, ...unobserved } }),
      ...(isEmpty(truncated) ? {} : { truncated: { ...stepparent.truncated, ...truncated } }),
    },
  };
}

interface Result {
  fields: FileChangeFields;
  unobserved: Record<string, UnobservedReason>;
  truncated: Record<string, number>;
}

const contentField = 'stepparent.file.content';
const diffField = 'stepparent.file.diff';
const packageField = 'stepparent.file.package.state';

function addContent(event: StepparentEvent, facts: WatchedFacts, { fields, unobserved, truncated }: Result): void {
  const { isRead, text, isSecret, before } = facts;
  const isDeleted = event.event.action === 'deletion';
  if (!isRead && !isDeleted) return;
  if (before !== undefined && before.sha256 !== '' && before.sha256 !== event.file?.hash?.sha256) {
    fields.previous = { ...fields.previous, sha256: before.sha256 };
  }
  if (isSecret || (isRead && text === undefined)) {
    unobserved[contentField] = isSecret ? 'secret' : 'not_text';
    return;
  }
  if (text !== undefined) {
    fields.content = text.text;
    if (text.isCut) truncated[contentField] = maxTextBytes;
  }
  if (event.event.action === 'creation' && before === undefined) return;
  if (before?.text === undefined) {
    unobserved[diffField] = 'not_seen_before';
    return;
  }
  if (before.text === text?.text) return;
  const diff = unifiedDiff(before.text, text?.text ?? '', maxDiffChars);
  fields.diff = diff.text;
  if (diff.cut) truncated[diffField] = maxDiffChars;
}

function addPackage(
  event: StepparentEvent,
  owner: FileOwner | undefined,
  { fields, unobserved }: Pick<Result, 'fields' | 'unobserved'>,
): void {
  // The package manager lists a file after it has written it.
  const { name = '', executable = '' } = event.process ?? {};
  const isChanging = owner?.state !== 'unchanged' && managers.has(name) && isSystemPath(executable);
  if (owner === undefined) unobserved[packageField] = 'database_unreadable';
  else if (isChanging) unobserved[packageField] = 'package_changing';
  else fields.package = owner;
}

const isEmpty = (notes: object): boolean => Object.keys(notes).length === 0;
