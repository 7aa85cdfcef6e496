# Documents of other programs, by `render import`: what is named as lost, and what the film shows at chosen times. And the
# way out, by `render export`, and back.
#
# Where the facts of the examples in t/imports come from; they have the fields of these, and media and words of our own:
#   shotstack-render   "Render Video", https://shotstack.io/docs/api/
#   shotstack-alias    "Synchronized overlay", https://shotstack.io/docs/guide/architecting-an-application/aliases, with a merge
#                      field as the API's reference has them
#   shotstack-corner   "Logo in corner", https://shotstack.io/docs/guide/architecting-an-application/positioning, and "Animate
#                      position", https://shotstack.io/docs/guide/architecting-an-application/animations
#   editly-pip, -sounds, -until   pip.json5, audio2.json5, visibleFromUntil.json5 of https://github.com/mifi/editly
#   *.otio             https://opentimelineio.readthedocs.io: "Timeline Structure", "Serialized Data"

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(max sum);
use Test::More;

use Render::Test qw(make_media);

my $top   = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{RENDER_BUILD} // "$top/build";
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}

sub spew {
    my ($file, $text) = @_;
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} $text;
    close $out or die "$file: $!";
}

# run(@arguments): { code, out, err } of the command, in the folder
sub run {
    my @args = @_;
    my $line = join ' ', map { "'$_'" } @args;
    my $out = `cd $dir && $build/render $line 2>$dir/err`;
    return { code => $? >> 8, out => $out, err => slurp("$dir/err") };
}

# ---------------------------------------------------------------- media

my %media = (
    'halves.png' => [qw(-f lavfi -i), 'color=red:s=160x90,format=rgb24,drawbox=x=80:y=0:w=80:h=90:c=blue:t=fill',
        qw(-frames:v 1)],
    'tall.png'   => [qw(-f lavfi -i color=0xe0a000:s=40x80 -frames:v 1)],
    'green.png'  => [qw(-f lavfi -i color=0x00a000:s=160x90 -frames:v 1)],
    # luma tells the number of the picture, sound is of 440 Hz
    'numbers.mp4' => [qw(-f lavfi -i), q(color=black:s=64x64:r=20:d=4,geq=lum='16+N*2':cb=128:cr=128,format=yuv420p),
        qw(-f lavfi -i sine=frequency=440:duration=4:sample_rate=48000 -c:v libx264 -preset ultrafast -crf 2 -g 20
        -colorspace bt709 -color_primaries bt709 -color_trc bt709 -c:a aac -b:a 192k)],
    'tone.wav' => [qw(-f lavfi -i sine=frequency=880:duration=8:sample_rate=48000)],
);

for my $name (sort keys %media) {
    symlink make_media("imports-$name", @{ $media{$name} }), "$dir/$name" or die $!;
}
symlink $_, "$dir/" . s{.*/}{}r or die $! for glob "$top/t/imports/*";

# what number N of numbers.mp4 looks like
sub number { my ($n) = @_; my $grey = (2 * $n) * 255 / 219; return [$grey, $grey, $grey] }

my ($RED, $BLUE, $GREEN, $BLACK, $WHITE) = ([254, 0, 0], [0, 0, 254], [0, 160, 0], [0, 0, 0], [255, 255, 255]);

# ---------------------------------------------------------------- films

# film($file, [notes]): imported with these notes and no others, rendered; { w, h, fps, frames => [raw RGB], file }
sub film {
    my ($file, @notes) = @_;
    my $r = run('import', $file, '-o', "$file.json");
    is $r->{code}, 0, "$file: imported" or diag $r->{err};
    is_deeply [sort map { s/^\Q$file\E: //r } split /\n/, $r->{err}], [sort @notes], "$file: what is lost";

    my $document = $json->decode(slurp("$dir/$file.json"));
    my $many = @{ $document->{outputs} // [] } > 1;
    my $out = $many ? "$file.films" : "$file.mp4";
    $r = run('compose', "$file.json", '-o', $out);
    is $r->{code}, 0, "$file: rendered" or do { diag $r->{err}; return };
    $out .= '/final.mp4' if $many;

    my $plan = $json->decode(run('plan', "$file.json")->{out});
    my ($w, $h, $num, $den) = @{ $plan->{canvas} };
    system("ffmpeg -nostdin -v error -y -i $dir/$out -an -fps_mode passthrough -f rawvideo -pix_fmt rgb24 $dir/raw.rgb") == 0
        or die 'ffmpeg';
    my $n = $w * $h * 3;
    return { name => $file, w => $w, h => $h, fps => $num / $den, file => "$dir/$out", document => $document,
        frames => [unpack "(a$n)*", slurp("$dir/raw.rgb")] };
}

sub px {
    my ($film, $time, $x, $y) = @_;
    my $frame = $film->{frames}[$time * $film->{fps} + 1e-6] // return [-1, -1, -1];
    return [unpack 'C3', substr $frame, 3 * ($y * $film->{w} + $x), 3];
}

# shows($film, seconds, x, y, [r, g, b], what, how far off a channel may be)
sub shows {
    my ($film, $time, $x, $y, $want, $what, $off) = @_;
    my $have = px($film, $time, $x, $y);
    my $far = max(map { abs($have->[$_] - $want->[$_]) } 0 .. 2);
    return ok($far <= ($off // 6), "$film->{name}: at $time s, $x,$y: $what") || diag "@$have, not @$want";
}

sub lasts {
    my ($film, $seconds) = @_;
    return is scalar @{ $film->{frames} }, $seconds * $film->{fps}, "$film->{name}: lasts $seconds s";
}

sub rms {
    my ($film, $from, $to) = @_;
    if (!$film->{pcm}) {
        system("ffmpeg -nostdin -v error -y -i $film->{file} -vn -map_channel 0.1.0 -ar 48000 -f f32le $dir/raw.pcm") == 0 or die;
        $film->{pcm} = [unpack 'f<*', slurp("$dir/raw.pcm")];
    }
    my @part = @{ $film->{pcm} }[int($from * 48000) .. int($to * 48000) - 1];
    return sqrt(sum(map { ($_ // 0) ** 2 } @part) / @part);
}

sub sounds {
    my ($film, $from, $to, $volume, $off) = @_;
    my $have = rms($film, $from, $to) / 0.125 * sqrt 2;
    return ok(abs($have - $volume) <= ($off // 0.03), "$film->{name}: sounds at $volume from $from to $to") || diag $have;
}

# bright px in a part of a picture: there are letters
sub letters {
    my ($film, $time, $x0, $y0, $x1, $y1) = @_;
    my $n = 0;
    for my $y ($y0 .. $y1 - 1) {
        my @row = unpack 'C*', substr $film->{frames}[$time * $film->{fps}], 3 * ($y * $film->{w} + $x0), 3 * ($x1 - $x0);
        $n += grep { $row[3 * $_] > 200 && $row[3 * $_ + 1] > 200 && $row[3 * $_ + 2] > 200 } 0 .. $x1 - $x0 - 1;
    }
    return $n;
}

# ---------------------------------------------------------------- Shotstack

{
    my $f = film('shotstack-render.json', '/timeline/tracks/1/clips/1/transition/out: "wipeLeft" becomes a fade: a clip of its'
        . ' own cannot come or go in this way');
    is "$f->{w}x$f->{h}\@$f->{fps}", '1024x576@25', 'sd';
    lasts($f, 7);
    cmp_ok letters($f, 0.8, 200, 200, 824, 376), '>', 200, 'its title';
    is letters($f, 0, 200, 200, 824, 376), 0, 'fades in';
    my ($left, $right) = map { px($f, 2, $_, 288) } 200, 800;
    cmp_ok abs($left->[$_] - $left->[2]), '<', 4, "greyscale, $_" for 0, 1;
    cmp_ok $left->[0], '>', $right->[0] + 20, 'red is lighter than blue';
    shows($f, 3.2, 512, 288, number(34), 'trimmed');
    shows($f, 5.4, 512, 288, number(8), 'the second film from its beginning');
    shows($f, 6.96, 512, 288, $BLACK, 'fades out', 14);
    cmp_ok rms($f, 0, 0.1), '<', 0.01, 'the soundtrack fades in';
    sounds($f, 1.2, 2.8, 1);
    sounds($f, 5.2, 5.8, sqrt(1 + 0.25), 0.05);
}

{
    my $f = film('shotstack-alias.json');
    is_deeply $f->{document}{merge}, { WHAT => 'News' }, 'a merge field stays one';
    lasts($f, 5);
    shows($f, 0.5, 160, 90, [0x20, 0xa0, 0x40], 'the background before all');
    shows($f, 0.5, 140, 3, [0x20, 0xa0, 0x40], 'and no text yet');
    for my $time (1.2, 4.8) {
        shows($f, $time, 160, 90, number(20 * ($time - 1)), 'the video');
        shows($f, $time, 160, 2, [0xc0, 0, 0], 'and the text as long as it', 20);
    }
}

{
    my $f = film('shotstack-corner.json');
    lasts($f, 3);
    for my $time (0, 2.9) {
        shows($f, $time, 240, 40, $RED, 'the logo');
        shows($f, $time, 290, 40, $BLUE, 'all of it');
        shows($f, $time, $_->[0], $_->[1], $WHITE, 'beside it') for [310, 40], [240, 10], [215, 12];
        shows($f, $time, 20, 150, [0xe0, 0xa0, 0], 'what is shown in its own size');
        shows($f, $time, $_->[0], $_->[1], $WHITE, 'and no larger') for [60, 150], [20, 90];
    }
    shows($f, 0, 80, 90, $GREEN, 'moves from the left');
    shows($f, 1, 160, 90, $GREEN, 'through the middle');
    shows($f, 1, 80, 90, $WHITE, 'and is where it was no more');
    shows($f, 2, 240, 90, $GREEN, 'to the right');
    shows($f, 2.5, 240, 75, $GREEN, 'and up');
    shows($f, 2.5, 240, 95, $WHITE, 'in the end');
    ok -s "$dir/shotstack-corner.json.films/thumbnail.jpg", 'a thumbnail beside it';
    is $f->{document}{poster}{time}, 1, 'and the poster';
}

# ---------------------------------------------------------------- editly

{
    my $f = film('editly-pip.json5', '/defaults/layer/fontPath: fonts are those of the machine that renders',
        '/clips/0/layers/0: "rainbow-colors" cannot be drawn; one colour fills the canvas');
    lasts($f, 2);
    shows($f, 1, 240, 40, number(40), 'twice as fast as it is, to fill the clip');
    shows($f, 1, $_->[0], $_->[1], [0x1b, 0x3a, 0x4b], 'what is below') for [100, 40], [310, 40], [240, 4], [240, 88];
    cmp_ok letters($f, 1, 60, 140, 260, 180), '>', 20, 'letters at the bottom';
    is letters($f, 1, 60, 90, 260, 130), 0, 'and there alone';
}

{
    my $f = film('editly-sounds.json5', '/audioNorm: loudness is not evened out');
    lasts($f, 4);
    shows($f, 0.5, 80, 45, number(30), 'the part that was cut out');
    shows($f, 2.5, 5, 5, [0x20, 0x40, 0x80], 'the background of a title');
    sounds($f, 0.2, 0.8, 0.5);
    sounds($f, 1.3, 1.8, 0.01, 0.005);
    sounds($f, 2.2, 2.8, 0.5);
    sounds($f, 3.3, 3.8, 0.01, 0.005);
}

{
    my $f = film('editly-until.json5', '/clips/1/layers/1: the text does not move in; it is there');
    lasts($f, 4.1);
    shows($f, 0.25, 80, 45, number(5), 'the lowest layer');
    shows($f, 0.75, 80, 45, $GREEN, 'one above from its start');
    shows($f, 1.25, 80, 45, number(25), 'until its stop');
    shows($f, 2.05, 40, 45, $RED, 'stretched');
    shows($f, 2.05, 120, 45, $BLUE, 'on both sides');
    shows($f, 2.5, 2, 9, [0xd0, 0x2a, 0x42], 'a title with a background', 30);
    shows($f, 2.9, 2, 9, $RED, 'not for long', 12);
    shows($f, 3.9, 80, 45, number(64), 'four times as fast');
}

# ---------------------------------------------------------------- OpenTimelineIO

{
    my $f = film('cuts.otio', '/tracks/children/0/children/4/effects/0: the effect "Sharpen" is not known here, and left out');
    is "$f->{w}x$f->{h}\@$f->{fps}", '1280x720@20', 'its rate';
    lasts($f, 4.5);
    shows($f, 1, 640, 360, number(20), 'media that begins at a time of its own');
    shows($f, 1.25, 640, 360, number(25), 'before the transition');
    shows($f, 1.55, 640, 360, number(36), 'in its middle: half of one, half of the other');
    shows($f, 1.8, 640, 360, number(46), 'behind it');
    shows($f, 2.5, 640, 360, number(60), 'the second clip');
    shows($f, 2.5, 100, 360, $BLACK, 'contained');
    shows($f, 3.2, 640, 360, $BLACK, 'a gap');
    shows($f, 3.8, 640, 360, $GREEN, 'an image');
    is_deeply $f->{document}{timeline}{markers},
        [{ name => 'Second half', time => 1.5, metadata => { otio => { color => 'RED' } } }], 'its marker';
    is_deeply $f->{document}{metadata}, { otio => { global_start_time => 3600, metadata => { studio => { shot => '12' } } } },
        'and what others have said of it';
}

{
    my $f = film('nested.otio', '/tracks/children/0/children/0/media_references: only the active one, "high", is used',
        '/tracks/children/0/children/2/media_references/DEFAULT_MEDIA: the media is missing; there is a gap');
    lasts($f, 3.5);
    shows($f, 0.5, 640, 360, number(40), 'at twice the speed');
    shows($f, 1.25, 640, 360, $GREEN, 'the lower track of what is nested');
    shows($f, 1.75, 640, 360, [0x20, 0x40, 0xc0], 'and the upper one');
    shows($f, 2.25, 640, 360, $GREEN, 'no longer than it lasts');
    shows($f, 2.75, 640, 360, $BLACK, 'what is missing');
    shows($f, 3.25, 320, 360, $RED, 'the last');
}

{
    my $f = film('sound.otio');
    lasts($f, 3);
    shows($f, 0.5, 640, 360, number(30), 'a track that is trimmed');
    is $f->{document}{timeline}{markers}[0]{time}, 1, 'the marker of a clip';
    cmp_ok rms($f, 0.2, 0.9), '<', 0.001, 'a track of pictures is silent';
    cmp_ok rms($f, 1.02, 1.1), '<', rms($f, 1.3, 1.38) - 0.01, 'from a gap it fades in';
    sounds($f, 1.6, 2.4, 1);
}

# ---------------------------------------------------------------- the way out

{
    my $text = q({"version":1,"title":"All of it","metadata":{"order":"42"},"merge":{"NAME":"Ada"},
        "timeline":{"width":320,"height":180,"fps":29.97,"background":"#101820",
        "markers":[{"name":"quiz","time":1,"kind":"breakpoint","metadata":{"q":1}},{"name":"b","time":"45f"}],"tracks":[
        {"id":"main","title":"Main","volume":"-3dB","clips":[
            {"id":"a","asset":{"type":"video","src":"numbers.mp4"},"in_point":0.5,"out_point":2.5,"effects":[{"type":"blur"}]},
            {"type":"transition","transition_type":"wipeleft","duration":1},
            {"asset":{"type":"image","src":"halves.png"},"duration":2,"fit":"contain",
             "keyframes":{"scale":[{"time":0,"value":1},{"time":"end","value":1.3,"easing":"ease"}]}},
            {"type":"transition","transition_type":"fade","duration":"21f"},
            {"asset":{"type":"video","src":"numbers.mp4"},"speed":2,"in_point":"10f","duration":1.6,"radius":"8%"},
            {"type":"transition","transition_type":"cut"},
            {"asset":{"type":"color","color":"#00ff00"},"duration":1,"metadata":{"k":[1]}}]},
        {"clips":[{"asset":{"type":"text","text":"Hello {{NAME}}"},"start":0.5,"duration":2,"transition":{"in":"fade"}},
            {"asset":{"type":"shape","shape":"star"},"start":3,"width":40,"height":40,"duration":"end"}]},
        {"id":"music","kind":"audio","ducking":{"by":"main","amount_db":-10},"clips":[
            {"asset":{"type":"audio","src":"tone.wav"},"start":0.25,"duration":"end","fade_out":0.5}]}]},
        "outputs":[{"name":"final","quality":"high"},{"format":"gif"}],"poster":{"time":1},"blurhash":false});
    spew("$dir/out.json", $text);

    my $r = run('export', 'out.json', '-o', 'out.otio');
    is $r->{code}, 0, 'exported' or diag $r->{err};
    is $r->{err}, "out.json: /merge: its values have been filled in, and stay\nout.json: /timeline/tracks: the sound of videos is"
        . " not written as tracks of its own; other programs may leave it out\n", 'what is lost of it';
    $r = run('import', 'out.otio', '-o', 'back.json');
    is $r->{err}, '', 'and back, with nothing lost';

    my ($was, $is) = map { $json->decode($_) } $text, slurp("$dir/back.json");
    is run('plan', 'back.json')->{out}, run('plan', 'out.json')->{out}, 'the plan is the same';
    for my $member (qw(title metadata outputs poster)) {
        is_deeply $is->{$member}, $was->{$member}, "$member is as it was";
    }
    is_deeply $is->{timeline}{markers}, $was->{timeline}{markers}, 'so are the markers';
    is_deeply $is->{timeline}{tracks}[2], $was->{timeline}{tracks}[2], 'the music';
    is_deeply $is->{timeline}{tracks}[0]{clips}[0], $was->{timeline}{tracks}[0]{clips}[0], 'and a clip with its id';

    # what OpenTimelineIO itself says of it
    my $otio = $json->decode(slurp("$dir/out.otio"));
    my ($main) = @{ $otio->{tracks}{children} };
    is_deeply [map { $_->{OTIO_SCHEMA} } @{ $main->{children} }],
        [qw(Clip.2 Transition.1 Clip.2 Transition.1 Clip.2 Clip.2)], 'its children';
    my @items = grep { $_->{OTIO_SCHEMA} ne 'Transition.1' } @{ $main->{children} };
    is sum(map { $_->{source_range}{duration}{value} } @items), $json->decode(run('plan', 'out.json')->{out})->{frames},
        'are as long as the film';
    is $main->{children}[3]{transition_type}, 'SMPTE_Dissolve', 'a fade is a dissolve';
    is $main->{children}[3]{in_offset}{value} + $main->{children}[3]{out_offset}{value}, 21, 'as long as it was';
    is $items[2]{effects}[0]{time_scalar}, 2, 'speed is a time warp';

    # somebody moves a clip: that is what comes back, and all else of it
    $items[3]{source_range}{duration}{value} = 15;
    spew("$dir/moved.otio", $json->encode($otio));
    $r = run('import', 'moved.otio', '-o', 'moved.json');
    my $clip = $json->decode(slurp("$dir/moved.json"))->{timeline}{tracks}[0]{clips}[-1];
    cmp_ok abs($clip->{duration} - 15 * 1001 / 30000), '<', 1e-5, 'a clip that was cut is shorter';
    is_deeply $clip->{metadata}, { k => [1] }, 'and keeps what it had';
}

# ---------------------------------------------------------------- docs/importing.md

my $doc = slurp("$top/docs/importing.md");

sub table {                      # the rows under a head that begins with this word
    my ($head) = @_;
    my ($rows) = $doc =~ /^\| $head \|[^\n]*\n\|[- |]+\n((?:\|[^\n]*\n)+)/m or die $head;
    return map { [/`([^`]+)`/g] } split /\n/, $rows;
}

# imported($document): { the composition, the pointers of its notes }
sub imported {
    my ($document) = @_;
    spew("$dir/row.json", $json->encode($document));
    my $got = run('import', 'row.json');
    is $got->{code}, 0, 'a row of docs/importing.md' or diag $got->{err};
    return { notes => [$got->{err} =~ /^row\.json: (\S*): /mg], doc => $got->{code} ? {} : $json->decode($got->{out}) };
}

sub shot {
    return { output => { format => 'mp4' }, timeline => { tracks => [{ clips => [
        { asset => { type => 'image', src => 'a.png' }, start => 0, length => 3, @_ }] }] } };
}

for my $row (table('fit')) {
    my $got = imported(shot(fit => $row->[0]));
    is $got->{doc}{timeline}{tracks}[0]{clips}[0]{fit}, $row->[1], "fit $row->[0]";
    is_deeply $got->{notes}, [], 'loses nothing';
}

for my $row (table('filter')) {
    my $got = imported(shot(filter => $row->[0]));
    is $got->{doc}{timeline}{tracks}[0]{clips}[0]{effects}[0]{type}, $row->[1], "filter $row->[0]";
    is_deeply $got->{notes}, [], 'loses nothing';
}

for my $row (table('transition')) {
    my $got = imported({ outPath => 'a.mp4', clips => [map { { duration => 2, transition => { name => $row->[0] },
        layers => [{ type => 'fill-color', color => '#fff' }] } } 1, 2] });
    is $got->{doc}{timeline}{tracks}[0]{clips}[1]{transition_type}, $row->[1], "transition $row->[0]";
    is_deeply $got->{notes}, [], 'loses nothing';
}

for my $name (qw(reveal wipeLeft shuffleTopLeft)) {
    is_deeply imported(shot(transition => { in => $name }))->{notes}, ['/timeline/tracks/0/clips/0/transition/in'],
        "$name is named";
}

# ---------------------------------------------------------------- the command

spew("$dir/remote.json", '{"timeline":{"tracks":[{"clips":[{"asset":{"type":"image","src":"https://a.example/b.jpg"},"start":0,'
    . '"length":"auto"}]}]},"output":{"format":"mp4","fps":30}}');
my $r = run('import', 'remote.json', '--strict');
is $r->{code}, 0, 'nothing is lost of it' or diag $r->{err};
my $clip = $json->decode($r->{out})->{timeline}{tracks}[0]{clips}[0];
is $clip->{asset}{src}, 'https://a.example/b.jpg', 'an address stays one';
is $clip->{duration}, 3, 'an image lasts as long as it does there';

# where a film lies is another name of it, and its length is the same
spew("$dir/there.json5", "{outPath: 'a.mp4', width: 320, height: 180, fps: 20, clips: [{duration: 2, layers: ["
    . "{type: 'video', path: '$dir/numbers.mp4'}]}]}");
$r = run('import', 'there.json5', '--strict');
is $r->{code}, 0, 'a path that leads to the folder' or diag $r->{err};
$clip = $json->decode($r->{out})->{timeline}{tracks}[0]{clips}[0];
is_deeply [$clip->{asset}{src}, $clip->{speed}], ['numbers.mp4', 2], 'becomes a relative one, to a film that is known';

$r = run('import', 'nested.otio', '--strict');
is $r->{code}, 1, '--strict: not with notes';
ok eval { $json->decode($r->{out}) }, 'though it is written';
is run('import', 'nested.otio')->{code}, 0, 'else it may be';

$r = run('import', 'cuts.otio', '--from', 'editly');
is $r->{code}, 1, 'it is told what it is';
like $r->{err}, qr{^cuts\.otio: /clips: must be an array}, 'and believes it';
is run('import', 'cuts.otio', '--from', 'final-cut')->{code}, 2, 'an unknown format';
is run('import')->{code}, 2, 'no file';
is run('import', 'none.json')->{code}, 1, 'a file that is not there';
is run('export')->{code}, 2, 'export without a file';

spew("$dir/own.json", '{"version":1,"timeline":{"tracks":[{"clips":[{"asset":{"type":"video","src":"none.mp4"}}]}]}}');
like run('import', 'own.json')->{err}, qr/is neither a Shotstack edit/, 'our own are not imported';
like run('export', 'own.json')->{err}, qr{/timeline/tracks/0/clips/0: lasts as long as its source, "none.mp4", which is not here},
    'what cannot be known is asked for';
spew("$dir/own.json",
    '{"version":1,"timeline":{"tracks":[{"clips":[{"asset":{"type":"video","src":"none.mp4"},"duration":2}]}]}}');
is run('export', 'own.json')->{code}, 0, 'and else not needed';

done_testing;
