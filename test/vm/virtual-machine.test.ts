// The package on a machine of its own, of this machine's architecture.

import { describeOnVirtualMachine } from '../booted/on-virtual-machine.ts';
import { architecture } from '../packages/built.ts';

describeOnVirtualMachine(architecture, 1);
