// The lists of files and digests of dpkg's packages, in /var/lib/dpkg/info.

/** The names under which a package may list the file: many list the path from before /bin and /lib became links. */
export const listedNames = (file: string): [string, string] => [
  file,
  file.replace(/^\/usr(?=\/(?:s?bin|lib(?:32|64|x32)?)\/)/, ''),
];

/** The MD5 of a file in the text of an `.md5sums` file (deb-md5sums(5)); undefined: it lists none. */
export const digestIn = (sums: string, names: readonly string[]): string | undefined =>
  sums
    .split('\n')
    .find((line) => names.some((name) => line.slice(32).trimStart() === name.slice(1)))
    ?.slice(0, 32);
