// Concludes what dpkg did to a package from the states that it wrote to its database, one after the other.

import { compareVersions } from '../packages/compare-versions.ts';
import type { DatabaseRow } from '../packages/installed-versions.ts';
import type { PackageControl } from '../packages/script-file.ts';
import type { PackageChange, SelectionChange } from './package-transaction.ts';

/** The states of one package in one run of dpkg. */
export interface PackageSteps {
  /** The state before the run; undefined: it was not in the database. */
  before: DatabaseRow | undefined;
  after: DatabaseRow | undefined;
  /** The row in which dpkg began to unpack the package or to remove it. */
  begun: DatabaseRow | undefined;
  /** dpkg has unpacked the package. */
  isUnpacked: boolean;
  /** dpkg has run scripts to configure the package, to process its triggers, or to end its configuration. */
  isConfigured: boolean;
  /**
   * Whether dpkg has written the package's list of files in this run, which it does after it has unpacked all of them. Undefined: not
   * known.
   */
  hasNewList: boolean | undefined;
}

/** An archive of the package that dpkg has opened. */
export interface OpenedArchive {
  /** Its control file; undefined: not seen. */
  control: PackageControl | undefined;
  /** Whether dpkg has begun to unpack its files. */
  isRead: boolean;
}

/** The states of a package that has none yet. */
export const beginSteps = (before: DatabaseRow | undefined): PackageSteps => ({
  before,
  after: before,
  begun: undefined,
  isUnpacked: false,
  isConfigured: false,
  hasNewList: undefined,
});

/** Whether dpkg has unpacked the package. It also writes `unpacked` when it returns to the files that were there. */
export const isUnpackedIn = ({ isUnpacked, hasNewList }: PackageSteps): boolean => isUnpacked && hasNewList !== false;

/** Adds the next state. */
export function addStep(steps: PackageSteps, row: DatabaseRow | undefined): void {
  steps.after = row;
  if (row?.state === 'half-installed') {
    steps.begun = row;
    steps.isUnpacked = false;
  } else if (row?.state === 'unpacked') steps.isUnpacked ||= steps.begun !== undefined;
  else if (row?.state === 'half-configured') steps.isConfigured = true;
}

/** The files of the package are there, as far as dpkg knows. */
const isPresent = (row: DatabaseRow | undefined): boolean => row !== undefined && !absentStates.has(row.state);
const absentStates: ReadonlySet<string> = new Set(['not-installed', 'config-files']);
/** The package is there, and not half of it. */
export const isWhole = (row: DatabaseRow | undefined): boolean => isPresent(row) && row?.state !== 'half-installed';

const isUnwanted = (row: DatabaseRow | undefined): boolean => row?.want === 'deinstall' || row?.want === 'purge';

/** Whether dpkg has left the package in a state in which it has to be installed, configured or removed again. */
export const isHalf = ({ after }: Pick<PackageSteps, 'after'>): boolean =>
  after?.state === 'half-installed' || after?.state === 'half-configured';

/**
 * The change of the package. Undefined: none, or only its triggers have become due. `archive`: undefined, if dpkg has
 * opened none. `sawAll`: the steps are complete.
 */
export function changeOf(
  steps: PackageSteps,
  archive: OpenedArchive | undefined,
  sawAll: boolean,
): PackageChange | undefined {
  const control = archive?.control;
  const { before, after, begun, isConfigured, hasNewList } = steps;
  const isUnpacked = isUnpackedIn(steps);
  const row = after ?? before ?? begun;
  const name = row?.name ?? control?.package;
  if (name === undefined) return undefined;
  const common = {
    name,
    architecture: row?.architecture ?? control?.architecture,
    state: after?.state ?? 'not-installed',
  };
  const removal = (removed: DatabaseRow | undefined, applied: boolean): PackageChange => ({
    ...common,
    version: versionOf(removed),
    action: 'remove',
    applied,
  });
  if (after === undefined || !isPresent(after)) {
    if (isPresent(before)) return removal(before, true);
    if (before !== undefined && (after === undefined || after.state === 'not-installed')) return removal(before, true);
    if (begun === undefined && control === undefined) return undefined;
    // dpkg has returned to the state without the package.
    return { ...common, version: control?.version ?? versionOf(begun), action: 'install', applied: false };
  }
  if (isUnwanted(after) && !isUnpacked && (begun !== undefined || isConfigured)) return removal(before ?? after, false);
  if (before === undefined || !isWhole(before)) {
    const isBegun = before === undefined || begun !== undefined || after.state !== before.state;
    if (!isBegun && control === undefined) return undefined;
    const version = after.state === 'half-installed' ? (control?.version ?? versionOf(after)) : versionOf(after);
    return { ...common, version, action: 'install', applied: after.state !== 'half-installed' };
  }
  const replaced = (version: string | undefined, applied: boolean | undefined): PackageChange => ({
    ...common,
    version,
    action: version === undefined ? undefined : actionOf(before.version, version),
    ...(version !== before.version && { formerVersion: before.version }),
    applied,
  });
  if (after.version !== before.version) return replaced(after.version, after.state !== 'half-installed');
  // dpkg also writes `unpacked` when it returns to the former version.
  const isReturn = archive !== undefined && (!archive.isRead || (control ?? after).version !== after.version);
  if (isUnpacked && !isReturn) return replaced(after.version, true);
  if (begun !== undefined || (control !== undefined && sawAll)) return replaced(control?.version, false);
  // Without the steps only the list shows whether a package was unpacked again.
  if (control !== undefined) return replaced(control.version, control.version === after.version ? hasNewList : false);
  const isChanged = isConfigured || (after.state !== before.state && !triggerStates.has(after.state));
  if (!isChanged) return undefined;
  return { ...common, version: versionOf(after), action: undefined, applied: after.state !== 'half-configured' };
}

/** Whether an installed package was put on hold or released. Undefined: neither. */
export function selectionOf({ before, after }: PackageSteps): SelectionChange | undefined {
  if (after === undefined || !isPresent(after)) return undefined;
  const isHeld = after.want === 'hold';
  if (isHeld === (before?.want === 'hold')) return undefined;
  const { name, version, architecture } = after;
  return { name, version, architecture, isHeld };
}

/** Whether the rows differ in nothing but what is wanted, as after `dpkg --set-selections`. */
export const isSelection = (before: DatabaseRow | undefined, after: DatabaseRow | undefined): boolean =>
  before !== undefined &&
  after !== undefined &&
  before.want !== after.want &&
  before.state === after.state &&
  before.version === after.version;

/** dpkg writes these states when another package has activated a trigger. */
const triggerStates: ReadonlySet<string> = new Set(['triggers-awaited', 'triggers-pending']);

const versionOf = (row: DatabaseRow | undefined): string | undefined => row?.version || undefined;

/** What the installation of a version is, compared with the one that is installed. */
export function actionOf(former: string, version: string): 'upgrade' | 'downgrade' | 'reinstall' {
  const order = compareVersions(version, former);
  return order === 0 ? 'reinstall' : order > 0 ? 'upgrade' : 'downgrade';
}
