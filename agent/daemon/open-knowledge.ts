// Opens what the agent knows of the host's programs: which are package tools, which package owns them, and which terms are known.

import type { HostContext } from '../../collectors/host/host-context.ts';
import { openNamedCallers } from '../../collectors/packages/named-callers.ts';
import { originPrograms } from '../../collectors/packages/origins.ts';
import { openPackageOwner } from '../../collectors/packages/package-owner.ts';
import { openPackageTools } from '../../collectors/packages/package-tools.ts';
import { openScriptCopies } from '../../collectors/packages/script-copies.ts';
import { openUnownedPrograms } from '../../collectors/packages/unowned-programs.ts';
import { openAncestorScripts } from '../../collectors/process/ancestor-scripts.ts';
import type { PackageKnowledge } from '../../collectors/process/observe-exec.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import { openTermClassifier, type TermClassifier } from '../../detectors/facts/term-standing.ts';
import {
  type KnownTerm,
  packageToolsList,
  readKnownTerms,
  shippedKnownTerms,
} from '../../detectors/rules/known-terms.ts';

const noLists: ReadonlyMap<string, readonly KnownTerm[]> = new Map();

/** `trustsPackageManagers` returns whether the lists of known terms apply; a reload can change it. */
export function openKnowledge(
  context: HostContext,
  table: Pick<ProcessTable, 'alive' | 'inspect'>,
  trustsPackageManagers: () => boolean,
): { knowledge: PackageKnowledge; terms: TermClassifier } {
  const { host } = context;
  const lists = readKnownTerms(shippedKnownTerms);
  const tools = openPackageTools({
    host,
    programs: [...lists.values()].flat(),
    tools: lists.get(packageToolsList) ?? [],
    origins: originPrograms,
    owns: openPackageOwner(host),
    inspect: table.inspect,
  });
  tools.askOwners();
  return {
    knowledge: {
      tools,
      copies: openScriptCopies(host),
      ancestorScripts: openAncestorScripts(host),
      namedCallers: openNamedCallers({ context, table, tools }),
      unowned: openUnownedPrograms(host),
    },
    terms: openTermClassifier({ lists: () => (trustsPackageManagers() ? lists : noLists), tools }),
  };
}
