// Resolves the symlinks of a path below a given root. The kernel would follow absolute links out of that root.

/** Maximum number of links, as in the kernel (path_resolution(7)). */
const maxLinks = 40;

/**
 * The absolute path without symlinks. `readLink`: the target of a link; undefined: the file is no link, or does not
 * exist. Throws ELOOP for too many links.
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
