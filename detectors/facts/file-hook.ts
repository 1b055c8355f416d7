// What a file makes a package tool run since its change (`stepparent.hook`). Pure: what was read decides.

import path from 'node:path';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { redactCredentials } from '../../collectors/event/redact-credentials.ts';
import {
  boundedCommands,
  type ConfigurationSyntax,
  commandsIn,
} from '../../collectors/hooks/configuration-commands.ts';
import { isSystemPath } from '../../collectors/hooks/system-paths.ts';
import { maxTextBytes } from '../../collectors/watched/watched-text.ts';

/** What is known of the content of the file. */
export interface HookFacts {
  /** The whole content; undefined: it was not read. */
  content: Buffer | undefined;
  /** The content that was last seen at the path; undefined: none was. Its text is undefined if it was not kept. */
  before: { sha256: string; text: string | undefined } | undefined;
}

/** Undefined: the file makes no package tool run anything, or nothing more than before. */
export function findFileHook(event: StepparentEvent, facts: HookFacts): StepparentEvent['stepparent']['hook'] {
  const syntax = event.stepparent.file?.syntax as ConfigurationSyntax | undefined;
  if (syntax === undefined || event.event.action === 'deletion') return undefined;
  const commands = boundedCommands(addedCommands(syntax, event, facts));
  return commands.length === 0 ? undefined : { commands };
}

function addedCommands(syntax: ConfigurationSyntax, event: StepparentEvent, facts: HookFacts): Iterable<string> {
  const { file } = event;
  const isAttributeChange = event.event.action === 'attribute-change';
  if (file?.type === 'symlink') return isAttributeChange ? [] : linkCommands(file);
  if (file?.type !== 'file' || file.size === 0) return [];
  if (syntax === 'program' || syntax === 'module')
    return isNewProgram(syntax, event, facts) ? [redactCredentials(file.path ?? '')] : [];
  if (isAttributeChange) return [];
  // A larger configuration is not searched; it is unusual by itself.
  if (facts.content === undefined || facts.content.length > maxTextBytes) {
    return (file.size ?? 0) > maxTextBytes ? [`${file.size} bytes, too many to be read`] : [];
  }
  const now = commandsIn(syntax, facts.content.toString('utf8'));
  const before = new Set(commandsIn(syntax, facts.before?.text ?? ''));
  return [...now].filter((command) => !before.has(command));
}

/** A link to a file of the system, or to none, runs nothing of its own. */
function linkCommands({ path: link = '', target_path: target = '' }: NonNullable<StepparentEvent['file']>): string[] {
  const file = path.resolve(path.dirname(link), target);
  return isSystemPath(file) || file === '/dev/null' ? [] : [`${link} -> ${target}`];
}

function isNewProgram(syntax: 'program' | 'module', event: StepparentEvent, { content, before }: HookFacts): boolean {
  const { file, stepparent } = event;
  if (syntax === 'program' && !isExecutable(file?.mode)) return false;
  if (content !== undefined && content.length <= maxExitBytes && onlyExits.test(content.toString('utf8'))) return false;
  const { changed, previous } = stepparent.file ?? {};
  const isMadeExecutable = syntax === 'program' && changed?.includes('mode') === true && !isExecutable(previous?.mode);
  if (event.event.action === 'attribute-change') return isMadeExecutable;
  return isMadeExecutable || before === undefined || before.sha256 !== file?.hash?.sha256;
}

const isExecutable = (mode: string | undefined): boolean =>
  mode === undefined || (Number.parseInt(mode, 8) & 0o111) !== 0;

/** A script that does nothing, as a policy-rc.d which forbids services to start. */
const onlyExits = /^(?:[ \t]*(?:#[^\n]*|exit[ \t]+\d+|:|true)?[ \t]*(?:\n|$))+$/;
const maxExitBytes = 1024;
