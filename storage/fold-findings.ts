// One fact, one alert: groups what the rules found in one event into alerts. `rule.stepparent.part_of` of a rule names the rules whose
// alert on the same event its finding goes into. Pure.

import type { Rule } from '../detectors/rules/rule.ts';

/** A finding that raises an alert, with those that go into this alert. */
interface Folded<Finding> {
  whole: Finding;
  parts: Finding[];
}

/**
 * Each finding is in one group; groups and parts are in the order of the findings. `canHold`: whether the alert of a finding may
 * stand for others. A finding that is part of another one here takes in none, so that rules that name each other stay apart.
 */
export function foldFindings<Finding extends { rule: Pick<Rule, 'id' | 'partOf'> }>(
  findings: readonly Finding[],
  canHold: (finding: Finding) => boolean,
): Folded<Finding>[] {
  const isPartOf = (finding: Finding, other: Finding): boolean => finding.rule.partOf.includes(other.rule.id);
  const isWhole = (finding: Finding): boolean =>
    canHold(finding) && !findings.some((other) => isPartOf(finding, other));
  const groups = Map.groupBy(
    findings,
    (finding) => findings.find((other) => isPartOf(finding, other) && isWhole(other)) ?? finding,
  );
  return findings.flatMap((whole) => {
    const members = groups.get(whole);
    return members === undefined ? [] : [{ whole, parts: members.filter((finding) => finding !== whole) }];
  });
}
