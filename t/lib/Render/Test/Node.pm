package Render::Test::Node;

# Drivers of tests that are programs of node, with the packages that they need.

use strict;
use warnings;

use Exporter qw(import);
use File::Copy qw(copy);
use File::Path qw(make_path);
use Test::More;

our @EXPORT = qw(driver_folder);

# driver_folder($from, $build, @files): a folder of the build, outside the source tree, with these
# files of $from and their packages, as the lock file there says. Where that cannot be had, the test
# ends as failed, but not those behind it.
sub driver_folder {
    my ($from, $build, @files) = @_;
    my ($name) = $from =~ m{([^/]+)\z};
    my $folder = "$build/$name";
    make_path($folder);
    copy("$from/$_", "$folder/$_") or die "$_: $!" for qw(package.json package-lock.json .npmrc), @files;
    my $said = `cd '$folder' && npm ci --no-audit --no-fund 2>&1`;
    if ($?) {
        fail('npm ci');
        diag($said);
        done_testing;
        exit 1;
    }
    pass('npm ci');
    return $folder;
}

1;
