# How good pictures are: films against what a slow graph of FFmpeg's filters makes
# of the same sources, kept without loss; and that a film rendered anew, with
# nothing kept from before, has the same bytes, whatever was in memory before, and
# whatever the processor.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Render::Test;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

my $tags = '-colorspace bt709 -color_primaries bt709 -color_trc bt709';
my @x264 = (qw(-c:v libx264 -crf 8 -preset veryfast -pix_fmt yuv420p), split ' ', $tags);
my %source = (
    a    => make_media('quality-a.mp4', '-f', 'lavfi', '-i', 'mandelbrot=s=640x360:r=25:start_scale=1:end_scale=0.05:end_pts=120,format=yuv420p', qw(-t 1), @x264),
    b    => make_media('quality-b.mp4', '-f', 'lavfi', '-i', 'mandelbrot=s=640x360:r=25:start_scale=0.5:end_scale=0.1:end_pts=60:start_x=-0.16:start_y=1.04,format=yuv420p', qw(-t 1), @x264),
    old  => make_media('quality-old.mp4', '-f', 'lavfi', '-i', 'mandelbrot=s=480x360:r=25:start_scale=2:end_scale=0.2:end_pts=120,format=yuv420p', qw(-t 1), @x264),
    tall => make_media('quality-tall.mp4', '-f', 'lavfi', '-i', 'mandelbrot=s=202x360:r=25:start_scale=2:end_scale=0.2:end_pts=120,format=yuv420p', qw(-t 1), @x264),
    hdr  => make_media('quality-hdr.mp4', '-f', 'lavfi', '-i', "nullsrc=s=640x360:r=25,format=rgb24,geq=r='128+100*sin(X/61)+27*sin(Y/17)'"
        . ":g='128+90*sin(Y/53+X/97)':b='160+80*cos((X-Y)/71)',format=yuv420p10le,lutyuv=y=64+(val-64)*0.62:u=512+(val-512)*0.62:v=512+(val-512)*0.62",
        qw(-t 0.4 -c:v libx265 -preset fast -x265-params log-level=0:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc)),
    fast => make_media('quality-fast.mp4', '-f', 'lavfi', '-i', 'mandelbrot=s=640x360:r=50:start_scale=1:end_scale=0.05:end_pts=240,format=yuv420p', qw(-t 1), @x264),
);
symlink $source{$_}, "$dir/$_.mp4" for keys %source;

sub clip { my ($name, %more) = @_; return { asset => { type => 'video', src => "$name.mp4" }, %more } }
sub transition { return { type => 'transition', transition_type => $_[0], duration => 0.48 } }

# name => [the clips of each track, the inputs of ffmpeg, its graph, and what likeness is enough, where that is less than 0.98]
# A picture of a transition shows the middle of its time, that of FFmpeg its beginning: half a picture earlier, then.
# What is turned is interpolated twice, by each with filters of its own.
my $scale = 'scale=%s:flags=bicubic+accurate_rnd+full_chroma_int';
my %films = (
    'cover'       => [ [ [ clip('old') ] ], ['old'], '[0]' . sprintf($scale, '640:480') . ',crop=640:360' ],
    'contain'     => [ [ [ clip('old', fit => 'contain') ] ], ['old'], '[0]pad=640:360:80:0:black' ],
    'fill'        => [ [ [ clip('old', fit => 'fill') ] ], ['old'], '[0]' . sprintf($scale, '640:360') ],
    'crop'        => [ [ [ clip('a', crop => { x => 160, y => 90, width => 320, height => 180 }) ] ], ['a'], '[0]crop=320:180:160:90,' . sprintf($scale, '640:360') ],
    'in a corner' => [ [ [ clip('a') ], [ clip('b', width => 200, position => { x => 420, y => 20 }) ] ], [ 'a', 'b' ], '[1]' . sprintf($scale, '200:112') . '[s];[0][s]overlay=420:20' ],
    'see-through' => [ [ [ clip('a') ], [ clip('b', opacity => 0.4) ] ], [ 'a', 'b' ], '[1]format=yuva420p,colorchannelmixer=aa=0.4[s];[0][s]overlay' ],
    'a fade'      => [ [ [ clip('a', duration => 1), transition('fade'), clip('b', duration => 1) ] ], [ 'a', 'b' ], '[0]trim=0:1[x];[1]trim=0:1[y];[x][y]xfade=fade:duration=0.48:offset=0.5' ],
    'a wipe'      => [ [ [ clip('a', duration => 1), transition('wipeleft'), clip('b', duration => 1) ] ], [ 'a', 'b' ], '[0]trim=0:1[x];[1]trim=0:1[y];[x][y]xfade=wipeleft:duration=0.48:offset=0.5' ],
    'a blur'      => [ [ [ clip('a', effects => [ { type => 'blur', radius => 8 } ]) ] ], ['a'], '[0]gblur=sigma=8:steps=3' ],
    'grey'        => [ [ [ clip('a', effects => [ { type => 'grayscale' } ]) ] ], ['a'], '[0]hue=s=0' ],
    'turned'      => [ [ [ clip('a') ], [ clip('b', width => 320, rotate => 20) ] ], [ 'a', 'b' ], '[1]' . sprintf($scale, '320:180')
        . ',format=yuva444p,rotate=20*PI/180:ow=364:oh=280:c=none[s];[0][s]overlay=138:40', 0.97 ],
    'twice as fast' => [ [ [ clip('a', speed => 2) ] ], ['a'], '[0]setpts=PTS/2,fps=25' ],
    'half the rate' => [ [ [ clip('fast') ] ], ['fast'], '[0]fps=25:round=near' ],
    'of high dynamic range' => [ [ [ clip('hdr') ] ], ['hdr'], 'zscale=matrixin=bt2020nc:primariesin=bt2020:transferin=smpte2084:transfer=linear:npl=100:agamma=0'
        . ',format=gbrpf32le,zscale=primaries=bt709,tonemap=hable:desat=0,zscale=transfer=bt709:matrix=bt709:range=limited:agamma=0' ],
    'a blurred fill' => [ [ [ clip('tall', fit => 'contain-blur') ] ], ['tall'], undef ],
);

sub compose {
    my ($name, $document, $out, $with) = @_;
    open my $f, '>', "$dir/film.json" or die $!;
    print {$f} $json->encode($document);
    close $f or die $!;
    my $said = `${\($with // '')} $build/render compose $dir/film.json -o $dir/$out.mp4 2>&1`;
    is $?, 0, "$name is rendered" or diag $said;
}

sub bytes { my ($file) = @_; open my $in, '<:raw', $file or die "$file: $!"; local $/; return scalar <$in> }

# One with AVX2, and without AVX-512; no sanitizer runs there.
my ($other) = grep { !$ENV{RENDER_ASAN} && `uname -m` eq "x86_64\n" } 'qemu-x86_64 -cpu Haswell-noTSX';

# What of all goes by different ways there, for it is slow; high dynamic range does
# not: zimg computes in floating point, and a level may be another.
my %elsewhere = map { $_ => 1 } '720 404', 'cover', 'turned', 'a wipe', 'a blur', 'a blurred fill', 'see-through';

# The second time malloc's memory is full of something: nobody may look at it.
sub same_again {
    my ($name, $document) = @_;
    compose($name, $document, 'ours');
    local $ENV{MALLOC_PERTURB_} = 165;
    compose("$name, again,", $document, 'again');
    is sha256_hex(bytes("$dir/again.mp4")), sha256_hex(bytes("$dir/ours.mp4")), "$name: the same bytes again";
    return if !$elsewhere{$name};
  SKIP: {
        skip 'no other processor can be imitated', 2 if !$other;
        local @ENV{ 'MALLOC_PERTURB_', 'RENDER_SANDBOX' } = ('', 'off');
        compose("$name, on another processor,", $document, 'elsewhere', $other);
        is sha256_hex(bytes("$dir/elsewhere.mp4")), sha256_hex(bytes("$dir/ours.mp4")), "$name: and on another processor";
    }
    return;
}

# With AVX-512 x264 does not make the same of these sizes, if it may choose.
for my $size ([720, 404], [976, 540]) {
    same_again("@$size", { timeline => { width => $size->[0], height => $size->[1], fps => 25, tracks => [ { clips => [ clip('a') ] } ] },
        outputs => [ { format => 'mp4' } ] });
}

for my $name (sort keys %films) {
    my ($tracks, $inputs, $graph, $enough) = @{ $films{$name} };
    my $doc = { timeline => { width => 640, height => 360, fps => 25, tracks => [ map { { clips => $_ } } @$tracks ] },
        outputs => [ { format => 'mp4', quality => 'high' } ] };
    same_again($name, $doc);
    next if !defined $graph;
    my $in = join ' ', map {"-i $dir/$_.mp4"} @$inputs;
    my $told = `ffmpeg -nostdin -v error -y $in -filter_complex '$graph,format=yuv420p' -c:v ffv1 $dir/theirs.mkv 2>&1`;
    is $told, '', "$name: the graph";
    my ($like) = `ffmpeg -nostdin -v info -i $dir/ours.mp4 -i $dir/theirs.mkv -lavfi '[0]settb=AVTB,setpts=N/25/TB[x];[1]settb=AVTB,setpts=N/25/TB[y];[x][y]ssim=shortest=1' -f null - 2>&1` =~ /SSIM.*All:([\d.]+)/;
    cmp_ok $like // 0, '>=', $enough // 0.98, sprintf '%s: SSIM %s', $name, $like // 'none';
    diag sprintf '%-16s SSIM %s', $name, $like // 'none' if $ENV{RENDER_TELL};
}

done_testing;
