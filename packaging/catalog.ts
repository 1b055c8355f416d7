// Makes the message catalog of the rules and hunts: `journalctl -x` shows the investigation guide under each alert.

import { guideLines } from '../agent/output/guide-lines.ts';
import type { Hunt } from '../detectors/hunts/hunt.ts';
import { messageId } from '../detectors/rules/message-id.ts';
import type { Rule } from '../detectors/rules/rule.ts';

/**
 * Makes a text safe for the catalog: journalctl replaces `@FIELD@` by a field, a line that begins like an entry ends
 * the text, and a line that begins with `#`, such as a heading, is a comment.
 */
const plain = (text: string): string =>
  text
    .replaceAll(/^#+ */gm, '')
    .replaceAll(/@([A-Za-z0-9_]+)@/g, '$1')
    .replaceAll(/^-- (?=[0-9a-f]{32}$)/gm, ' -- ');

/** journalctl indents the text by three. */
const columns = 76;

const wrapped = (text: string): string => plain(guideLines(plain(text.trim()), columns).join('\n'));

const entry = (id: string, subject: string, description: string, note: string): string =>
  `-- ${messageId(id)}
Subject: ${subject}
Defined-By: stepparent
Documentation: man:stepparent(8)

Rule @STEPPARENT_RULE@, alert @STEPPARENT_ALERT_ID@: @STEPPARENT_REASON@

First, as root on this host:

  stepparent show @STEPPARENT_ALERT_ID@

${wrapped(description)}

${wrapped(note)}
`;

/** The text of the catalog file for /usr/lib/systemd/catalog (journalctl(1), --update-catalog). */
export const catalogText = (rules: readonly Rule[], hunts: readonly Hunt[]): string =>
  [
    ...rules.map(({ id, name, description, note }) => entry(id, name, description, note)),
    ...hunts.map(({ id, name, description, note }) => entry(`hunt:${id}`, name, description, note)),
  ].join('\n');
