package Bigcache::Test::Response;

# An HTTP answer: status (0 if there was none), reason, version, header(NAME),
# headers(NAME), body, json, error, truncated, and answer, which is status and
# body.

use strict;
use warnings;

use JSON::PP ();


sub new {
    my ($class) = @_;

    return bless { status => 0, reason => '', version => '', body => '',
        headers => [] }, $class;
}


sub parse_head {
    my ($self, $head) = @_;

    my ($line, @fields) = split /\r\n/, $head;

    @$self{qw(version status reason)} = $line =~ m{^(HTTP/\S+) (\d{3}) ?(.*)}
        or die "not an answer: $line\n";

    $self->{head} = $head;
    $self->{headers} = [ map { [ /^([^:]+):\s*(.*?)\s*$/s ] } @fields ];
}


sub status { $_[0]{status} }
sub reason { $_[0]{reason} }
sub version { $_[0]{version} }
sub head { $_[0]{head} }
sub body { $_[0]{body} }
sub answer { "$_[0]{status} $_[0]{body}" }
sub truncated { $_[0]{truncated} }


# header(NAME): the first of that name, in any case; headers(NAME): all values

sub header {
    return (headers(@_))[0];
}


sub headers {
    my ($self, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
        @{ $self->{headers} };
}


# json: the decoded body, undef if it is not JSON

sub json {
    my ($self) = @_;

    return eval { JSON::PP->new->utf8->allow_nonref->decode($self->{body}) };
}


# error: the first of the errors that a 422 tells, or none

sub error {
    my ($self) = @_;

    return eval { $self->json->{detail}[0] } || {};
}

1;
