// The description of the packages.

/** Name and address in the metadata and changelogs of both packages. */
export const maintainer = 'The stepparent developers <stepparent@localhost>';

/** The texts in the metadata of both packages, which have `lines` as they are wrapped here. */
export const description = {
  summary: 'detects persistence through the package manager',
  lines: [
    'stepparent traces which programs install packages with dpkg and rpm, what the',
    'package scripts start, and what changes in the package databases. It alerts in',
    'the journal when this is unusual for the host. It needs no server.',
  ],
};
