#!/usr/bin/perl

# The protocol of the hot index, t/model/hot.pml, and of purges beside it,
# t/model/purging.pml, checked by spin over all orders in which a few processes
# can take their steps; and models that are wrong, in which it has to find that.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $spin = grep { -x "$_/spin" } split /:/, $ENV{PATH};
plan skip_all => 'no spin' if !$spin;

my $dir = tempdir(CLEANUP => 1);


# model(NAME): the text of t/model/NAME

sub model {
    my ($name) = @_;

    open my $file, '<', "$FindBin::Bin/model/$name" or die "$name: $!\n";

    return join '', <$file>;
}


# errors(MODEL, SCENE): how many, or what went wrong

sub errors {
    my ($text, $scene) = @_;

    $text =~ s/SCENE/$scene/;

    open my $out, '>', "$dir/model.pml" or die "model.pml: $!\n";
    print $out $text;
    close $out;

    my $gcc = 'gcc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=2000';
    my $said = qx{(cd $dir && rm -f pan* && spin -a model.pml &&
        $gcc -o pan pan.c && ./pan -m100000) 2>&1};

    return $said =~ /search not completed|max search depth/
        && $said !~ /assertion violated/ ? $said
        : $said =~ /errors: (\d+)/ ? $1 : $said;
}


# an owner has handed over, and the memory has the page

use constant HANDED => 'generation = 1; m[0].generation = 1; m[0].handed = 1;'
    . 'm[0].one = 1; m[0].two = 1; m[0].bucket_all = 1;';

my %scenes = (
    'a change' =>
        'run Owner(0, 1, false, true); run Filler(0, 2, false);'
        . 'run Reader(0); run Reader(0)',
    'a purge' =>
        'run Owner(0, 1, true, true); run Filler(0, 2, false);'
        . 'run Reader(0); run Reader(0)',
    'a hand-over' =>
        'run Owner(0, 1, false, true); run Owner(0, 3, false, true);'
        . 'run Filler(0, 2, false); run Reader(0)',
    'a hand-over to another nginx' =>
        'run Owner(0, 1, false, true); run Owner(1, 3, false, true);'
        . 'run Filler(0, 2, false); run Reader(0)',
    'one that is killed while it opens' => HANDED
        . 'run Victim(0, 3, false); run Killer(3); run Owner(0, 4, false, true);'
        . 'run Reader(0)',
    'and back' => HANDED
        . 'run Owner(1, 3, true, false); run Owner(0, 4, false, true);'
        . 'run Filler(0, 2, false); run Reader(0)',
    'an owner that is killed' =>
        'run Victim(0, 1, false); run Killer(1); run Owner(0, 3, false, true);'
        . 'run Filler(0, 2, false); run Reader(0)',
    'one that is killed in a purge' =>
        'run Victim(0, 1, true); run Killer(1); run Owner(0, 3, false, true);'
        . 'run Filler(0, 2, false); run Reader(0)',
    'killed, and another nginx' =>
        'run Victim(0, 1, false); run Killer(1); run Owner(1, 3, false, true);'
        . 'run Filler(0, 2, false); run Reader(0)',
    'one who is killed while he enters' =>
        'run Owner(0, 1, false, true); run Filler(0, 2, false);'
        . 'run Filler(0, 3, true); run Killer(3); run Reader(0)',
);

# without a part of it there is an order in which somebody is told an old thing

my %wrong = (
    'enters whatever was changed meanwhile' => [ 'a change', sub {
        s/ok = \(ok && m\[z\]\.changes == changes && m\[z\]\.underway == 0\);//;
    } ],
    'enters during a change' => [ 'a change', sub {
        s/ok = \(ok && m\[z\]\.underway == 0\)\n           \}/skip }/;
        s/m\[z\]\.changes == changes && m\[z\]\.underway == 0/m[z].changes == changes/;
    } ],
    'finds while it is changed' => [ 'a change', sub {
        s/ok = \(ok && m\[z\]\.underway == 0\);\n//;
        s/if\n       :: m\[z\]\.one != OTHER -> m\[z\]\.one = 0\n.*?fi;//s;
    } ],
    'a purge that bumps nothing' => [ 'a purge', sub {
        s/atomic \{ m\[z\]\.all\+\+; m\[z\]\.all_underway\+\+ \}/m[z].all_underway++/;
    } ],
    'no generation of the directory' => [ 'a hand-over to another nginx', sub {
        s/:: ok -> ok = \(generation == t\)/:: ok -> skip/;
    } ],
    'keeps what nobody handed over' => [ 'and back', sub {
        s/before != 0 && \(m\[z\]\.handed == before \|\| .*?\)/before != 0/;
    } ],
    'carries what nobody handed over' => [ 'and back', sub {
        s/:: m\[z\]\.handed == before && m\[z\]\.generation == before ->/:: m[z].generation != 0 ->/;
    } ],
    'half of an entry' => [ 'a change', sub {
        s/m\[z\]\.seq == seq && //;
    } ],
);


# check(MODEL, SCENES, WRONG): nothing is wrong in the scenes, and spin finds out
# each model that is wrong

sub check {
    my ($model, $scenes, $wrong) = @_;

    is errors($model, $scenes->{$_}), 0, $_ for sort keys %$scenes;

    for my $name (sort keys %$wrong) {
        my ($scene, $change) = @{ $wrong->{$name} };

        local $_ = $model;
        $change->();
        isnt $_, $model, "$name: is another model";
        is errors($_, $scenes->{$scene}), 1, "$name: is found out";
    }

    return;
}

check(model('hot.pml'), \%scenes, \%wrong);


my %purging_scenes = (
    'purged, and read' =>
        'run Owner(false); run Thread(); run Reader()',
    'purged, and read twice' =>
        'run Owner(false); run Reader(); run Reader()',
    'purged, and stored again' =>
        'run Owner(false); run Put(); run Thread(); run Reader()',
    'another purge, which may have the slot' =>
        'run Owner(false); run Others(); run Thread(); run Reader()',
    'no slot is free' =>
        'slots[0].state = USED; slots[0].what = OTHERS; n = 1;'
        . 'run Owner(false); run Put(); run Thread(); run Reader()',
    'handed over in a purge' =>
        'run Owner(true); run Next(); run Thread(); run Reader()',
    'handed over, and stored again' =>
        'run Owner(true); run Next(); run Put(); run Reader()',
    'a soft purge' =>
        'soft = true; run Owner(false); run Thread(); run Reader()',
    'a soft purge, and stored again' =>
        'soft = true; run Owner(false); run Put(); run Thread(); run Reader()',
    'handed over in a soft purge' =>
        'soft = true; run Owner(true); run Next(); run Thread(); run Reader()',
);

my %purging_wrong = (
    'does not compare the count of ended purges' => [
        'purged, and read', sub {
            s/ok = \(ended == before\)/ok = true/;
        } ],
    'counts a purge as ended after its slot is free' => [
        'purged, and read', sub {
            s/ended\+\+;\n(       atomic \{ slots\[slot\].*?;\n       n--)/$1;
              ended++/s;
        } ],
    'frees the slot before the record is removed' => [
        'purged, and read', sub {
            s/(inline work\(slot\) \{\n)(.*?);\n    end\(slot\)\n/$1
              end(slot);\n$2\n/s;
        } ],
    'is on the list before it has a slot' => [
        'purged, and read', sub {
            s/(    begin\(OURS.*?\n\n)(    atomic \{ listed.*?\n\n)/$2$1/s;
        } ],
    'voids nothing without a slot' => [ 'no slot is free', sub {
        s/atomic \{ all\+\+; all_underway\+\+ \}/all_underway++/;
    } ],
    'empties the table and does not hold it' => [
        'handed over in a purge', sub {
            s/    held = true;\n    ended\+\+;\n//;
        } ],
    'holds the table and counts nothing' => [
        'handed over in a purge', sub {
            s/(    held = true;\n)    ended\+\+;\n/$1/;
        } ],
    'looks for a hold after it has looked for purges' => [
        'handed over in a purge', sub {
            s/found = held;(.*?)found = \(n != 0\)/found = (n != 0);$1
              found = held/s;
        } ],
    'enters a record with a mark' => [ 'a soft purge', sub {
        s/:: soft && value == PURGED -> ok = false\n//;
    } ],
);

check(model('purging.pml'), \%purging_scenes, \%purging_wrong);

done_testing;
