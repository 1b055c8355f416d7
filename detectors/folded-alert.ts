// Builds the alert that stands for the findings of several rules in one event.

import type { StepparentEvent } from '../collectors/event/event.ts';
import { actionText, messageOf } from './alert.ts';
import { cutBytes } from './cut-text.ts';
import { durationText } from './duration.ts';
import type { Rule } from './rules/rule.ts';

/** A rule with the alert that it would raise alone. */
export interface OwnAlert {
  rule: Pick<Rule, 'id' | 'windowMs'>;
  document: StepparentEvent;
}

/** The most that all reasons take together, in UTF-8 bytes. */
const reasonsBytes = 720;

/**
 * The alert of `whole` with what the other rules found: `stepparent.alert.findings` has their terms and reasons, and the reason and the
 * message have all reasons. Severity and risk score are the highest. Without others, the alert itself. Pure.
 */
export function foldedAlert(whole: OwnAlert, parts: readonly OwnAlert[]): StepparentEvent {
  const { document } = whole;
  const { alert } = document.stepparent;
  if (alert === undefined || parts.length === 0) return document;
  const all = [whole, ...parts];
  const reason = reasonsText(all);
  return {
    ...document,
    message: messageOf(actionText(document), reason),
    event: {
      ...document.event,
      severity: Math.max(...all.map((each) => each.document.event.severity ?? 0)),
      risk_score: Math.max(...all.map((each) => each.document.event.risk_score ?? 0)),
    },
    stepparent: { ...document.stepparent, alert: { ...alert, reason, findings: parts.map(findingFields) } },
  };
}

type FindingFields = NonNullable<NonNullable<StepparentEvent['stepparent']['alert']>['findings']>[number];

function findingFields({ rule: { id }, document }: OwnAlert): FindingFields {
  const { event, rule, stepparent } = document;
  return {
    rule: { id, ...(rule?.name === undefined ? {} : { name: rule.name }) },
    terms: stepparent.alert?.terms ?? [],
    reason: stepparent.alert?.reason ?? '',
    severity: event.severity ?? 0,
    risk_score: event.risk_score ?? 0,
  };
}

/** All reasons; the window that ends each of them is written once. */
function reasonsText(all: readonly OwnAlert[]): string {
  const reasons = all.map(({ document }) => document.stepparent.alert?.reason ?? '');
  const [window = '', ...windows] = all.map(({ rule }) => ` in ${durationText(rule.windowMs)}`);
  const isShared = windows.every((each) => each === window) && reasons.every((reason) => reason.endsWith(window));
  const text = isShared
    ? `${reasons.map((reason) => reason.slice(0, -window.length)).join(', and ')}${window}`
    : reasons.join('; ');
  return cutBytes(text, reasonsBytes);
}
