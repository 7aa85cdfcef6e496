# What films are written as, with no server: how many pictures and samples are
# in each format, which they are and when they are shown; parts of a film, other
# rates and sizes; what outputs share; what is see-through.  All is read from a
# source whose pictures have numbers on them.  What is no film: packs.t.

use strict;
use warnings;

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(max sum);
use POSIX qw(floor);
use Test::More;

use Render::Test qw(ffprobe);
use Render::Test::Numbers;
use Render::Test::Files;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

# ---------------------------------------------------------------- sources and films

for ([count => 30], [ntsc => '30000/1001']) {
    my ($name, $rate) = @$_;
    symlink numbered($rate), "$dir/$name.mov" or die $!;
}

sub clip { return { asset => { type => 'video', src => $_[0] }, in_point => $_[1], duration => $_[2] } }

# four clips of 30 pictures each, so that there are segments to be found again
sub film {
    my ($src, $fps, @outputs) = @_;
    return { title => 'Numbers', timeline => { width => 160, height => 90, fps => $fps, tracks => [
        { clips => [map { clip($src, 30 * $_ . 'f', '30f') } 0 .. 3] } ] }, outputs => \@outputs };
}

sub written {
    my ($name, $document) = @_;
    open my $f, '>', "$dir/$name.json" or die $!;
    print {$f} $json->encode($document);
    close $f or die $!;
    return "$dir/$name.json";
}

# o($format, ...): an output
sub o { return { format => @_ } }

# compose($name, $document, options): the folder of what came of it
sub compose {
    my ($name, $document, @options) = @_;
    my $file = written($name, $document);
    my $said = `$build/render compose $file -o $dir/$name @options 2>&1`;
    is $?, 0, "$name: made" or diag $said;
    return "$dir/$name";
}

sub planned {
    my ($document) = @_;
    my $file = written('plan', $document);
    return $json->decode(scalar `$build/render plan $file`);
}

# ---------------------------------------------------------------- pictures and sound

# even_ok($file, $rate, ...): that each picture is shown at its own time
sub even_ok {
    my ($file, $rate, $off, $what) = @_;
    my @at = shown_at($file);
    my $worst = max map { abs $at[$_] - $_ / $rate } 0 .. $#at;
    cmp_ok $worst, '<=', $off, "$what: each at its time";
}

sub pcm { return `ffmpeg -nostdin -v error -i $_[0] -map 0:a -ac 1 -ar 48000 -f s16le -` }

sub samples { return length(pcm($_[0])) / 2 }

# when the sound of a file begins, by its container
sub sound_at {
    my ($file) = @_;
    my $said = `ffprobe -v error -select_streams a -show_entries frame=pts_time -read_intervals %+0.1 -of csv=p=0 $file`;
    return (split /[\s,]+/, $said)[0];
}

# lag(\@heard, \@meant, $at, $n): samples by which the one comes later than the other, looked for within 4 ms
sub lag {
    my ($heard, $meant, $at, $n) = @_;
    my %like = map { my $l = $_; $l => sum map { $meant->[$at + $_] * ($heard->[$at + $_ + $l] // 0) } 0 .. $n - 1 } -200 .. 200;
    return (sort { $like{$b} <=> $like{$a} } keys %like)[0];
}

sub boxes_of {
    my ($file) = @_;
    my ($bytes, $at, @types) = (slurp($file), 0);
    while ($at + 8 <= length $bytes) {
        my ($size, $type) = unpack 'N a4', substr $bytes, $at, 8;
        push @types, $type;
        $at += $size || last;
    }
    return "@types";
}

# ---------------------------------------------------------------- each format

my $all = film('count.mov', 30, {}, o('webm'), o('mov'), o('mov', name => 'png-mov', codec => 'png'),
    map { o($_) } qw(gif mp3 m4a wav));
my $out = compose('all', $all);
my %codecs = ('final.mp4' => 'h264 aac', 'webm.webm' => 'vp9 opus', 'mov.mov' => 'prores pcm_s16le', 'gif.gif' => 'gif',
    'png-mov.mov' => 'png pcm_s16le', 'mp3.mp3' => 'mp3', 'm4a.m4a' => 'aac', 'wav.wav' => 'pcm_s16le');
is_deeply [sort map { s{.*/}{}r } glob "$out/*"], [sort keys %codecs], 'they are called as their formats, the first as the film';

for my $file (sort keys %codecs) {
    my $probe = ffprobe("$out/$file");
    is join(' ', map { $_->{codec_name} } @{ $probe->{streams} }), $codecs{$file}, "$file: what it is made of";
    is `ffmpeg -nostdin -v warning -xerror -err_detect explode -i $out/$file -f null - 2>&1 | grep -v "Guessed Channel Layout"`, '',
        "$file: a decoder has nothing to say";
    is $probe->{format}{tags}{title} // $probe->{streams}[0]{tags}{title}, 'Numbers', "$file: its title" if $file ne 'gif.gif';
    next if $file !~ /mp4|webm|mov$/;
    my ($video) = @{ $probe->{streams} };
    is "$video->{width}x$video->{height} $video->{avg_frame_rate}", '160x90 30/1', "$file: size and rate";
    is_deeply [numbers("$out/$file")], [numbers_of(0, 120)], "$file: every picture, in order";
    even_ok("$out/$file", 30, $file =~ /webm/ ? 0.0006 : 0.00001, $file);
}
is ffprobe("$out/mov.mov")->{streams}[0]{codec_tag_string}, 'apch', 'ProRes 422 HQ is named so';
is_deeply [numbers("$out/gif.gif")], [numbers_of(0, 40, 3)], 'gif.gif: each third picture';
like boxes_of("$out/$_"), qr/\Aftyp (?:\w+ )*moov (?:\w+ )*mdat/, "$_: its index is in front" for qw(final.mp4 mov.mov m4a.m4a);

# noise, so that there is much beside the index: it has its place, and nothing is moved
my $made = system "ffmpeg -nostdin -v error -y -f lavfi -i 'nullsrc=s=640x360:r=30:d=4,geq=random(1)*255:128:128' -f lavfi -i "
    . "sine=d=4 -c:v libx264 -preset ultrafast -crf 12 -g 30 -c:a aac $dir/noise.mp4";
is $made, 0, 'noise';
for my $how ({ opacity => 0.9 }, {}) {
    my $what = %$how ? 'coded' : 'copied';
    my $large = compose("large-$what", { title => 'x' x 150, timeline => { width => 640, height => 360, fps => 30, tracks => [
        { clips => [{ %{ clip('noise.mp4', 0, 4) }, %$how }] } ], markers => [map +{ time => $_ / 10, name => "at $_" }, 1 .. 30] },
        outputs => [o('mp4', quality => 'high')] });
    cmp_ok -s $large, '>', 5e6, "a large film, $what";
    is boxes_of($large), 'ftyp moov free free mdat', '  its index has a place in front, with some room';
    is scalar(shown_at($large)), 120, '  and names all pictures';
    is scalar(() = `ffprobe -v error -show_chapters -of csv $large`), 30, '  and chapters';
}
my $webm = slurp("$out/webm.webm");
cmp_ok rindex($webm, "\x1c\x53\xbb\x6b"), '<', index($webm, "\x1f\x43\xb6\x75"), 'webm.webm: its index is in front';

# The sound is that of the source, as long as the film, and where it belongs.
my $source = substr pcm("$dir/count.mov"), 0, 2 * 192_000;
is samples("$out/$_"), 192_000, "$_: as many samples as the film is long" for grep { /webm|mov|mp3|wav/ } sort keys %codecs;
cmp_ok abs(samples("$out/$_") - 192_000), '<', 1024, "$_: to a packet as long as the film" for qw(final.mp4 m4a.m4a);
ok pcm("$out/wav.wav") eq $source, 'wav.wav: each sample is that of the source';
ok pcm("$out/mov.mov") eq $source, 'mov.mov: as well';
my @meant = unpack 's<*', $source;
for my $file (grep { !/gif/ } sort keys %codecs) {
    my @heard = unpack 's<*', pcm("$out/$file");
    my $begins = $file =~ /mp4|webm|mov$/ ? sound_at("$out/$file") : 0;
    my @off = map { lag(\@heard, \@meant, $_ * 1600, 1600) / 48_000 + $begins } 33, 75;
    cmp_ok max(map {abs} @off), '<', 0.001, "$file: what is heard comes in time" or diag "@off";
    next if $file !~ /mp4|webm|mov$/;
    my @shown = numbers("$out/$file");
    my @at = (shown_at("$out/$file"))[grep { $shown[$_] =~ /!/ } 0 .. $#shown];
    cmp_ok max(map { abs $at[$_] - (33, 75)[$_] / 30 - $off[$_] } 0, 1), '<', 1 / 60, "$file: with what is seen";
}

# Anywhere and any time the same bytes.
compose('again', $all, '--jobs 1');
compose('other', $all, "--jobs 2 --cache $dir/cache");
for my $file (sort keys %codecs) {
    ok slurp("$dir/$_/$file") eq slurp("$out/$file"), "$file: made again it is the same, byte by byte" for qw(again other);
}

# ---------------------------------------------------------------- parts of a film

my @range = (range => { start => 0.5, duration => '70f' });
my $part = film('count.mov', 30, {}, o('mp4', name => 'part', @range), o('webm', @range), o('wav', @range), o('mp3', @range),
    o('gif', range => { start => 2 }), o('mov', range => { start => '119f', duration => 9 }),
    o('mp4', name => 'small', width => 96, @range));
$out = compose('part', $part);
is_deeply [numbers("$out/final.mp4")], [numbers_of(0, 120)], 'the film is all of it';
is_deeply [numbers("$out/$_")], [numbers_of(15, 70)], "$_: a part" for qw(part.mp4 webm.webm small.mp4);
is_deeply [numbers("$out/gif.gif")], [numbers_of(60, 20, 3)], 'gif.gif: from the middle to the end';
is_deeply [numbers("$out/mov.mov")], [119], 'mov.mov: the last picture';
ok pcm("$out/wav.wav") eq substr($source, 2 * 24_000, 2 * 112_000), 'wav.wav: the samples of it';
is samples("$out/mp3.mp3"), 112_000, 'mp3.mp3: as many';
is samples("$out/webm.webm"), 112_000, 'webm.webm: as well';
is samples("$out/mov.mov"), 1600, 'mov.mov: a thirtieth of a second';
@meant = unpack 's<*', substr $source, 2 * 24_000, 2 * 120_000;
for my $file (qw(part.mp4 webm.webm mp3.mp3)) {
    my @heard = unpack 's<*', pcm("$out/$file");
    cmp_ok abs(lag(\@heard, \@meant, (33 - 15) * 1600, 1600)), '<', 48, "$file: what is heard comes in time";
}

# What lies whole in a part are segments of the film; its ends are its own.
my $plan = planned($part);
my %keys = map { my $o = $_; $o => [map { $_->{key} } grep { $_->{output} eq $o } @{ $plan->{segments} }] } qw(final part small);
is scalar(@{ $keys{final} }), 4, 'the film has four segments';
is scalar(@{ $keys{part} }), 3, 'the part three';
is $keys{part}[1], $keys{final}[1], 'one of which is the film\'s';
ok !(grep { my $k = $_; grep { $_ eq $k } @{ $keys{final} } } @{ $keys{part} }[0, 2], @{ $keys{small} }), 'the others are not';
is_deeply [map { $_->{output} eq 'part' ? $_->{frames} : () } @{ $plan->{segments} }], [15, 30, 25], 'and hold what is asked for';

# ---------------------------------------------------------------- other rates

# of(rate of the canvas, rate of the output): the two numbers by which ticks are told
sub pace {
    my ($c, $o) = map { my ($n, $d) = split m{/}; [$n, $d // 1] } @_;
    return ($c->[0] * $o->[1], $c->[1] * $o->[0]);
}

sub at_rate {
    my ($src, $canvas, @wanted) = @_;
    my @outputs = map {
        my ($format, $rate, $range) = @$_;
        o($format, fps => $rate =~ m{/} ? $rate : $rate + 0, name => $format . $rate =~ s{[/.]}{-}gr,
            $range ? (range => { start => "$range->[0]f", duration => "$range->[1]f" }) : ());
    } @wanted;
    my $where = compose('rates' . $canvas =~ tr{/}{-}r, film($src, $canvas =~ m{/} ? $canvas : $canvas + 0, @outputs));
    for my $i (0 .. $#wanted) {
        my ($format, $rate, $range) = @{ $wanted[$i] };
        my ($from, $ticks) = $range ? @$range : (0, 120);
        my ($p, $q) = pace($canvas, $rate =~ m{/} ? $rate : $rate =~ /\./ ? $rate * 10 . '/10' : $rate);
        my $n = floor(($ticks * $q + $p - 1) / $p);
        my $file = "$where/$outputs[$i]{name}.$format";
        is_deeply [numbers($file)], [numbers_of($from, $n, $p, $q)], "$canvas as $format of $rate: the right picture each time";
        my ($video) = @{ ffprobe($file)->{streams} };
        my ($hz, $told) = map { my ($a, $b) = split m{/}; $a / ($b // 1) } $rate, $video->{avg_frame_rate};
        cmp_ok abs($told - $hz), '<', 0.02, "$canvas as $format of $rate: the rate it is said to have" if $format ne 'gif';
        even_ok($file, $hz, $format eq 'gif' ? 0.0051 : $format eq 'webm' ? 0.0006 : 0.00005, "$canvas as $format of $rate");
    }
}

at_rate('count.mov', '30', ['mp4', 24], ['mp4', 7], ['mp4', 60], ['mp4', '30000/1001'], ['webm', '24000/1001', [10, 91]],
    ['mov', 12.5, [29, 32]], ['gif', 7], ['gif', 24, [59, 4]]);
at_rate('ntsc.mov', '30000/1001', ['mp4', 30], ['mp4', 24], ['webm', '60000/1001'], ['webm', 25], ['mov', 1],
    ['mp4', 120, [31, 3]], ['gif', '10000/1001'], ['mp4', '24000/1001', [89, 31]]);

# ---------------------------------------------------------------- other sizes, and what is shared

my $sizes = film('count.mov', 30, o('wav'), o('mp4', name => 'a', width => 80), o('webm', name => 'b', height => 180),
    o('jpg', name => 'c', width => 48), o('mp4', name => 'd', width => 80, height => 44), o('mov', name => 'e', width => 80),
    o('m4a'), o('png-sequence', name => 'g', fps => 1, width => 640));
$out = compose('sizes', $sizes);
my %size = ('a.mp4' => '80x46', 'b.webm' => '320x180', 'c.jpg' => '48x28', 'd.mp4' => '80x44', 'e.mov' => '80x46');
for my $file (sort keys %size) {
    my ($video) = @{ ffprobe("$out/$file")->{streams} };
    is "$video->{width}x$video->{height} " . ($video->{sample_aspect_ratio} // '1:1'), "$size{$file} 1:1", "$file: its size";
    is_deeply [numbers("$out/$file")], [$file =~ /jpg/ ? 30 : numbers_of(0, 120)], "$file: its pictures";
}
is_deeply [numbers(unzip("$out/g.zip") . '/%06d.png')], [numbers_of(0, 4, 30)], 'g.zip: its pictures';

$plan = planned(film('count.mov', 30, {}, o('mp4', name => 'twin', quality => 'medium'),
    o('mp4', name => 'other', quality => 'low'), o('m4a'), o('wav'), o('mov'), o('mov', name => 'cut', codec => 'png'),
    o('png-sequence')));
my %of = map { $_->{name} => ($_->{video} // '') . ' ' . ($_->{sound} // '') } @{ $plan->{outputs} };
is_deeply \%of, { final => 'final final', twin => 'final final', other => 'other other', m4a => ' final', wav => ' wav',
    mov => 'mov wav', cut => 'cut wav', 'png-sequence' => 'cut ' }, 'tracks that are alike are one';
is_deeply [sort keys %{ { map { $_->{output} => 1 } @{ $plan->{segments} } } }], [qw(cut final mov other)], 'and planned once';

# ---------------------------------------------------------------- what is see-through

# a red bar that is not, a green one that is by half, a brown one that is mostly, and nothing, over a blue that is not there
sub bar {
    my ($x, $color) = @_;
    return { clips => [ { asset => { type => 'color', color => $color }, duration => 1, width => 40, height => 90,
        position => { x => $x, y => 0 } } ] };
}
my $glass = { timeline => { width => 160, height => 90, fps => 10, background => '#0000ff00', tracks => [bar(0, '#ff0000'),
    bar(40, '#00ff0080'), bar(80, '#c0804040')] }, outputs => [ {}, o('mov', name => 'cut', codec => 'png'),
    map { o($_) } qw(webm mov gif png jpg png-sequence) ] };
$out = compose('glass', $glass);
unzip("$out/png-sequence.zip");

# the four colours of the last picture, each the mean of the middle of its bar
sub colours {
    my ($file, @decoder) = @_;
    my $matrix = $file =~ /jpg/ ? 'bt601' : 'bt709';
    my $raw = `ffmpeg -nostdin -v error @decoder -i $file -vf scale=in_color_matrix=$matrix,format=rgba -f rawvideo -`;
    my $last = substr $raw, -160 * 90 * 4;
    return map { [unpack 'C4', substr $last, (45 * 160 + $_) * 4, 4] } 20, 60, 100, 140;
}

my @seen = ([255, 0, 0, 255], [0, 255, 0, 128], [192, 128, 64, 64], [undef, undef, undef, 0]);
my @gif  = ([255, 0, 0, 255], [0, 255, 0, 255], [undef, undef, undef, 0], [undef, undef, undef, 0]);
my @blue = ([255, 0, 0, 255], [0, 128, 127, 255], [48, 32, 207, 255], [0, 0, 255, 255]);
my %glass = ('final.mp4' => \@blue, 'jpg.jpg' => \@blue, 'gif.gif' => \@gif,
    map { $_ => \@seen } qw(webm.webm mov.mov cut.mov png.png png-sequence/000009.png));
for my $file (sort keys %glass) {
    my @got = colours("$out/$file", $file =~ /webm/ ? qw(-c:v libvpx-vp9) : ());
    my $worst = 0;
    for my $i (0 .. 3) {
        # a quarter of an alpha is all that its colour is told by
        my $off = defined $glass{$file}[$i][0] && $glass{$file}[$i][3] == 64 ? 2 : 1;
        $worst = max $worst, map { defined $glass{$file}[$i][$_] ? abs($got[$i][$_] - $glass{$file}[$i][$_]) / $off : 0 } 0 .. 3;
    }
    cmp_ok $worst, '<=', 4, "$file: its colours, and what they let through" or diag join ' ', map {"@$_"} @got;
}
is ffprobe("$out/mov.mov")->{streams}[0]{codec_tag_string}, 'ap4h', 'ProRes 4444 is named so';
is((map { $_->{ALPHA_MODE} // $_->{alpha_mode} } ffprobe("$out/webm.webm")->{streams}[0]{tags})[0], 1,
    'WebM says that there is something to see through');

# In motion, and from segment to segment: half a second by half, then one that goes.
my @fading = map { { asset => { type => 'color', color => $_ }, duration => '15f' } } '#ff000080', '#00ff00c0', '#ffffff40';
$fading[1]{keyframes} = { opacity => [ { time => 0, value => 1 }, { time => 'end', value => 0 } ] };
$out = compose('fading', { timeline => { width => 160, height => 90, fps => 30, background => '#00000000',
    tracks => [ { clips => \@fading } ] }, outputs => [o('webm'), o('webm', name => 'fast', fps => 60, width => 80), o('mov'),
    o('png-sequence', name => 'slow', fps => 10)] });
unzip("$out/slow.zip");
for (['final.webm', 1], ['fast.webm', 0.5], ['mov.mov', 1], ['slow/%06d.png', 3]) {
    my ($file, $step) = @$_;
    my @decoder = $file =~ /webm/ ? qw(-c:v libvpx-vp9) : ();
    my $raw = `ffmpeg -nostdin -v error @decoder -i $out/$file -fps_mode passthrough -vf crop=2:2,format=rgba -f rawvideo -`;
    my @alpha = map { (unpack 'C4')[3] } unpack '(a16)*', $raw;
    my @want = map { my $k = floor($_ * $step); $k < 15 ? 128 : $k < 30 ? 192 * (1 - ($k - 15) / 15) : 64 } 0 .. 45 / $step - 1;
    is scalar(@alpha), scalar(@want), "$file: as many pictures";
    my $worst = max map { abs $alpha[$_] - $want[$_] } 0 .. $#alpha;
    cmp_ok $worst, '<=', 3, "$file: each lets through what it should" or diag "@alpha";
}

# ---------------------------------------------------------------- nowhere to put it

# It is told before anything is rendered, and nothing of what is there is lost.
my $colour = { timeline => { width => 64, height => 36, tracks => [ { clips => [ { asset => { type => 'color', color => '#a00' }, duration => 1 } ] } ] } };
my $one = written('one', $colour);
my $two = written('two', { %$colour, outputs => [ o('mp4'), o('hls', name => 'b') ] });
my $kept = "$dir/a file";
spew($kept, 'kept');
spew("$kept.part", 'another');
make_path("$dir/taken/final.mp4", "$dir/half/b.m3u8", "$dir/half/x");
for ([$one, "$dir/none/film.mp4", "$dir/none", 'No such file or directory'], [$one, "$kept/film.mp4", $kept, 'Not a directory'],
    [$one, "$dir/none/", "$dir/none", 'No such file or directory'], [$one, "$dir/taken", "$dir/taken/final.mp4", 'Is a directory'],
    [$two, "$dir/none/folder", "$dir/none", 'No such file or directory'], [$two, $kept, $kept, 'Not a directory'],
    [$two, "$dir/half", "$dir/half/b.m3u8", 'Is a directory'])
{
    my ($film, $to, $what, $why) = @$_;
    my $said = `$build/render compose $film -o '$to' 2>&1`;
    is $? >> 8, 1, "$to: fails";
    is $said, "render: $what: $why\n", 'and says why, and nothing else';
}
is slurp($kept) . slurp("$kept.part"), 'keptanother', 'what was there is there';
ok !-e "$dir/none" && !-e "$dir/half/final.mp4", 'and nothing else';
like `$build/render compose $one -o '' 2>&1`, qr/^usage/, 'a name is needed';
is $? >> 8, 2, 'as the usage says';
is system("$build/render compose $two -o $dir/new/ 2>$dir/log"), 0, 'a folder that is made, with a slash';
ok -s "$dir/new/final.mp4", 'has the film';

done_testing;
