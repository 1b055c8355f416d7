// Follows the symlinks of a path below a root of its own, where the kernel would follow absolute ones out of it.

/** As many as the kernel follows (path_resolution(7)). */
const maxLinks = 40;

/**
 * The absolute path without symlinks. `readLink` gives the target of a link, and undefined for what is none or is not there. Throws an
 * ELOOP error.
 */
export function followLinks(file: string, readLink: (file: string) => string | undefined): string {
  let remaining = file.split('/');
  let links = 0;
  let resolved: string[] = [];
  for (let part = remaining.shift(); part !== undefined; part = remaining.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      resolved.pop();
      continue;
    }
    const target = readLink(`/${[...resolved, part].join('/')}`);
    if (target === undefined) {
      resolved.push(part);
      continue;
    }
    if (++links > maxLinks)
      throw Object.assign(new Error(`ELOOP: too many symbolic links, '${file}'`), { code: 'ELOOP' });
    if (target.startsWith('/')) resolved = [];
    remaining = [...target.split('/'), ...remaining];
  }
  return `/${resolved.join('/')}`;
}
