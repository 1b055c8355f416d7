// The changelogs in the forms of the two package formats: one entry, which names the file with all changes.

import { version } from '../agent/version.ts';
import { maintainer } from './description.ts';

/** All of CHANGELOG.md. */
export const changesFile = '/usr/share/doc/stepparent/CHANGELOG.md.gz';

const entry = `Version ${version}: see ${changesFile}`;

/** deb-changelog(5). */
export const debChangelog = (date: Date): string =>
  `stepparent (${version}) unstable; urgency=medium\n\n  * ${entry}\n\n -- ${maintainer}  ${date.toUTCString().replace('GMT', '+0000')}\n`;

/** The text of %changelog in a spec file. */
export function rpmChangelog(date: Date): string {
  const [weekday, day, month, year] = date.toUTCString().replace(',', '').split(' ');
  return `* ${weekday} ${month} ${day} ${year} ${maintainer} - ${version}-1\n- ${entry}\n`;
}
