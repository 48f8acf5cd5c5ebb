package Bigcache::Test::Promql;

# What expressions of PromQL say of metrics, compared with what /metrics has.
#
#     my $m = Bigcache::Test::Promql->new($t->get('/metrics')->body);
#     is join(' ', $m->unknown('rate(bigcache_x{status="200"}[5m])')), '', 'ok';

use strict;
use warnings;

# labels of Prometheus, of a front, and of the buckets of a histogram

my %always = map { $_ => 1 } qw(instance job server le);


# new(METRICS): the text of one answer, or of several

sub new {
    my ($class, @metrics) = @_;

    my (%of, %type);

    for my $line (map { split /\n/ } @metrics) {
        $type{$1} = $2 if $line =~ /^# TYPE (\w+) (\w+)/;

        my ($name, $labels) = $line =~ /^(\w+)(?:\{(.*)\})? \S+$/ or next;

        $of{$name} ||= {};
        $of{$name}{$1}{$2} = 1 while ($labels // '') =~ /(\w+)="([^"]*)"/g;
    }

    return bless { of => \%of, type => \%type }, $class;
}


# unknown(EXPRESSION): names, labels and values in it that do not exist.  A
# value with a "$" is a variable; a "status" need not have been there

sub unknown {
    my ($self, $expr) = @_;

    my (@unknown, %seen, %labels);
    my $text = $expr =~ s/"(?:[^"\\]|\\.)*"/""/gr;

    while ($expr =~ /\b(bigcache_\w+)(?:\{([^}]*)\})?/g) {
        my ($name, $matchers) = ($1, $2 // '');
        my $labels = $self->{of}{$name};

        $seen{$name} = 1;
        push(@unknown, $name), next if !$labels;
        @labels{keys %$labels} = ();

        while ($matchers =~ /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g) {
            my ($label, $operator, $value) = ($1, $2, $3);

            push @unknown, "$name\{$label\}"
                if !$always{$label} && !$labels->{$label};
            next if $value =~ /\$/ || $always{$label} || $label eq 'status'
                || !$labels->{$label};

            my $regex = $operator =~ /~/ ? qr/^(?:$value)$/ : qr/^\Q$value\E$/;

            push @unknown, "$name\{$label$operator$value\}"
                if !grep { /$regex/ } keys %{ $labels->{$label} };
        }
    }

    push @unknown, 'no metric' if !%seen;
    push @unknown, map { "by $_" }
        grep { !$always{$_} && !exists $labels{$_} } by($expr);
    push @unknown, $self->_kinds($text);

    return @unknown;
}


# by(EXPRESSION): the labels that it groups by

sub by {
    my ($expr) = @_;

    return map { split /\s*,\s*/ } $expr =~ /\bby\s*\(([^)]*)\)/g;
}


# _kinds(TEXT): only counters have rates, and counters have nothing else

sub _kinds {
    my ($self, $text) = @_;

    my @wrong;

    while ($text =~ /(\w*)(\(?)\b(bigcache_\w+)(?:\{[^}]*\})?(\[?)/g) {
        my ($function, $name, $range) = ($1, $3, $4);
        my $base = $name =~ s/_(?:bucket|sum|count)$//r;
        my $type = $self->{type}{$name} // $self->{type}{$base} // next;
        my $rated = $range && $function =~ /^(?:rate|increase|changes)$/;

        push @wrong, "$type $name: $function" if ($type eq 'gauge') == !!$rated;
    }

    return @wrong;
}

1;
