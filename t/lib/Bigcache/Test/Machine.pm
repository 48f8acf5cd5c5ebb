package Bigcache::Test::Machine;

# A copy of this machine for tests that install packages.  A script runs as root
# in a copy of the file system.  What it writes is in memory, and is gone
# afterwards.  Only root on Linux can do that.
#
#     Bigcache::Test::Machine->possible($t) or skip 'not here', 1;
#     my ($status, $output) = Bigcache::Test::Machine->run($t,
#         'dpkg -i /mnt/x.deb', $deb => 'x.deb');

use strict;
use warnings;


sub _copy {
    my ($t) = @_;

    my $over = $t->dir . '/over';

    return $over, "mkdir -p $over && mount -t tmpfs tmpfs $over"
        . " && mkdir $over/up $over/work $over/root"
        . " && mount -t overlay overlay -o lowerdir=/,upperdir=$over/up,"
        . "workdir=$over/work $over/root";
}


sub possible {
    my ($class, $t) = @_;

    my ($over, $copy) = _copy($t);

    return !$> && system("unshare -m sh -c '$copy' >" . $t->dir . '/out 2>&1')
        == 0;
}


# run(TEST, SCRIPT, FILE => NAME ...): copies of the files are in its /mnt, which
# has room for more; there is no other file system, not even /tmp

sub run {
    my ($class, $t, $script, @files) = @_;

    my ($over, $copy) = _copy($t);
    my $root = "$over/root";
    my $shell = "$copy && mkdir -p $root/mnt && mount -t tmpfs tmpfs $root/mnt";

    $t->write_file('script', <<"END");
set -e
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
$script
END

    @files = ($t->dir . '/script' => 'script', @files);

    while (my ($file, $name) = splice @files, 0, 2) {
        $shell .= " && cp -r $file $root/mnt/$name";
    }

    $shell .= " && mount -t proc proc $root/proc"
        . " && mount --bind /dev $root/dev && chroot $root sh /mnt/script";

    my $output = `unshare -m sh -c '$shell' 2>&1`;

    return ($? >> 8 || $?, $output);
}

1;
