// The literal conditions of the queries that the rules follow, as a log search would apply them to the same events.

import type { StepparentEvent } from '../../collectors/event/event.ts';

/** `dpkg`, `rpm`: an installation by a new parent. `script`: a program from dpkg's directory of scripts. */
export type LiteralCondition = 'dpkg' | 'rpm' | 'script';

const asInstall = new Set(['-i', '--install']);

const installs = (name: 'dpkg' | 'rpm', { process: of }: StepparentEvent): boolean =>
  of?.name === name && [of.args ?? []].flat().some((arg) => asInstall.has(arg));

const excusedParents = new Set(['dpkg', 'dpkg-reconfigure', 'frontend']);
const excusedExecutables = new Set(['/usr/share/debconf/frontend', '/usr/bin/unattended-upgrade']);

function runsScript({ process: of }: StepparentEvent): boolean {
  const leaders = [of?.session_leader?.name, of?.group_leader?.name];
  return (
    /^\/var\/lib\/dpkg\/info\//i.test(of?.executable ?? '') &&
    leaders.every((name) => name !== undefined && name !== 'dpkg') &&
    !excusedParents.has(of?.parent?.name ?? '') &&
    !excusedExecutables.has(of?.parent?.executable ?? '')
  );
}

/** The conditions that each event meets. `events` are in the order of time; a parent is new only the first time. */
export function literalConditions(events: readonly StepparentEvent[]): LiteralCondition[][] {
  const seen = { dpkg: new Set<string>(), rpm: new Set<string>() };
  return events.map((event) => {
    if (event.event.action !== 'exec') return [];
    const parent = event.process?.parent?.executable;
    const byNewParent = (['dpkg', 'rpm'] as const).filter((name) => {
      if (parent === undefined || !installs(name, event) || seen[name].has(parent)) return false;
      seen[name].add(parent);
      return true;
    });
    return runsScript(event) ? [...byNewParent, 'script'] : byNewParent;
  });
}
