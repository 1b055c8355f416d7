// Follows the symlinks of a path below a root of its own, where the kernel would follow absolute ones out of it.

/** As many as the kernel follows (path_resolution(7)). */
const maxLinks = 40;

/**
 * The absolute path without symlinks. `readLink` gives the target of a link, and undefined for what is none or is not there. Throws an
 * ELOOP error.
 */
export function followLinks(file: string, readLink: (file: string) => string | undefined): string {
  let left = file.split('/');
  let links = 0;
  let reached: string[] = [];
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      reached.pop();
      continue;
    }
    const target = readLink(`/${[...reached, part].join('/')}`);
    if (target === undefined) {
      reached.push(part);
      continue;
    }
    if (++links > maxLinks)
      throw Object.assign(new Error(`ELOOP: too many symbolic links, '${file}'`), { code: 'ELOOP' });
    if (target.startsWith('/')) reached = [];
    left = [...target.split('/'), ...left];
  }
  return `/${reached.join('/')}`;
}
