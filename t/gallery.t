# docs/gallery: every composition renders, and its still is what the folder
# shows; the page names them all.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use Render::Test;

my $dir = tempdir(CLEANUP => 1);
my $made = system "scripts/gallery '$dir' >'$dir/log' 2>&1";
is $made, 0, 'the gallery is rendered' or diag `cat $dir/log`;

my @names = map {m{([^/]+)\.json\z}} glob 'docs/gallery/*.json';
cmp_ok scalar(@names), '>=', 25, 'with a composition for each feature';

for my $name (@names) {
    my ($kept)  = grep {-e} glob "docs/gallery/$name.{jpg,png}";
    my ($fresh) = grep {-e} glob "$dir/$name.{jpg,png}";
    ok $kept && $fresh, "$name has a still" or next;
    my ($like) = `ffmpeg -nostdin -v info -i '$fresh' -i '$kept' -lavfi ssim -f null - 2>&1` =~ /SSIM.*All:([\d.]+)/;
    cmp_ok $like // 0, '>', 0.98, "$name: the still is what it looks like";
}

ok !system("cmp -s docs/gallery/README.md '$dir/README.md'"), 'the page is up to date';
my $page = do { open my $in, '<', 'docs/gallery/README.md' or die $!; local $/; <$in> };
is_deeply [ $page =~ /\(([\w-]+)\.json\)/g ], \@names, 'and shows them all';

done_testing;
