// The rules that an alert stands for: one alert can have the findings of several.

import type { StepparentEvent } from '../collectors/event/event.ts';

/** The rule of the alert, and those whose findings it has. */
export const rulesOf = ({ rule, stepparent }: Pick<StepparentEvent, 'rule' | 'stepparent'>): string[] => [
  String(rule?.id),
  ...(stepparent.alert?.findings ?? []).map((finding) => finding.rule.id),
];
