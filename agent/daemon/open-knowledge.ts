// Opens what the agent knows of the host's programs: which are package tools, which package owns them, and which terms are known.

import type { Host } from '../../collectors/host/host.ts';
import { openPackageOwner } from '../../collectors/packages/package-owner.ts';
import { openPackageTools } from '../../collectors/packages/package-tools.ts';
import { openScriptCopies } from '../../collectors/packages/script-copies.ts';
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
  host: Host,
  table: Pick<ProcessTable, 'inspect'>,
  trustsPackageManagers: () => boolean,
): { knowledge: PackageKnowledge; terms: TermClassifier } {
  const lists = readKnownTerms(shippedKnownTerms);
  const tools = openPackageTools({
    host,
    programs: [...lists.values()].flat(),
    tools: lists.get(packageToolsList) ?? [],
    owns: openPackageOwner(host),
    inspect: table.inspect,
  });
  tools.askOwners();
  return {
    knowledge: { tools, copies: openScriptCopies(host) },
    terms: openTermClassifier({ lists: () => (trustsPackageManagers() ? lists : noLists), tools }),
  };
}
