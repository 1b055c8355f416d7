// Finds the package of a script in dpkg's tmp.ci: the package whose control file was unpacked at the same moment.

/** A package as its control file names it. */
interface UnpackedPackage {
  package: string;
  version: string;
}

/** The control files that dpkg unpacked: the last 16 with a known creation time, and the one of the current package. */
export interface UnpackedPackages {
  /**
   * Adds a control file. `bornMs`: its creation in milliseconds since 1970; NaN: the file system does not record it.
   */
  add(unpacked: UnpackedPackage, bornMs: number): void;
  /** Must be called when dpkg begins or ends to unpack a package. */
  reset(): void;
  /**
   * Returns a function that finds the package of a script created at `bornMs` among the control files known at the time
   * of the call. Undefined: not known. `isCertain`: no control file that comes later can be nearer.
   */
  finder(bornMs: number): () => { unpacked: UnpackedPackage; isCertain: boolean } | undefined;
}

/**
 * The control files of one package are created within some milliseconds of each other: dpkg-deb unpacks them from one
 * archive.
 */
const sameMomentMs = 5;
/**
 * The same on a busy host, where dpkg-deb may be interrupted between two files. dpkg needs longer to begin with the
 * next package.
 */
const maxApartMs = 20;
/** Maximum number of control files: the events of several packages may come at once. */
const maxKept = 16;

/**
 * Creates an empty collection. A script belongs to the control file whose creation is nearest, at most 20 ms apart; if
 * the file system records no creation, to the last one since `reset`.
 */
export function openUnpackedPackages(): UnpackedPackages {
  let kept: { unpacked: UnpackedPackage; bornMs: number }[] = [];
  /** For file systems that do not record the creation: the control file that came since dpkg began to unpack. */
  let current: { control: UnpackedPackage | undefined } = { control: undefined };
  const nearest = (bornMs: number) => {
    const apartMs = (one: { bornMs: number }): number => Math.abs(one.bornMs - bornMs);
    const [found] = kept.toSorted((a, b) => apartMs(a) - apartMs(b));
    if (found === undefined || apartMs(found) > maxApartMs) return undefined;
    return { unpacked: found.unpacked, isCertain: apartMs(found) <= sameMomentMs };
  };
  return {
    add(unpacked, bornMs) {
      current.control = unpacked;
      if (!Number.isNaN(bornMs)) kept = [...kept, { unpacked, bornMs }].slice(-maxKept);
    },
    reset() {
      current = { control: undefined };
    },
    finder(bornMs) {
      if (!Number.isNaN(bornMs)) return () => nearest(bornMs);
      // `reset` makes a new object for the next package, so that this one stays with the script.
      const own = current;
      return () => own.control && { unpacked: own.control, isCertain: true };
    },
  };
}
