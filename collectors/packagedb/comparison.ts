// How the differences that a folder comparison finds are reported.

import type { FileWriter } from './file-writer.ts';

/** How what a comparison finds is told. */
export interface Comparison {
  /** Nothing is told: it is the first look that there ever was. */
  silent?: boolean;
  found?: string;
  /** Who is concluded to have made what is found. */
  writer?: () => FileWriter;
}

export const whileOff = 'while the agent was off';
export const byComparison = 'by comparison';
