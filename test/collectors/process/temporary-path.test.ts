// Paths that do not identify a script, as deployment tools make them, and near misses that do.

import { describe, expect, test } from 'vitest';
import {
  isKnownByContent,
  pathOfScriptTerm,
  scriptTerm,
  temporaryPath,
} from '../../../collectors/process/temporary-path.ts';

const sha256 = '0123456789abcdef'.repeat(4);

describe('of the path of a script, this is left', () => {
  test.each<[tool: string, file: string, left: string]>([
    ['terraform', '/tmp/terraform_1670512345.sh', '/tmp/*'],
    ['packer', '/tmp/script_42.sh', '/tmp/*'],
    ['packer', '/var/tmp/packer-shell204857612', '/var/tmp/*'],
    ['Jenkins', '/tmp/jenkins8372615243.sh', '/tmp/*'],
    [
      'Jenkins',
      '/var/lib/jenkins/workspace/site@tmp/durable-1a2b3c4d/script.sh',
      '/var/lib/jenkins/workspace/site@tmp/*',
    ],
    ['Ansible', '/root/.ansible/tmp/ansible-tmp-1670512345.12-345-678901234/install.sh', '/root/.ansible/tmp/*'],
    ['Ansible, with another directory', '/srv/ansible-tmp-1670512345.12-345-6789/install.sh', '/srv/ansible-tmp*/*'],
    ['mktemp', '/tmp/tmp.aB3dE6gH1j/install.sh', '/tmp/*'],
    ['mktemp, with another directory', '/srv/tmp.aB3dE6gH1j/install.sh', '/srv/tmp*/*'],
    ['mktemp, with a name', '/srv/setup.aB3dE6/install.sh', '/srv/setup.*/install.sh'],
    ['mktemp, letters only', '/srv/setup.AbCdEf', '/srv/setup.*'],
    ['Python', '/srv/work/tmpk3_j9x2m/install.sh', '/srv/work/tmp*/*'],
    ['Salt', '/var/cache/salt/minion/tmpk3_j9x2m.sh', '/var/cache/salt/minion/tmp*.sh'],
    ['GitHub', '/home/ci/runner/_work/_temp/3f2b8a1c-1d2e-4f5a-8b9c-0d1e2f3a4b5c.sh', '/home/ci/runner/_work/_temp/*'],
    ['GitLab', '/builds/group/site.tmp/install.sh', '/builds/group/site.tmp/*'],
    ['TeamCity', '/opt/buildagent/temp/agentTmp/custom_script123', '/opt/buildagent/temp/*'],
    [
      'AWS Systems Manager',
      '/var/lib/amazon/ssm/i-0abc1234def567890/document/orchestration/3f2b8a1c-1d2e-4f5a-8b9c-0d1e2f3a4b5c/awsrunShellScript/0.awsrunShellScript/_script.sh',
      '/var/lib/amazon/ssm/i-*/document/orchestration/*/awsrunShellScript/0.awsrunShellScript/_script.sh',
    ],
    [
      'AWS CodeDeploy',
      '/opt/codedeploy-agent/deployment-root/3f2b8a1c-1d2e-4f5a-8b9c-0d1e2f3a4b5c/d-8QK3Z2L1A/deployment-archive/install.sh',
      '/opt/codedeploy-agent/deployment-root/*/d-*/deployment-archive/install.sh',
    ],
    [
      'the Azure agent',
      '/var/lib/waagent/custom-script/download/7/install.sh',
      '/var/lib/waagent/custom-script/download/*/install.sh',
    ],
    ['Chef', '/tmp/chef-script20260110-1234-k3j9x2', '/tmp/*'],
    ['Rundeck', '/tmp/17-4711-web1-dispatch-script.tmp.sh', '/tmp/*'],
    ['Vagrant', '/tmp/vagrant-shell', '/tmp/*'],
    ['Salt', '/tmp/__salt.tmp.k3j9x2ab', '/tmp/*'],
    ['Salt, over ssh', '/var/tmp/.root_dd8a91_salt/install.sh', '/var/tmp/*'],
    [
      'cloud-init',
      '/var/lib/cloud/instances/i-0abc1234def567890/scripts/part-001',
      '/var/lib/cloud/instances/i-*/scripts/part-001',
    ],
    ['Octopus', '/etc/octopus/Work/20260110120000-123-456/Script.sh', '/etc/octopus/Work/*-123-456/Script.sh'],
    ['Capistrano', '/srv/app/releases/20260110120000/install.sh', '/srv/app/releases/*/install.sh'],
    ['a checkout of a commit', '/srv/app/9f8e7d6c5b4a/install.sh', '/srv/app/*/install.sh'],
    ['capitals', '/opt/TMP/install.sh', '/opt/TMP/*'],
    ['another spelling', '/opt/Temp/install.sh', '/opt/Temp/*'],
    ['another spelling', '/opt/buildTmp/install.sh', '/opt/buildTmp/*'],
    ['another spelling', '/opt/temp_files/install.sh', '/opt/temp*/*'],
    ['shared memory', '/dev/shm/install.sh', '/dev/shm/*'],
    ['/run', '/run/user/1000/install.sh', '/run/*'],
  ])('%s: %s', (_, file, left) => {
    expect(temporaryPath(file)).toBe(left);
    expect(isKnownByContent(file)).toBe(true);
    expect(scriptTerm(file, sha256)).toBe(`${left} (sha256 0123456789abcdef)`);
    // What is left stays so: the term of a term's path is the same.
    expect(temporaryPath(left) ?? left).toBe(left);
  });

  test.each([
    '/opt/vendor/install.sh',
    '/opt/vendor-2.14.3/install.sh',
    '/opt/python311/install.py',
    '/opt/x86_64/install.sh',
    '/srv/deploy.py',
    '/home/alice/template/install.sh',
    '/home/alice/attempt/install.sh',
    '/home/alice/Contemporary/x.sh',
    '/opt/TEMPLATES/x.sh',
    '/opt/MyInstallScript/run.sh',
    '/opt/2026/install.sh',
    '/opt/deadbeef/install.sh',
    '/home/alice/tmp',
    '/etc/cron.daily/sync',
    '/opt/vendor/install.backup',
    // Packages own these.
    '/usr/lib/tmp/x.sh',
    '/usr/share/app/3f2b8a1c-1d2e-4f5a-8b9c-0d1e2f3a4b5c/x.sh',
    '/var/lib/dpkg/tmp.ci/preinst',
    '/var/lib/dpkg/info/x.postinst',
    // Not absolute: the directory is not known.
    'tmp/install.sh',
    '',
  ])('all: %s', (file) => {
    expect(temporaryPath(file)).toBe(undefined);
    expect(isKnownByContent(file)).toBe(false);
  });

  test('a module of Ansible is not known by its content, which has its arguments', () => {
    expect(isKnownByContent('/root/.ansible/tmp/ansible-tmp-1670.12-3-4/AnsiballZ_apt.py')).toBe(false);
  });

  test.each<[string, string]>([
    ['a long name', `/tmp/${'x'.repeat(4000)}`],
    ['many digits', `/var/lib/waagent/${'1/'.repeat(2000)}x`],
    ['many letters of a hash', `/srv/${'a'.repeat(4000)}g`],
    ['many words', `/srv/${'aB3.'.repeat(1000)}`],
    ['line breaks', '/tmp/a\nb'],
  ])('hostile: %s', (_, file) => {
    expect(temporaryPath(file) ?? file).toMatch(/^\//);
  });
});

test.each<[string, string | undefined]>([
  ['/tmp/* (sha256 0123456789abcdef)', '/tmp/*'],
  ['/tmp/* (sha256 0123)', undefined],
  ['/tmp/* (sha256 0123456789abcdef) (not root)', undefined],
  ['/usr/bin/bash', undefined],
])('the path in the term %s', (term, file) => {
  expect(pathOfScriptTerm(term)).toBe(file);
});
