// Which package the scripts in dpkg's tmp.ci are of: the one whose control file was unpacked in the same moment.

/** A package as its control file names it. */
interface UnpackedPackage {
  package: string;
  version: string;
}

export interface UnpackedPackages {
  /** A control file was read. `bornMs`: when it was created, in milliseconds since 1970; NaN: the file system does not keep it. */
  add(unpacked: UnpackedPackage, bornMs: number): void;
  /** dpkg begins or ends to unpack. */
  reset(): void;
  /**
   * Finds the package of a script that was created then, now or later. Undefined: not known. `isCertain`: a control file that comes
   * later could not be nearer.
   */
  finder(bornMs: number): () => { unpacked: UnpackedPackage; isCertain: boolean } | undefined;
}

/** Files of one package are created within some milliseconds of each other: dpkg-deb unpacks them from one archive. */
const sameMomentMs = 5;
/** On a busy host dpkg-deb may be stopped between two of them; dpkg takes longer to begin with the next package. */
const maxApartMs = 20;
/** The events of several packages may come at once. */
const maxKept = 16;

export function openUnpackedPackages(): UnpackedPackages {
  let kept: { unpacked: UnpackedPackage; bornMs: number }[] = [];
  /** Where the creation is not kept: the control file that came since dpkg began to unpack. */
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
      // What is unpacked next has a control file of its own.
      const own = current;
      return () => own.control && { unpacked: own.control, isCertain: true };
    },
  };
}
