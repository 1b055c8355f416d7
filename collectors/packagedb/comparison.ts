// How the differences that a directory comparison finds are reported.

import type { FoundBy } from '../event/event.ts';
import type { FileWriter } from './file-writer.ts';

export interface Comparison {
  /** Nothing is reported: it is the first comparison of this directory. */
  silent?: boolean;
  found?: FoundBy;
  /** Who is inferred to have made what is found. */
  writer?: () => FileWriter;
}
