// How the packages describe themselves.

export const maintainer = 'The stepparent developers <stepparent@localhost>';

export const description = {
  summary: 'detects persistence through the package manager',
  lines: [
    'stepparent watches who installs packages with dpkg and rpm, what their scripts',
    'start, and what changes in the package databases. It tells in the journal what',
    'has not been usual on this host. It needs no server.',
  ],
};
