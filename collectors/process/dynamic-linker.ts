// Recognizes the dynamic linker, and finds the program that it runs if it is executed directly (ld.so(8)).

/** The dynamic linkers of glibc and musl, by their links and their files. */
const linkerFile =
  /^\/(?:usr\/)?lib(?:32|64|x32)?\/(?:[\w-]+\/)?(?:ld(?:-linux[\w-]*|64)?|ld-musl-\w+|ld-[\d.]+)\.so(?:\.\d+)?$/;
const optionsWithValue = new Set([
  '--library-path',
  '--inhibit-rpath',
  '--audit',
  '--preload',
  '--argv0',
  '--glibc-hwcaps-prepend',
  '--glibc-hwcaps-mask',
]);

/** Whether the path is that of a dynamic linker of the host. */
export const isDynamicLinker = (file: string): boolean => linkerFile.test(file);

/** The command that a dynamic linker runs, with its arguments. `args`: those of the linker, argv[0] included. */
export function afterLinker(args: readonly string[]): readonly string[] {
  let index = 1;
  while (args[index]?.startsWith('--')) index += optionsWithValue.has(args[index] ?? '') ? 2 : 1;
  return args.slice(index);
}
