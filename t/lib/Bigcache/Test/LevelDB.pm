package Bigcache::Test::LevelDB;

# The log of a LevelDB: enough to write a database of somebody else, or into that
# of a store.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(leveldb_log leveldb_files);

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

    return record(pack('Q< V', $sequence, @pairs / 2)
        . join '', map { pack 'C w/a* w/a*', 1, @pairs[2 * $_, 2 * $_ + 1] }
        0 .. $#pairs / 2);
}


# leveldb_files(KEY => VALUE ...): the names and contents of a database in which
# nothing but a log has these pairs

sub leveldb_files {
    my (@pairs) = @_;

    # the comparator, the number of the log, the next number, the last sequence
    my $edit = pack 'C w/a* C w C w C w', 1, 'leveldb.BytewiseComparator',
        2, 3, 3, 4, 4, 0;

    return ('CURRENT' => "MANIFEST-000002\n", 'MANIFEST-000002' => record($edit),
        '000003.log' => leveldb_log(1, @pairs));
}


# record(DATA): of a log, which a manifest is, too

sub record {
    my ($data) = @_;

    my $crc = crc32c("\1$data");
    $crc = (($crc >> 15 | $crc << 17 & 0xffffffff) + 0xa282ead8) & 0xffffffff;

    return pack('V v C', $crc, length $data, 1) . $data;
}

1;
