// Who reads files, options and variables that name code, or decide what is trusted; and what these do to their reader.

/** The package tools that read files, and the others that run in their transactions; docs/code-paths.md has a section for each. */
export const codeReaders = {
  apt: 'apt',
  aptitude: 'aptitude',
  dpkg: 'dpkg',
  debconf: 'debconf',
  rpm: 'rpm',
  popt: "popt, the parser of rpm's options",
  dnf: 'dnf 4, and files that dnf 5 or yum read as well',
  dnf5: 'dnf 5',
  yum: 'yum',
  zypper: 'zypper and libzypp',
  packagekit: 'PackageKit',
  scripts: 'Scripts of packages and what they run',
  any: 'Every program',
} as const;

/** Who reads a file, a variable or an option. */
export type CodeReader = keyof typeof codeReaders;

/** What a file, an option or a variable does to its reader. */
export const codeEffects = {
  configures: 'sets options, some of which name code',
  sources: 'is read as part of a script',
  loads: 'is loaded into the program, or is where it finds modules',
  executes: 'is executed',
  trusts: 'decides which code, which packages or which origin is trusted',
} as const;

/** What something that is read does. */
export type CodeEffect = keyof typeof codeEffects;
