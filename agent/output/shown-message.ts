// Formats the message of an alert for a terminal or a log line.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';

/** Maximum length of a shown message, in characters; alerts are built with at most 1,024 bytes. */
const messageChars = 2048;

/**
 * The message on one line. Alerts are built with an escaped message, so its backslashes stay as they are. Control characters are
 * escaped here once more, since a stored document may come from anywhere.
 */
export const shownMessage = (document: StepparentEvent): string => shownText(document.message ?? '(no message)');

/** A text that was built with escaped values, such as a message or a part of it, on one line. */
export function shownText(text: string): string {
  return text
    .split('\\')
    .map((part) => escapeText(part, messageChars))
    .join('\\')
    .slice(0, messageChars);
}
