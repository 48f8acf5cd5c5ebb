package Bigcache::Test::LevelDB;

# The log of a LevelDB: enough to write a database of somebody else, or into that
# of a store.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(leveldb_log);

my @crc_table = map {
    my $crc = $_;
    $crc = $crc & 1 ? $crc >> 1 ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
    $crc;
} 0 .. 255;


sub crc32c {
    my $crc = 0xffffffff;

    $crc = $crc_table[($crc ^ $_) & 255] ^ $crc >> 8 for unpack 'C*', $_[0];

    return $crc ^ 0xffffffff;
}


# leveldb_log(SEQUENCE, KEY => VALUE ...): a log of one batch

sub leveldb_log {
    my ($sequence, @pairs) = @_;

    my $batch = pack('Q< V', $sequence, @pairs / 2)
        . join '', map { pack 'C w/a* w/a*', 1, @pairs[2 * $_, 2 * $_ + 1] }
        0 .. $#pairs / 2;

    my $crc = crc32c("\1$batch");
    $crc = (($crc >> 15 | $crc << 17 & 0xffffffff) + 0xa282ead8) & 0xffffffff;

    return pack('V v C', $crc, length $batch, 1) . $batch;
}

1;
