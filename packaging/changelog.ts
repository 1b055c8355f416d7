// CHANGELOG.md as the two package formats want to have it.

/** A version with what has changed in it: each entry is "Heading: text". */
interface Release {
  version: string;
  entries: string[];
}

/** Reads the form of Keep a Changelog. What is not released yet stands under `version`. */
export function parseChangelog(markdown: string, version: string): Release[] {
  const [, ...sections] = markdown.split(/^## /m);
  return sections.map((section) => {
    const name = /^\[([^\]]+)\]/.exec(section)?.[1] ?? version;
    const entries = section.split(/^### /m).flatMap((part, i) => {
      const heading = i === 0 ? '' : `${part.split('\n', 1)[0]}: `;
      return (part.match(/^- .*(?:\n {2}.*)*/gm) ?? []).map(
        (item) => heading + item.slice(2).replaceAll(/\s*\n\s+/g, ' '),
      );
    });
    return { version: name === 'Unreleased' ? version : name, entries };
  });
}

/** Breaks at spaces, behind a mark and as far in; a word that is too long has a line of its own. */
function wrapped(text: string, mark: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && mark.length + line.length + 1 + word.length < 80)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return mark + lines.join(`\n${' '.repeat(mark.length)}`);
}

/** deb-changelog(5). */
export const debChangelog = (releases: readonly Release[], maintainer: string, date: Date): string =>
  releases
    .map(({ version, entries }) => {
      const items = entries.map((entry) => wrapped(entry, '  * ')).join('\n');
      const when = date.toUTCString().replace('GMT', '+0000');
      return `stepparent (${version}) unstable; urgency=medium\n\n${items}\n\n -- ${maintainer}  ${when}\n`;
    })
    .join('\n');

/** The text of %changelog in a spec file. */
export const rpmChangelog = (releases: readonly Release[], maintainer: string, date: Date): string =>
  releases
    .map(({ version, entries }) => {
      const [weekday, day, month, year] = date.toUTCString().replace(',', '').split(' ');
      const items = entries.map((entry) => wrapped(entry.replaceAll('%', '%%'), '- ')).join('\n');
      return `* ${weekday} ${month} ${day} ${year} ${maintainer} - ${version}-1\n${items}\n`;
    })
    .join('\n');
