// The checks of the package on an emulated machine of this machine's architecture.

import { describeOnVirtualMachine } from '../booted/on-virtual-machine.ts';
import { architecture } from '../packages/built.ts';

describeOnVirtualMachine(architecture, 1);
