// Whether the command of a package tool can install packages: what `apt-get update` or `rpm -q` has above an installation is
// a hook, and not the person who started the tool.

import path from 'node:path';
import type { LineageStep } from '../../collectors/event/event.ts';
import { configurationTools, type ToolFamily } from '../../collectors/hooks/configuration-tools.ts';
import { isPackageProgram, parsePackageOperation } from './package-operation.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Commands of front ends. A command line with words of both kinds may install: the one is a package, or a value, then. */
interface Commands {
  never: ReadonlySet<string>;
  mayInstall: ReadonlySet<string>;
}

const commands: Readonly<Partial<Record<ToolFamily, Commands>>> = {
  apt: {
    never: words(`
      update list search show showsrc policy depends rdepends changelog source download check clean autoclean
      auto-clean distclean dist-clean indextargets edit-sources
    `),
    mayInstall: words(`
      install reinstall upgrade full-upgrade dist-upgrade safe-upgrade dselect-upgrade build-dep satisfy
      remove purge autoremove auto-remove autopurge hold unhold
    `),
  },
  dnf: {
    never: words(`
      makecache check check-update list info search repoquery repolist repoinfo provides whatprovides clean deplist
    `),
    mayInstall: words(`
      install localinstall groupinstall reinstall upgrade update localupdate groupupdate upgrade-minimal update-minimal
      downgrade remove erase autoremove distro-sync swap group groups module environment shell history system-upgrade
      offline offline-upgrade offline-distrosync builddep build-dep debuginfo-install do copr
    `),
  },
  zypper: {
    never: words(`
      refresh ref search se info if list-updates lu list-patches lp repos lr clean cc packages pa patterns pt
      products pd patch-check pchk what-provides wp
    `),
    mayInstall: words(`
      install in remove rm update up patch dist-upgrade dup source-install si install-new-recommends inr verify ve shell sh
    `),
  },
};

/** False: the ancestor is a package tool that was only asked to show or fetch something. Of unknown commands true. */
export function mayInstall({ executable = '', args }: Pick<LineageStep, 'executable' | 'args'>): boolean {
  const name = path.basename(executable);
  if (args === undefined) return true;
  if (isPackageProgram(name)) {
    const operation = parsePackageOperation(name, args)?.operation;
    return operation !== 'query' && operation !== 'verify';
  }
  const family = configurationTools.get(name);
  const known = family && commands[family];
  if (known === undefined) return true;
  return !args.some((arg) => known.never.has(arg)) || args.some((arg) => known.mayInstall.has(arg));
}
