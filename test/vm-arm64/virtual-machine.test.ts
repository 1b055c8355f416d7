// The checks of the arm64 package on an emulated machine. Configuring its Debian there takes most of the time.

import { architectures } from '../../packaging/files.ts';
import { describeOnVirtualMachine } from '../booted/on-virtual-machine.ts';

for (const architecture of architectures.filter(({ deb }) => deb === 'arm64'))
  describeOnVirtualMachine(architecture, 2);
