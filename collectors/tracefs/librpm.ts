// Reads from a file of librpm what probes on it need: where its functions are, and where its structures have their fields.
// The structures differ between versions and have no public declaration, but librpm exports a function for each field,
// which does nothing but load the field.

import { parseSharedLibrary, type SharedLibrary } from '../host/shared-library.ts';

/** A file of librpm, for the probes. Offsets of functions are in the file, offsets of fields in the structure. */
export interface Librpm {
  /** `rpmtsRun`, which every transaction enters. */
  run: number;
  /** Absent: transactions are seen without their packages, or without what became of them. */
  packages?: { at: number; fields: PackageOffsets };
  written?: number;
  opened?: number;
  transaction: TransactionOffsets;
}

/** Offsets in `rpmts`. Absent: the field cannot be read. */
interface TransactionOffsets {
  flags?: number;
  root?: number;
  database?: number;
}

/** Offsets in `rpmte`. */
interface PackageOffsets {
  type: number;
  name: number;
  epoch: number;
  version: number;
  release: number;
  architecture: number;
  /** The element that replaces this one. */
  replacedBy: number;
}

/** Maximum size of the file. Distributions have 0.5 to 1 MiB. */
export const maxLibrpmBytes = 16 * 1024 * 1024;

/** The probed functions. */
const functions = {
  run: 'rpmtsRun',
  /** rpmtsRun calls it once, when the database is open. */
  opened: 'rpmtsSetTid',
  /** rpmtsRun calls it for each package before it processes the package. */
  package: 'rpmteNEVR',
  /** librpm calls it when a package was added to the database or removed from it. */
  written: 'rpmteSetDBInstance',
} as const;

const transactionGetters = { flags: 'rpmtsFlags', root: 'rpmtsRootDir', database: 'rpmtsGetRdb' } as const;
const packageGetters = {
  type: 'rpmteType',
  name: 'rpmteN',
  epoch: 'rpmteE',
  version: 'rpmteV',
  release: 'rpmteR',
  architecture: 'rpmteA',
  replacedBy: 'rpmteDependsOn',
} as const;

type Architecture = 'x64' | 'arm64';

/**
 * Reads a whole file. Returns a reason, as a clause, if its transactions cannot be seen. Undefined: it is no librpm.
 * `architecture`: that of the host.
 */
export function readLibrpm(file: Buffer, architecture: Architecture): Librpm | string | undefined {
  const library = parseSharedLibrary(file);
  if (library === undefined) return 'it has no dynamic symbols';
  if (library.soname === undefined || !isLibrpm(library.soname)) return undefined;
  const run = library.functionAt(functions.run);
  if (run === undefined) return `it exports no function ${functions.run}`;
  const fieldOf = (getter: string): number | undefined => {
    const at = library.functionAt(getter);
    return at === undefined ? undefined : loadedField(file.subarray(at, at + maxGetterBytes), architecture);
  };
  const at = (name: keyof typeof functions) => library.functionAt(functions[name]);
  return {
    run,
    transaction: offsetsOf(transactionGetters, fieldOf),
    ...definedIn({ opened: at('opened'), written: at('written'), packages: packagesIn(library, fieldOf) }),
  };
}

/** Whether it is a name of librpm: `librpm.so.9`, and of its file also `librpm.so.9.3.0`. */
export const isLibrpm = (name: string): boolean => /^librpm\.so\.\d+(?:\.\d+)*$/.test(name);

function packagesIn(
  library: SharedLibrary,
  fieldOf: (getter: string) => number | undefined,
): Librpm['packages'] | undefined {
  const at = library.functionAt(functions.package);
  const fields = offsetsOf(packageGetters, fieldOf);
  if (at === undefined || Object.keys(fields).length < Object.keys(packageGetters).length) return undefined;
  return { at, fields: fields as PackageOffsets };
}

const offsetsOf = <Name extends string>(
  getters: Readonly<Record<Name, string>>,
  fieldOf: (getter: string) => number | undefined,
): Partial<Record<Name, number>> =>
  definedIn(
    Object.fromEntries(Object.entries<string>(getters).map(([name, getter]) => [name, fieldOf(getter)])) as Record<
      Name,
      number | undefined
    >,
  );

const definedIn = <T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };

const maxGetterBytes = 32;
/** No structure of librpm is larger. */
const maxFieldOffset = 4096;

/** The offset of the field that a function loads from its first argument. Undefined: the function does something else. */
export function loadedField(code: Buffer, architecture: Architecture): number | undefined {
  try {
    const offset = architecture === 'x64' ? loadedOnX64(code) : loadedOnArm64(code);
    return offset !== undefined && offset >= 0 && offset < maxFieldOffset ? offset : undefined;
  } catch (error) {
    // The function is longer than what was read.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What a compiler puts before the load: a landing pad, a check of the argument, the result without one. */
const x64Prologue = [
  { bytes: [0xf3, 0x0f, 0x1e, 0xfa], length: 4 },
  { bytes: [0x48, 0x85, 0xff], length: 3 },
  { bytes: [0x74], length: 2 },
  { bytes: [0x0f, 0x84], length: 6 },
  { bytes: [0x31, 0xc0], length: 2 },
  { bytes: [0xb8], length: 5 },
] as const;

function loadedOnX64(code: Buffer): number | undefined {
  let at = 0;
  for (;;) {
    const skipped = x64Prologue.find(({ bytes }) => bytes.every((byte, i) => code[at + i] === byte));
    if (skipped === undefined) break;
    at += skipped.length;
  }
  // mov DISPLACEMENT(%rdi), %eax or %rax
  if (code[at] === 0x48) at++;
  if (code[at] !== 0x8b) return undefined;
  switch (code[at + 1]) {
    case 0x07:
      return 0;
    case 0x47:
      return code.readInt8(at + 2);
    case 0x87:
      return code.readInt32LE(at + 2);
    default:
      return undefined;
  }
}

function loadedOnArm64(code: Buffer): number | undefined {
  for (let at = 0; at + 4 <= code.length; at += 4) {
    const word = code.readUInt32LE(at);
    const immediate = (word >>> 10) & 0xfff;
    // ldr x0, [x0, #OFFSET] and ldr w0, [x0, #OFFSET]
    if ((word & 0xffc0_03ff) >>> 0 === 0xf940_0000) return immediate * 8;
    if ((word & 0xffc0_03ff) >>> 0 === 0xb940_0000) return immediate * 4;
    const isLandingPad = (word & 0xffff_ff3f) >>> 0 === 0xd503_241f;
    const isCheck = (word & 0xff00_001f) >>> 0 === 0xb400_0000;
    if (!isLandingPad && !isCheck) return undefined;
  }
  return undefined;
}
