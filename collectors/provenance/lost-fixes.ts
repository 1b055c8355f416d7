// Finds packages that went below a version that a security source offers, or are kept below it, by apt's package lists.

import type { UnobservedReason } from '../event/reasons.ts';
import { compareVersions } from '../packages/compare-versions.ts';
import type { ListFiles } from './read-lists.ts';
import { fieldOf, isSameArchitecture, openSuites } from './suite-lists.ts';

/** A package that went from one version to another, or, without a former version, that is kept at one. */
export interface VersionChange {
  name: string;
  architecture: string | undefined;
  version: string;
  formerVersion: string | undefined;
}

/** A package that has lost a security update, or is kept from one. */
interface LostFix {
  name: string;
  version: string;
  /** The highest version of a security source; if the package had a former version, of those that it contained. */
  securityVersion: string;
  /** Suite of that source, by its Release file. */
  suite: string | undefined;
}

/** The packages that have lost a security update; `unobserved`: why others may have lost one too. */
export interface LostFixes {
  fixes: readonly LostFix[];
  unobserved: UnobservedReason | undefined;
}

/** The text of an event about it. */
export const fixText = ({ name, version, suite, securityVersion }: LostFix): string =>
  `${name} ${version}, ${suite ?? 'a security source'} has ${securityVersion}`;

/** `directory`: that of apt's lists. Never rejects. */
export async function findLostFixes(
  changes: readonly VersionChange[],
  directory: string,
  files: ListFiles,
): Promise<LostFixes> {
  const best = new Map<VersionChange, LostFix>();
  const suites = openSuites(directory, files);
  for (const { list, release, isSecurity } of await suites.lists()) {
    if (isSecurity) await suites.read(list, (stanza) => addFix(stanza, release?.suite, changes, best));
  }
  return { fixes: [...best.values()], unobserved: suites.unobserved };
}

/** Keeps the version of the stanza if a change has lost it and no higher one. */
function addFix(
  stanza: string,
  suite: string | undefined,
  changes: readonly VersionChange[],
  best: Map<VersionChange, LostFix>,
): void {
  const name = fieldOf(stanza, 'Package');
  for (const change of changes) {
    if (change.name !== name || !isSameArchitecture(change.architecture, fieldOf(stanza, 'Architecture'))) continue;
    const securityVersion = fieldOf(stanza, 'Version');
    const isLost =
      compareVersions(change.version, securityVersion) < 0 &&
      (change.formerVersion === undefined || compareVersions(securityVersion, change.formerVersion) <= 0);
    const known = best.get(change)?.securityVersion;
    if (!isLost || (known !== undefined && compareVersions(securityVersion, known) <= 0)) continue;
    best.set(change, { name, version: change.version, securityVersion, suite });
  }
}
