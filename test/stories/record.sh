#!/bin/sh
# Records a story in private mounts, which leave the machine unchanged: `sudo sh test/stories/record.sh RULE-ID`. RECORDER names another
# program to run in these mounts.
set -e
[ -n "$STORY_MOUNTS" ] || STORY_MOUNTS=1 exec unshare --mount --propagation private sh "$0" "$@"
checkout=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
for directory in /tmp /srv /root /opt /var/lib/rpm /var/log /var/lib/apt /var/cache/apt; do
  mount -t tmpfs none "$directory"
done
mkdir -p /srv/packages /srv/upper /srv/work /var/lib/apt/lists/partial /var/cache/apt/archives/partial /var/log/apt
mkdir -p /srv/dpkg/info /srv/dpkg/updates /srv/dpkg/triggers /srv/dpkg/parts /srv/dpkg/alternatives
# A package database with dpkg installed and the file lists of apt and rpm.
for package in dpkg apt rpm; do
  [ $package != dpkg ] || dpkg-query -W -f 'Package: ${Package}\nStatus: ${Status}\nMaintainer: none\nArchitecture: ${Architecture}\nVersion: ${Version}\nDescription: ${Package}\n\n' "$package" >>/srv/dpkg/status
  cp "/var/lib/dpkg/info/$package.list" /srv/dpkg/info/
done
cp /var/lib/dpkg/info/format /srv/dpkg/info/
: >/srv/dpkg/available
mount --bind /srv/dpkg /var/lib/dpkg
# The configuration of apt and dnf, which acts may change.
cp -a /etc/apt /srv/apt
mount --bind /srv/apt /etc/apt
mkdir /srv/dnf
printf '[main]\ngpgcheck=True\nbest=True\n' >/srv/dnf/dnf.conf
mount --bind /srv/dnf /etc/dnf
# The directory of units, which scripts of packages may change.
cp -a /etc/systemd/system /srv/units
mount --bind /srv/units /etc/systemd/system
# The directory that the actors are copied to.
mount -t overlay -o lowerdir=/usr/sbin,upperdir=/srv/upper,workdir=/srv/work none /usr/sbin
# Package sources that apt does not use here.
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/trusted.gpg* /etc/apt/keyrings /etc/apt/preferences*
printf 'deb http://%s main\n' 'deb.example.org/debian stable' 'security.example.org/debian-security stable-security' >/etc/apt/sources.list
mkdir -p /etc/apt/sources.list.d /etc/apt/trusted.gpg.d /etc/apt/preferences.d
printf 'Dir::Etc::SourceList "/dev/null"; Dir::Etc::SourceParts "/none"; APT::Sandbox::User "root";\n' >/srv/apt.conf
rpm --dbpath /var/lib/rpm --initdb
cd "$checkout"
exec sh agent/with-node.sh node "${RECORDER:-test/stories/record.ts}" "$@"
