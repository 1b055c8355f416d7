// The changelogs in the forms of the two package formats: one entry that refers to the file with all changes.

import { version } from '../agent/version.ts';
import { maintainer } from './description.ts';

/** Path of the installed CHANGELOG.md. */
export const changesFile = '/usr/share/doc/stepparent/CHANGELOG.md.gz';

const entry = `Version ${version}: see ${changesFile}`;

/** The changelog of the .deb (deb-changelog(5)). */
export const debChangelog = (date: Date): string =>
  `stepparent (${version}) unstable; urgency=medium\n\n  * ${entry}\n\n -- ${maintainer}  ${date.toUTCString().replace('GMT', '+0000')}\n`;

/** The text of %changelog in a spec file. */
export function rpmChangelog(date: Date): string {
  const [weekday, day, month, year] = date.toUTCString().replace(',', '').split(' ');
  return `* ${weekday} ${month} ${day} ${year} ${maintainer} - ${version}-1\n- ${entry}\n`;
}
