// The text of a watched file, as events and the store of last seen contents have it.

import { redactCredentials } from '../event/redact-credentials.ts';
import type { FileContent } from '../host/opened-file.ts';

/** Maximum size of a text; of a longer one the first part counts. */
export const maxTextBytes = 64 * 1024;

/** The text of a file, or of its first part. */
export interface WatchedText {
  text: string;
  isCut: boolean;
}

/**
 * The text of the content without the passwords in its URLs. Of the content, more than `maxTextBytes` must have been kept, if there is more. Undefined: it is no
 * UTF-8, or has a NUL.
 */
export function textOf({ head }: Pick<FileContent, 'head'>): WatchedText | undefined {
  const isCut = head.length > maxTextBytes;
  const bytes = head.subarray(0, maxTextBytes);
  if (bytes.includes(0)) return undefined;
  try {
    // As a part of a stream, the text may end within a character, which is left out.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: isCut });
    return { text: redactCredentials(text), isCut };
  } catch {
    return undefined;
  }
}
