// The tools whose arguments, variables and configuration files can name code, by whose grammar they read them.

import { namesOf, packageTools } from '../packages/tools.ts';

/** Whose options and configuration a tool has. */
export type ToolFamily = 'apt' | 'dpkg' | 'debconf' | 'rpm' | 'dnf' | 'zypper' | 'packagekit';

const families: Readonly<Record<ToolFamily, string>> = {
  apt: 'apt apt-get apt-helper apt-cache apt-config apt-mark apt-cdrom apt-ftparchive apt-sortpkgs apt-extracttemplates apt-file aptitude aptitude-curses nala synaptic',
  dpkg: 'dpkg',
  debconf: 'dpkg-reconfigure dpkg-preconfigure debconf',
  rpm: 'rpm rpmdb rpmkeys rpmsign rpmquery rpmverify rpmgraph',
  dnf: 'microdnf tdnf yum',
  zypper: 'zypper',
  packagekit: 'packagekitd packagekit-direct',
};

/** The family of each tool, by the name of its program. */
export const configurationTools: ReadonlyMap<string, ToolFamily> = new Map([
  ...(Object.entries(families) as [ToolFamily, string][]).flatMap(([family, names]) =>
    names.split(' ').map((name): [string, ToolFamily] => [name, family]),
  ),
  ...[...namesOf(packageTools)].flatMap((name): [string, ToolFamily][] =>
    /^dnf(?:-automatic)?(?:-?\d)?$/.test(name) ? [[name, 'dnf']] : [],
  ),
]);
