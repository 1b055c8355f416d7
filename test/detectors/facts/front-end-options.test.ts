// Arguments of apt, dnf and zypper that turn verification off, in the spellings that their parsers take, and near misses.

import { describe, expect, test } from 'vitest';
import { frontEndOptions, isFrontEnd } from '../../../detectors/facts/front-end-options.ts';

const off = (line: string): readonly string[] => {
  const args = line.split(' ');
  return frontEndOptions(args[0] ?? '', args);
};

describe('apt', () => {
  test.each([
    '/usr/bin/apt-get --allow-unauthenticated install x',
    'apt install x --allow-unauthenticated',
    'apt-get --ALLOW-Unauthenticated install x',
    'apt-get --allow-unauthenticated=yes install x',
    'apt-get --allow-unauthenticated on install x',
    'apt-get --yes-allow-unauthenticated install x',
    'apt-get --no-allow-unauthenticated=yes install x',
    'apt-get --no-allow-unauthenticated true install x',
    'apt-get --allow-unauthenticated maybe install x',
    'apt-get -o APT::Get::AllowUnauthenticated=true install x',
    'apt-get -oAPT::Get::AllowUnauthenticated=1 install x',
    'apt-get -o=APT::Get::AllowUnauthenticated=with install x',
    'apt-get -yo apt::get::allowunauthenticated=ENABLE install x',
    'apt-get -yqqoapt::get::allowunauthenticated=0x1 install x',
    'apt-get --option APT::Get::AllowUnauthenticated=on install x',
    'apt-get --Option=APT::Get::AllowUnauthenticated=yes install x',
    'apt-get -o Binary::apt-get::APT::Get::AllowUnauthenticated=yes install x',
    'apt-get --no-allow-unauthenticated -o APT::Get::AllowUnauthenticated=yes install x',
    'synaptic -o APT::Get::AllowUnauthenticated=yes',
    'nala install -o APT::Get::AllowUnauthenticated=true x',
    'gdebi --option=APT::Get::AllowUnauthenticated=1 x.deb',
  ])('%s', (line) => {
    expect(off(line)).toEqual(['allow_unauthenticated']);
  });

  test.each([
    ['apt-get --force-yes install x', ['force_yes']],
    ['apt-get -o APT::Get::force-yes=1 install x', ['force_yes']],
    ['apt-get -o Acquire::AllowInsecureRepositories=true install x', ['allow_insecure_repositories']],
    ['apt --allow-insecure-repositories install x', ['allow_insecure_repositories']],
    ['apt-get -o Acquire::AllowWeakRepositories=1 install x', ['allow_weak_repositories']],
    [
      'apt-get -o Acquire::AllowDowngradeToInsecureRepositories=1 install x',
      ['allow_downgrade_to_insecure_repositories'],
    ],
    [
      'apt-get --allow-unauthenticated --force-yes --allow-unauthenticated install x',
      ['allow_unauthenticated', 'force_yes'],
    ],
    ['aptitude --allow-untrusted install x', ['allow_untrusted']],
    ['aptitude-curses --allow-un install x', ['allow_untrusted']],
    ['aptitude -o Aptitude::CmdLine::Ignore-Trust-Violations=true install x', ['allow_untrusted']],
    ['aptitude -yoAPT::Get::AllowUnauthenticated=true install x', ['allow_unauthenticated']],
  ])('%s', (line, expected) => {
    expect(off(line)).toEqual(expected);
  });

  test.each([
    'apt-get install x',
    'apt-get --allow-downgrades install x',
    'apt-get --allow-unauthenticated=no install x',
    'apt-get --allow-unauthenticated false install x',
    'apt-get --no-allow-unauthenticated install x',
    'apt-get --disable-allow-unauthenticated install x',
    'apt-get --allow-unauth install x',
    'apt-get --allow-unauthenticated --allow-unauthenticated=off install x',
    'apt-get --allow-unauthenticated -o APT::Get::AllowUnauthenticated=without install x',
    'apt-get -o APT::Get::AllowUnauthenticated=maybe install x',
    'apt-get -o APT::Get::AllowUnauthenticated=2 install x',
    'apt-get -o APT::Get::AllowUnauthenticated install x',
    'apt-get -o APT::Get::AllowUnauthenticatedX=1 install x',
    'apt-get -o XAPT::Get::AllowUnauthenticated=1 install x',
    'apt-get -o -oAPT::Get::x=1 install x',
    'apt-get -toAPT::Get::AllowUnauthenticated=1 install x',
    'apt-get install -- --allow-unauthenticated',
    'apt-get -o Dpkg::Options::=--force-depends install x',
    'aptitude --allow-untrusted=yes install x',
    'aptitude --allow-new-installs install x',
    'aptitude -toAPT::Get::AllowUnauthenticated=1 install x',
  ])('%s turns nothing off', (line) => {
    expect(off(line)).toEqual([]);
  });
});

describe('dnf and zypper', () => {
  test.each([
    ['dnf install --nogpgcheck x', ['nogpgcheck']],
    ['/usr/bin/dnf-3 --nogpg install x', ['nogpgcheck']],
    ['dnf5 --no-gpgchecks install x', ['nogpgcheck']],
    ['yum -y --nogpgcheck localinstall x.rpm', ['nogpgcheck']],
    ['dnf --setopt=gpgcheck=0 install x', ['gpgcheck']],
    ['dnf --setopt gpgcheck=False install x', ['gpgcheck']],
    ['dnf --seto=*.gpgcheck=no install x', ['gpgcheck']],
    ['microdnf --setopt=my.repo.gpgcheck=off install x', ['gpgcheck']],
    ['dnf --setopt=localpkg_gpgcheck=0 install x', ['gpgcheck']],
    ['dnf --setopt=x.repo_gpgcheck=0 install x', ['gpgcheck']],
    ['dnf5 --setopt=pkg_gpgcheck=0 install x', ['gpgcheck']],
    ['tdnf --nogpgcheck --setopt=gpgcheck=0 install x', ['nogpgcheck', 'gpgcheck']],
    ['dnf --setopt=gpgcheck=0 --setopt=a.gpgcheck=1 install x', ['gpgcheck']],
    ['zypper --no-gpg-checks install x', ['no_gpg_checks']],
    ['zypper -n --no-gpg in x', ['no_gpg_checks']],
    ['zypper in --allow-unsigned-rpm x.rpm', ['allow_unsigned_rpm']],
    ['zypper in --allow-unsigned x.rpm', ['allow_unsigned_rpm']],
  ])('%s', (line, expected) => {
    expect(off(line)).toEqual(expected);
  });

  test.each([
    'dnf install nogpgcheck',
    'dnf install x -- --nogpgcheck',
    'dnf --nobest install x',
    'dnf --nogpgcheck=1 install x',
    'dnf --nogpgcheckx install x',
    'dnf --setopt=gpgcheck=1 install x',
    'dnf --setopt=gpgcheck=0 --setopt=gpgcheck=1 install x',
    'dnf --setopt=gpgcheck install x',
    'dnf --setopt=xgpgcheck=0 install x',
    'dnf --setopt=gpgkey=0 install x',
    'dnf --set install x',
    'dnf5 --no-gpg install x',
    'zypper --gpg-auto-import-keys install x',
    'zypper --no-refresh install x',
    'zypper install --allow-downgrade x',
    'zypper --no-gpg-checks=1 install x',
  ])('%s turns nothing off', (line) => {
    expect(off(line)).toEqual([]);
  });
});

test.each([
  ['/usr/bin/apt-get', true],
  ['/usr/bin/dnf-3', true],
  ['dnf5', true],
  ['/usr/bin/dnf5daemon-server', false],
  ['dpkg', false],
  ['toString', false],
  ['', false],
])('%s is a front end: %s', (file, expected) => {
  expect(isFrontEnd(file)).toBe(expected);
});

test('hostile arguments are read in a time that grows with their length', () => {
  const long = 'a'.repeat(100_000);
  const words = [`-${long}`, `-o${long}=${long}`, `--${long}-${long}`, `--setopt=${'.'.repeat(100_000)}gpgcheck=0`];
  const args = ['x', ...Array.from({ length: 40 }, (_, index) => words[index % words.length] as string)];
  for (const file of ['apt', 'aptitude', 'zypper']) expect(frontEndOptions(file, args)).toEqual([]);
  expect(frontEndOptions('dnf', args)).toEqual(['gpgcheck']);
});
