// Installations by users other than root raise alerts, do not change root's baseline and do not use up root's rate limit.

import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { limits } from '../../storage/limits.ts';
import { titled } from '../needs.ts';
import { copyOf, makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until } from './run-agent.ts';

describe.skipIf(endToEndMissing)(titled('another user', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  test("floods the rate limit, and root's installations still raise alerts", async () => {
    // The user nobody must be able to execute the programs.
    chmodSync(scratch, 0o755);
    const directory = join(scratch, 'flood');
    mkdirSync(directory);
    const parents = Array.from({ length: limits.rateLimitAlerts + 5 }, (_, i) =>
      copyOf(directory, '/bin/dash', `p${i}`),
    );
    await run('chmod', ['-R', 'a+rX', directory]);
    const agent = testAgent(scratch);
    await agent.start();

    const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'];
    const flood = 'for parent; do "$parent" -c "dpkg -i /none.deb; :"; done 2>/dev/null';
    await run('setpriv', [...asNobody, 'sh', '-c', flood, 'flood', ...parents]);
    const own = makeParent(scratch, 'own');
    await runBy(own, ['dpkg', '-i', '/none.deb']);
    const [shared = ''] = parents;
    await runBy(shared, ['dpkg', '-i', '/none.deb']);

    const alerts = await until('the last alert', async () => {
      const listed = await agent.alerts();
      return listed.some(({ stepparent }) => stepparent.alert.terms[0] === shared) && listed;
    });
    const stateOf = (term: string) =>
      alerts
        .filter(({ stepparent }) => stepparent.alert.terms[0] === term)
        .map(({ stepparent }) => stepparent.alert.state);
    expect(stateOf(own)).toEqual(['open']);
    expect(stateOf(`${shared} (not root)`)).toEqual(['open']);
    expect(stateOf(shared)).toEqual(['open']);
    const rateLimited = alerts.filter(({ stepparent }) => stepparent.alert.state === 'rate_limited');
    expect(rateLimited).toHaveLength(5);
    const known = (await agent.baseline()).map(({ terms }) => terms[0]);
    expect(rateLimited.filter(({ stepparent }) => known.includes(stepparent.alert.terms[0] ?? ''))).toEqual([]);
    await agent.stop();
  });
});
