// Resolves the symlinks of a path below a given root. The kernel would follow absolute links out of that root.

/** Maximum number of links, as in the kernel (path_resolution(7)). */
const maxLinks = 40;

/** Yields each path that may be a link, takes its target (undefined: it is no link), and returns the path without links. */
function* linkSteps(file: string): Generator<string, string, string | undefined> {
  let remaining = file.split('/');
  let links = 0;
  let resolved: string[] = [];
  for (let part = remaining.shift(); part !== undefined; part = remaining.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      resolved.pop();
      continue;
    }
    const target = yield `/${[...resolved, part].join('/')}`;
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

/**
 * The absolute path without symlinks. `readLink`: the target of a link; undefined: the file is no link, or does not
 * exist. Throws ELOOP for too many links.
 */
export function followLinks(file: string, readLink: (file: string) => string | undefined): string {
  const steps = linkSteps(file);
  let step = steps.next();
  while (!step.done) step = steps.next(readLink(step.value));
  return step.value;
}

/** The same with links that are read in the background. */
export async function followLinksLater(
  file: string,
  readLink: (file: string) => Promise<string | undefined>,
): Promise<string> {
  const steps = linkSteps(file);
  let step = steps.next();
  while (!step.done) step = steps.next(await readLink(step.value));
  return step.value;
}
