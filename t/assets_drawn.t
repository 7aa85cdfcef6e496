# SVGs, waveforms and tables of colours: their colours at places, beside what the ffmpeg command makes of the same (it
# has librsvg, lut3d and lut1d, too), what is reused of them, and what strangers may send in their place.

use strict;
use warnings;

use lib 't/lib';

use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(max min sum);
use POSIX qw(floor);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Faults;
use Render::Test::Problem;
use Render::Test::Files;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;
my $count = 0;
my $NS    = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';

sub say_to {
    my ($command) = @_;
    my $said = `$command 2>&1`;
    die "$command: $said" if $?;
    return $said;
}

sub near {
    my ($have, $want, $off, $what) = @_;
    return ok(abs($have - $want) <= $off, $what) || diag "$have, not $want";
}

# ---------------------------------------------------------------- pictures without loss

# shots($what, { w, h, fps, times, ... }, track, ...): RGB of the film at these times
sub shots {
    my ($what, $o, @tracks) = @_;
    my $name = 'shots' . ++$count;
    my @times = @{ $o->{times} // [0] };
    my $doc = { timeline => { width => $o->{w}, height => $o->{h}, fps => $o->{fps} // 10, background => $o->{background} // '#000000',
        tracks => [map { ref eq 'ARRAY' ? { clips => $_ } : $_ } @tracks] },
        outputs => [map { { name => "at$_", format => 'png', time => $times[$_] } } 0 .. $#times] };
    spew("$dir/$name.json", $json->encode($doc));
    my $out = @times > 1 ? "$dir/$name" : "$dir/$name.png";
    my $said = `$build/render compose $dir/$name.json -o $out 2>&1`;
    is $?, 0, "$what: drawn" or do { diag $said; return map { { w => 1, h => 1, rgb => "\0\0\0" } } @times };
    return map { rgb_of(@times > 1 ? "$out/at$_.png" : $out, $o->{w}, $o->{h}) } 0 .. $#times;
}

sub rgb_of {
    my ($file, $w, $h) = @_;
    say_to("ffmpeg -nostdin -v error -y -i $file -f rawvideo -pix_fmt rgb24 $dir/raw.rgb");
    return { w => $w, h => $h, rgb => slurp("$dir/raw.rgb") };
}

sub px { my ($shot, $x, $y) = @_; return unpack 'C3', substr $shot->{rgb}, 3 * ($y * $shot->{w} + $x), 3 }

sub is_px {
    my ($shot, $x, $y, $want, $what, $off) = @_;
    my @have = px($shot, $x, $y);
    return ok((max map { abs(($have[$_] // 999) - $want->[$_]) } 0 .. 2) <= ($off // 3), $what) || diag "@have, not @$want";
}

# worst of all px, or of those at the places
sub difference {
    my ($a, $b, @at) = @_;
    return 255 if length $a->{rgb} != length $b->{rgb};
    my @x = unpack 'C*', $a->{rgb};
    my @y = unpack 'C*', $b->{rgb};
    @at = 0 .. $#x / 3 if !@at;
    return max map { my $i = 3 * $_; map { abs($x[$i + $_] - $y[$i + $_]) } 0 .. 2 } @at;
}

sub likeness {
    my ($a, $b) = @_;
    spew("$dir/side$_->[0].rgb", $_->[1]{rgb}) for [0, $a], [1, $b];
    my $raw = "-f rawvideo -pix_fmt rgb24 -s $a->{w}x$a->{h} -i";
    return say_to("ffmpeg -hide_banner -nostdin -y $raw $dir/side0.rgb $raw $dir/side1.rgb -lavfi '[0]format=gray[a];[1]format=gray[b];[a][b]ssim' -f null -") =~ /All:([\d.]+)/ ? $1 : 0;
}

sub plan_of {
    my ($clip, @more) = @_;
    my $name = 'plan' . ++$count;
    spew("$dir/$name.json", $json->encode({ timeline => { width => 160, height => 90, fps => 10, tracks => [ { clips => [ $clip, @more ] } ] } }));
    my $said = `$build/render plan $dir/$name.json 2>&1`;
    return $? == 0 ? $json->decode($said) : $said;
}

sub svg { my ($inside, @clip) = @_; return { asset => { type => 'svg', svg => "<svg $NS $inside</svg>" }, duration => 1, @clip } }

# ---------------------------------------------------------------- SVG

# left red, right blue, a green disc in the middle, letters
my $drawing = qq(<?xml version="1.0"?>\n<!-- a comment > before -->\n<svg $NS viewBox="0 0 160 90">)
    . '<rect width="80" height="90" fill="#f00"/><rect x="80" width="80" height="90" fill="#00f"/><circle cx="80" cy="45" r="20" fill="#0f0"/></svg>';
spew("$dir/a.svg", $drawing);
spew("$dir/letters.svg", $drawing =~ s{</svg>}{<text x="4" y="80" font-family="Noto Sans" font-size="20">Hello</text></svg>}r);

my $facts = $json->decode(say_to("$build/render probe $dir/a.svg"));
is $facts->{kind}, 'svg', 'an SVG is known';
is_deeply [@{ $facts->{video} }{qw(width height alpha text)}], [160, 90, JSON::PP::true, JSON::PP::false], 'with its size';
like $facts->{blurhash}, qr/^L.{27}$/, 'and a BlurHash';
ok $json->decode(say_to("$build/render probe $dir/letters.svg"))->{video}{text}, 'text in it is seen';

my %size = ('width="200" height="50"' => '200 50', 'width="1in" height="50mm"' => '96 189', 'viewBox="5 5 30 20"' => '30 20',
    'width="60" viewBox="0 0 30 20"' => '60 40', 'height="10pt" viewBox="0 0 30 20"' => '20 13', '' => '300 150',
    'width="100%" height="100%"' => '300 150', 'width="100%" height="50%" viewBox="0 0 8 4"' => '8 4', 'width="5em" height="80"' => '80 80',
    'width="1e9" height="5e8"' => '8192 4096', 'viewBox="0 0 1e30 1e29"' => '8192 819', 'width="1e9" height="1"' => '8192 1',
    'width="-5" height="-5" viewBox="0 0 3 3"' => '3 3');
for my $head (sort keys %size) {
    spew("$dir/size.svg", "<svg $NS $head><rect width='1' height='1'/></svg>");
    my $v = $json->decode(say_to("$build/render probe $dir/size.svg"))->{video};
    is "$v->{width} $v->{height}", $size{$head}, "the size of <svg $head>";
}

my $file = { asset => { type => 'svg', src => 'a.svg' }, duration => 1 };
{
    my ($shot) = shots('as large as the canvas', { w => 640, h => 360 }, [$file]);
    is_px($shot, 100, 180, [255, 0, 0], 'its red');
    is_px($shot, 540, 180, [0, 0, 255], 'its blue');
    is_px($shot, 320, 180, [0, 255, 0], 'its green');
    say_to("ffmpeg -nostdin -v error -y -width 640 -height 360 -i $dir/a.svg -pix_fmt rgb24 $dir/want.png");
    my $want = rgb_of("$dir/want.png", 640, 360);
    cmp_ok likeness($shot, $want), '>', 0.99, 'as ffmpeg draws it at this size';

    # the edge of the disc is as sharp as at its own size: from green to red in 3 px at the most
    my @row = map { (px($shot, $_, 180))[1] } 230 .. 250;
    cmp_ok scalar(grep { $_ > 20 && $_ < 235 } @row), '<=', 4, 'sharp' or diag "@row";

    my ($inside) = shots('in the document', { w => 640, h => 360 }, [ { asset => { type => 'svg', svg => $drawing }, duration => 1 } ]);
    is difference($shot, $inside), 0, 'the same drawing in the document itself is the same picture';

    my ($letters) = shots('letters', { w => 640, h => 360 }, [ { asset => { type => 'svg', src => 'letters.svg' }, duration => 1 } ]);
    my $dark = grep { my $i = $_; (sum px($letters, $i % 240 + 10, 270 + floor($i / 240))) < 60 } 0 .. 240 * 60 - 1;
    cmp_ok $dark, '>', 500, 'letters are drawn' or diag $dark;
}

# what a picture of a file can, it can
{
    my @places = ([10, 45], [80, 45], [150, 45]);
    my %seen;
    my @clips = (
        cover   => { %$file, width => 90, height => 90, position => 'left' },
        contain => { %$file, width => 90, height => 90, position => 'left', fit => 'contain' },
        fill    => { %$file, width => 90, height => 90, position => 'left', fit => 'fill' },
        none    => { %$file, width => 90, height => 90, position => 'left', fit => 'none' },
        blur    => { %$file, width => 90, height => 90, position => 'left', fit => 'contain-blur' },
        crop    => { %$file, crop => { x => '75%', width => '25%' } },
        dim     => { %$file, opacity => 0.5 },
        turned  => { %$file, rotate => 180 },
        round   => { %$file, radius => '50%' },
        gray    => { %$file, effects => [ { type => 'invert' } ] },
        both    => { %$file, radius => 9, effects => [ { type => 'invert' } ], crop => { width => '25%' }, rotate => 5 },
    );
    while (my ($what, $clip) = splice @clips, 0, 2) {
        ($seen{$what}) = shots($what, { w => 160, h => 90 }, [$clip]);
    }
    is_px($seen{cover}, 2, 45, [255, 0, 0], 'cover: cut at the sides');
    is_px($seen{cover}, 45, 45, [0, 255, 0], 'cover: its middle in the middle');
    is_px($seen{cover}, 27, 45, [0, 255, 0], 'cover: and as large as it is high');
    is_px($seen{contain}, 45, 10, [0, 0, 0], 'contain: nothing above it');
    is_px($seen{contain}, 38, 45, [0, 255, 0], 'contain: the disc is small');
    is_px($seen{contain}, 27, 45, [255, 0, 0], 'contain: red beside');
    is_px($seen{fill}, 45, 62, [0, 255, 0], 'fill: as high as before');
    is_px($seen{fill}, 31, 45, [255, 0, 0], 'fill: but not as wide');
    is_px($seen{none}, 27, 45, [0, 255, 0], 'none: at its own size');
    cmp_ok +(sum px($seen{blur}, 10, 8)), '>', 100, 'contain-blur: something above it';
    is_px($seen{blur}, 38, 45, [0, 255, 0], 'contain-blur: itself before it');
    is_px($seen{crop}, 80, 45, [0, 0, 255], 'crop: nothing but blue');
    is_px($seen{dim}, 10, 45, [127, 0, 0], 'opacity', 5);
    is_px($seen{turned}, 10, 45, [0, 0, 255], 'rotate');
    is_px($seen{round}, 3, 3, [0, 0, 0], 'radius');
    is_px($seen{gray}, 10, 45, [0, 255, 255], 'an effect', 5);
    is_px($seen{both}, 80, 45, [0, 255, 255], 'all of it at once', 5);
}

# what lets something through is premultiplied by Cairo, and straight here
{
    my ($shot) = shots('half a white', { w => 160, h => 90, background => '#204080' }, [ svg('viewBox="0 0 160 90">'
        . '<rect width="80" height="90" fill="#fff" fill-opacity=".5"/><rect x="120" width="40" height="90" fill="#f80" fill-opacity=".2"/>') ]);
    is_px($shot, 40, 45, [143, 159, 191], 'half of it');
    is_px($shot, 100, 45, [32, 64, 128], 'nothing');
    is_px($shot, 140, 45, [76, 78, 102], 'a fifth');
    my ($edge) = shots('a white disc on white', { w => 160, h => 90, background => '#ffffff' }, [ svg('viewBox="0 0 160 90"><circle cx="80" cy="45" r="37.3" fill="#fff"/>'),
        ]);
    is +(min unpack 'C*', $edge->{rgb}) >= 252, 1, 'edges are not darkened';
}

# it grows, and is drawn for the largest it gets
{
    my %keys = (keyframes => { scale => [ { time => 0, value => 0.25 }, { time => 'end', value => 12 } ] });
    my ($first, $last) = shots('it grows', { w => 640, h => 360, times => [0, '9f'] }, [ { %$file, width => 160, %keys } ]);
    my @row = map { (px($last, $_, 180))[1] } 320 .. 639;
    my ($end) = grep { $row[$_] < 128 } 0 .. $#row;
    cmp_ok scalar(grep { $_ > 20 && $_ < 235 } @row), '<=', 5, 'sharp as it is large' or diag "@row[$end - 5 .. $end + 5]";
    is_px($first, 320, 180, [0, 255, 0], 'and small before');
    is_px($first, 100, 180, [0, 0, 0], 'with nothing around');
}

# nothing moves: a still, and nothing to do again; its key holds the fonts only where there are letters
{
    my $plan = plan_of({ %$file, duration => 4 });
    is_deeply [map { $_->{mode} } @{ $plan->{segments} }], ['still'], 'a drawing stands still';
    my $layer = $plan->{segments}[0]{spec}{layers}[0];
    ok !exists $layer->{fonts}, 'without letters it does not depend on fonts';
    my $letters = plan_of({ asset => { type => 'svg', src => 'letters.svg' }, duration => 4 })->{segments}[0]{spec}{layers}[0];
    like $letters->{fonts}, qr/^[0-9a-f]{64}$/, 'with them it does';
    is plan_of(svg('>'))->{segments}[0]{spec}{layers}[0]{svg}, "<svg $NS ></svg>", 'one in the document is in its key';

    spew("$dir/again.json", $json->encode({ timeline => { width => 160, height => 90, fps => 10, tracks => [ { clips => [ { %$file, duration => 4 },
        { asset => { type => 'waveform', src => 'tone.wav' }, duration => 1 },
        { %$file, effects => [ { type => 'lut', src => 'swap.cube' } ] } ] } ] } }));
    spew("$dir/swap.cube", join "\n", 'LUT_3D_SIZE 2', map { join ' ', $_ >> 2 & 1, $_ >> 1 & 1, $_ & 1 } 0 .. 7);
    symlink make_media('drawn-tone.wav', qw(-f lavfi -i sine=d=4)), "$dir/tone.wav" or die $!;
    like say_to("$build/render compose $dir/again.json -o $dir/again.mp4 --cache $dir/cache"), qr/ 0 reused/, 'a film of all three';
    my $first = slurp("$dir/again.mp4");
    like say_to("$build/render compose $dir/again.json -o $dir/again.mp4 --cache $dir/cache"), qr/ 0 pieces rendered/, 'made again it is all reused';
    is slurp("$dir/again.mp4"), $first, 'and the same';
    like say_to("$build/render compose $dir/again.json -o $dir/again.mp4"), qr/ 0 reused/, 'made anew';
    is slurp("$dir/again.mp4"), $first, 'it is the same, too';
}

# ---------------------------------------------------------------- SVGs of strangers

sub refused {
    my ($what, $bytes, $words, %o) = @_;
    spew("$dir/bad.svg", $bytes);
    my $from = time;
    my $said = `$build/render probe $dir/bad.svg 2>&1`;
    isnt $?, 0, "$what: refused";
    like $said, $words, "$what: and told so" or return;
    cmp_ok time - $from, '<', $o{most}, "$what: in time" if $o{most} && !$ENV{RENDER_ASAN};
    return;
}

my $bait = spew("$dir/bait.png", 'x');
refused('a file of the machine', qq(<svg $NS><image xlink:href="file:///etc/passwd" width="9" height="9"/></svg>), qr{points to "file:///etc/passwd"});
refused('a picture of a host', qq(<svg $NS><image href="http://127.0.0.1:9/a.png" width="9" height="9"/></svg>), qr{points to "http://127});
refused('a file beside', qq(<svg $NS><image xlink:href="bait.png" width="9" height="9"/></svg>), qr/points to "bait.png"/);
refused('another drawing', qq(<svg $NS><use href="a.svg#x"/></svg>), qr/points to "a.svg#x"/);
refused('a picture within', qq(<svg $NS><image href="data:image/png;base64,iVBORw0KGgo="/></svg>), qr/holds a picture within/);
refused('a script', qq(<svg $NS><script>alert(1)</script></svg>), qr/holds a script, <script>/);
refused('a script in an attribute', qq(<svg $NS onload="alert(1)"/>), qr/holds a script, in "onload"/);
refused('a style sheet', qq(<svg $NS><style>\@import url(http://127.0.0.1/a.css);</style></svg>), qr/imports a style sheet/);
refused('an entity', qq(<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg $NS><text>&a;</text></svg>), qr/declares entities/);
refused('a billion laughs', '<!DOCTYPE svg [<!ENTITY a "ha">' . join('', map { my $p = chr(96 + $_); my $n = chr(97 + $_); "<!ENTITY $n \"" . "&$p;" x 10 . '">' } 1 .. 9)
    . "]><svg $NS><text>&j;</text></svg>", qr/declares entities/, most => 2);
refused('a million elements', "<svg $NS>" . '<g/>' x 1_000_000 . '</svg>', qr/holds more than 50000 elements/, most => 5);
refused('elements in elements', "<svg $NS>" . '<g>' x 50_000 . '</g>' x 50_000 . '</svg>', qr/101 deep/, most => 5);
refused('5 MiB', "<svg $NS>" . ' ' x (5 * 1024 * 1024) . '</svg>', qr/at most 4194304 are read/);
refused('half of one', substr($drawing, 0, 200), qr/is cut off/);
refused('no XML', "<svg $NS><g></svg></g>", qr/cannot be read/);
refused('a gzipped one', `printf '%s' '<svg $NS/>' | gzip -c`, qr/not a media file/);
my $ten = sub { my ($n) = @_; '<defs>' . join('', map { "<g id=\"a$_\">" . ('<use href="#a' . ($_ - 1) . '"/>') x 10 . '</g>' } 1 .. $n) . "</defs><use href=\"#a$n\"/>" };
refused('filters by the thousand', qq(<svg $NS width="300" height="300"><filter id="f" x="0" y="0" width="1" height="1"><feTurbulence numOctaves="20" baseFrequency=".1"/></filter>)
    . '<g id="a0"><rect width="300" height="300" filter="url(#f)"/></g>' . $ten->(5) . '</svg>', qr/takes longer than 5 s to draw/, most => 60);

# what some versions of librsvg are too slow for and others bound themselves: an end in time, either way, and no crash
{
    spew("$dir/octaves.svg", qq(<svg $NS width="300" height="300"><filter id="f">)
        . '<feTurbulence numOctaves="1000000" baseFrequency=".1"/></filter>'
        . '<rect width="300" height="300" filter="url(#f)"/></svg>');
    my $from = time;
    my $said = `timeout 90 $build/render probe $dir/octaves.svg 2>&1`;
    my $end = $?;
    cmp_ok time - $from, '<', 60, 'noise of a million octaves: in time' if !$ENV{RENDER_ASAN};
    ok $end == 0 ? $said =~ /"kind": "svg"/ : $end == 256 && $said =~ /takes longer than 5 s to draw/,
        'drawn, or refused and told so' or diag "$end: $said";
}

# drawn all the same, quickly: librsvg bounds these itself
for (['a blur of 1e9', '<filter id="f" x="-50" y="-50" width="99" height="99"><feGaussianBlur stdDeviation="1e9"/></filter><rect width="9" height="9" filter="url(#f)"/>'],
     ['one that holds itself', '<g id="a"><use href="#a"/></g>'], ['a pattern of nothing', '<pattern id="p" width="1e-9" height="1e-9"/><rect fill="url(#p)"/>']) {
    spew("$dir/odd.svg", "<svg $NS width='300' height='300'>$_->[1]</svg>");
    my $from = time;
    my ($shot) = shots($_->[0], { w => 160, h => 90 }, [ { asset => { type => 'svg', src => 'odd.svg' }, duration => 1 } ]);
    cmp_ok time - $from, '<', 20, "$_->[0]: in time";
}

# small enough to be probed, but not to be drawn as large as a film: memory ends it, or time, or librsvg, which since 2.60
# counts what it nests
SKIP: {
    skip 'memory is not what it is without a sanitizer', 4 if $ENV{RENDER_ASAN};
    my %words = (45 => qr/the drawing needs more than 1536 MiB of memory/,
        98 => qr/the drawing needs more than 1536 MiB of memory|the drawing cannot be drawn: maximum depth of \d+ nested layers/);
    for my $n (sort keys %words) {
        spew("$dir/deep.svg", "<svg $NS viewBox='0 0 10 10'>"
            . '<g opacity=".9"><rect width="10" height="10"/>' x $n . '</g>' x $n . '</svg>');
        spew("$dir/deep.json", '{"timeline":{"width":3840,"height":2160,"tracks":[{"clips":['
            . '{"asset":{"type":"svg","src":"deep.svg"},"duration":1}]}]}}');
        my $said = `$build/render compose $dir/deep.json -o $dir/deep.mp4 2>&1`;
        is $?, 256, "$n layers of 8 million px";
        like $said, $words{$n}, 'are told to be too much';
    }
}

like plan_of({ asset => { type => 'svg', svg => "<svg $NS><script/></svg>" } }), qr{/clips/0/asset/svg: holds a script}, 'one in the document is refused where it stands';
like plan_of({ asset => { type => 'svg', svg => "<svg $NS><g></svg></g>" } }), qr{/clips/0/asset/svg: the drawing cannot be read}, 'and so is one that is no XML';
like plan_of({ asset => { type => 'image', src => 'a.svg' } }), qr{/clips/0/asset/src: is a svg, not an image}, 'a drawing is no image';
like plan_of({ asset => { type => 'svg', src => 'tone.wav' } }), qr{/clips/0/asset/src: is an audio, not an svg}, 'nor a sound a drawing';

# ---------------------------------------------------------------- tables of colours

# 40 x 20 patches of 16 px, all colours alike often
srand 11;
my @patches = map { [map { int rand 256 } 0 .. 2] } 0 .. 799;
@patches[0 .. 3] = ([0, 0, 0], [255, 255, 255], [255, 0, 0], [128, 128, 128]);
my $ppm = "P6\n640 320\n255\n";
for my $y (0 .. 19) {
    my $row = join '', map { pack('C3', @{ $patches[40 * $y + $_] }) x 16 } 0 .. 39;
    $ppm .= $row x 16;
}
spew("$dir/patches.ppm", $ppm);
say_to("ffmpeg -nostdin -v error -y -i $dir/patches.ppm $dir/patches.png");
my @middles = map { my $y = $_; map { (16 * $y + 8) * 640 + 16 * $_ + 8 } 0 .. 39 } 0 .. 19;

sub cube_file {
    my ($name, $n, $make, @head) = @_;
    my $m = $n - 1;
    return spew("$dir/$name", join "\n", 'TITLE "of a test"', @head, "LUT_3D_SIZE $n", map { my $b = $_; map { my $g = $_; map {
        sprintf '%.6f %.6f %.6f', $make->($_ / $m, $g / $m, $b / $m) } 0 .. $m } 0 .. $m } 0 .. $m);
}

cube_file('film.cube', 17, sub { my ($r, $g, $b) = @_; ($r ** 1.5 * 0.8 + 0.2 * $g, sin($g * 1.4), 1 - $b * 0.7 * (1 - $r)) });
cube_file('fine.cube', 33, sub { my ($r, $g, $b) = @_; ($g ** 2, $b, $r * 0.5 + 0.25) });
cube_file('same.cube', 65, sub { @_ });
cube_file('wild.cube', 5, sub { my ($r, $g, $b) = @_; ($r * 3 - 1, -0.5, 2 * $b) });
spew("$dir/curve.cube", join "\n", 'LUT_1D_SIZE 11', map { sprintf '%.5f %.5f %.5f', ($_ / 10) ** 2, 1 - $_ / 10, 1 - (1 - $_ / 10) ** 2 } 0 .. 10);
# twice as bright, by a table for 0 to 2: it knows half of what goes in
cube_file('domain.cube', 3, sub { @_ }, 'DOMAIN_MIN 0 0 0', 'DOMAIN_MAX 2 2 2');

# what the filter makes of them, without a way through YUV, in which 1 is 2 or 3 and more where a table is steep; that
# tables are looked up as lut3d does it, to a level, is t/unit/test_lut.c's
sub filtered {
    my ($filter) = @_;
    say_to("ffmpeg -nostdin -v error -y -i $dir/patches.png -vf 'format=gbrp,$filter,format=rgb24' $dir/want.png");
    return rgb_of("$dir/want.png", 640, 320);
}

sub graded { my ($what, @effects) = @_; return (shots($what, { w => 640, h => 320 }, [ { asset => { type => 'image', src => 'patches.png' }, duration => 1, effects => \@effects } ]))[0] }

sub lut { my ($file, @more) = @_; return { type => 'lut', src => $file, @more } }

my $plain = graded('patches');
cmp_ok difference($plain, filtered('null'), @middles), '<=', 2, 'the patches';
my %steep = (film => 4, fine => 4, wild => 9);
for my $name (sort keys %steep) {
    my $have = graded("$name.cube", lut("$name.cube"));
    my $want = filtered("lut3d=$dir/$name.cube");
    cmp_ok difference($have, $want, @middles), '<=', $steep{$name}, "$name.cube: as lut3d has it";
    cmp_ok difference($have, $plain, @middles), '>', 50, "$name.cube: and it is not nothing";
}
cmp_ok difference(graded('curve.cube', lut('curve.cube')), filtered("lut1d=$dir/curve.cube"), @middles), '<=', 6, 'curve.cube: as lut1d has it';
cmp_ok difference(graded('same.cube', lut('same.cube')), $plain, @middles), '<=', 2, 'a table that changes nothing';
cmp_ok difference(graded('no intensity', lut('film.cube', intensity => 0)), $plain, @middles), '<=', 2, 'intensity 0 changes nothing, either';
{
    my $half = graded('half', lut('film.cube', intensity => 0.5));
    my $whole = graded('whole', lut('film.cube'));
    my @a = unpack 'C*', $plain->{rgb};
    my @b = unpack 'C*', $whole->{rgb};
    # where the whole is within reach: colours that are cut off at 0 or 255 on their way through YUV lie elsewhere
    my @at = grep { my $i = 3 * $_; (min @a[$i .. $i + 2], @b[$i .. $i + 2]) > 8 && (max @a[$i .. $i + 2], @b[$i .. $i + 2]) < 247 } @middles;
    cmp_ok scalar @at, '>', 300, 'most patches lie within';
    my $want = { rgb => pack 'C*', map { ($a[$_] + $b[$_]) / 2 } 0 .. $#a };
    cmp_ok difference($half, $want, @at), '<=', 3, 'intensity 0.5 is the middle';
    my $domain = graded('domain', lut('domain.cube'));
    $want = { rgb => pack 'C*', map { $_ / 2 } @a };
    cmp_ok difference($domain, $want, @middles), '<=', 3, 'DOMAIN_MAX 2 makes all half as bright';
}
cmp_ok difference(graded('one after another', { type => 'invert' }, lut('film.cube'), { type => 'mirror' }, lut('fine.cube'), { type => 'mirror' }),
    filtered("negate,lut3d=$dir/film.cube,lut3d=$dir/fine.cube"), @middles), '<=', 8, 'between other effects, and twice';
{
    my ($shot) = shots('see-through', { w => 160, h => 90, background => '#204080' }, [ svg('viewBox="0 0 160 90"><rect width="80" height="90" fill="#f00" fill-opacity=".5"/>',
        effects => [ lut('swap.cube') ]) ]);
    is_px($shot, 40, 45, [16, 32, 191], 'what is seen through is seen through: red is blue');
    is_px($shot, 120, 45, [32, 64, 128], 'and nothing is nothing');
}
{
    # by a matrix that is said: FFmpeg 5 only writes what it is told of one, later ones convert by it
    my $video = make_media('drawn-numbers.mp4', '-f', 'lavfi', '-i', 'color=0x4060a0:s=64x64:r=10:d=2', '-vf',
        'format=gbrp,scale=out_color_matrix=bt709:out_range=limited:flags=accurate_rnd,format=yuv420p',
        qw(-c:v libx264 -crf 1 -colorspace bt709 -color_primaries bt709 -color_trc bt709));
    symlink $video, "$dir/blue.mp4" or die $!;
    my ($shot, $late) = shots('of a video', { w => 64, h => 64, times => [0, 1.9] }, [ { asset => { type => 'video', src => 'blue.mp4' }, effects => [ lut('swap.cube') ] } ]);
    is_px($_, 32, 32, [0xa0, 0x60, 0x40], 'a video, too', 2) for $shot, $late;
}

for (['huge.cube', "LUT_3D_SIZE 1000000\n", qr/line 1: a size must be a whole number from 2 to 65/], ['nan.cube', "LUT_1D_SIZE 2\n0 0 0\nnan 0 1\n", qr/line 3: "nan"/],
     ['short.cube', "LUT_3D_SIZE 2\n0 0 0\n", qr/line 2: the file ends after 1 of 8 rows/], ['minus.cube', "LUT_3D_SIZE -3\n", qr/line 1: a size must be/],
     ['words.cube', "LUT_3D_SIZE 2\n0 0 zero\n", qr/line 2: "zero" is no number/]) {
    my ($name, $bytes, $words) = @$_;
    spew("$dir/$name", $bytes);
    like plan_of({ asset => { type => 'image', src => 'patches.png' }, effects => [ { type => 'sepia' }, lut($name) ] }),
        qr{/clips/0/effects/1/src: cannot be used: the table of colours cannot be read: $words}, "$name: what is wrong with it is told";
}
like plan_of({ asset => { type => 'image', src => 'patches.png' }, effects => [ lut('a.svg') ] }), qr{/effects/0/src: is no .cube file}, 'a drawing is no table';
like plan_of({ asset => { type => 'image', src => 'film.cube' } }), qr{/asset/src: is a document, not an image}, 'nor a table an image';

# ---------------------------------------------------------------- waveforms

# 1 s of full scale, 1 s of nothing, 1 s of a quarter, 1 s of full scale on one side alone
my @expr = map { "'if(lt(t,1),1,if(lt(t,2),0,if(lt(t,3),0.25,$_)))*sin(2*PI*1000*t)'" } 1, 0;
symlink make_media('drawn-steps.wav', '-f', 'lavfi', '-i', 'aevalsrc=' . join('|', @expr) . ':s=48000:d=4', '-c:a', 'pcm_s16le'), "$dir/steps.wav" or die $!;

sub wave { my ($src, $asset, @clip) = @_; return { asset => { type => 'waveform', src => $src, %$asset }, @clip } }

# how high the column at x is drawn, of its px that are lighter than half
sub height_at { my ($shot, $x) = @_; return scalar grep { (px($shot, $x, $_))[1] > 127 } 0 .. $shot->{h} - 1 }

{
    # 4 s across 400 px, a bar of 40 px each 0.4 s: they begin at the source's 0, which is in the middle at first
    my %asset = (bars => 10, window => 4);
    my ($zero, $one, $two) = shots('bars', { w => 400, h => 200, fps => 20, times => [0, 1, 2] }, [ wave('steps.wav', \%asset) ]);
    is height_at($zero, $_), 2, "at 0 s nothing has sounded before: $_" for 20, 100, 180;
    near(height_at($zero, $_), 200, 1, "the first second is at its right, and full: $_") for 220, 260;
    near(height_at($zero, 380), 2, 1, 'then nothing');
    is height_at($zero, $_), 0, "between bars there is nothing: $_" for 201, 238, 242;
    near(height_at($one, $_), 200, 1, "a second later it is 100 px to the left: $_") for 120, 160;
    is height_at($one, 240), 2, 'of which nothing is left where nothing sounds';
    near(height_at($two, 260), 50, 2, 'a quarter is a quarter');
    near(height_at($two, 380), 200, 1, 'one side alone counts');

    my ($exact) = shots('at a tick', { w => 400, h => 200, fps => 20, times => ['1f'] }, [ wave('steps.wav', \%asset) ]);
    is_deeply [map { height_at($exact, $_) } 198, 199, 202, 222, 226], [map { height_at($zero, $_ + 5) } 198, 199, 202, 222, 226],
        'a picture later all is 5 px to the left';
}
{
    my ($line, $quiet) = shots('a line', { w => 400, h => 200, fps => 20, times => ['10f', '30f'] },
        [ wave('steps.wav', { style => 'line', window => 0.4, color => '#00ff00', background => '#400000' }) ]);
    near(height_at($line, $_), 199, 2, "a line of full scale: $_") for 50, 200, 350;
    is_px($line, 200, 100, [0, 255, 0], 'its colour');
    is_px($quiet, 200, 20, [64, 0, 0], 'its background');
    near(height_at($quiet, 200), 2, 1, 'a line of nothing');

    # a slow wave is seen as one: up, then down
    symlink make_media('drawn-slow.wav', '-f', 'lavfi', '-i', q(aevalsrc=sin(2*PI*5*t):s=48000:d=2), '-c:a', 'pcm_s16le'), "$dir/slow.wav" or die $!;
    my ($slow) = shots('a slow one', { w => 400, h => 200, fps => 20, times => ['20f'] }, [ wave('slow.wav', { style => 'line', window => 0.2 }) ]);
    my @middle = map { my $x = $_; my @lit = grep { (px($slow, $x, $_))[1] > 127 } 0 .. 199; @lit ? sum(@lit) / @lit : -1 } 300, 100;
    near($middle[0], 1, 4, 'a quarter of a period on it is at its top');
    near($middle[1], 198, 4, 'a quarter before at its bottom');
}

# a part of a source looks like a file of that part; what is cut away is not seen
{
    spew("$dir/part.txt", '');
    say_to("ffmpeg -nostdin -v error -y -ss 0.5 -t 1 -i $dir/steps.wav $dir/part.wav");
    my %asset = (bars => 20, window => 1);
    my @at = (times => [0, 0.5, '19f']);
    my @part = shots('in_point', { w => 400, h => 200, fps => 20, @at }, [ wave('steps.wav', \%asset, in_point => 0.5, out_point => 1.5) ]);
    my @file = shots('a file', { w => 400, h => 200, fps => 20, @at }, [ wave('part.wav', \%asset) ]);
    cmp_ok difference($part[$_], $file[$_]), '<=', 3, "a part of a source, picture $_" for 0 .. 2;
    my @fast = shots('speed', { w => 400, h => 200, fps => 20, times => [0.5] }, [ wave('steps.wav', \%asset, speed => 2) ]);
    my @slow = shots('no speed', { w => 400, h => 200, fps => 20, times => [1] }, [ wave('steps.wav', \%asset) ]);
    is difference($fast[0], $slow[0]), 0, 'twice as fast it is there in half the time';
}

# what the world sends
my %sound = (
    mono   => [qw(-f lavfi -i), 'aevalsrc=0.5*sin(2*PI*1000*t):s=8000:d=2', qw(-c:a pcm_s16le)],
    six    => [qw(-f lavfi -i), 'aevalsrc=' . join('|', ('0.3*sin(2*PI*1000*t)') x 6) . ':c=5.1:s=44100:d=2', qw(-c:a pcm_s16le)],
    coded  => [qw(-f lavfi -i), 'aevalsrc=0.5*sin(2*PI*1000*t):s=44100:d=2', qw(-c:a aac -b:a 128k -f adts)],
    silent => [qw(-f lavfi -i anullsrc=d=2 -c:a pcm_s16le)],
    short  => [qw(-f lavfi -i), 'aevalsrc=0.5*sin(2*PI*1000*t):s=48000:d=0.1', qw(-c:a pcm_s16le)],
);
my %height = (mono => 100, coded => 100, silent => 2);
for my $name (sort keys %sound) {
    my $type = $name eq 'coded' ? 'aac' : 'wav';
    symlink make_media("drawn-$name.$type", @{ $sound{$name} }), "$dir/$name.$type" or die $!;
    my $ends = $name eq 'short' ? 0 : 1;
    my ($shot) = shots($name, { w => 400, h => 200, fps => 10, times => [$ends] }, [ wave("$name.$type", { bars => 40, window => 2 }) ]);
    if (exists $height{$name}) { near(height_at($shot, $_), $height{$name}, 12, "$name: as high as it is loud, $_") for 105, 205, 295 }
    elsif ($name eq 'six') { cmp_ok height_at($shot, 205), '>', 60, 'six: it is seen' }
    else { near(height_at($shot, 205), 100, 8, 'short: it is seen'); is height_at($shot, 305), 2, 'short: and over' }
}
{
    my $film = make_media('drawn-film.mp4', qw(-f lavfi -i testsrc2=s=64x64:r=10:d=2 -f lavfi -i), 'aevalsrc=0.5*sin(2*PI*1000*t):s=48000:d=2', qw(-c:v libx264 -c:a aac));
    symlink $film, "$dir/film.mp4" or die $!;
    my ($shot) = shots('of a film', { w => 400, h => 200, fps => 10, times => [1] }, [ wave('film.mp4', {}, height => 100, position => 'bottom', opacity => 0.4) ]);
    is height_at($shot, 203) + height_at($shot, 211), 0, 'it is seen through';
    cmp_ok((px($shot, 204, 150))[1] + (px($shot, 208, 150))[1], '>', 90, 'the sound of a film, in a box');
    is_px($shot, 204, 50, [0, 0, 0], 'with nothing above it');
    my ($turned) = shots('turned', { w => 200, h => 200, fps => 10, times => [1] }, [ wave('mono.wav', { bars => 10 }, rotate => 90, keyframes => { scale => [ { time => 0, value => 1 }, { time => 1, value => 0.5 } ] }) ]);
    my @lit = grep { (px($turned, $_, 100))[1] > 127 || (px($turned, $_, 104))[1] > 127 || (px($turned, $_, 108))[1] > 127 } 0 .. 199;
    near(scalar @lit, 50, 6, 'turned, and half as large');
}
spew("$dir/mute.json", '');
like plan_of(wave('blue.mp4', {})), qr{/asset/src: is a video, and has no sound}, 'a film without sound has no waveform';
like plan_of(wave('a.svg', {})), qr{/asset/src: is a svg, and has no sound}, 'nor has a drawing';

# it moves, sounds not, and knows no more than what it shows
{
    symlink make_media('drawn-long.wav', qw(-f lavfi -i sine=d=40:r=48000 -c:a pcm_s16le)), "$dir/long.wav" or die $!;
    my $plan = plan_of(wave('long.wav', {}, duration => 20));
    is_deeply [map { $_->{mode} } @{ $plan->{segments} }], [('render') x 4], 'it moves';
    is_deeply $plan->{sound}, [], 'and makes no sound';
    my $longer = plan_of(wave('long.wav', {}, duration => 30));
    is $longer->{segments}[$_]{key}, $plan->{segments}[$_]{key}, "where it ends later, segment $_ stays as it was" for 0 .. 2;
    isnt $longer->{segments}[3]{key}, $plan->{segments}[3]{key}, 'but for that which sees the end';
    my $cut = plan_of(wave('long.wav', {}, in_point => 5, duration => 15));
    is $cut->{segments}[1]{key}, $plan->{segments}[2]{key}, 'trimmed, what follows stays as it was';
    my %keys = map { $_->[0]{segments}[0]{key} => 1 } map { [plan_of(wave('long.wav', $_, duration => 5))] } {}, { bars => 49 }, { window => 1 }, { style => 'line' },
        { color => '#ff0000' }, { background => '#00000001' };
    is scalar keys %keys, 6, 'each of its fields is in the key';
}

# ---------------------------------------------------------------- by the API

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;

sub sent {
    my ($bytes, $name, $type) = @_;
    my $a = $s->upload($u->{token}, \$bytes, name => $name, type => $type);
    return wait_until(sub { my $b = $s->req(GET => "/videos/$a->{id}", token => $u->{token})->{json}; $b->{status} =~ /ready|failed/ && $b }, 30, "the probe of $name");
}

my $svg  = sent($drawing, 'a.svg', 'image/png');
my $cube = sent("# what a camera wrote\n\n" . slurp("$dir/swap.cube"), 'a.cube', 'video/mp4');
my $tone = sent(slurp("$dir/tone.wav"), 'tone.wav', 'audio/wav');
is_deeply [@$svg{qw(status kind content_type)}], ['ready', 'svg', 'image/svg+xml'], 'an SVG, whatever it was called';
is $svg->{probe}{video}{width}, 160, 'which was probed';
like $svg->{blurhash}, qr/^L/, 'and has a BlurHash';
is_deeply [@$cube{qw(status kind content_type)}], ['ready', 'document', 'application/x-cube'], 'a table of colours';
is_deeply $cube->{probe}{lut}, { dimensions => 3, size => 2 }, 'of this size';

for my $a ($svg, sent(qq(<!-- $NS --><svg $NS onload="alert(1)"/>), 'evil.svg', 'text/html'), $cube) {
    my $r = $s->req(GET => "/videos/$a->{id}/stream", token => $u->{token});
    is $r->{status}, 200, "$a->{filename}: is there";
    like $r->{headers}{'content-disposition'}, qr/^attachment;/, "$a->{filename}: to be saved, not shown";
    is $r->{headers}{'content-type'}, $a->{content_type}, "$a->{filename}: as what it is";
    next if $s->s3;                     # whose headers are its own, as is its origin
    like $r->{headers}{'content-security-policy'}, qr/default-src 'none'.*\bsandbox\b/, "$a->{filename}: and harmless if it is shown all the same";
    is $r->{headers}{'x-content-type-options'}, 'nosniff', "$a->{filename}: and as nothing else";
}
for (['script.svg', "<svg $NS><script/></svg>", qr/holds a script/], ['bad.cube', "LUT_3D_SIZE 2\n0 0 zero\n", qr/line 2: "zero" is no number/]) {
    my $a = sent($_->[1], $_->[0], 'image/png');
    is $a->{status}, 'failed', "$_->[0]: cannot be used";
    like $a->{error}, $_->[2], "$_->[0]: for what is told";
}

my $film = { timeline => { width => 160, height => 90, fps => 10, tracks => [
    { clips => [ { asset => { type => 'svg', src => $svg->{src} }, duration => 1, effects => [ { type => 'lut', src => $cube->{src} } ] } ] },
    { clips => [ { asset => { type => 'waveform', src => $tone->{src} }, duration => 1, height => 20, position => 'bottom' } ] } ] } };
my $job = submit($s, $u, $film);
is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'a film of all three';
{
    my $r = $s->req(GET => $s->req(GET => "/results/$job/final", token => $u->{token})->{headers}{location});
    spew("$dir/api.mp4", $r->{body});
    say_to("ffmpeg -nostdin -v error -y -i $dir/api.mp4 -frames:v 1 -vf scale=in_color_matrix=bt709,format=rgb24 $dir/api.png");
    my $shot = rgb_of("$dir/api.png", 160, 90);
    is_px($shot, 20, 20, [0, 0, 255], 'in which red is blue', 8);
    is_px($shot, 80, 45, [0, 255, 0], 'and green is green', 8);
}
my %wrong = (
    'a drawing as an image' => [ { asset => { type => 'image', src => $svg->{src} } }, '/asset/src', qr/is of kind svg, not image/ ],
    'a sound as a drawing'  => [ { asset => { type => 'svg', src => $tone->{src} } }, '/asset/src', qr/is of kind audio, not svg/ ],
    'a table as a waveform' => [ { asset => { type => 'waveform', src => $cube->{src} } }, '/asset/src', qr/is of kind document, not waveform/ ],
    'a sound as a table'    => [ { asset => { type => 'svg', src => $svg->{src} }, effects => [ { type => 'lut', src => $tone->{src} } ] }, '/effects/0/src', qr/is of kind audio, not lut/ ],
    'a script'              => [ { asset => { type => 'svg', svg => '<svg><script/></svg>' } }, '/asset/svg', qr/holds a script/ ],
);
for my $what (sort keys %wrong) {
    my ($clip, $at, $words) = @{ $wrong{$what} };
    my $r = $s->req(POST => '/compositions', token => $u->{token}, json => { timeline => { tracks => [ { clips => [$clip] } ] } });
    is_problem $r, 422, $what, pointer => "/timeline/tracks/0/clips/0$at", detail => $words;
}
$s->stop;
done_testing;
