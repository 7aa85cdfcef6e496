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

use Render::Test qw(check_contract make_media);
use Render::Test::Files;

my $top   = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{RENDER_BUILD} // "$top/build";
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

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

# a font by a family that it has, as an own file; a drawing; captions
my ($font) = `fc-match -f '%{file}' 'DejaVu Serif:bold'`;
my ($family) = `fc-match -f '%{family}' 'DejaVu Serif:bold'` =~ /^([^,]+)/;
symlink $font, "$dir/own.ttf" or die $!;
spew("$dir/disc.svg",
    q(<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="#00a000"/></svg>));
spew("$dir/words.srt", "1\n00:00:00,000 --> 00:00:01,500\nHHHH\n\n2\n00:00:02,000 --> 00:00:03,000\nHHHH\n");

# what number N of numbers.mp4 looks like
sub number { my ($n) = @_; my $grey = (2 * $n) * 255 / 219; return [$grey, $grey, $grey] }

my ($RED, $BLUE, $GREEN, $BLACK, $WHITE) = ([254, 0, 0], [0, 0, 254], [0, 160, 0], [0, 0, 0], [255, 255, 255]);

# ---------------------------------------------------------------- films

my %made;                        # compositions by name, to be held against their schema in the end

# film($file, [notes]): imported with these notes and no others, rendered; { w, h, fps, frames => [raw RGB], file }
sub film {
    my ($file, @notes) = @_;
    my $r = run('import', $file, '-o', "$file.json");
    is $r->{code}, 0, "$file: imported" or diag $r->{err};
    is_deeply [sort map { s/^\Q$file\E: //r } split /\n/, $r->{err}], [sort @notes], "$file: what is lost";

    my $document = $made{$file} = $json->decode(slurp("$dir/$file.json"));
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
    my $f = film('editly-pip.json5', '/defaults/layer/fontPath: is not here, and so it is not known how'
        . ' the font is called; the text is in another one',
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
    is $got->{code}, 0, 'imported' or diag $got->{err};
    my $doc = $got->{code} ? {} : $json->decode($got->{out});
    $made{ 'number ' . keys %made } = $doc;
    return { notes => [$got->{err} =~ /^row\.json: (\S*): /mg], doc => $doc };
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

# ---------------------------------------------------------------- captions, drawings, fonts, outlines

# shot_of([clips], ...): an edit of 320 x 180 with these tracks, the first on top
sub shot_of {
    my (@tracks) = @_;
    return { output => { format => 'mp4', size => { width => 320, height => 180 }, fps => 20 },
        timeline => { tracks => [map { { clips => $_ } } @tracks] } };
}

# px of such a colour in a part of a picture
sub count {
    my ($film, $time, $color, $x0, $y0, $x1, $y1) = @_;
    my $n = 0;
    for my $y ($y0 .. $y1 - 1) {
        for my $x ($x0 .. $x1 - 1) {
            my $have = px($film, $time, $x, $y);
            $n++ if max(map { abs $have->[$_] - $color->[$_] } 0 .. 2) < 40;
        }
    }
    return $n;
}

my $DISC = q(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 30"><rect width="60" height="30" fill="#fe0000"/></svg>);

{
    my $edit = shot_of(
        [{ asset => { type => 'caption', src => 'words.srt', trim => 0.5, font => { family => $family, size => 30, opacity => 1,
            color => '#ffffff' }, background => { color => '#0000fe', opacity => 1 } }, start => 0.5, length => 'auto' }],
        [{ asset => { type => 'rich-caption', words => [{ text => 'HHH', start => 0, end => 1000, confidence => 0.9 },
            { text => 'HHH', start => 900, end => 2000 }], font => { size => 24, weight => 700 },
            stroke => { width => 2, color => '#000000' }, align => { vertical => 'top' },
            active => { font => { color => '#00a000' } }, animation => { style => 'karaoke' } }, start => 0, length => 'end' }],
        [{ asset => { type => 'svg', src => $DISC, opacity => 0.5 }, start => 0, length => 4, opacity => 0.5,
            position => 'left' }],
        [{ asset => { type => 'image', src => 'disc.svg' }, start => 0, length => 4, fit => 'none', position => 'right' }],
        [{ asset => { type => 'text', text => 'HH', font => { size => 40, color => '#ffffff' },
            stroke => { color => '#fe0000', width => 4 } }, start => 0, length => 4 }],
        [{ asset => { type => 'shape', shape => 'rectangle', rectangle => { width => 320, height => 180 },
            fill => { color => '#404040' } }, start => 0, length => 4 }]);
    $edit->{timeline}{fonts} = [{ src => 'own.ttf' }];
    spew("$dir/grammar.json", $json->encode($edit));

    my $f = film('grammar.json');
    my ($shape, $text, $image, $svg, $words, $file) = map { $_->{clips}[0] } @{ $f->{document}{timeline}{tracks} };
    is_deeply $f->{document}{timeline}{fonts}, [{ src => 'own.ttf' }], 'brings its font';
    is_deeply $file, { asset => { type => 'caption', src => 'words.srt', font => { family => $family, size => 30,
        color => '#ffffffff' }, background => '#0000feff', stroke => { width => 0 } }, start => 0.5, in_point => 0.5,
        duration => 'auto', width => 288 }, 'a caption of a file, at its place below';
    is_deeply $words, { asset => { type => 'caption', words => [{ text => 'HHH', start => 0, end => 1 },
        { text => 'HHH', start => 1, end => 2 }], font => { size => 24, color => '#ffffffff', weight => 'bold' },
        stroke => { color => '#000000ff', width => 2 }, highlight => '#00a000ff' }, start => 0, duration => 'end', width => 288,
        position => 'top' }, 'one of words, none at once';
    is_deeply $svg, { asset => { type => 'svg', svg => $DISC }, start => 0, duration => 4, fit => 'fill', width => 60,
        height => 30, position => 'left', opacity => 0.25 }, 'a drawing, as large as it says';
    is_deeply [@$image{qw(asset fit width height)}], [{ type => 'svg', src => 'disc.svg' }, 'fill', 40, 20], 'one of a file';
    is_deeply $text->{asset}{stroke}, { color => '#fe0000ff', width => 4 }, 'letters have their outline';

    lasts($f, 4);
    my ($grey, $blue) = ([64, 64, 64], [0, 0, 254]);
    is count($f, 0.2, $blue, 40, 90, 280, 180), 0, 'a caption is not there before its clip';
    cmp_ok count($f, 1, $blue, 40, 120, 280, 180), '>', 500, 'has its background';
    cmp_ok count($f, 1, $WHITE, 40, 120, 280, 180), '>', 100, 'and letters';
    is count($f, 1.6, $blue, 40, 90, 280, 180), 0, 'is gone with its first line, trimmed';
    cmp_ok count($f, 2.5, $blue, 40, 120, 280, 180), '>', 500, 'shows the second one';
    cmp_ok count($f, 0.5, $GREEN, 80, 0, 160, 60), '>', 40, 'the word that is heard is green';
    is count($f, 0.5, $GREEN, 160, 0, 240, 60), 0, 'and no other';
    cmp_ok count($f, 1.5, $GREEN, 160, 0, 240, 60), '>', 40, 'then the next';
    shows($f, 1, 30, 90, [64 + (254 - 64) / 4, 48, 48], 'half of a half of a drawing', 10);
    shows($f, 1, 30, 110, $grey, 'and no more than that');
    shows($f, 1, 300, 90, $GREEN, 'the other drawing');
    shows($f, 1, 275, 90, $grey, 'in its own size');
    cmp_ok count($f, 3.5, $RED, 100, 60, 220, 120), '>', 200, 'an outline';
}

# what there is not is named, at its place
my $ASSET = '/timeline/tracks/0/clips/0/asset';
for my $row (
    [{ type => 'caption', src => 'alias://speech' }, '/src'],
    [{ type => 'rich-caption', src => 'https://a.example/talk.mp4?x=1' }, '/src'],
    [{ type => 'rich-caption', src => 'https://a.example/talk.ttml' }, '/src'],
    [{ type => 'svg', src => '<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>' }, '/src'],
    [{ type => 'svg', src => '<svg xmlns="http://www.w3.org/2000/svg">' . ' ' x 65536 . '</svg>' }, '/src'],
    )
{
    my $edit = shot_of([{ asset => $row->[0], start => 0, length => 2 }], [shot()->{timeline}{tracks}[0]{clips}[0]]);
    my $got = imported($edit);
    is_deeply $got->{notes}, ["$ASSET$row->[1]"], "$row->[0]{type} of " . substr($row->[0]{src}, 0, 60) . ': named';
    is scalar @{ $got->{doc}{timeline}{tracks} }, 1, 'and left out';
}

for my $row (
    [{ asset => { speed => 2 } }, 'asset/speed'],
    [{ asset => { active => { font => { color => '#ffffff' } } } }, 'asset/active'],
    [{ asset => { animation => { style => 'pop' } } }, 'asset/animation'],
    [{ asset => { shadow => { blur => 2 } } }, 'asset/shadow'],
    [{ asset => { padding => 4 } }, 'asset/padding'],
    [{ asset => { border => { width => 4 } } }, 'asset/border'],
    [{ asset => { style => { textTransform => 'uppercase' } } }, 'asset/style/textTransform'],
    [{ asset => { background => { color => '#000000', borderRadius => 4 } } }, 'asset/background/borderRadius'],
    [{ asset => { font => { weight => 900 } } }, 'asset/font/weight'],
    [{ transition => { in => 'fade' } }, 'transition'],
    [{ opacity => [{ from => 0, to => 1, start => 0, length => 1 }] }, ''],
    [{ fit => 'crop' }, 'fit'],
    )
{
    my ($change, $at) = @$row;
    my $clip = { start => 0, length => 3, %$change, asset => { type => 'rich-caption', src => 'words.srt',
        %{ $change->{asset} // {} } } };
    my $got = imported(shot_of([$clip], [shot()->{timeline}{tracks}[0]{clips}[0]]));
    is_deeply $got->{notes}, ['/timeline/tracks/0/clips/0' . ($at eq '' ? '' : "/$at")], "of captions, $at is named";
    is $got->{doc}{timeline}{tracks}[1]{clips}[0]{asset}{type}, 'caption', 'and the caption is there';
}

# captions lie where their box does
for my $row (
    [{}, 'bottom', undef],
    [{ position => 'top', height => 90 }, 'bottom', { x => '0%', y => '-50%' }],
    [{ position => 'left', width => 160 }, 'bottom', { x => '-25%', y => '0%' }],
    [{ scale => 0.5 }, 'bottom', { x => '0%', y => '-25%' }],
    [{ asset => { margin => { top => 0.25, left => 0.1 } } }, 'top', { x => '5%', y => '20%' }],
    [{ asset => { align => { vertical => 'middle', horizontal => 'right' } } }, 'right', undef],
    )
{
    my ($change, $position, $offset) = @$row;
    my $got = imported(shot_of([{ start => 0, length => 3, %$change, asset => { type => 'caption', src => 'words.srt',
        %{ $change->{asset} // {} } } }]));
    my $clip = $got->{doc}{timeline}{tracks}[0]{clips}[0];
    is_deeply [$clip->{position} // 'bottom', $clip->{offset}], [$position, $offset], 'the place of ' . $json->encode($change);
    is_deeply $got->{notes}, [], 'loses nothing';
    is $clip->{asset}{font}{size}, $change->{scale} ? 16 : 32, 'and the size of its letters';
}

{
    my $edit = shot();
    $edit->{timeline}{fonts} = [map { { src => "https://a.example/$_.ttf" } } 1 .. 17];
    my $got = imported($edit);
    is_deeply $got->{notes}, ['/timeline/fonts/16/src'], 'more fonts than there may be are named';
    is_deeply $got->{doc}{timeline}{fonts}, [@{ $edit->{timeline}{fonts} }[0 .. 15]], 'the others are there';
    is $got->{doc}{timeline}{tracks}[0]{clips}[0]{asset}{type}, 'image', 'as is all else';
}

{
    spew("$dir/fills.json5", $json->encode({ outPath => 'a.mp4', width => 160, height => 90, fps => 20,
        defaults => { transition => undef, layer => { fontPath => './own.ttf' } }, clips => [
        { duration => 2, layers => [{ type => 'radial-gradient', colors => ['#fe0000', '#0000fe'] }] },
        { duration => 2, layers => [{ type => 'linear-gradient', colors => ['#fe0000', '#0000fe'] },
            { type => 'image-overlay', path => './disc.svg', width => 0.25, position => 'center' },
            { type => 'title', text => 'H', fontPath => './none.ttf', zoomDirection => undef, position => 'top' }] },
        { duration => 1, layers => [{ type => 'fill-color', color => '#000' }, { type => 'title', text => 'H' }] }] }));
    my $f = film('fills.json5', '/clips/1/layers/2/fontPath: is not here, and so it is not known how the font is called; the'
        . ' text is in another one');
    my @clips = map { @{ $_->{clips} } } @{ $f->{document}{timeline}{tracks} };
    my @fonts = map { $_->{asset}{font} } grep { $_->{asset}{type} eq 'text' } @clips;
    is_deeply [map { $_->{family} } sort { ($a->{family} // '') cmp ($b->{family} // '') } @fonts], [undef, $family],
        'a text in its own font';
    is_deeply [map { $_->{weight} } grep { $_->{family} } @fonts], ['bold'], 'as bold as that is';
    is_deeply $f->{document}{timeline}{fonts}, [{ src => 'own.ttf' }], 'which it brings';

    lasts($f, 5);
    my $mix = sub { my ($k) = @_; return [254 * (1 - $k), 0, 254 * $k] };
    shows($f, 0, 80, 45, $RED, 'the middle of a radial gradient', 14);
    shows($f, 0, 128, 45, $mix->(0.5), 'half of the way out', 8);
    shows($f, 1.95, 128, 45, $mix->(0.25), 'it grows to twice its size', 10);
    shows($f, 2, 2, 2, $mix->(0.5), 'a linear gradient, of which a half is to be seen', 10);
    shows($f, 2, 120, 80, $BLUE, 'ends in the middle', 10);
    shows($f, 2, 80, 45, $GREEN, 'a drawing in it');
    my ($then, $now) = map { px($f, $_, 10, 85)->[0] } 2, 3.95;
    cmp_ok abs($then - $now), '>', 40, 'it turns';
}

{
    my $clip = sub {
        my ($url, $length) = @_;
        my $range = { start_time => { rate => 20, value => 0 }, duration => { rate => 20, value => $length } };
        return { OTIO_SCHEMA => 'Clip.1', source_range => $range,
            media_reference => { OTIO_SCHEMA => 'ExternalReference.1', target_url => $url } };
    };
    my $cut = { OTIO_SCHEMA => 'Transition.1', transition_type => 'SMPTE_Dissolve', map { $_ => { rate => 20, value => 4 } }
        qw(in_offset out_offset) };
    my $gap = { %{ $clip->('', 10) }, OTIO_SCHEMA => 'Gap.1' };
    delete $gap->{media_reference};
    my $document = { OTIO_SCHEMA => 'Timeline.1', tracks => { OTIO_SCHEMA => 'Stack.1', children => [
        { OTIO_SCHEMA => 'Track.1', kind => 'Video', children => [$clip->('disc.svg', 60)] },
        { OTIO_SCHEMA => 'Track.1', kind => 'Video', children => [$gap, $cut, $clip->('words.srt', 20), $cut,
            $clip->('words.srt', 20)] }] } };
    spew("$dir/kinds.otio", $json->encode($document));
    my $f = film('kinds.otio', '/tracks/children/1/children/1: is left out: captions come and go at once',
        '/tracks/children/1/children/3: is left out: captions come and go at once');
    my ($below, $above) = map { $_->{clips} } @{ $f->{document}{timeline}{tracks} };
    is_deeply $below->[0], { asset => { type => 'svg', src => 'disc.svg' }, duration => 3, fit => 'contain' }, 'a drawing';
    is_deeply $above->[0], { asset => { type => 'caption', src => 'words.srt' }, start => 0.5, duration => 1 }, 'captions';
    shows($f, 1, 640, 200, $GREEN, 'the drawing');
    is letters($f, 0.3, 340, 600, 940, 700), 0, 'before the captions';
    cmp_ok letters($f, 1, 340, 600, 940, 700), '>', 100, 'and they';
}

{
    my $film = { version => 1, timeline => { width => 320, height => 180, fps => 20, safe_area => '3%',
        fonts => [{ src => 'own.ttf' }], tracks => [
        { clips => [{ asset => { type => 'svg', src => 'disc.svg' }, duration => 4, radius => 4 }] },
        { clips => [{ asset => { type => 'waveform', src => 'tone.wav', style => 'line' }, in_point => 1, speed => 2,
            duration => 2 },
            { asset => { type => 'text', text => 'x', stroke => { width => 2 } }, duration => 1 }] },
        { clips => [{ asset => { type => 'caption', src => 'words.srt', language => 'en' }, start => 0.5, duration => 2 },
            { asset => { type => 'caption', highlight => '#ff0000', words => [{ text => 'a', start => 0, end => 0.5 }] },
            start => 3, duration => 1 }] },
        { clips => [{ asset => { type => 'caption', src => 'words.srt', burn => JSON::PP::false }, in_point => 1,
            duration => 2 }] },
        ] }, outputs => [{ name => 'final', format => 'mp4' }, { name => 'en', format => 'vtt' }] };
    spew("$dir/all.json", $json->encode($film));
    my $r = run('export', 'all.json', '-o', 'all.otio');
    is "$r->{code} $r->{err}", '0 ', 'captions, drawings and fonts go out';
    my $otio = $json->decode(slurp("$dir/all.otio"));
    is_deeply [map { [map { $_->{OTIO_SCHEMA} } @{ $_->{children} }] } @{ $otio->{tracks}{children} }],
        [['Clip.2'], ['Clip.2', 'Clip.2'], ['Gap.1', 'Clip.2', 'Gap.1', 'Clip.2'], ['Clip.2']], 'each as one clip';
    $r = run('import', 'all.otio', '-o', 'all-back.json');
    is "$r->{code} $r->{err}", '0 ', 'and back';
    is run('plan', 'all-back.json')->{out}, run('plan', 'all.json')->{out}, 'as the same film';

    # one that was moved keeps all else that it has
    $otio->{tracks}{children}[2]{children}[0]{source_range}{duration}{value} = 15;
    $otio->{tracks}{children}[1]{children}[0]{source_range}{duration}{value} = 30;
    spew("$dir/all.otio", $json->encode($otio));
    run('import', 'all.otio', '-o', 'all-back.json');
    my $tracks = ($made{moved} = $json->decode(slurp("$dir/all-back.json")))->{timeline}{tracks};
    is_deeply $tracks->[2]{clips}[0], { %{ $film->{timeline}{tracks}[2]{clips}[0] }, start => 0.75 }, 'a caption that was moved';
    is_deeply $tracks->[1]{clips}[0], { %{ $film->{timeline}{tracks}[1]{clips}[0] }, duration => 1.5 },
        'a waveform that was cut';

    # none of it is here: what has a length of its own by what it is needs no source
    spew("$dir/away.json", $json->encode({ timeline => { tracks => [
        { clips => [{ asset => { type => 'svg', src => 'away.svg' }, effects => [{ type => 'lut', src => 'away.cube' }] }] },
        { clips => [{ asset => { type => 'waveform', src => 'away.wav' }, duration => 1 }] },
        { clips => [{ asset => { type => 'caption', src => 'away.srt' } }] }] } }));
    $r = run('export', 'away.json');
    is "$r->{code} $r->{err}", '0 ', 'sources that are elsewhere';
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

# ---------------------------------------------------------------- the schema

spew("$dir/made.json", $json->encode(\%made));
my ($status, $out, $err) = check_contract('--documents', "$dir/made.json");
my $wrong = eval { $json->decode($out) } // diag $err;
is_deeply { map { $_ => $wrong->{$_} } grep { !$wrong->{$_} || @{ $wrong->{$_} } } keys %made }, {},
    keys(%made) . ' compositions that were made are as the schema has them';

done_testing;
