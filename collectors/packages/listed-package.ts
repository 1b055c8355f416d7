// The type of a package in a list of the installed packages of dpkg or rpm.

/** An installed package, or one that dpkg began to install. */
export interface ListedPackage {
  name: string;
  architecture: string;
  /** `[EPOCH:]VERSION[-RELEASE]`; '' if dpkg has none yet. */
  version: string;
  /** As dpkg names it; '' for rpm. */
  state: string;
  /** When it was installed, by the database, in milliseconds since 1970. Undefined: the database has no time. */
  installedMs: number | undefined;
}
