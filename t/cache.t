# The cache of the command: a source is read once, and again when it has changed, whatever its
# times say; what is damaged in the cache is made anew.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA;
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Render::Test;
use Render::Test::Files;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;
my $cache = "$dir/cache";
mkdir $cache or die $!;

sub digest { Digest::SHA->new(256)->addfile("$dir/a.wav", 'b')->hexdigest }

# By which digest a plan names the source.
sub planned {
    my $plan = $json->decode(scalar `$build/render plan --cache $cache $dir/film.json`);
    return $plan->{sound}[0]{spec}{clips}[0]{input};
}

my $made = make_media('cache.wav', qw(-f lavfi -i sine=d=2));
system('cp', $made, "$dir/a.wav") == 0 or die;
utime 1_000_000_000, 1_000_000_000, "$dir/a.wav";       # whole seconds, which can be set again
spew("$dir/film.json", $json->encode({ timeline => { tracks => [ { kind => 'audio', clips => [ { asset => { type => 'audio', src => 'a.wav' } } ] } ] },
    outputs => [ { format => 'wav' } ] }));

# A machine that is busy may take longer than the file takes to settle: then it is written again.
my ($named, @kept);
for (1 .. 20) {
    unlink glob "$cache/*.digest";
    utime 1_000_000_000, 1_000_000_000, "$dir/a.wav";
    ($named, @kept) = (planned(), glob "$cache/*.digest");
    last if time - (stat "$dir/a.wav")[10] < 2;
}
is $named, digest(), 'a source that has just been written';
is scalar(@kept), 0, 'is not kept: it may change within the same tick';

sub settle { wait_until(sub { time - (stat "$dir/a.wav")[10] > 3 }, 10, 'the source to settle') }
settle();
is planned(), digest(), 'later';
is scalar(@kept = glob "$cache/*.digest"), 1, 'it is';

# It is not read: what is kept counts.
my $right = do { open my $in, '<', $kept[0] or die $!; <$in> };
is $right, digest(), 'as what it is';
my $wrong = 'f' x 64;
spew($kept[0], $wrong);
is planned(), $wrong, 'and is not read again';

for my $damaged ('', substr($right, 1), 'z' x 64, "$right$right") {
    spew($kept[0], $damaged);
    is planned(), digest(), 'what is kept is damaged: read again (' . length($damaged) . ' bytes)';
    is -s $kept[0], 64, 'and kept';
}

# Other bytes, as many, and the time of before.
my @was = stat "$dir/a.wav";
open my $out, '+<:raw', "$dir/a.wav" or die $!;
seek $out, 1000, 0;
print {$out} 'other bytes';
close $out or die $!;
utime $was[8], $was[9], "$dir/a.wav";
is((stat "$dir/a.wav")[9], $was[9], 'a source that changes, and has the time of before');
isnt digest(), $right, 'is another';
settle();
is planned(), digest(), 'and is known as that';

# Many sources, which are looked at side by side: each has its own digest and length.
my @many = map {"m$_.wav"} 1 .. 9;
for my $n (1 .. 9) {
    system('ffmpeg', qw(-nostdin -v error -y -f lavfi -i), "sine=f=${n}00:d=$n", "$dir/m$n.wav") == 0 or die;
}
sub of_many {
    return $json->encode({ timeline => { tracks => [ map +{ kind => 'audio', clips => [ { asset => { type => 'audio', src => $_ } } ] }, @_ ] },
        outputs => [ { format => 'wav' } ] });
}
spew("$dir/many.json", of_many(@many, $many[0]));
for my $how ('', "--cache $cache", "--cache $cache") {
    my $plan = $json->decode(scalar `$build/render plan $how $dir/many.json`);
    is_deeply [map { [@$_{qw(input len)}] } @{ $plan->{sound}[0]{spec}{clips} }],
        [map { [Digest::SHA->new(256)->addfile("$dir/m$_.wav", 'b')->hexdigest, 48000 * $_] } 1 .. 9, 1], "ten of nine files $how";
}
spew("$dir/text.wav", 'nothing to hear');
mkdir "$dir/folder.wav" or die $!;
spew("$dir/bad.json", of_many(@many[0 .. 3], 'text.wav', @many[4 .. 6], 'folder.wav', 'none.wav', $many[7]));
my @said = `$build/render plan --cache $cache $dir/bad.json 2>&1`;
is $? >> 8, 1, 'and where some are none';
is scalar @said, 3, 'just those are told' or diag @said;
like $said[0], qr{/tracks/4/clips/0/asset/src.*not a media file}, 'a text';
like $said[1], qr{/tracks/8/clips/0/asset/src.*directory}i, 'a folder';
like $said[2], qr{/tracks/9/clips/0/asset/src.*does not exist}, 'nothing at all';

# Where the child that looks at one of them dies, only that one is not known.  (librsvg of Debian 12 panics there.)
my $ones = join ' ', (1) x 32**2;
spew("$dir/dies.svg", qq{<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><filter id="f"><feConvolveMatrix order="32" kernelMatrix="$ones"/></filter>}
    . '<rect width="64" height="64" filter="url(#f)"/></svg>');
SKIP: {
    skip 'nothing that a child dies of', 2 if `$build/render probe $dir/dies.svg 2>&1` !~ /ended by signal/;
    my $film = $json->decode(of_many(@many));
    splice @{ $film->{timeline}{tracks} }, 4, 0, { clips => [ { asset => { type => 'svg', src => 'dies.svg' }, duration => 1 } ] };
    spew("$dir/dies.json", $json->encode($film));
    @said = grep {/^\S+dies\.json: /} `$build/render plan $dir/dies.json 2>&1`;
    is scalar @said, 1, 'a source that nobody survives' or diag @said;
    like $said[0], qr{/tracks/4/clips/0/asset/src.*ended by signal}, 'is told, and no other';
}

# What is said of one of them may be cut in the middle of a character, and it may have children that others left.
my $long = "\xc3\xa9" x 300;
spew("$dir/odd.svg", qq{<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect $long="1" $long="2"/></svg>});
my $odd_film = $json->decode(of_many(@many));
splice @{ $odd_film->{timeline}{tracks} }, 4, 0, { clips => [ { asset => { type => 'svg', src => 'odd.svg' }, duration => 1 } ] };
spew("$dir/odd.json", $json->encode($odd_film));
@said = `bash -c 'for i in \$(seq 9); do sleep 0.0\$i & done; exec $build/render plan $dir/odd.json' 2>&1`;
is $? >> 8, 1, 'a source that is none, and children of others';
is scalar @said, 1, 'only that is told' or diag @said;
like $said[0], qr{/tracks/4/clips/0/asset/src.*XML}, 'and why';

# Whoever starts it may take no notice of children.
my $told = `perl -e '\$SIG{CHLD} = "IGNORE"; exec \@ARGV' $build/render compose $dir/film.json -o $dir/ignored.wav 2>&1`;
is $?, 0, 'children are ignored by who starts it' or diag $told;

# A folder's name is bytes, not text.
my $odd = "$dir/f\xfcr";
mkdir $odd or die $!;
system('cp', "$dir/a.wav", "$dir/film.json", $odd) == 0 or die;
$told = `$build/render compose $odd/film.json -o $odd/out.wav 2>&1`;
is $?, 0, 'a folder whose name is no UTF-8' or diag $told;
ok -s "$odd/out.wav", 'has a film';

# Of a plan, what will not be made: the cache holds it, or the film has shown it before.
sub colours { return map +{ asset => { type => 'color', color => $_ }, duration => 1 }, @_ }
sub ways { my $plan = $json->decode(scalar `$build/render plan @_`); return [map { "$_->{mode}: $_->{why}" } @{ $plan->{segments} }] }
for my $name (['colours', '#a00', '#0a0', '#a00'], ['more', '#0a0', '#00a', '#a00']) {
    spew("$dir/$name->[0].json", $json->encode({ timeline => { width => 64, height => 64, fps => 30,
        tracks => [ { clips => [ colours(@$name[1 .. 3]) ] } ] } }));
}
my ($still, $again, $held) = ('still: nothing moves', 'reuse: the same as number 0', 'reuse: the cache holds it');
is_deeply ways("$dir/colours.json"), [$still, $still, $again], 'a picture that is shown twice is made once';
is_deeply ways("--cache $cache $dir/colours.json"), [$still, $still, $again], 'nothing of it is kept yet';
$told = `$build/render compose --cache $cache $dir/colours.json -o $dir/colours.mp4 2>&1`;
is $?, 0, 'it is made' or diag $told;
like $told, qr/\b1 reused/, 'and one reused';
is_deeply ways("--cache $cache $dir/colours.json"), [($held) x 3], 'then all of it is there';
is_deeply ways("--cache $cache $dir/more.json"), [$held, $still, $held], 'and of another film what both have';
is_deeply ways("$dir/colours.json"), [$still, $still, $again], 'without the cache nothing is';

my $two = $json->decode(slurp("$dir/colours.json"));
$two->{outputs} = [ map +{ name => $_, format => 'mp4' }, qw(one two) ];
$two->{outputs}[1]{range} = { start => 1 };
spew("$dir/two.json", $json->encode($two));
is_deeply ways("$dir/two.json"), [$still, $still, 'reuse: the same as number 1 of one', $again, 'reuse: the same as number 0 of one'],
    'nor is it made twice for two outputs';

# Where nothing can be kept.
chmod 0555, $cache;
is planned(), digest(), 'a cache that is not to be written';
chmod 0755, $cache;

done_testing;
