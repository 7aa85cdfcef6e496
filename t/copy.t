# Films whose pictures are copied: packet by packet those of their sources, and
# what keeps a film from it. Then through a worker, also where a source turns
# out to be another than its probe has told.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Render::Test;
use Render::Test::Files;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

# source($name, what is drawn, more options): H.264 in MP4, a key frame a second
my %made;

sub source {
    my ($name, $picture, @more) = @_;
    $made{$name} = 1;
    my @ffmpeg = (qw(ffmpeg -nostdin -v error -y -f lavfi -i), "testsrc2=s=320x180:r=25:d=4,$picture", qw(-c:v libx264
        -preset veryfast -threads 1 -g 25 -keyint_min 25 -pix_fmt yuv420p -colorspace bt709 -color_primaries bt709
        -color_trc bt709), @more, "$dir/$name.mp4");
    system(@ffmpeg) == 0 or die "@ffmpeg";
    return $name;
}

# remade($name, $of, [options of reading], options): another file of the same packets
sub remade {
    my ($name, $of, @options) = @_;
    my @before = ref $options[0] ? @{ shift @options } : ();
    system(qw(ffmpeg -nostdin -v error -y), @before, '-i', "$dir/$of.mp4", qw(-c copy), @options, "$dir/$name.mp4") == 0
        or die $name;
    return $name;
}

# a quarter to the right, by the matrix in the header of its track: each FFmpeg has another way to say that
sub turn {
    my ($name, $height) = @_;
    my $bytes = slurp(of($name));
    substr $bytes, index($bytes, 'tkhd') + 44, 36, pack 'N9', 0, 0x10000, 0, 0xffff0000, 0, 0, $height << 16, 0, 1 << 30;
    open my $out, '>:raw', of($name) or die "$name: $!";
    print {$out} $bytes;
    close $out or die "$name: $!";
    return;
}

sub clip {
    my ($name, %more) = @_;
    return { asset => { type => 'video', src => "$name.mp4" }, %more };
}

sub document {
    my ($timeline, @clips) = @_;
    return { timeline => { width => 320, height => 180, fps => 25, tracks => [ { clips => \@clips } ], %$timeline } };
}

sub written {
    my ($name, $document) = @_;
    open my $f, '>', "$dir/$name.json" or die $!;
    print {$f} $json->encode($document);
    close $f or die $!;
    return "$dir/$name.json";
}

sub planned {
    my ($document, @options) = @_;
    my $file = written('plan', $document);
    my $text = `$build/render plan @options $file 2>$dir/err`;
    return $? ? diag(slurp("$dir/err")) && undef : $json->decode($text);
}

sub modes { return join ' ', map { "$_->{mode} $_->{frames}" } @{ $_[0]{segments} } }

# digests of pictures, or of packets, in the order in which they are shown
sub pictures {
    my ($file, @options) = @_;
    my $text = `ffmpeg -nostdin -v error -i $file -map 0:v @options -f framemd5 - 2>&1`;
    return map { (split /,\s*/)[5] } sort { (split /,\s*/, $a)[2] <=> (split /,\s*/, $b)[2] } grep {/^\d/} split /\n/, $text;
}

sub sounds { return map { (split /,\s*/)[5] } grep {/^\d/} split /\n/, `ffmpeg -nostdin -v error -i $_[0] -map 0:a -c copy -f framemd5 -` }

sub of { return "$dir/$_[0].mp4" }

sub compose {
    my ($name, $document, @options) = @_;
    my $file = written($name, $document);
    my $said = `$build/render compose @options $file -o $dir/$name-film.mp4 2>&1`;
    is $?, 0, "$name: made" or diag $said;
    return ("$dir/$name-film.mp4", $said);
}

# ---------------------------------------------------------------- copied

source('a', 'null');
source('b', 'negate');
source('c', 'hflip');
remade('heard', 'a', [qw(-f lavfi -i sine=d=4)], qw(-map 1:v -map 0:a -c:a aac));

my $film = document({}, clip('a'), clip('b', in_point => 1, out_point => 3), clip('c', in_point => 2));
my $plan = planned($film);
is modes($plan), 'copy 100 copy 50 copy 50', 'whole, between key frames, and from one to the end';
is $plan->{segments}[0]{why}, 'nothing is changed of it', 'and the plan says why';
is_deeply $plan->{segments}[1]{spec}{copy}{from}, 25, 'where it begins in the source';

my ($made) = compose('three', $film);
my @a = pictures(of('a'));
my @b = pictures(of('b'));
my @c = pictures(of('c'));
is_deeply [pictures($made)], [@a, @b[25 .. 74], @c[50 .. 99]], 'each picture is that of its source';
is_deeply [pictures($made, '-c copy')], [(pictures(of('a'), '-c copy')), (pictures(of('b'), '-c copy'))[25 .. 74],
    (pictures(of('c'), '-c copy'))[50 .. 99]], 'and each packet';
my ($video) = grep { $_->{codec_type} eq 'video' } @{ ffprobe($made)->{streams} };
is "$video->{nb_frames} $video->{duration} $video->{avg_frame_rate} $video->{start_time}", '200 8.000000 25/1 0.000000',
    'at their times';
is `ffmpeg -nostdin -v warning -xerror -err_detect explode -i $made -f null - 2>&1`, '', 'a decoder has nothing to say';
compose('again', $film);
is slurp("$dir/three-film.mp4"), slurp("$dir/again-film.mp4"), 'and made again it is the same, byte by byte';

source('long', 'loop=-1:size=100,trim=duration=150,setpts=N/25/TB');
is modes(planned(document({}, clip('long')))), 'copy 1500 copy 1500 copy 750', 'a long one in pieces of a minute';
is modes(planned(document({}, clip('long', in_point => 50)))), 'copy 250 copy 1500 copy 750', 'counted in the source';

my $loud = document({}, clip('heard', volume => 0.5, fade_in => 1));
push @{ $loud->{timeline}{tracks} }, { kind => 'audio', clips => [ { asset => { type => 'audio', src => 'heard.mp4' } } ] };
is modes(planned($loud)), 'copy 100', 'what is heard makes no difference';
is modes(planned(document({}, clip('a', width => 320, height => '100%', position => { x => 0, y => 0 }, fit => 'contain')))),
    'copy 100', 'nor what leaves all as it is';
is modes(planned({ %{ document({}, clip('a')) }, outputs => [ { quality => 'high' } ] })), 'copy 100', 'nor a high quality';

# what a file says of its size beside its parameter sets is not what its pictures have
for my $says ([0, 0], [320, 192], [160, 90]) {
    my $name = remade("says-$says->[1]", 'a');
    my $bytes = slurp(of($name));
    my $at = index($bytes, 'avc1', index $bytes, 'stsd') + 28;
    is_deeply [unpack 'n2', substr $bytes, $at, 4], [320, 180], 'the size in a sample entry' or next;
    substr $bytes, $at, 4, pack 'n2', @$says;
    spew(of($name), $bytes);
    is modes(planned(my $film = document({}, clip($name)))), 'copy 100', "one of @$says is copied";
    my ($file) = compose($name, $film);
    $bytes = slurp($file);
    is_deeply [unpack 'n2', substr $bytes, index($bytes, 'avc1', index $bytes, 'stsd') + 28, 4], [320, 180], 'to a film of its size';
    is_deeply [unpack 'N2', substr $bytes, index($bytes, 'tkhd') + 80, 8], [320 << 16, 180 << 16], 'which its track has, too';
}

# ---------------------------------------------------------------- not copied

source('coarse', 'null', '-crf', 40, '-refs', 1);
source('open', 'null', '-x264-params', 'open-gop=1:bframes=3:b-adapt=0');
source('deep', 'format=yuv444p', qw(-pix_fmt yuv444p));
source('fields', 'null', qw(-flags +ildct+ilme -x264-params tff=1));
source('slow', 'fps=24');
source('large', 'scale=640:360');
source('long-pixels', 'setsar=4/3');
source('hevc', 'null', qw(-c:v libx265 -x265-params log-level=error));
remade('turned', 'a');
turn('turned', 180);
remade('late', 'a', '-bsf:v', 'setts=ts=TS+if(gte(N\\,40)\\,20000\\,0)');
remade('cut', 'a', [qw(-ss 1.5)]);
source('untold', 'null', qw(-colorspace unknown -color_primaries unknown -color_trc unknown));
remade('told', 'untold', qw(-colorspace bt709 -color_primaries bt709 -color_trc bt709 -movflags write_colr));
remade('pieces', 'a', qw(-movflags frag_keyframe+empty_moov));
remade('stream', 'a', qw(-f matroska));

sub not_copied {
    my ($what, $why, $document) = @_;
    my $p = planned($document) or return fail $what;
    my ($first) = grep { $_->{why} =~ /video|transition/ } @{ $p->{segments} };
    unlike modes($p), qr/copy/, "$what: not copied";
    $why = "a video is shown, and not copied: $why" if $why ne 'a transition';
    ok scalar(grep { $_->{why} eq $why } @{ $p->{segments} }), "$what: and why"
        or diag explain [map { $_->{why} } @{ $p->{segments} }];
}

my $changed = 'its picture is changed';
my $kind    = 'it is of no kind that can be copied';

not_copied('between key frames', 'it does not begin and end with key frames', document({}, clip('a', in_point => 0.48)));
not_copied('up to another picture', 'it does not begin and end with key frames', document({}, clip('a', out_point => 3.52)));
not_copied('a size', 'its size is not the film\'s', document({}, clip('large')));
not_copied('a frame rate', 'its frame rate is not the film\'s', document({}, clip('slow')));
not_copied('another way of encoding', 'its sources are encoded in different ways', document({}, clip('a'), clip('coarse')));
not_copied('the same, and colours in the container', 'its sources are encoded in different ways',
    document({}, clip('untold'), clip('told')));
not_copied('a picture beside', 'not all of the film is video',
    document({}, clip('a'), { asset => { type => 'color', color => '#123' }, duration => 1 }));
not_copied('a gap', 'there are gaps', document({}, clip('a'), clip('b', start => 5)));
not_copied('a beginning of nothing', 'there are gaps', document({}, clip('a', start => 1)));
not_copied('a text above', 'something lies over it', { timeline => { width => 320, height => 180, fps => 25, tracks => [
    { clips => [ clip('a') ] }, { clips => [ { asset => { type => 'text', text => 'x' }, start => 1, duration => 1 } ] } ] } });
not_copied('a transition', 'a transition',
    document({}, clip('a'), { type => 'transition', transition_type => 'fade', duration => 1 }, clip('b')));
not_copied('a low quality', 'a low quality was asked for', { %{ document({}, clip('a')) }, outputs => [ { quality => 'low' } ] });
not_copied($_->[0], $changed, document({}, clip('a', @$_[1, 2]))) for [ opacity => opacity => 0.5 ], [ speed => speed => 2 ],
    [ rotate => rotate => 1 ], [ scale => scale => 1.01 ], [ crop => crop => { x => 2 } ], [ radius => radius => 4 ],
    [ offset => offset => { x => 2 } ], [ place => position => { x => 0, y => 2 } ], [ width => width => 318 ],
    [ fade => transition => { in => 'fade' } ], [ effect => effects => [ { type => 'invert' } ] ],
    [ keyframes => keyframes => { opacity => [ { time => 0, value => 1 } ] } ];
not_copied($_, $kind, document({}, clip($_))) for qw(deep fields turned late pieces hevc);
unlike modes(planned(document({}, clip('long-pixels')))), qr/copy/, 'pixels that are no squares';
unlike modes(planned(document({}, clip('cut')))), qr/copy/, 'an edit list that leaves something out';
unlike modes(planned(document({}, clip('stream')))), qr/copy/, 'another container';

# of an open GOP only the first picture is an IDR: key frames as the container has them are no places to cut
is modes(planned(document({}, clip('open')))), 'copy 100', 'open groups of pictures: whole';
not_copied('open groups of pictures: from the middle', 'it does not begin and end with key frames',
    document({}, clip('open', in_point => 1)));

# ---------------------------------------------------------------- in part

# least_psnr($film, $source, $from, $to): of the picture that is least like that of the source, dB
sub least_psnr {
    my ($of, $source, $from, $to) = @_;
    my $n = $to - $from;
    system("ffmpeg -nostdin -v error -y -i $of -i $source -lavfi '[1:v]trim=start_frame=$from:end_frame=$to,"
        . "setpts=PTS-STARTPTS[r];[0:v]trim=end_frame=$n\[f];[f][r]psnr=stats_file=$dir/psnr' -f null - 2>&1") == 0 or die;
    my @all = map { /psnr_avg:(\S+)/ ? $1 eq 'inf' ? 99 : $1 : () } split /\n/, slurp("$dir/psnr");
    return (sort { $a <=> $b } @all)[0];
}

my $smart = document({}, clip('b', in_point => 0.48, out_point => 3.52),
    { asset => { type => 'color', color => '#225588' }, duration => 2.4 }, clip('c', in_point => 1, out_point => 3.2));
is modes(planned($smart, '--smart-cut')), 'render 13 copy 50 render 13 still 60 copy 50 render 5', 'a smart cut';
($made) = compose('smart', $smart, '--smart-cut');
my @smart = pictures($made);
is scalar(@smart), 191, 'its pictures';
is_deeply [@smart[13 .. 62]], [@b[25 .. 74]], 'what is copied is that of the source';
is_deeply [@smart[136 .. 185]], [@c[25 .. 74]], 'and again, behind what is not';
cmp_ok least_psnr($made, of('b'), 12, 88), '>', 36, 'what is coded at its ends is near it';
is `ffmpeg -nostdin -v warning -xerror -err_detect explode -i $made -f null - 2>&1`, '', 'a decoder has nothing to say';
($video) = grep { $_->{codec_type} eq 'video' } @{ ffprobe($made)->{streams} };
is "$video->{nb_frames} $video->{duration} $video->{avg_frame_rate} $video->{start_time}", '191 7.640000 25/1 0.000000',
    'at their times';
compose('smart-again', $smart, '--smart-cut');
is slurp("$dir/smart-film.mp4"), slurp("$dir/smart-again-film.mp4"), 'and made again it is the same, byte by byte';
is modes(planned($film, '--smart-cut')), 'copy 100 copy 50 copy 50', 'a film that can be copied whole is';

# ---------------------------------------------------------------- parts of a film

# parts($document, { name => [from, length] }...): a film, and parts of it beside
sub parts {
    my ($document, @parts) = @_;
    return { %$document, outputs => [ { name => 'final', format => 'mp4' }, map { { name => $_->[0], format => 'mp4',
        range => { start => $_->[1], duration => $_->[2] } } } @parts ] };
}

sub of_part {
    my ($plan, $name) = @_;
    return modes({ segments => [ grep { $_->{output} eq $name } @{ $plan->{segments} } ] });
}

sub why_of {
    my ($plan, $name) = @_;
    return join '; ', map { $_->{output} eq $name ? $_->{why} : () } @{ $plan->{segments} };
}

my $split = parts($film, [ one => 0, 2 ], [ two => 2, 3 ], [ rest => 5, 3 ], [ off => 0.48, 2 ], [ upto => 2, 1.52 ]);
$plan = planned($split);
is of_part($plan, 'one'), 'copy 50', 'a part: copied';
is of_part($plan, 'two'), 'copy 50 copy 25', 'one of two sources, too';
is of_part($plan, 'rest'), 'copy 25 reuse 50', 'and one to the end of the film';
unlike of_part($plan, $_), qr/copy/, "$_: not between key frames" for qw(off upto);
like why_of($plan, 'off'), qr/does not begin and end with key frames/, 'and the plan says why';
is of_part($plan, 'final'), 'copy 100 copy 50 copy 50', 'the film as it was without them';

my $split_file = written('split', $split);
is system("$build/render compose $split_file -o $dir/split 2>$dir/err"), 0, 'made' or diag slurp("$dir/err");
my @whole = pictures(of('three-film'), '-c copy');
for ([ one => 0, 50 ], [ two => 50, 125 ], [ rest => 125, 200 ]) {
    my ($name, $from, $to) = @$_;
    my $part = "$dir/split/$name.mp4";
    is_deeply [pictures($part, '-c copy')], [@whole[$from .. $to - 1]], "$name: each packet is that of its source";
    is `ffmpeg -nostdin -v warning -xerror -err_detect explode -i $part -f null - 2>&1`, '', "$name: decoded";
    my ($v) = grep { $_->{codec_type} eq 'video' } @{ ffprobe($part)->{streams} };
    is "$v->{nb_frames} $v->{start_time}", $to - $from . ' 0.000000', "$name: at their times";
}
is scalar(pictures("$dir/split/off.mp4")), 50, 'what is encoded has its pictures';
is scalar(pictures("$dir/split/upto.mp4")), 38, 'and what ends where no key frame is';

# what keeps the film from being copied need not keep its part
my $mixed = parts({ timeline => { width => 320, height => 180, fps => 25, tracks => [
    { clips => [ clip('a', transition => { in => 'fade' }), clip('coarse'), { type => 'transition',
        transition_type => 'fade', duration => 1 }, clip('b'), { asset => { type => 'color', color => '#123' }, duration => 1 } ] },
    { clips => [ { asset => { type => 'text', text => 'x' }, start => 4, duration => 1 } ] } ] } },
    [ fade => 0, 3 ], [ behind => 1, 3 ], [ text => 4, 2 ], [ other => 5, 2 ], [ mix => 6, 2 ], [ clean => 8, 3 ],
    [ colour => 9, 3 ]);
$plan = planned($mixed);
unlike of_part($plan, 'final'), qr/copy/, 'a film of all kinds';
is of_part($plan, $_->[0]), $_->[1], "$_->[0]: copied" for [ behind => 'copy 75' ], [ other => 'copy 50' ], [ clean => 'copy 75' ];
for ([ fade => 'its picture is changed' ], [ text => 'something lies over it' ], [ mix => 'it has transitions' ],
    [ colour => 'not all of the film is video' ]) {
    unlike of_part($plan, $_->[0]), qr/copy/, "$_->[0]: not copied";
    like why_of($plan, $_->[0]), qr/$_->[1]/, "$_->[0]: and why";
}
is of_part(planned($mixed, '--smart-cut'), 'colour'), 'copy 50 reuse 25', 'or in part, by a smart cut';
my $cut = parts(document({}, clip('a')), [ cut => 0.48, 3.2 ]);
$plan = planned($cut, '--smart-cut');
is of_part($plan, 'cut'), 'render 13 copy 50 render 17', 'a part between key frames: smart cut';
is of_part($plan, 'final'), 'copy 100', 'beside a film that is copied';

# what is encoded beside copies is told from them by its parameter sets, also where the part begins and ends
for ([ $cut, 'a', 'cut', 12, 80, [ 25, 75 ] ], [ parts(document({}, { asset => { type => 'color', color => '#123' }, duration => 3 },
    clip('coarse')), [ until => 0, 5.48 ]), 'coarse', 'until', -75, 137, [ 0, 50 ] ]) {
    my ($document, $source, $name, $shift, $count, $copied) = @$_;
    my $said = do { my $file = written($name, $document); `$build/render compose --smart-cut $file -o $dir/$name 2>&1` };
    is $?, 0, "$name: made" or diag $said;
    unlike $said, qr/cannot be copied/, "$name: as it was planned";
    my @made = pictures("$dir/$name/$name.mp4");
    my @of   = pictures(of($source));
    is scalar @made, $count, "$name: its pictures";
    is_deeply [@made[map { $_ - $shift } $copied->[0] .. $copied->[1] - 1]], [@of[$copied->[0] .. $copied->[1] - 1]],
        "$name: what is copied is that of the source";
    is `ffmpeg -nostdin -v warning -xerror -err_detect explode -i $dir/$name/$name.mp4 -f null - 2>&1`, '', "$name: decoded";
}

# as a stream, with the very same packets
my $streamed = document({}, clip('a'));
$streamed->{outputs} = [ map { { name => $_->[0], format => $_->[1], range => { start => 1, duration => 3 } } } [ final => 'mp4' ],
    [ live => 'hls' ] ];
is system("$build/render compose " . written('streamed', $streamed) . " -o $dir/streamed 2>$dir/err"), 0, 'as a stream'
    or diag slurp("$dir/err");
is_deeply [pictures("$dir/streamed/$_", '-c copy')], [(pictures(of('a'), '-c copy'))[25 .. 99]], "$_: packets of the source"
    for qw(final.mp4 live-v0.mp4);

# a film and a stream that have a piece in common, but not all: the stream's is stored
my ($said, $shared) = ('', document({}, clip('a'), clip('b')));
$shared->{outputs} = [ { name => 'film', format => 'mp4' }, { name => 'live', format => 'hls', range => { start => 4 } } ];
is system("$build/render compose " . written('shared', $shared) . " -o $dir/shared --jobs 1 2>$dir/err"), 0, 'a piece of a film and of a stream'
    or diag slurp("$dir/err");
is_deeply [pictures("$dir/shared/live-v0.mp4", '-c copy')], [pictures(of('b'), '-c copy')], 'the stream: packets of the source';
is_deeply [pictures("$dir/shared/film.mp4", '-c copy')], [map { pictures(of($_), '-c copy') } qw(a b)], 'and the film';

# what a stream has left in the cache is not what a film is made of: the plan tells what is done
my %made_of = (film => [ { format => 'mp4' } ], live => [ { format => 'hls' } ]);
for (['film', 'copy 100 copy 100', 0], ['live', 'copy 100 copy 100', 0], ['live', 'reuse 100 reuse 100', 2], ['film', 'copy 100 copy 100', 0]) {
    my ($name, $ways, $reused) = @$_;
    my $document = { %{ document({}, clip('a'), clip('b')) }, outputs => $made_of{$name} };
    is modes(planned($document, '--cache', "$dir/kept")), $ways, "$name: planned";
    $said = do { my $file = written($name, $document); `$build/render compose --cache $dir/kept $file -o $dir/kept-$name 2>&1` };
    is $?, 0, 'and made' or diag $said;
    like $said, qr/ @{[2 - $reused]} pieces rendered, $reused reused/, 'so';
}

# the same of sound: of a track that is copied, and of a film that is copied in part
$shared = document({}, clip('heard', in_point => 0.48, out_point => 3.52));
$shared->{outputs} = [ { name => 'sound', format => 'm4a', quality => 'high' }, { name => 'film', format => 'mp4' } ];
is system("$build/render compose " . written('heard-film', $shared) . " -o $dir/heard-both --jobs 1 --smart-cut 2>$dir/err"), 0,
    'sound of two outputs' or diag slurp("$dir/err");
my %heard = map { $_ => 1 } sounds(of('heard'));
for (qw(sound.m4a film.mp4)) {
    my @is = sounds("$dir/heard-both/$_");
    cmp_ok scalar(@is), '>', 120, "$_: its sound";
    is scalar(grep { !$heard{$_} } @is), 0, "$_: by packets of the source";
}

# ---------------------------------------------------------------- other than its probe has told

# its clocks are even as far as the index tells; the times at which pictures are shown are not
remade('odd', 'a', qw(-bsf:v), q(setts=pts='if(eq(N,33),PTS+512,if(eq(N,34),PTS-256,PTS))':dts=DTS));
is modes(planned(document({}, clip('odd')))), 'copy 100', 'an odd one looks as others';
(my $rest, $said) = compose('odd', document({}, clip('odd')));
like $said, qr/not evenly spaced/, 'that is told';
like $said, qr/odd\.mp4 cannot be copied, and is rendered/, 'and so is what follows';
is scalar(my @shown = pictures($rest)), 100, 'and the film is rendered';

# even among themselves from a key frame on, but not at the ticks at which they are shown
remade('shaken', 'a', qw(-bsf:v), 'setts=pts=PTS+200*mod(N\\,3):dts=DTS');
($rest, $said) = compose('shaken', document({}, clip('shaken', in_point => 1, out_point => 3)));
like $said, qr/not evenly spaced/, 'pictures between the ticks are told of';
is scalar(@shown = pictures($rest)), 50, 'and rendered';

# of two sources that fail both are rendered then, and not one after the other
my $pair = document({}, clip('odd'), clip('shaken', in_point => 1, out_point => 3));
$pair->{outputs} = [ map { { name => $_->[0], format => 'mp4', range => { start => $_->[1], duration => $_->[2] } } }
    [ odd => 0, 4 ], [ shaken => 4, 2 ] ];
my %pair = map { $_ => of_part(planned($pair), $_) } qw(odd shaken);
is_deeply \%pair, { odd => 'copy 100', shaken => 'copy 50' }, 'two parts of a film';
for my $jobs (1, 2) {
    $said = do { my $file = written('pair', $pair); `$build/render compose --jobs $jobs $file -o $dir/pair 2>&1` };
    is $?, 0, "made by $jobs" or diag $said;
    like $said, qr/(?:not evenly spaced.*){2}(?:render: (?:odd|shaken)\.mp4 cannot be copied, and is rendered\n){2}/s,
        'they are planned anew once';
    is scalar(@shown = pictures("$dir/pair/$_->[0].mp4")), $_->[1], "$_->[0]: rendered" for [ odd => 100 ], [ shaken => 50 ];
}

# what was rendered beside a copy that fails is not rendered again
my $beside = document({}, clip('a', effects => [ { type => 'blur', radius => 2 } ]), clip('odd'));
$beside->{outputs} = [ { name => 'film', format => 'mp4', range => { start => 0, duration => 4 } },
    { name => 'odd', format => 'mp4', range => { start => 4 } } ];
$said = do { my $file = written('beside', $beside); `$build/render compose $file -o $dir/beside 2>&1` };
is $?, 0, 'a film, and a copy that fails' or diag $said;
my ($kept) = $said =~ /, (\d+) reused/;
is $kept, grep({ $_->{output} eq 'film' } @{ planned($beside)->{segments} }), 'the film is rendered once';

# a track of two descriptions of its samples, each with parameter sets of its own; libav writes none, so: the packets of
# two films, those of the second without their sets, and a second entry in the tables
sub boxes {
    my ($data, $change) = @_;
    my $out = '';
    while (length $data) {
        my ($size, $type) = unpack 'N a4', $data;
        my $inner = substr $data, 8, $size - 8;
        $inner = boxes($inner, $change) if $type =~ /^(?:moov|trak|mdia|minf|stbl)$/;
        $inner = $change->{$type}->($inner) if $change->{$type};
        $out .= pack('N a4', 8 + length $inner, $type) . $inner;
        $data = substr $data, $size;
    }
    return $out;
}

source('ours',   'null');
source('theirs', 'null', qw(-coder 0));
open my $list, '>', "$dir/list" or die $!;
print {$list} "file ours.mp4\nfile theirs.mp4\n";
close $list or die $!;
system(qw(ffmpeg -nostdin -v error -y -f concat -i), "$dir/list", qw(-c copy -bsf:v filter_units=remove_types=7-8),
    "$dir/one.mp4") == 0 or die;
my (%table, $entry);
boxes(slurp(of('theirs')), { stsd => sub { $entry = substr $_[0], 8; $_[0] } });
my $one = slurp(of('one'));
boxes($one, { map { my $t = $_; $t => sub { $table{$t} = $_[0] } } qw(stsz stco stsc) });
my @sizes  = unpack 'x12 N*', $table{stsz};
my @chunks = unpack 'x8 N*',  $table{stco};
my @runs   = unpack 'x8 N*',  $table{stsc};
my ($n, @offsets) = (0);
for my $chunk (1 .. @chunks) {
    my $at  = $chunks[$chunk - 1];
    my $per = 0;
    for (my $i = 0; $i < @runs; $i += 3) { $per = $runs[$i + 1] if $runs[$i] <= $chunk }
    for (1 .. $per) { push @offsets, $at; $at += $sizes[$n++] }
}
open my $two, '>:raw', of('descriptions') or die $!;
print {$two} boxes($one, {
    stsd => sub { pack('N2', 0, 2) . substr($_[0], 8) . $entry },
    stsc => sub { pack('N8', 0, 2, 1, 1, 1, 101, 1, 2) },
    stco => sub { pack('N*', 0, scalar(@offsets), @offsets) },
});
close $two or die $!;
is scalar(my @both = pictures(of('descriptions'))), 200, 'a track of two descriptions of its samples';

for my $in (0, 4) {
    my ($of_two, $told) = compose("two-$in", document({}, clip('descriptions', in_point => $in)));
    like $told, qr/parameter sets change/, "from $in s: told";
    is scalar(my @pictures = pictures($of_two)), 200 - 25 * $in, "from $in s: and rendered";
}

# a message in front of a picture in the middle becomes a parameter set, as it were
source('timed', 'null', '-x264-params', 'nal-hrd=vbr:vbv-maxrate=2000:vbv-bufsize=2000');
{
    my $bytes = slurp(of('timed'));
    my @at;
    push @at, pos($bytes) - 2 while $bytes =~ /\0\0\0[\x04-\x10]\x06\x01/g;
    cmp_ok scalar(@at), '>', 90, 'each picture has a message' or diag scalar @at;
    substr($bytes, $at[40], 1) = "\x68";
    open my $out, '>:raw', of('otherset') or die $!;
    print {$out} $bytes;
    close $out or die $!;
}
is modes(planned(document({}, clip('otherset')))), 'copy 100', 'one whose sets change within looks as others';
($rest, $said) = compose('otherset', document({}, clip('otherset')));
like $said, qr/parameter sets change/, 'that is seen when it is copied';

my $s     = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $token = $s->signup->{token};

sub uploaded {
    my ($name) = @_;
    return $s->upload($token, of($name))->{id};
}

sub rendered {
    my (@ids) = @_;
    my $r = $s->req(POST => '/compositions', token => $token, json => document({},
        map { { asset => { type => 'video', src => "asset:$_" } } } @ids));
    is $r->{status}, 202, 'taken' or diag $r->{body};
    my $job = $s->wait_job($token, $r->{json}{job_id});
    is $job->{status}, 'completed', 'made' or diag explain $job->{error};
    my $link = $s->req(GET => "/results/$job->{id}/final", token => $token);
    my $file = "$dir/$job->{id}.mp4";
    open my $out, '>:raw', $file or die $!;
    print {$out} $s->req(GET => $link->{headers}{location})->{body};
    close $out or die $!;
    return ($job, $file);
}

my %id = map { $_ => uploaded($_) } qw(a b odd);
my ($job, $file) = rendered(@id{qw(a b)});
is_deeply $job->{segments}{by_mode}, { copy => 2 }, 'a worker copies, and the job says so';
is_deeply [pictures($file)], [@a, @b], 'each picture';
my $asset = $s->req(GET => "/videos/$id{a}", token => $token)->{json};
ok $asset->{probe}{video} && !exists $asset->{probe}{copy}, 'the places for it are nobody\'s business';

($job, $file) = rendered(@id{qw(a odd)});
is_deeply [keys %{ $job->{segments}{by_mode} }], ['render'], 'where it cannot be done, all is rendered';
is scalar(my @all = pictures($file)), 200, 'every picture of it';
is $s->psql("SELECT count(*) FROM render.asset WHERE id = '$id{odd}' AND probe ? 'copy'"), 0, 'which is not tried again';
is $s->psql("SELECT run FROM render.job WHERE id = '$job->{id}'"), 2, 'by another run of the job';
is $s->psql("SELECT count(*) FROM render.job_segment WHERE job = '$job->{id}' AND run = 1"), 0, 'of which no plan is left';
($job) = rendered($id{odd});
is_deeply [$s->psql("SELECT run FROM render.job WHERE id = '$job->{id}'"), keys %{ $job->{segments}{by_mode} }], [1, 'reuse'],
    'so that the next film of it needs one';

# What a probe of an older version does not tell is looked for, and comes to the same.
my $before = slurp($file = (rendered(@id{qw(b a)}))[1]);
is $s->psql("SELECT probe->'copy'->'told'->>'stream' FROM render.asset WHERE id = '$id{b}'"), 0, 'what opens it without looking is told';
$s->psql("UPDATE render.asset SET probe = probe #- '{copy,told}' WHERE id IN ('$id{a}', '$id{b}')");
($job, $file) = rendered(@id{qw(b a)});
is_deeply $job->{segments}{by_mode}, { copy => 2 }, 'and where it is not, it is copied, too' or diag explain $job->{segments};
ok slurp($file) eq $before, 'to the same film';

# What is told of a file is no reason to believe it.
for my $forged ('{"stream": 7, "zero": 0}', '{"stream": -1, "zero": 0}', '{"stream": 0, "zero": 400000}',
    '{"stream": 0, "zero": 0, "colours": [900, -2, "x"], "aspect": [1, 0]}', '[]')
{
    $s->psql("UPDATE render.asset SET probe = jsonb_set(probe, '{copy,told}', '$forged') WHERE id = '$id{b}'");
    ($job, $file) = rendered($id{b});
    is_deeply [$s->psql("SELECT run FROM render.job WHERE id = '$job->{id}'"), scalar(@all = pictures($file))], [2, 100],
        "told $forged: another run, and a film";
    $s->psql("UPDATE render.asset SET probe = jsonb_set(probe, '{copy}', (SELECT probe->'copy' FROM render.asset"
        . " WHERE id = '$id{a}')) WHERE id = '$id{b}'");
}

my $check = $s->req(POST => '/compositions/validate', token => $token,
    json => document({}, { asset => { type => 'video', src => "asset:$id{b}" } }));
is_deeply $check->{json}{segments}, { total => 1, by_mode => { reuse => 1 } }, 'a copy is kept as other segments are' or diag $check->{body};

$s->stop;

$s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;', env => { RENDER_SMART_CUT => 1 });
$token = $s->signup->{token};
my $id = uploaded('b');
my $r  = $s->req(POST => '/compositions', token => $token, json => document({},
    { asset => { type => 'video', src => "asset:$id" }, in_point => 0.48, out_point => 3.52 }));
$job = $s->wait_job($token, $r->{json}{job_id});
is $job->{status}, 'completed', 'a worker that may cut smartly' or diag explain $job->{error};
is_deeply $job->{segments}{by_mode}, { copy => 1, render => 2 }, 'does';

my @odd;
for my $i (1 .. 6) {
    remade("odd$i", 'a', qw(-bsf:v), 'setts=pts=' . "'if(eq(N,$i" . '3),PTS+512,if(eq(N,' . $i . "4),PTS-256,PTS))':dts=DTS");
    push @odd, uploaded("odd$i");
}
($job, $file) = rendered(@odd[0, 1]);
is $s->psql("SELECT run FROM render.job WHERE id = '$job->{id}'"), 2, 'sources that turn out to be others, in one task: two runs';
rendered($id);
($job, $file) = rendered(map { ($_, $id) } @odd[2 .. 5]);
is $s->psql("SELECT run FROM render.job WHERE id = '$job->{id}'"), 3, 'in tasks of their own, since what lies between is kept: three';
is scalar(@all = pictures($file)), 4 * (100 + @b), 'but a film';
$s->stop;
done_testing;
