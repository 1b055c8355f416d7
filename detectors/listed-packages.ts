// Compares a list of the installed packages with the package ledger. Pure.

import { compareRpmVersions } from '../collectors/packages/compare-rpm-versions.ts';
import { compareVersions } from '../collectors/packages/compare-versions.ts';
import type { ListedPackage } from '../collectors/packages/listed-package.ts';
import type { PackageManager } from '../collectors/packages/tools.ts';
import type { LedgerChange } from './package-ledger.ts';

/** A package as the ledger has it. */
export type KnownPackage = Pick<ListedPackage, 'name' | 'architecture' | 'version' | 'state'>;

/** A change that a list shows, and the listed package. Undefined: the package is no longer listed. */
export interface ListedChange {
  change: LedgerChange;
  listed: ListedPackage | undefined;
}

/** A change without an archive, which was applied. */
const changed = (
  { name, architecture }: KnownPackage,
  more: Pick<LedgerChange, 'version' | 'formerVersion' | 'action' | 'state'>,
): LedgerChange => ({
  name,
  architecture,
  ...more,
  applied: true,
  archive: undefined,
  sha256: undefined,
  source: undefined,
  repository: undefined,
  signed: undefined,
});

/** The row of a package that the first list has. */
export const presentChange = (listed: ListedPackage): LedgerChange =>
  changed(listed, {
    version: listed.version,
    formerVersion: undefined,
    action: 'present',
    state: listed.state || undefined,
  });

/** dpkg is waiting for a trigger: the package itself is configured. */
const settled = (state: string): string => (state.startsWith('triggers-') ? 'installed' : state);

const isSame = (a: KnownPackage, b: KnownPackage): boolean =>
  // The version of a package that is half there is that of the one before, or none.
  settled(a.state) === settled(b.state) && (a.version === b.version || a.state === 'half-installed');

function orderOf(manager: PackageManager, former: string, version: string): number {
  if (manager === 'dpkg') return compareVersions(version, former);
  const parts = (text: string) => {
    const [, epoch = '', upstream = '', release = ''] = /^(?:(\d+):)?(.*?)(?:-([^-]*))?$/s.exec(text) ?? [];
    return { epoch, version: upstream, release };
  };
  return compareRpmVersions(parts(version), parts(former));
}

/** By name. */
function groups<T extends KnownPackage>(packages: readonly T[]): Map<string, T[]> {
  const byName = new Map<string, T[]>();
  for (const one of packages) {
    const group = byName.get(one.name);
    if (group === undefined) byName.set(one.name, [one]);
    else group.push(one);
  }
  return byName;
}

/** What has changed since the ledger was last right. */
export function listedChanges(
  manager: PackageManager,
  known: readonly KnownPackage[],
  listed: readonly ListedPackage[],
): ListedChange[] {
  const [before, after] = [groups(known), groups(listed)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) =>
    changesOfName(manager, before.get(name) ?? [], after.get(name) ?? []),
  );
}

const orders = ['downgrade', 'reinstall', 'upgrade'] as const;

function changesOfName(
  manager: PackageManager,
  known: readonly KnownPackage[],
  listed: readonly ListedPackage[],
): ListedChange[] {
  const isAt = (a: KnownPackage) => (b: KnownPackage) =>
    a.architecture === b.architecture && (a.version === b.version || a.state === 'half-installed');
  const changes: ListedChange[] = [];
  const gone = known.filter((one) => !listed.some(isAt(one)));
  for (const one of listed) {
    const same = known.find(isAt(one));
    const state = one.state || undefined;
    if (same !== undefined) {
      if (isSame(same, one)) continue;
      const more = { version: one.version, formerVersion: undefined, action: 'configure', state } as const;
      changes.push({ change: changed(one, more), listed: one });
      continue;
    }
    // The one that it replaced: of the same architecture, or of another one that is gone.
    const at = gone.findIndex(({ architecture }) => architecture === one.architecture);
    const [former] = gone.splice(Math.max(at, 0), 1);
    const formerVersion = former?.version || undefined;
    const order = formerVersion === undefined ? 0 : orderOf(manager, formerVersion, one.version);
    const action = formerVersion === undefined ? 'install' : orders[Math.sign(order) + 1];
    changes.push({ change: changed(one, { version: one.version, formerVersion, action, state }), listed: one });
  }
  for (const one of gone) {
    const more = { version: one.version, formerVersion: undefined, action: 'remove', state: undefined } as const;
    changes.push({ change: changed(one, more), listed: undefined });
  }
  return changes;
}
