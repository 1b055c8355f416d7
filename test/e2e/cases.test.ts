// Evasions, attacks on the agent and false alarms under the real agent.

import { missingTools, unmet } from '../needs.ts';
import { cases } from '../scenarios/cases.ts';
import { testCases } from './case-tests.ts';
import { scenariosMissing } from './scenario-host.ts';

testCases({ title: 'the cases', cases, missing: scenariosMissing ?? unmet(missingTools('gcc', 'prlimit')) });
