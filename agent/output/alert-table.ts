// Formats alerts as a table that fits a terminal: each alert on one line, with who, what and why.

import { styleText } from 'node:util';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { briefWhatText, whatText } from '../../detectors/message/what.ts';
import { whoText } from '../../detectors/message/who.ts';
import type { AlertRecord } from '../../storage/records.ts';
import { severityColours, severityOf } from '../configuration/severity.ts';
import { cellWidth, cutCells, padCells } from './cell-width.ts';
import { localTime } from './local-time.ts';
import { shownText } from './shown-message.ts';

/** What the lines depend on. */
export interface AlertTableOptions {
  /** The width of each line, in cells. */
  columns: number;
  /** Milliseconds since 1970. */
  nowMs: number;
  /** The rule's reason in a few words; undefined: it has no short one. */
  briefOf(ruleId: string): string | undefined;
}

/** The characters of an id in tables; `show` takes any prefix. */
export const idChars = 8;

const gap = '  ';
const dash = ' - ';
/** The least and the most that WHO takes, the latter as a share of the room for both texts. */
const whoCells = { least: 10, share: 0.3 };
/** What was done keeps at least this share of the room that it has with the reason. */
const whatShare = 0.4;
const dayMs = 86_400_000;

/** Shorter words, for a WHO that is too long. */
const shorterWho: readonly [words: RegExp, shorter: string][] = [
  [/^an unidentified user\b/, 'unknown'],
  [/^an unobserved process$/, 'unobserved'],
  [/^\/\S*\/(?=\S)/, '…/'],
  [/ over ssh\b/, ', ssh'],
  [/ on the console\b/, ', console'],
];

const shorterText = (who: string): string =>
  shorterWho.reduce((text, [words, shorter]) => text.replace(words, shorter), who);

/** Who, what and why, escaped; a finding of a hunt has no person behind it, and its message says the rest. */
export function partsOf(document: StepparentEvent): { who: string; what: string; briefWhat: string; why: string } {
  const { message = '', stepparent } = document;
  const why = shownText(stepparent.alert?.reason ?? '');
  if (stepparent.hunt !== undefined) {
    const what = shownText(message.endsWith(`${dash}${why}`) ? message.slice(0, -dash.length - why.length) : '');
    return { who: shownText(`hunt ${stepparent.hunt.id}`), what, briefWhat: what, why };
  }
  const [what, briefWhat] = [whatText(document), briefWhatText(document)].map(shownText) as [string, string];
  return { who: shownText(whoText(document)), what, briefWhat, why };
}

/** The line above the alerts, then one for each of them. Each is at most `columns` cells wide, and escaped. */
export function alertTable(alerts: readonly AlertRecord[], options: AlertTableOptions): string[] {
  const { columns, nowMs, briefOf } = options;
  // Times of the last day need no date.
  const isRecent = alerts.every(({ lastMs }) => lastMs > nowMs - dayMs && lastMs <= nowMs);
  const rows = alerts.map(({ id, ruleId, terms, state, review, lastMs, count, document }) => {
    const { who, ...texts } = partsOf(document);
    const brief = briefText({ ruleId, terms, document }, briefOf) ?? texts.why;
    const severity = severityOf(document);
    return {
      fixed: [shownText(id.slice(0, idChars)), localTime(lastMs).slice(isRecent ? 11 : 5, 16), severity],
      who,
      texts: { ...texts, brief, state: stateText({ state, review }) },
      count: count > 1 ? `×${count}` : '',
      style: severityColours[severity],
    };
  });
  const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map(cellWidth));
  const heading = ['ID', 'LAST', 'SEV'];
  const widths = heading.map((title, i) => widest([title, ...rows.map(({ fixed }) => fixed[i] ?? '')]));
  const countWidth = widest(rows.map(({ count }) => count));
  const fixedWidth = [...widths, countWidth].reduce((sum, width) => sum + (width === 0 ? 0 : width + gap.length), 0);
  const room = Math.max(0, columns - fixedWidth - gap.length);
  const mostWho = Math.max(whoCells.least, Math.floor(room * whoCells.share));
  const isLong = widest(rows.map(({ who }) => who)) > mostWho;
  const whoOf = ({ who }: { who: string }): string => cutCells(isLong ? shorterText(who) : who, mostWho);
  const whoWidth = widest(['WHO', ...rows.map(whoOf)]);
  const whatWidth = Math.max(0, room - whoWidth);
  const lineOf = (cells: readonly string[], who: string, what: string, count: string): string =>
    cutCells(
      [
        ...cells.map((cell, i) => padCells(cell, widths[i] ?? 0)),
        padCells(who, whoWidth),
        count === '' ? what : `${padCells(what, whatWidth)}${gap}${count.padStart(countWidth)}`,
      ].join(gap),
      columns,
    );
  return [
    lineOf(heading, 'WHO', 'WHAT - WHY', ''),
    ...rows.map((row) => {
      const line = lineOf(row.fixed, whoOf(row), fitted(row.texts, whatWidth), row.count);
      // Before the severity stand only the id and the time.
      return line.replace(/(?<= )[a-z]+/, (word) => styleText(row.style, word, { stream: process.stdout }));
    }),
  ];
}

/** What stands before the text of an alert that is not open, or that a person has seen. */
function stateText({ state, review }: Pick<AlertRecord, 'state' | 'review'>): string {
  const words = [...(state === 'open' ? [] : [state]), ...(review === undefined ? [] : [review.state])];
  return words.length === 0 ? '' : `(${words.join(', ')}) `;
}

/**
 * The short reasons of the rule and of the other rules with a finding in the alert. The words of a rule about new terms do not hold if a
 * term was not observed.
 */
function briefText(
  { ruleId, terms, document }: Pick<AlertRecord, 'ruleId' | 'terms' | 'document'>,
  briefOf: AlertTableOptions['briefOf'],
): string | undefined {
  const { findings = [] } = document.stepparent.alert ?? {};
  const [own, ...others] = [{ id: ruleId, terms }, ...findings.map(({ rule: { id }, terms }) => ({ id, terms }))].map(
    ({ id, terms }) => (terms.includes(null) ? undefined : briefOf(id)),
  );
  return own && [own, ...others].filter((each) => each !== undefined).join(', ');
}

interface Texts {
  state: string;
  what: string;
  briefWhat: string;
  why: string;
  brief: string;
}

/** The longest form of `what - why` that fits; both are cut if even the shortest does not. */
function fitted({ state, what, briefWhat, why, brief }: Texts, width: number): string {
  const forms = [
    [what, why],
    [briefWhat, why],
    [what, brief],
    [briefWhat, brief],
  ].map((form) => state + form.filter((part) => part !== '').join(dash));
  const found = forms.find((text) => cellWidth(text) <= width);
  if (found !== undefined) return found;
  const deed = `${state}${briefWhat}`;
  if (deed === '') return cutCells(brief, width);
  const both = Math.max(0, width - dash.length);
  const whyWidth = Math.min(cellWidth(brief), both - Math.min(cellWidth(deed), Math.floor(both * whatShare)));
  return [cutCells(deed, both - whyWidth), cutCells(brief, whyWidth)].join(dash);
}

/** How many alerts there are of each severity, the highest first: `19 alerts: 1 high, 18 low`. `noun`: what they are called. */
export function alertCounts(alerts: readonly AlertRecord[], noun = 'alert'): string {
  const found = alerts.map(({ document }) => severityOf(document));
  const counts = Object.keys(severityColours)
    .reverse()
    .flatMap((severity) => {
      const count = found.filter((each) => each === severity).length;
      return count === 0 ? [] : [`${count} ${severity}`];
    });
  return `${alerts.length} ${alerts.length === 1 ? noun : `${noun}s`}: ${counts.join(', ')}`;
}
