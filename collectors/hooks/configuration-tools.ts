// The tools whose arguments, variables and configuration files can name code, by whose grammar they read them.

import { namesOf, packageTools } from '../packages/tools.ts';

/** Whose options and configuration a tool has. */
export type ToolFamily = 'apt' | 'dpkg' | 'rpm' | 'dnf' | 'zypper';

const families: Readonly<Record<ToolFamily, string>> = {
  apt: 'apt apt-get apt-cache apt-config apt-mark apt-cdrom apt-ftparchive apt-sortpkgs apt-extracttemplates apt-file aptitude aptitude-curses nala synaptic',
  dpkg: 'dpkg',
  rpm: 'rpm rpmdb rpmkeys rpmsign',
  dnf: 'microdnf tdnf yum',
  zypper: 'zypper',
};

/** The family of each tool, by the name of its program. */
export const configurationTools: ReadonlyMap<string, ToolFamily> = new Map([
  ...(Object.entries(families) as [ToolFamily, string][]).flatMap(([family, names]) =>
    names.split(' ').map((name): [string, ToolFamily] => [name, family]),
  ),
  ...[...namesOf(packageTools)].flatMap((name): [string, ToolFamily][] =>
    /^dnf-?\d?$/.test(name) ? [[name, 'dnf']] : [],
  ),
]);
