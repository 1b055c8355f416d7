// Words that no text for people has (CONTRIBUTING.md has the words that it uses instead), and where a text has one.

interface BannedWord {
  /** Matched without regard to case; a blank matches any white space, line breaks included. */
  pattern: RegExp;
  why: string;
  instead: string;
}

const archaic = 'is archaic';

const bannedWords: readonly BannedWord[] = [
  { pattern: /\b(?:un)?told\b/, why: 'does not name who reports what', instead: 'reports, prints, names' },
  { pattern: /\btells? of\b/, why: archaic, instead: 'reports' },
  { pattern: /\banew\b/, why: archaic, instead: 'again' },
  { pattern: /\bof late\b/, why: archaic, instead: 'recently' },
  { pattern: /\bso many\b/, why: 'names no number', instead: 'N, that many' },
  { pattern: /(?<!\bthere )\bis none\b(?! of\b)/, why: archaic, instead: 'is not a ...' },
  { pattern: /\bwhoever\b/, why: 'does not name the actor', instead: 'a user who, any user' },
  {
    // The user of that name is not meant.
    pattern: /(?<!\buser |\bas |[`'"/=<])\b(?:nobody|somebody)\b(?![`'"/:@]| <)/,
    why: 'does not name the actor',
    instead: 'no user, no process, a user, another process',
  },
  { pattern: /\bmend(?:s|ed|ing)?\b/, why: archaic, instead: 'fix' },
  { pattern: /\bfor ever\b/, why: archaic, instead: 'permanently, forever' },
  { pattern: /\bbesides\b/, why: archaic, instead: 'also, in addition' },
  {
    pattern: /(?<!\b(?:leav(?:es?|ing)|left|lets?|stands?|runs?)\b[^.;]{0,40})(?<=\S) alone(?=[.,;:)]|$)/,
    why: 'means "without others"',
    instead: 'only',
  },
  {
    pattern: /(?<=^|\| )Well(?=\.)|\b(?:is|are|looks?) well(?=[.,;:)]|$| and\b)/,
    why: 'is not the name of a state',
    instead: 'ok, success, healthy',
  },
];

/** `FILE:LINE: ...` for each banned word in a text that begins in that line. */
export function findBannedWords(file: string, text: string, firstLine = 1): string[] {
  return bannedWords.flatMap(({ pattern, why, instead }) => {
    const anywhere = new RegExp(pattern.source.replaceAll(/(?<!\[[^\]]*) /g, '\\s+'), 'gim');
    return [...text.matchAll(anywhere)].map(({ 0: word, index }) => {
      const line = firstLine + text.slice(0, index).split('\n').length - 1;
      return `${file}:${line}: "${word.trim()}" ${why}; instead: ${instead}`;
    });
  });
}
