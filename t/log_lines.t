#!/usr/bin/perl

# docs/operations.md explains every line that src/ may write to the log at
# notice or above, with its level, and none that is not there.

use strict;
use warnings;

use Errno qw(EACCES EDQUOT EIO EMFILE ENFILE ENOENT ENOMEM ENOSPC EPERM EROFS);

use Bigcache::Test qw(slurp);
use File::Find;
use FindBin;
use Test::More;

my $top = "$FindBin::Bin/..";


# calls(TEXT, NAME): the arguments of each call of the function, as they stand

sub calls {
    my ($text, $name) = @_;

    my @calls;
    my $string = qr/"(?:[^"\\]|\\.)*"/;

    while ($text =~ /\b$name\(((?:[^()"']++|$string|'[^']*'
        |(?<p>\((?:[^()"']++|$string|'[^']*'|(?&p))*\)))*+)\)/gxs)
    {
        my @arguments = ('');

        for ($1 =~ /\G($string|'[^']*'|\((?:[^()]++|\((?:[^()]++|\([^()]*\))*
            \))*\)|.)/gxs)
        {
            $_ eq ',' ? push @arguments, '' : ($arguments[-1] .= $_);
        }

        push @calls, [ map { s/^\s+|\s+$//gr } @arguments ];
    }

    return @calls;
}


# literal(ARGUMENT): the string, or undef if it is none

sub literal {
    my ($argument) = @_;

    return undef if $argument !~ /^"/;

    my $text = join '', $argument =~ /"((?:[^"\\]|\\.)*)"/g;

    return $text =~ s/\\(.)/$1/gr;
}


sub levels {
    my ($argument) = @_;

    return map { { ERR => 'error' }->{$_} // lc } $argument
        =~ /LOG_(EMERG|ALERT|CRIT|ERR|WARN|NOTICE|INFO|DEBUG)\b/g;
}


# pattern(FORMAT): what stands in the place of a conversion is up to the text

sub pattern {
    my ($format) = @_;

    return join '[^`]+?', map { quotemeta }
        split /%[-0-9.*]*(?:ll|l|z|u(?=[dizL]))?[a-zA-Z]/, $format, -1;
}


# -- what the sources say

my (@lines, @files);

find({ no_chdir => 1, wanted => sub { push @files, $_ if /\.c$/ } },
    "$top/src");

for my $name (sort @files, "$top/ngx_http_bigcache_module.c") {

    my $text = slurp($name) =~ s{/\*.*?\*/}{}gsr;
    my ($short) = $name =~ m{([^/]+)$};

    # level and format: where they stand, and what the handler puts in front
    my %functions = (
        bigcache_log => [ 1, 2, 'bigcache ' ],
        ngx_log_error => [ 0, 3, '' ],
        ngx_conf_log_error => [ 0, 3, '' ],
    );

    for my $function (sort keys %functions) {
        my ($level, $format, $front) = @{ $functions{$function} };

        for my $call (calls($text, "(?<!_)$function")) {
            my $said = literal($call->[$format] // '');

            # a prototype, and the line that passes on those of the store
            next if $call->[0] =~ /^const / || ($said // '') eq 'bigcache %s';

            ok defined $said, "$short: the format is a string"
                or diag join ', ', @$call;
            push @lines, { where => $short, format => $front . ($said // ''),
                levels => [ levels($call->[$level]) ] };
        }
    }

    # those of one function, which are many lines

    for my $function (qw(bigcache_log_failed bigcache_cache_failed)) {
        for my $call (calls($text, $function)) {
            my @what = grep { defined } map { literal($_) } @$call;
            my ($what) = @what or next;

            push @lines, { where => $short, levels => [],
                format => "bigcache store \"%s\": cannot $what: %s" };
        }
    }
}

@lines = grep {
    !@{ $_->{levels} } || grep { !/^(?:info|debug)$/ } @{ $_->{levels} }
} @lines;

cmp_ok scalar @lines, '>', 50, 'lines in src/';

# -- what the page says

my $page = slurp("$top/docs/operations.md") =~ s/\s+/ /gr;
my ($section) = $page =~ /## What a log line means (.*)/;

for my $line (@lines) {
    my $pattern = pattern($line->{format});
    my ($behind) = $section =~ /`$pattern`([^`]{0,60})/;

    ok defined $behind, "$line->{where}: $line->{format}" or next;

    # a level that is not known here is told in words, or for many lines
    next if @{ $line->{levels} } != 1;
    like $behind, qr/^(?:,? and| \()?\(?$line->{levels}[0]/,
        "its level, $line->{levels}[0]";
}

# what to do about an error of the system, in a row of its table

for my $errno (EACCES, EDQUOT, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC,
    EPERM, EROFS)
{
    my $why = do { local $! = $errno; "$!" };

    like $section, qr/\|(?: `[^`|]+`,)* `\Q$why\E`(?:, `[^`|]+`)* \| [^|]{20}/,
        "what to do: $why";
}

# the directives say the rest

my $path = slurp("$top/src/http/ngx_http_bigcache_path.c")
    . slurp("$top/ngx_http_bigcache_module.c");

for ($path =~ /return ("(?:[^"\\]|\\.)*");/g) {
    my $said = literal($_);
    like $section, qr/`\Q$said\E`/, "refused: $said";
}

# -- nothing is explained that is not there any more

for my $told ($section =~ /`(bigcache(?: store| zone|:| cannot) [^`]+)`/g) {
    ok scalar(grep { my $p = pattern($_->{format}); $told =~ /^$p$/ } @lines),
        "in src/: $told";
}

done_testing;
