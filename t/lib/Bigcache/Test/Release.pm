package Bigcache::Test::Release;

# What ./build.sh release makes of this tree, for the tests of it.  It is made
# once for all of them: the first test does it, and the others wait.
#
#     my $release = Bigcache::Test::Release->made;
#     $release->{status}, $release->{output}    of ./build.sh release
#     $release->{dir}                           where the files are
#     $release->{work}                          where they were built

use strict;
use warnings;

use Cwd qw(abs_path);
use Fcntl qw(:flock);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Find;


# _tree(TOP): changes if a file of the sources does

sub _tree {
    my ($top) = @_;

    my @files;

    find({
        no_chdir => 1,
        preprocess => sub {
            my $in = $File::Find::dir;

            return sort grep {
                !/^(?:\.git|__pycache__|.*\.egg-info)\z/
                    && !($in eq $top && /^(?:build|data|obj-.*)\z/);
            } @_;
        },
        wanted => sub { push @files, join ' ', $_, (lstat)[2, 7, 9] },
    }, $top);

    return sha256_hex(join "\n", @files);
}


sub made {
    my ($class) = @_;

    my $top = abs_path(dirname(__FILE__) . '/../../../..');
    my $self = bless {
        dir => "$top/build/release.test",
        work => "$top/build/release.work",
    }, $class;

    # the next release removes the directory, and this with it
    my $said = "$self->{work}/said";

    mkdir "$top/build";
    open my $lock, '>>', "$self->{dir}.lock" or die "lock: $!\n";
    flock $lock, LOCK_EX or die "flock: $!\n";

    my $tree = _tree($top);
    my ($of, $status, $output) = do {
        local (@ARGV, $/) = $said;
        -f $said ? split(/\n/, <>, 3) : ();
    };

    if (($of // '') ne $tree || $status != 0) {
        $output = qx{cd '$top' && rm -rf build/release.test &&
            ./build.sh release --dirty --out build/release.test 2>&1};
        $status = $?;
        open my $file, '>', $said or die "$said: $!\n";
        print $file "$tree\n$status\n$output";
        close $file or die "$said: $!\n";
    }

    @$self{qw(status output)} = ($status, $output);

    return $self;
}

1;
