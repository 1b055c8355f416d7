// How the differences that a folder comparison finds are reported.

import type { FileWriter } from './file-writer.ts';

/** How the differences are reported. */
export interface Comparison {
  /** Nothing is reported: it is the first comparison of this directory. */
  silent?: boolean;
  found?: string;
  /** Who is concluded to have made what is found. */
  writer?: () => FileWriter;
}

export const whileOff = 'while the agent was off';
export const byComparison = 'by comparison';
