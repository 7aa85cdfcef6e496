package Render::Test::Files;

# Whole files, as bytes.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(slurp spew);

# What the file holds; dies where it cannot be read.
sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}

# Writes it anew; its path.
sub spew {
    my ($file, $bytes) = @_;
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} $bytes or die "$file: $!";
    close $out or die "$file: $!";
    return $file;
}

1;
