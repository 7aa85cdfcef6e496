# What the world sends, and what it does to other programs: each row of the table
# of traps (docs/traps.md) is made by ffmpeg, rendered by the command, and looked at.
# Rows that are about workers, storage and joins have tests of their own.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(max min sum);
use Test::More;

use Cwd qw(abs_path);
my $render = abs_path($ENV{RENDER_BUILD} // "build") . "/render";
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;
my $v     = '-f lavfi -i testsrc2=s=320x240:r=30:d=4';
my $slow  = $ENV{RENDER_SLOW} || 1;

sub ff { system("cd '$dir' && ffmpeg -nostdin -hide_banner -v error -y $_[0]") == 0 or die "ffmpeg $_[0]" }

sub spew {
    my ($name, $bytes) = @_;
    open my $f, '>:raw', "$dir/$name" or die "$name: $!";
    print {$f} $bytes;
    close $f or die "$name: $!";
}

sub slurp {
    my ($name) = @_;
    open my $f, '<:raw', "$dir/$name" or die "$name: $!";
    local $/;
    return scalar <$f>;
}

sub film {
    my ($canvas, @clips) = @_;
    return { timeline => { width => 320, height => 240, fps => 30, %$canvas, tracks => [ { clips => \@clips } ] } };
}
sub video { return { asset => { type => 'video', src => $_[0] }, fit => 'fill', @_[1 .. $#_] } }

# What the command makes of a document: a file's name in $dir, or undef and what it said.
my $said;

sub render {
    my ($name, $document, $out) = @_;
    $out //= "$name.out.mp4";
    spew("$name.json", $json->encode($document));
    $said = `cd '$dir' && timeout 120 '$render' compose '$name.json' -o '$out' 2>&1`;
    is $? & 127, 0, "$name: no signal";
    return $? == 0 ? $out : undef;
}

sub probe { return $json->decode(scalar `'$render' probe '$dir/$_[0]'` || '{}') }

# Mean luma of each picture, as a decoder has it.
sub luma {
    return unpack 'C*', scalar `ffmpeg -nostdin -v error -i '$dir/$_[0]' -vf format=yuv420p,extractplanes=y,scale=1:1:flags=area -f rawvideo -`;
}

# Colours at a place of a picture.
sub rgb {
    my ($file, $n, $x, $y) = @_;
    my $filter = "select=eq(n\\,$n),scale=in_color_matrix=bt709:flags=accurate_rnd,format=rgb24,crop=2:2:$x:$y";
    return unpack 'C3', scalar `ffmpeg -nostdin -v error -i '$dir/$file' -vf '$filter' -frames:v 1 -f rawvideo -`;
}

# The worst likeness of two films' pictures, dB.
sub psnr {
    my ($file, $other, $filter) = @_;
    my $graph = '[1]' . ($filter // 'null') . ',scale=in_color_matrix=bt601:out_color_matrix=bt709[r];[0][r]psnr=f=-';
    my @all = map { /psnr_avg:(\S+)/ ? ($1 eq 'inf' ? 99 : $1) : () }
        `ffmpeg -nostdin -v error -i '$dir/$file' -i '$dir/$other' -lavfi '$graph' -f null -`;
    return @all ? (min(@all), scalar @all) : (0, 0);
}

sub sound {
    return unpack 'f<*', scalar `ffmpeg -nostdin -v error -i '$dir/$_[0]' -map 0:a:0 -ac 1 -ar 48000 -f f32le -`;
}
sub onset {
    my ($from, @s) = @_;
    for my $i ($from .. $#s) { return $i if abs $s[$i] > 0.05 }
    return;
}
sub facts {
    my ($file) = @_;
    return $json->decode(scalar `ffprobe -v error -count_packets -show_streams -show_format -of json '$dir/$file'`);
}
sub frames { my ($s) = grep { $_->{codec_type} eq 'video' } @{ facts($_[0])->{streams} }; return $s->{nb_read_packets} }
sub near { my ($got, $want, $by, $what) = @_; ok defined $got && abs($got - $want) <= $by, $what or diag $got // 'nothing', ", not $want" }

subtest 'TRAPS 1, 30: pictures and sound together' => sub {
    ff(q{-f lavfi -i "color=black:s=320x240:r=30:d=10,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.03)'" -f lavfi -i }
        . q{"aevalsrc='if(lt(mod(t,1),0.04),0.8*sin(2*PI*1000*t),0)':s=48000:d=10" -c:v libx264 -c:a aac sync.mp4});
    my $cuts = film({}, video('sync.mp4', in_point => 0.5, out_point => 3.5), video('sync.mp4', in_point => 1.2, out_point => 5.1),
        { type => 'transition', transition_type => 'fade', duration => 0.5 }, video('sync.mp4', in_point => 3.9, out_point => 9.9));
    for my $of (['mp4', 'film.mp4'], ['webm', 'film.webm'], ['mov', 'film.mov'], ['hls', 'film.m3u8']) {
        my ($format, $name) = @$of;
        my $out = render("sync-$format", { %$cuts, outputs => [ { name => 'film', format => $format,
            $format eq 'hls' ? (renditions => [ {} ]) : () } ] }, $format eq 'hls' ? "sync-$format" : $name) or return diag $said;
        my $file  = $format eq 'hls' ? "sync-$format/film.m3u8" : $name;
        my %start = map { $_->{codec_type} => $_->{start_time} } @{ facts($file)->{streams} };
        my $early = $format eq 'webm' ? 0 : ($start{audio} // 0) - ($start{video} // 0);
        my @y     = luma($file);
        my @s     = sound($file);
        my @flash = grep { $y[$_] > 100 && ($_ == 0 || $y[ $_ - 1 ] <= 100) } 1 .. $#y;
        my @off   = map { my $at = onset(max(0, int(($_ / 30 - 0.2) * 48000)), @s); defined $at ? $at / 48000 + $early - $_ / 30 : 9 } @flash;
        cmp_ok scalar(@off), '>=', 10, "$format: flashes";
        cmp_ok max(map { abs } @off), '<', 0.002, "$format: each with its beep" or diag "@off";
    }
};

subtest 'TRAPS 2, 3: variable and jittered rates' => sub {
    ff("$v -c:v libx264 -qp 10 ref.mp4");
    ff("$v -vf \"select='gt(n,60)+not(mod(n,3))'\" -fps_mode vfr -c:v libx264 -qp 10 vfr.mp4");
    my $out = render('vfr', film({}, video('vfr.mp4'))) or return diag $said;
    is frames($out), 120, 'all pictures of a variable rate';
    ff("-i vfr.mp4 -vf fps=30:round=up -c:v libx264 -qp 10 vfr-ref.mp4");
    my ($worst) = psnr($out, 'vfr-ref.mp4');
    cmp_ok $worst, '>', 28, 'each at its time';
    ff("$v -vf \"settb=1/90000,setpts='(N/30+0.012*random(1))/TB'\" -fps_mode passthrough -enc_time_base 1:90000 -c:v libx264"
        . ' -qp 10 -video_track_timescale 90000 jit.mp4');
    $out = render('jit', film({}, video('jit.mp4', duration => 4))) or return diag $said;
    is frames($out), 120, 'all pictures of a jittered clock';
    my $n;
    ($worst, $n) = psnr($out, 'ref.mp4');
    is $n, 120, 'compared';
    cmp_ok $worst, '>', 28, 'none twice, none left out';
};

subtest 'TRAPS 4, 6: turned, and of other px' => sub {
    # by the matrix in the header of its track, a quarter to the right: each FFmpeg has another way to say that
    my $bytes = slurp('ref.mp4');
    my $at = index $bytes, 'tkhd';
    substr $bytes, $at + 44, 36, pack 'N9', 0, 0x10000, 0, 0xffff0000, 0, 0, 240 << 16, 0, 1 << 30;
    spew('rot.mp4', $bytes);
    is probe('rot.mp4')->{video}{rotation}, 90, 'turned';
    my $out = render('rot', film({ width => 240, height => 320 }, video('rot.mp4'))) or return diag $said;
    my ($s) = grep { $_->{codec_type} eq 'video' } @{ facts($out)->{streams} };
    ok !grep({ exists $_->{rotation} } @{ $s->{side_data_list} || [] }), 'no matrix is left';
    my ($worst) = psnr($out, 'rot.mp4');
    cmp_ok $worst, '>', 28, 'upright';
    ff('-f lavfi -i testsrc2=s=720x480:r=30000/1001:d=1 -vf setsar=32/27 -c:v libx264 sar.mp4');
    is probe('sar.mp4')->{video}{width}, 853, 'as wide as it is shown';
    $out = render('sar', film({ width => 854, height => 480 }, { %{ video('sar.mp4') }, fit => 'contain' })) or return diag $said;
    ($s) = grep { $_->{codec_type} eq 'video' } @{ facts($out)->{streams} };
    is $s->{sample_aspect_ratio}, '1:1', 'square px come of it';
    my @edge = rgb($out, 5, 2, 240);
    cmp_ok sum(@edge), '>', 60, 'that fill the canvas' or diag "@edge";
};

subtest 'TRAPS 5, 7: light and colour' => sub {
    for my $trc (qw(smpte2084 arib-std-b67)) {
        ff('-f lavfi -i testsrc2=s=320x240:r=30:d=1 -vf format=yuv420p10le -c:v libx265 -x265-params'
            . " log-level=none:colorprim=bt2020:transfer=$trc:colormatrix=bt2020nc -tag:v hvc1 $trc.mp4");
        my $out = render($trc, film({}, video("$trc.mp4"))) or return diag $said;
        my ($s) = grep { $_->{codec_type} eq 'video' } @{ facts($out)->{streams} };
        is "@$s{qw(color_range color_space color_transfer color_primaries)}", 'tv bt709 bt709 bt709', "$trc: tagged";
        my @y = luma($out);
        ok $y[10] > 60 && $y[10] < 180, "$trc: of a usual light" or diag $y[10];
        my @red  = rgb($out, 10, 20, 200);
        my @blue = rgb($out, 10, 180, 200);
        ok $red[0] > $red[2] + 80 && $blue[2] > $blue[0] + 80, "$trc: in colours" or diag "@red, @blue";
    }
    ff('-f lavfi -i "color=black:s=160x240:r=30:d=1,format=rgb24" -f lavfi -i "color=white:s=160x240:r=30:d=1,format=rgb24" -filter_complex'
        . ' "hstack,drawbox=x=120:y=80:w=80:h=80:c=red:t=fill,scale=out_range=full:out_color_matrix=bt601,format=yuvj420p"'
        . ' -color_range pc -colorspace smpte170m -c:v libx264 -qp 4 f601.mp4');
    my $out = render('f601', film({}, video('f601.mp4'))) or return diag $said;
    my @y = unpack 'C*', scalar `ffmpeg -nostdin -v error -i '$dir/$out' -vf "extractplanes=y,crop=1:1:10:10" -frames:v 1 -f rawvideo -`;
    near($y[0], 16, 1, 'black is 16');
    @y = unpack 'C*', scalar `ffmpeg -nostdin -v error -i '$dir/$out' -vf "extractplanes=y,crop=1:1:310:10" -frames:v 1 -f rawvideo -`;
    near($y[0], 235, 1, 'white is 235');
    my @red = rgb($out, 5, 150, 120);
    ok $red[0] > 245 && $red[1] < 12 && $red[2] < 12, 'and red is red' or diag "@red";
};

subtest 'TRAPS 8: interlaced' => sub {
    ff('-f lavfi -i testsrc2=s=720x576:r=50:d=2 -vf interlace=scan=tff -c:v libx264 -flags +ilme+ildct -x264-params tff=1 i.mp4');
    my $out = render('i', film({ width => 720, height => 576, fps => 25 }, video('i.mp4'))) or return diag $said;
    is frames($out), 50, 'all pictures';
    # the last of what it says, after the pictures: FFmpeg 7 counts before them, too
    my ($tff, $bff, $whole) = (`ffmpeg -nostdin -hide_banner -i '$dir/$out' -vf idet -f null - 2>&1` =~
        /Multi frame detection: TFF:\s*(\d+) BFF:\s*(\d+) Progressive:\s*(\d+)/g)[-3 .. -1];
    ok $tff + $bff == 0 && $whole >= 48, 'no combs' or diag "$tff $bff $whole";
    $out = render('i2', film({ width => 720, height => 576, fps => 25 }, video('i.mp4', in_point => 0.8, out_point => 1.6),
        video('i.mp4', in_point => 0.2, out_point => 1))) or return diag $said;
    is frames($out), 40, 'also of parts of it';
};

subtest 'TRAPS 9: odd sizes' => sub {
    ff('-f lavfi -i color=red:s=319x241:r=30:d=1 -pix_fmt yuv444p -c:v libx264 odd.mp4');
    my $out = render('odd', film({ width => 318, height => 240 }, video('odd.mp4'))) or return diag $said;
    for my $at ([0, 0], [316, 0], [0, 238], [316, 238]) {
        my @c = rgb($out, 5, @$at);
        ok $c[0] > 235 && $c[1] < 20 && $c[2] < 20, "red at @$at" or diag "@c";
    }
};

subtest 'TRAPS 10, 11, 12: sound' => sub {
    ff('-f lavfi -i sine=d=3 -ac 1 -ar 8000 -c:a pcm_mulaw m.wav');
    ff('-f lavfi -i "sine=d=3,aformat=channel_layouts=mono,pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0" -c:a aac s.m4a');
    for my $name (qw(m.wav s.m4a)) {
        my $out = render("zoo-$name", { timeline => { tracks => [ { kind => 'audio', clips => [ { asset => { type => 'audio',
            src => $name } } ] } ] }, outputs => [ { format => 'wav' } ] }, "zoo-$name.wav") or return diag $said;
        my @s = sound($out);
        is scalar(@s), 144000, "$name: 3 s at 48 kHz";
        my $rms = sqrt(sum(map { $_ * $_ } @s[48000 .. 95999]) / 48000);
        ok $rms > 0.04 && $rms < 0.5, "$name: of a sane level" or diag $rms;
    }
    ff('-f lavfi -i anullsrc=cl=22.2:r=192000 -t 1 -c:a pcm_f64le x.wav');
    ok !render('many', { timeline => { tracks => [ { kind => 'audio', clips => [ { asset => { type => 'audio', src => 'x.wav' } } ] } ] } }),
        '24 channels are refused';
    like $said, qr/channels/, 'in plain words';
    ff("$v -itsoffset 1.3 -f lavfi -i sine=d=1 -c:v libx264 -c:a aac late.mp4");
    my $out = render('late', film({}, video('late.mp4'))) or return diag $said;
    my $at = onset(0, sound($out));
    near($at / 48000, 1.3, 0.03, 'sound that begins late begins late');
    ff("$v -an -c:v libx264 mute.mp4");
    $out = render('mute', film({}, video('mute.mp4'))) or return diag $said;
    is frames($out), 120, 'a film without sound';
    ff("$v -frames:v 1 cov.jpg");
    ff('-f lavfi -i sine=d=2 -i cov.jpg -map 0 -map 1 -c:v copy -disposition:v attached_pic -c:a libmp3lame c.mp3');
    is probe('c.mp3')->{kind}, 'audio', 'the cover of a record is no film';
};

subtest 'TRAPS 13, 14, 15: where a film can be cut' => sub {
    ff("$v -c:v libx264 -x264-params open-gop=1:keyint=30:min-keyint=30:bframes=3:scenecut=0 -flags -cgop og.mp4");
    ff("$v -c:v libx265 -x265-params log-level=none:open-gop=1:keyint=30:min-keyint=30:scenecut=0:bframes=3 -tag:v hvc1 oh.mp4");
    for my $name (qw(og oh)) {
        spew("$name.json", $json->encode(film({}, video("$name.mp4", in_point => 1, out_point => 3))));
        my $plan = $json->decode(scalar `cd '$dir' && '$render' plan $name.json`);
        is_deeply [map { $_->{mode} } @{ $plan->{segments} }], ['render'], "$name: no copy from within";
        my $out = render($name, film({}, video("$name.mp4", in_point => 1, out_point => 3))) or return diag $said;
        my ($worst, $n) = psnr($out, "$name.mp4", 'trim=start_frame=30:end_frame=90,setpts=PTS-STARTPTS');
        is $n, 60, "$name: all its pictures";
        cmp_ok $worst, '>', 28, "$name: the right ones";
    }
    ff("$v -f lavfi -i sine=d=4 -c:v libx264 -g 30 -c:a aac av.mp4");
    ff('-ss 0.5 -i av.mp4 -c copy e.mp4');
    my $out = render('e', film({}, video('e.mp4'))) or return diag $said;
    is frames($out), 105, 'what an edit list hides is hidden';
    my ($worst) = psnr($out, 'av.mp4', 'trim=start_frame=15,setpts=PTS-STARTPTS');
    cmp_ok $worst, '>', 28, 'and the rest is what it was';
    my @s = sound($out);
    near(@s / 48000, 3.5, 0.03, 'with as much sound');
};

subtest 'TRAPS 17, 19, 20, 21: clocks and streams that break' => sub {
    ff("$v -c:v libx264 -g 30 -video_track_timescale 90000 ts1.mp4");
    ff("$v -c:v libx264 -g 30 -video_track_timescale 15360 ts2.mp4");
    my $out = render('scales', film({}, video('ts1.mp4'), video('ts2.mp4'))) or return diag $said;
    my ($s) = grep { $_->{codec_type} eq 'video' } @{ facts($out)->{streams} };
    is "$s->{avg_frame_rate} $s->{nb_read_packets}", '30/1 240', 'two clocks become one';
    near($s->{duration}, 8, 0.001, 'as long as both');
    ff('-i av.mp4 -c copy -output_ts_offset 95440 wrap.ts');
    $out = render('wrap', film({}, video('wrap.ts'))) or return diag $said;
    near(frames($out), 120, 2, 'a clock that wraps');
    ff('-f lavfi -i testsrc2=s=640x360:r=30:d=1 -c:v libx264 big.ts');
    ff('-f lavfi -i testsrc2=s=320x180:r=30:d=1 -c:v libx264 -output_ts_offset 1 small.ts');
    system("cd '$dir' && cat big.ts small.ts > chg.ts && dd if=big.ts of=mid.ts bs=188 skip=60 2>/dev/null") == 0 or die;
    ok defined render('mid', film({}, video('mid.ts', duration => 0.5))) || $said =~ /picture|decoded|damaged/, 'a stream from its middle' or diag $said;
    $out = render('chg', film({ width => 320, height => 180 }, video('chg.ts', duration => 1.9))) or return diag $said;
    is frames($out), 57, 'a size that changes';
    my @late = rgb($out, 50, 20, 150);
    cmp_ok $late[0], '>', 150, 'fills the canvas after it, too' or diag "@late";
};

subtest 'TRAPS 22, 23, 24, 25, 26: bombs and damage' => sub {
    ff("$v -vf \"setpts='PTS+gte(N,45)*36000/TB'\" -fps_mode passthrough -c:v libx264 gap.mkv");
    my $begun = time;
    my $out = render('gap', film({}, video('gap.mkv')));
    ok !defined $out || frames($out) < 1000, 'ten hours of nothing are not rendered' or diag frames($out);
    cmp_ok time - $begun, '<', 20 * $slow, 'nor waited for';
    ff('-i av.mp4 -c copy -movflags faststart fs.mp4');
    my $bytes = slurp('fs.mp4');
    spew('cut.mp4', substr $bytes, 0, 9000);
    ok !defined render('cut', film({}, video('cut.mp4', duration => 3))), 'half a file is an error';
    like $said, qr/^(?:render: |cut\.json: )/m, 'that is told';
    ff(q{-i av.mp4 -c copy -bsf:v "noise=amount='not(key)*200'" -bsf:a noise=amount=300 bad.mp4});
    $out = render('bad', film({}, video('bad.mp4', duration => 3.5)));
    ok !defined $out || frames($out) == 105, 'noise in it: all pictures, or an error' or diag $said;
    my $chunk = sub { my ($type, $data) = @_; require Compress::Zlib;
        return pack('N', length $data) . $type . $data . pack 'N', Compress::Zlib::crc32("$type$data") };
    spew('bomb.png', "\x89PNG\r\n\x1a\n" . $chunk->('IHDR', pack 'NNCCCCC', 30000, 30000, 8, 2, 0, 0, 0) . $chunk->('IEND', ''));
    ok !defined render('bomb', film({}, { asset => { type => 'image', src => 'bomb.png' } })), 'a picture of 900 million px';
    # Matroska's further streams are left out since FFmpeg 7, as those of MPEG-TS always were: what is there is a film
    for my $of (qw(mp4 mkv ts)) {
        ff("$v -map 0 " . ('-map 0 ' x 69) . "-t 0.2 -c:v mpeg4 many.$of");
        $out = render("flood-$of", film({}, video("many.$of", duration => 0.1)));
        ok defined $out ? $of ne 'mp4' && frames($out) == 3 : $said =~ /more than 64 streams/,
            "seventy streams in $of: told of as that, not as memory" . ($of eq 'mp4' ? '' : ', or the first of them used')
            or diag $said;
    }
    spew('list.mp4', "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://$dir/big.ts\n#EXT-X-ENDLIST\n");
    spew('script.mp4', "ffconcat version 1.0\nfile av.mp4\n");
    ok !defined render($_, film({}, video("$_.mp4", duration => 1))), "a $_ called .mp4" for qw(list script);
};

subtest 'TRAPS 27, 29, 31, 32, 40: texts, joins, see-through pictures' => sub {
    ff("$v -frames:v 1 plain.png");
    rename "$dir/plain.png", "$dir/a,b;c[d]'e.png" or die $!;
    my $text = q(%{localtime} \' : , [ ] ; \\);
    my $out = render('text', film({}, { asset => { type => 'image', src => "a,b;c[d]'e.png" }, duration => 1 }));
    ok defined $out, 'a name of any letters' or diag $said;
    my @plans = map { spew('t.json', $json->encode(film({}, { asset => { type => 'text', text => $_ }, duration => 1 })));
        scalar `cd '$dir' && '$render' plan t.json` } $text, "$text ";
    is_deeply [map { $_->{spec}{layers}[0]{text}{text} } map { @{ $json->decode($_)->{segments} } } $plans[0]], [$text], 'a text is what it says';
    $out = render('xfade', film({}, video('av.mp4'), { type => 'transition', transition_type => 'fade', duration => 1 }, video('av.mp4')));
    is frames($out), 210, 'A + B - T pictures';
    my @s = sound($out);
    near(scalar(@s), 7 * 48000, 1024, 'and as much sound');
    ff('-f lavfi -i "color=lime:s=64x64:r=10:d=1,format=yuva420p,geq=lum=lum(X\\,Y):cb=cb(X\\,Y):cr=cr(X\\,Y):a=255*lt(X\\,32)" -c:v libvpx-vp9 al.webm');
    $out = render('al', film({ width => 64, height => 64, fps => 10, background => '#ff0000' }, video('al.webm'))) or return diag $said;
    my @left  = rgb($out, 5, 8, 30);
    my @right = rgb($out, 5, 54, 30);
    ok $left[1] > 200 && $left[0] < 60, 'what is opaque is seen' or diag "@left";
    ok $right[0] > 200 && $right[1] < 60, 'what is not lets the background through' or diag "@right";
    ff('-f lavfi -i testsrc2=s=64x64:r=10:d=1 -loop 0 anim.webp');
    ok !defined render('webp', film({}, { asset => { type => 'image', src => 'anim.webp' } })), 'animated WebP is refused';
    like $said, qr/WebP/i, 'by its name';
    ff('-f lavfi -i testsrc2=s=64x64:r=10:d=1 anim.gif');
    $out = render('gif', film({ width => 64, height => 64 }, video('anim.gif'))) or return diag $said;
    is frames($out), 30, 'a GIF keeps its time';
    my $plain = `cd '$dir' && LC_ALL=C '$render' plan xfade.json`;
    is scalar(`cd '$dir' && LC_ALL=de_DE.UTF-8 LC_NUMERIC=de_DE.UTF-8 '$render' plan xfade.json`), $plain,
        'numbers are the same in every language';
};

done_testing;
