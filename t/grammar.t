# What moves, mixes and changes pictures and sound, with no server: each is
# compared with what the ffmpeg command's own graphs draw, by structural
# similarity, or with what the numbers of the document say.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(max min sum);
use POSIX qw(floor);
use Test::More;

use Render::Test qw(make_media);
use Render::Test::Files;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;
my $count = 0;

# what the filters below begin with: an image as the engine sees it
my $YUV = 'scale=out_color_matrix=bt709:out_range=limited,format=yuv420p';

sub say_to {
    my ($command) = @_;
    my $said = `$command 2>&1`;
    die "$command: $said" if $?;
    return $said;
}

# ---------------------------------------------------------------- films

# document($w, $h, $fps, [clips], ...): a list of clips is a track of pictures, a hash a track as it stands
sub document {
    my ($w, $h, $fps, @tracks) = @_;
    return { outputs => [{ quality => 'high' }], timeline => { width => $w, height => $h, fps => $fps,
        tracks => [map { ref eq 'ARRAY' ? { clips => $_ } : $_ } @tracks] } };
}

sub written {
    my ($document) = @_;
    my $name = 'film' . ++$count;
    open my $f, '>', "$dir/$name.json" or die $!;
    print {$f} $json->encode($document);
    close $f or die $!;
    return $name;
}

# compose($what, $document): { frames => [raw pictures], pcm => [samples], w, h }, or undef
sub compose {
    my ($what, $document) = @_;
    my $name = written($document);
    my $said = `$build/render compose $dir/$name.json -o $dir/$name.mp4 2>&1`;
    is $?, 0, "$what: rendered" or do { diag $said; return { frames => [], pcm => [] } };
    my ($w, $h) = @{ $document->{timeline} }{qw(width height)};
    return { w => $w, h => $h, pieces => $said =~ /(\d+) pieces/, file => "$dir/$name.mp4",
        frames => [frames_of("-i $dir/$name.mp4", $w, $h)] };
}

sub frames_of {
    my ($input, $w, $h) = @_;
    say_to("ffmpeg -nostdin -v error -y $input -an -fps_mode passthrough -f rawvideo -pix_fmt yuv420p $dir/raw.yuv");
    return unpack '(a' . $w * $h * 3 / 2 . ')*', slurp("$dir/raw.yuv");
}

# the left side's samples, from -1 to 1
sub pcm_of {
    my ($film) = @_;
    say_to("ffmpeg -nostdin -v error -y -i $film->{file} -vn -af 'pan=mono|c0=c0' -ar 48000 -f f32le $dir/raw.pcm");
    return [unpack 'f<*', slurp("$dir/raw.pcm")];
}

sub rms {
    my ($pcm, $from, $to) = @_;
    my @part = @$pcm[int($from * 48000) .. int($to * 48000) - 1];
    return sqrt(sum(map { ($_ // 0) ** 2 } @part) / @part);
}

# value of a plane at a place, in px of luma; 0 luma, 1 and 2 chroma
sub px {
    my ($film, $k, $x, $y, $plane) = @_;
    my ($w, $h) = @{$film}{qw(w h)};
    my $at = $plane ? $w * $h + ($plane - 1) * $w * $h / 4 + int($y / 2) * $w / 2 + int($x / 2) : $y * $w + $x;
    return ord substr $film->{frames}[$k] // '', $at, 1;
}

sub luma { return unpack 'C*', substr $_[0]{frames}[$_[1]] // '', 0, $_[0]{w} * $_[0]{h} }

sub mean { my @y = luma(@_); return @y ? sum(@y) / @y : -1 }

sub near {
    my ($have, $want, $off, $what) = @_;
    return ok(abs($have - $want) <= $off, $what) || diag "$have, not $want";
}

# The pictures of one film against those of references, one after another, each with the likeness it has to have.
my @pairs;

sub alike {
    my ($film, $k, $want, $what, $least) = @_;
    push @pairs, [$film->{frames}[$k], $want, $film->{w}, $film->{h}, $what, $least // 0.97];
}

# Where much is flat, likeness tells the coder's noise, and at edges filters have tastes: so the luma of a disc in the middle.
sub close_to {
    my ($film, $k, $want, $what) = @_;
    my @a = luma($film, $k);
    my @b = unpack 'C*', $want // '';
    my ($w, $h) = @{$film}{qw(w h)};
    my @disc = grep { ($_ % $w - $w / 2) ** 2 + ($_ / $w - $h / 2) ** 2 < 0.2 * $h * $h } 0 .. $#a;
    near(@disc && @b ? sum(map { abs($a[$_] - $b[$_]) } @disc) / @disc : 255, 0, 1.5, $what);
}

sub compare {
    my %sizes;
    push @{ $sizes{"$_->[2]x$_->[3]"} }, $_ for splice @pairs;
    for my $size (sort keys %sizes) {
        my @list = grep { defined $_->[0] && defined $_->[1] or ok(0, "$_->[4]: there is a picture") && 0 } @{ $sizes{$size} };
        for my $i (0, 1) {
            open my $out, '>:raw', "$dir/side$i.yuv" or die $!;
            print {$out} $_->[$i] for @list;
            close $out or die $!;
        }
        my $raw = "-f rawvideo -pix_fmt yuv420p -s $size -i";
        say_to("ffmpeg -nostdin -v error -y $raw $dir/side0.yuv $raw $dir/side1.yuv -lavfi ssim=stats_file=$dir/ssim -f null -");
        my @likeness = slurp("$dir/ssim") =~ /All:([\d.]+)/g;
        is scalar @likeness, scalar @list, "$size: all are compared";
        cmp_ok $likeness[$_] // 0, '>', $list[$_][5], $list[$_][4] for 0 .. $#list;
    }
}

# reference($w, $h, $inputs, $graph): its pictures
sub reference {
    my ($w, $h, $inputs, $graph) = @_;
    return frames_of("$inputs -lavfi \"$graph\"", $w, $h);
}

# ---------------------------------------------------------------- media

my %media = (
    'a.png'     => [qw(-f lavfi -i testsrc2=s=160x90 -frames:v 1)],
    'b.png'     => [qw(-f lavfi -i mandelbrot=s=160x90:start_scale=2 -frames:v 1)],
    'soft.png'  => [qw(-f lavfi -i), 'testsrc2=s=160x90,format=rgb24,gblur=sigma=1.5', qw(-frames:v 1)],
    'half.png'  => [qw(-f lavfi -i), q(color=red:s=160x90,format=rgba,geq=r=255:g=0:b=0:a='if(lt(X,80),0,255)'), qw(-frames:v 1)],
    'large.png' => [qw(-f lavfi -i testsrc2=s=640x360 -frames:v 1)],
    'tall.png'  => [qw(-f lavfi -i), 'color=0xc0e0a0:s=60x160,drawbox=x=20:y=40:w=20:h=80:c=0xe0a0f0:t=fill', qw(-frames:v 1)],
    'green.png' => [qw(-f lavfi -i), 'color=0x00ff00:s=160x90,format=rgb24,drawbox=x=40:y=20:w=80:h=50:c=red:t=fill',
        qw(-frames:v 1)],
    # luma tells the number of the picture, sound is of 440 Hz; what says that it is of bt.709 is not converted to it
    'numbers.mp4' => [qw(-f lavfi -i), q(color=black:s=64x64:r=20:d=4,geq=lum='16+N*2':cb=128:cr=128,format=yuv420p,)
        . 'setparams=colorspace=bt709:range=tv',
        qw(-f lavfi -i sine=frequency=440:duration=4:sample_rate=48000 -c:v libx264 -preset ultrafast -crf 2 -g 20
        -colorspace bt709 -color_primaries bt709 -color_trc bt709 -c:a aac -b:a 192k)],
    'sine.wav' => [qw(-f lavfi -i sine=frequency=440:duration=8:sample_rate=48000)],
);
my %path;
for my $name (sort keys %media) {
    $path{$name} = make_media("grammar-$name", @{ $media{$name} });
    symlink $path{$name}, "$dir/$name" or die $!;
}

sub image { return { asset => { type => 'image', src => shift }, @_ } }
sub video { return { asset => { type => 'video', src => shift }, @_ } }
sub color { return { asset => { type => 'color', color => shift }, @_ } }
sub key { my ($time, $value, @easing) = @_; return { time => $time, value => $value, map +(easing => $_), @easing } }

# ---------------------------------------------------------------- transitions

my @names = grep { $_ ne 'custom' } `ffmpeg -hide_banner -h filter=xfade` =~ /^ {5}(\w+) +-?\d+ +\.\.FV/mg;
cmp_ok scalar @names, '>=', 40, 'this ffmpeg knows ' . @names . ' transitions';

{
    # ten pictures of each, one behind the other; xfade draws twice as many, to have those in the middles
    my $clip = 0;
    my $film = compose('all transitions', document(160, 90, 10, [map {
        (image($clip++ % 2 ? 'b.png' : 'a.png', duration => 2),
            $_ eq '' ? () : { type => 'transition', transition_type => $_, duration => 1 })
    } @names, '']));
    is scalar @{ $film->{frames} }, 10 * @names + 20, 'all transitions: their pictures';

    for my $i (0 .. $#names) {
        my @inputs = map { "-loop 1 -framerate 20 -t 1.2 -i $dir/$_.png" } $i % 2 ? qw(b a) : qw(a b);
        my @want = reference(160, 90, "@inputs", "[0]$YUV,format=yuv444p[a];[1]$YUV,format=yuv444p[b];[a][b]xfade="
            . "transition=$names[$i]:duration=1:offset=0,select='eq(n,5)+eq(n,9)+eq(n,15)',format=yuv420p");
        my $from = 10 * ($i + 1);
        my $least = $names[$i] =~ /^(?:distance|dissolve)$/ ? 0.94 : 0.97;     # a px of the one or of the other
        alike($film, $from + 2, $want[0], "$names[$i]: at a quarter", $least);
        alike($film, $from + 4, $want[1], "$names[$i]: near its middle", $least);
        alike($film, $from + 7, $want[2], "$names[$i]: at three quarters", $least);
    }
    compare();
}

# ---------------------------------------------------------------- speed

for my $speed (2, 0.5, 0.25, 1.5) {
    my $film = compose("speed $speed", document(64, 64, 20, [video('numbers.mp4', speed => $speed)]));
    my $n = @{ $film->{frames} };
    is $n, floor(80 / $speed + 0.5), "speed $speed: its pictures";

    my @off = map { my $shown = (mean($film, $_) - 16) / 2; $shown - min(79, $_ * $speed) } 0 .. $n - 1;
    cmp_ok max(@off), '<', 0.5, "speed $speed: no picture comes early";
    cmp_ok min(@off), '>', -1, "speed $speed: none is late";

    my $pcm = pcm_of($film);
    my $seconds = 4 / $speed;
    near(scalar @$pcm, $seconds * 48000, 1024, "speed $speed: the length of its sound");
    my $crossings = grep { $pcm->[$_] < 0 && $pcm->[$_ + 1] >= 0 } 24000 .. 24000 + 48000 - 1;
    near($crossings, 440, 3, "speed $speed: its pitch");
    near(rms($pcm, $_ * $seconds, ($_ + 0.1) * $seconds), 0.125 / sqrt 2, 0.01, "speed $speed: as loud at $_")
        for 0.1, 0.5, 0.85;
}

{
    my $film = compose('speed from within', document(64, 64, 20, [
        video('numbers.mp4', in_point => 1, duration => 0.5, speed => 2),
        video('numbers.mp4', in_point => 2, out_point => 3, speed => 4),
        video('numbers.mp4', speed => 4, duration => 1.1)]));
    is scalar @{ $film->{frames} }, 10 + 5 + 22, 'speed from within: its pictures';
    is_deeply [map { floor((mean($film, $_) - 16) / 2 + 0.5) } 0 .. 36],
        [map({ 20 + 2 * $_ } 0 .. 9), map({ 40 + 4 * $_ } 0 .. 4), map { min(79, 4 * $_) } 0 .. 21],
        'speed from within: which they are, the last of them held';
}

# ---------------------------------------------------------------- one clip of four pictures each

my @variants;
sub variant { push @variants, [@_] }       # what, clip, graph of a.png, least
sub in_rgb { return "format=gbrp,$_[0],$YUV" }
sub in_yuv { return "$YUV,$_[0]" }
sub effects { return image('a.png', effects => [map { ref ? $_ : { type => $_ } } @_]) }

my $black = 'ow=160:oh=90:c=black';
variant('as it is', image('a.png'), $YUV, 0.98);
variant('crop', image('a.png', crop => { x => 40, y => 10, width => 80, height => 45 }), in_rgb('crop=80:45:40:10,scale=160:90'));
variant('crop by per cent', image('a.png', crop => { x => '50%', y => '20%', width => '50%', height => '50%' }),
    in_rgb('crop=80:45:80:18,scale=160:90'));
variant('crop, contained', image('a.png', crop => { width => 44, height => 45 }, fit => 'contain'),
    in_rgb('crop=44:45:0:0,scale=88:90,pad=160:90:(ow-iw)/2:0:black'));
variant("turned by $_", image('soft.png', rotate => $_), in_rgb("rotate=$_*PI/180:$black"), 0.94) for 30, -90, 180, 211.5;
variant('half as large', image('large.png', scale => 0.5), in_rgb('scale=80:45,pad=160:91:40:23:black,crop=160:90:0:0'), 0.93);
variant('larger', image('large.png', scale => 1.6), in_rgb('crop=400:225:120:67,scale=160:90:flags=area'));
variant('blur', effects({ type => 'blur', radius => 5 }), in_yuv('gblur=sigma=5'));
variant('grayscale', effects('grayscale'), in_yuv('hue=s=0'));
variant('sepia', effects('sepia'), in_rgb('colorchannelmixer=.393:.769:.189:0:.349:.686:.168:0:.272:.534:.131'));
variant('invert', effects('invert'), in_rgb('negate'));
variant('color', effects({ type => 'color', brightness => 0.1, contrast => 1.3, saturation => 1.5, gamma => 1.2, hue => 40 }),
    in_yuv('eq=brightness=0.1:contrast=1.3:saturation=1.5:gamma=1.2,hue=h=40'));
variant('hue alone', effects({ type => 'color', hue => -90 }), in_yuv('hue=h=-90'));
variant('sharpen', effects({ type => 'sharpen', amount => 1.5 }), in_yuv('unsharp=la=1.5'));
variant('vignette', effects({ type => 'vignette', amount => 0.6 }), in_yuv('vignette=angle=0.6*0.8*PI/2'));
variant('mirror', effects('mirror'), in_rgb('hflip'));
variant('mirror upside down', effects({ type => 'mirror', axis => 'vertical' }), in_rgb('vflip'));
variant('noise', effects({ type => 'noise', amount => 0.15 }), in_yuv('noise=alls=15:allf=t:all_seed=1'));
variant('effects in a row', effects('mirror', { type => 'blur', radius => 2 }, 'invert'), in_yuv('hflip,gblur=sigma=2,negate'));
variant('an effect, turned', { %{ effects('invert') }, rotate => 90 }, in_rgb("negate,rotate=PI/2:$black"));

{
    my $film = compose('one after another', document(160, 90, 10, [map +{ %{ $_->[1] }, duration => 0.4 }, @variants]));
    is scalar @{ $film->{frames} }, 4 * @variants, 'one after another: their pictures';
    for my $i (0 .. $#variants) {
        my ($what, $clip, $graph, $least) = @{ $variants[$i] };
        my ($want) = reference(160, 90, "-i $dir/$clip->{asset}{src}", $graph);
        alike($film, 4 * $i + $_, $want, "$what: picture $_", $least) for 0, 3;
        close_to($film, 4 * $i + 3, $want, "$what: near it") if $what =~ /^turned/;
    }
    compare();
}

# ---------------------------------------------------------------- what moves

{
    my $ease = sub {
        my ($x1, $y1, $x2, $y2, $x) = @_;
        my ($lo, $hi) = (0, 1);
        my $curve = sub { my ($a, $b, $t) = @_; 3 * (1 - $t) ** 2 * $t * $a + 3 * (1 - $t) * $t ** 2 * $b + $t ** 3 };
        for (1 .. 40) { my $t = ($lo + $hi) / 2; $curve->($x1, $x2, $t) < $x ? ($lo = $t) : ($hi = $t) }
        return $curve->($y1, $y2, $lo);
    };

    # a pan and zoom, whose places at these times are whole px of its source
    my $all  = { x => 0, y => 0, width => '100%', height => '100%' };
    my $part = { x => '50%', y => '25%', width => '25%', height => '25%' };
    my $film = compose('pan and zoom', document(160, 90, 10, [image('large.png', duration => 2,
        keyframes => { crop => [key(0, $all), key(1, $part)] })]));
    my %crop = (0 => '640:360:0:0', 2 => '544:306:64:18', 5 => '400:225:160:45', 10 => '160:90:320:90', 17 => '160:90:320:90');
    for my $k (sort { $a <=> $b } keys %crop) {
        my ($want) = reference(160, 90, "-i $dir/large.png", "crop=$crop{$k}:exact=1,scale=160:90:flags=area,$YUV");
        alike($film, $k, $want, "pan and zoom: at $k");
    }

    $film = compose('turning', document(160, 90, 10, [image('soft.png', duration => 1,
        keyframes => { rotate => [key(0, 0), key(1, 90)] })]));
    for my $k (3, 7) {
        my ($want) = reference(160, 90, "-i $dir/soft.png", "format=gbrp,rotate=$k*9*PI/180:ow=160:oh=90:c=black,$YUV");
        alike($film, $k, $want, "turning: at $k", 0.94);
        close_to($film, $k, $want, "turning: near it at $k");
    }
    compare();

    $film = compose('opacity', document(64, 64, 10, [color('#ffffff', duration => 5, keyframes => { opacity => [key(0, 0),
        key(1, 1), key(2, 0.2, 'step'), key(3, 1, 'ease'), key('end', 0, [0.42, 0, 0.58, 1])] })]));
    for my $k (0 .. 49) {
        my $want = $k <= 10 ? $k / 10 : $k < 20 ? 1 : $k <= 30 ? 0.2 + 0.8 * $ease->(0.25, 0.1, 0.25, 1, ($k - 20) / 10)
            : 1 - $ease->(0.42, 0, 0.58, 1, ($k - 30) / 20);
        near(mean($film, $k), 16 + 219 * $want, 2, "opacity: at $k");
    }

    # Longer than a segment: what moves does not know of the seams.  The middle of a white box tells where it is.
    $film = compose('over seams', document(160, 90, 10, [color('#000000', duration => 14)], [color('#ffffff', duration => 14,
        width => 20, height => 16, keyframes => {
            position => [key(0, { x => 5, y => 60 }), key('end', { x => 129.5, y => 7 }, 'ease-in-out')],
            rotate => [key(0, 0), key('end', 300)] })]));
    cmp_ok $film->{pieces}, '>=', 3, 'over seams: several segments';
    is scalar @{ $film->{frames} }, 140, 'over seams: its pictures';
    for my $k (0, 20, 47 .. 53, 97 .. 103, 139) {
        my @y = luma($film, $k);
        my ($sum, $mx, $my) = (0, 0, 0);
        for my $i (0 .. $#y) {
            my $v = $y[$i] - 16;
            next if $v < 8;
            $sum += $v;
            $mx += $v * ($i % 160 + 0.5);
            $my += $v * (floor($i / 160) + 0.5);
        }
        my $x = $ease->(0.42, 0, 0.58, 1, $k / 140);
        near($mx / ($sum || 1), 15 + 124.5 * $x, 0.15, "over seams: across at $k");
        near($my / ($sum || 1), 68 - 53 * $x, 0.15, "over seams: down at $k");
    }

    # the same with a cut below it and without
    my $above = image('a.png', duration => 4, width => 90, keyframes => { scale => [key(0, 0.5), key(4, 1.4, 'ease')],
        rotate => [key(0, -20), key(3, 30)],
        opacity => [key(1, 1), key(4, 0.4)], offset => [key(0, { x => -30 }), key(4, { x => 30 })] });
    my $one = compose('in one', document(160, 90, 10, [color('#203040', duration => 4)], [$above]));
    my $two = compose('in two', document(160, 90, 10, [map { color('#203040', duration => $_) } 1.3, 1.4, 1.3], [$above]));
    cmp_ok $one->{pieces}, '<', $two->{pieces}, 'in two: more pieces';
    is scalar @{ $two->{frames} }, 40, 'in two: as many pictures';
    alike($two, $_, $one->{frames}[$_], "in two: picture $_ is the one of one", 0.985) for 0, 12 .. 14, 26 .. 28, 39;
    compare();
}

# ---------------------------------------------------------------- what is laid over something

{
    my @over = (
        image('tall.png', fit => 'contain-blur'),
        image('green.png', effects => [{ type => 'chroma-key', color => '#00ff00' }]),
        image('large.png', radius => '50%', width => 80, height => 80),
        color('#ffffff', radius => '50%', width => 80, height => 80),
        { asset => { type => 'shape', shape => 'ellipse', fill => '#ffffff' }, width => 80, height => 80 },
        image('tall.png', fit => 'contain-blur', scale => 0.8, rotate => 90, radius => 20),
    );
    my $film = compose('over blue', document(160, 90, 10, [color('#0000ff', duration => 0.4 * @over)],
        [map +{ %$_, duration => 0.4 }, @over]));
    my @blue = (32, 240, 118);
    my @pink = unpack 'Cx3CC', (reference(2, 2, '-f lavfi -i color=0xe0a0f0:s=2x2', "trim=end_frame=1,$YUV"))[0];
    my $is = sub {
        my ($k, $x, $y, $want, $what) = @_;
        my @have = map { px($film, $k, $x, $y, $_) } 0 .. 2;
        ok !(grep { abs($have[$_] - $want->[$_]) > 8 } 0 .. 2), $what or diag "@have, not @$want";
    };

    cmp_ok min(luma($film, 2)), '>', 120, 'contain-blur: nothing is black';
    $is->(2, 80, 45, \@pink,
        'contain-blur: its picture in the middle');
    my @sides = map { mean({ %$film, w => 1, h => 1, frames => [chr px($film, 2, $_, 45)] }, 0) } 4, 20, 140, 155;
    cmp_ok max(@sides) - min(@sides), '<', 25, 'contain-blur: smooth beside it' or diag "@sides";

    $is->(6, 10, 10, \@blue, 'chroma-key: what is below');
    $is->(6, 150, 80, \@blue, 'chroma-key: on the other side, too');
    $is->(6, 80, 45, [63, 102, 240], 'chroma-key: what has another colour');

    for my $i (2, 3, 4) {
        my $k = 4 * $i + 2;
        my $what = (qw(image color ellipse))[$i - 2];
        $is->($k, @$_, \@blue, "round $what: the corner at @$_") for [42, 7], [117, 7], [42, 82], [117, 82], [48, 11];
        my @y = luma($film, $k);
        my $seen = grep { abs($y[$_] - 32) > 8 } 0 .. $#y;
        near($seen, 3.1416 * 40 * 40, 260, "round $what: its area") if $i > 2;
    }

    # the transparent half stays so, whatever becomes of the other
    my @names = qw(sepia invert grayscale color sharpen vignette noise blur mirror);
    my %looks = (sepia => [93, 118, 134], invert => [188, 154, 16], grayscale => [63, 128, 128]);
    my $halves = compose('transparent', document(160, 90, 10, [color('#0000ff', duration => 0.4 * @names)],
        [map { image('half.png', duration => 0.4, effects => [{ type => $_ }]) } @names]));
    for my $i (0 .. $#names) {
        my $right = $names[$i] eq 'mirror';
        ($is, my $was) = (sub { ok !(grep { abs(px($halves, 4 * $i + 2, $_[0], 45, $_) - $_[1][$_]) > 3 } 0 .. 2), $_[2]
            or diag join ' ', map { px($halves, 4 * $i + 2, $_[0], 45, $_) } 0 .. 2 }, $is);
        $is->($right ? 150 : 10, \@blue, "$names[$i]: what is transparent stays so");
        $is->(120, $looks{ $names[$i] }, "$names[$i]: of red") if $looks{ $names[$i] };
        $is = $was;
    }

    $is->(14, 80, 45, [235, 128, 128], 'round: the middle');
    $is->(14, 42, 45, [235, 128, 128], 'round: the side');
    $is->(22, 3, 3, \@blue, 'contain-blur, round and turned: the corner');
    $is->(22, 80, 45, \@pink,
        'contain-blur, turned: its middle');
}

# ---------------------------------------------------------------- volume

{
    my $film = compose('volume', document(64, 64, 10, [color('#000000', duration => 8)], { kind => 'audio', clips => [
        { asset => { type => 'audio', src => 'sine.wav' }, volume => 0.1, keyframes => { volume => [key(0, 1), key(1, 1),
            key(2, 0.25), key(3, '-20dB', 'step'), key(4, 0), key(5, 1, 'ease-in'), key('end', 1)] } }] }));
    my $pcm = pcm_of($film);
    my $full = 0.125 / sqrt 2;
    my %want = (0.5 => 1, 1.25 => 0.8125, 1.5 => 0.625, 1.75 => 0.4375, 2.1 => 0.25, 2.9 => 0.25, 3.02 => 0.098, 3.5 => 0.05,
        4.5 => 0.3154, 4.75 => 0.6219, 5.5 => 1, 7.5 => 1);
    near(rms($pcm, $_ - 0.01, $_ + 0.01) / $full, $want{$_}, 0.02, "volume: at $_ s") for sort { $a <=> $b } keys %want;
}

# ---------------------------------------------------------------- keys

{
    my $far = sub {
        my ($value, $time, $volume) = @_;
        return document(160, 90, 10, [image('a.png', duration => 20, keyframes => { scale => [key(0, 1), key(2, 1.5), key(3, 1),
            key(16, 1.2), key($time, $value)], opacity => [key(0, 1), key(17, 1), key(18, $value / 2)] })],
            { kind => 'audio', clips => [{ asset => { type => 'audio', src => 'sine.wav' }, duration => 8,
                keyframes => { volume => [key(0, 1), key(7, 0.5), key(7.5, $volume)] } }] });
    };
    my $keys = sub {
        my $name = written($far->(@_));
        my $plan = $json->decode(say_to("$build/render plan $dir/$name.json"));
        return map { [map { $_->{key} } @{ $plan->{$_} }] } qw(segments sound);
    };
    my ($was, $sound) = $keys->(1.3, 18, 1);
    my ($now, $same) = $keys->(1.4, 18, 1);
    cmp_ok scalar @$was, '>=', 4, 'keys: several segments';
    is_deeply [@$now[0 .. 2]], [@$was[0 .. 2]], 'keys: a far keyframe leaves them as they were';
    isnt $now->[3], $was->[3], 'keys: but not those of its own segment';
    is_deeply $same, $sound, 'keys: nor the sound';
    my ($later) = $keys->(1.3, 19, 1);
    is_deeply [@$later[0 .. 2]], [@$was[0 .. 2]], 'keys: nor does another time of it';
    isnt $later->[3], $was->[3], 'keys: which is seen in its own';
    my ($pictures, $loud) = $keys->(1.3, 18, 0.3);
    is_deeply $pictures, $was, 'keys: the volume is no matter of pictures';
    isnt $loud->[0], $sound->[0], 'keys: but of the sound';
}

# ---------------------------------------------------------------- markers

{
    my $film = document(160, 90, 10, [image('a.png', duration => 10)]);
    $film->{timeline}{markers} = [{ name => "Zwei \x{2014} \x{fc}", time => 4 }, { name => 'One', time => 0, kind => 'chapter' },
        { name => 'Quiz', time => 5, kind => 'breakpoint', metadata => { a => 1 } }, { name => 'Three', time => '80f' }];
    $film->{outputs} = [map({ { format => $_ } } qw(mp4 webm mov)), { name => 'part', format => 'mp4', range => { start => 5, duration => 4 } }];
    my $name = written($film);
    say_to("$build/render compose $dir/$name.json -o $dir/chapters 2>&1");
    my $chapters = sub {
        my $said = $json->decode(say_to("ffprobe -v error -show_chapters -of json $dir/chapters/$_[0]"));
        return [map { [$_->{start_time} + 0, $_->{end_time} + 0, $_->{tags}{title}] } @{ $said->{chapters} }];
    };
    my $all = [[0, 4, 'One'], [4, 8, "Zwei \x{2014} \x{fc}"], [8, 10, 'Three']];
    is_deeply $chapters->($_), $all, "markers: chapters of $_" for qw(final.mp4 webm.webm mov.mov);
    is_deeply $chapters->('part.mp4'), [[0, 3, "Zwei \x{2014} \x{fc}"], [3, 4, 'Three']], 'markers: those of a range';
    my ($plain) = $json->decode(say_to("$build/render plan $dir/$name.json"));
    delete $film->{timeline}{markers};
    my ($without) = $json->decode(say_to("$build/render plan $dir/" . written($film) . '.json'));
    is_deeply [map { $_->{key} } @{ $plain->{segments} }], [map { $_->{key} } @{ $without->{segments} }], 'markers: are no matter of pictures';
    $film->{timeline}{markers} = [{ name => 'late', time => 10 }];
    like say_to("$build/render plan $dir/" . written($film) . '.json 2>&1 || true'), qr{/timeline/markers/0/time: is behind the film's end},
        'markers: none behind the end';
}

done_testing;
